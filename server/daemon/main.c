/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "daemon.h"
#include "service.h"
#include "util/fd.h"
#include "util/log.h"

static void log_line(enum waybuf_log_level level, const char *text, void *data)
{
	fprintf(stderr, "waybufd: %s\n", text);
}

/* libwayland's own messages are about clients, or repeat what we say better. */
static void log_wayland(const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	waybuf_debug("libwayland: %s", text);
}

static int handle_stop(int number, void *data)
{
	struct daemon *daemon = data;
	waybuf_info("ending after %s", strsignal(number));
	wl_display_terminate(daemon->display);
	return 0;
}

static int handle_child(int number, void *data)
{
	struct daemon *daemon = data;
	int status;
	if (!daemon->child || waitpid(daemon->child, &status, WNOHANG) != daemon->child ||
		!(WIFEXITED(status) || WIFSIGNALED(status)))
		return 0;
	daemon->child = 0;
	daemon->exit_code = child_exit_code(status);
	wl_display_terminate(daemon->display);
	return 0;
}

static bool watch_signals(struct daemon *daemon)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(daemon->display);
	signal(SIGPIPE, SIG_IGN);
	daemon->signals[0] = wl_event_loop_add_signal(loop, SIGTERM, handle_stop, daemon);
	daemon->signals[1] = wl_event_loop_add_signal(loop, SIGINT, handle_stop, daemon);
	daemon->signals[2] = wl_event_loop_add_signal(loop, SIGCHLD, handle_child, daemon);
	if (daemon->signals[0] && daemon->signals[1] && daemon->signals[2])
		return true;
	fprintf(stderr, "waybufd: signals cannot be watched: %s\n", strerror(errno));
	return false;
}

static bool start_child(struct daemon *daemon)
{
	char *const *command = daemon->options->command;
	pid_t pid = child_start(command, daemon->socket);
	if (pid < 0) {
		fprintf(stderr, "waybufd: cannot start %s: %s\n", command[0], strerror(-pid));
		return false;
	}
	daemon->child = pid;
	return true;
}

static bool announce(struct daemon *daemon)
{
	int fd = daemon->options->ready_fd;
	if (fd >= 0) {
		if (write(fd, "\n", 1) != 1)
			waybuf_error("--ready-fd %d: %s", fd, strerror(errno));
		close(fd);
	}
	service_notify("READY=1");
	if (daemon->options->command)
		return start_child(daemon);
	if (!daemon->options->socket) {
		printf("WAYLAND_DISPLAY=%s\n", daemon->socket);
		fflush(stdout);
	}
	return true;
}

/* A COMMAND that is still there loses its display now: it is told, and not waited for. */
static void stop_child(struct daemon *daemon)
{
	if (daemon->child > 0)
		kill(daemon->child, SIGTERM);
}

int main(int argc, char *argv[])
{
	struct options options;
	struct daemon daemon;
	int status;
	if (!options_parse(&options, argc, argv, &status))
		return status;
	waybuf_log_set_handler(log_line, NULL, options.log);
	wl_log_set_handler_server(log_wayland);
	child_raise_fd_limit();
	/* a signal that comes during the start must not leave the display as it is then */
	if (daemon_init(&daemon, &options) && watch_signals(&daemon) && daemon_start(&daemon) &&
		announce(&daemon))
		wl_display_run(daemon.display);
	else
		daemon.exit_code = EXIT_RUNTIME;
	service_notify("STOPPING=1");
	stop_child(&daemon);
	daemon_finish(&daemon);
	return daemon.exit_code;
}
