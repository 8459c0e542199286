/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <wayland-client-core.h>

#include "bench.h"
#include "server.h"

#define PATIENCE_MS 10000

/* vkms, or what the machine itself has. */
static bool has_display(void)
{
	glob_t cards;
	bool any = glob("/dev/dri/card*", 0, NULL, &cards) == 0;
	if (any)
		globfree(&cards);
	return any;
}

static _Noreturn void exec_server(
	const struct bench_server *server, const char *exporters, const char *mode, int ready_fd)
{
	char ready[16];
	snprintf(ready, sizeof(ready), "%d", ready_fd);
	/* a program that fails leaves no display behind that is taken */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("XDG_RUNTIME_DIR", server->folder, 1);
	if (exporters)
		setenv("WAYBUF_EXPORTERS", exporters, 1);
	const char *argv[] = {WAYBUFD, "--socket", "bench", "--ready-fd", ready,
		has_display() ? NULL : "--headless", NULL, NULL};
	if (mode) {
		argv[5] = "--mode";
		argv[6] = mode;
	}
	execv(WAYBUFD, (char **)argv);
	fprintf(stderr, "%s: %s\n", WAYBUFD, strerror(errno));
	_exit(127);
}

static _Noreturn void exec_program(
	const struct bench_server *server, const char *path, const char *argument)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("XDG_RUNTIME_DIR", server->folder, 1);
	unsetenv("WAYLAND_DISPLAY");
	/* the name of its socket, which we know; stdout is for figures */
	if (!freopen("/dev/null", "w", stdout))
		_exit(127);
	execl(path, path, argument, (char *)NULL);
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

static void make_folder(struct bench_server *server)
{
	snprintf(server->folder, sizeof(server->folder), "/tmp/waybuf-bench-XXXXXX");
	if (!mkdtemp(server->folder))
		bench_fail("%s: %s", server->folder, strerror(errno));
	snprintf(server->socket, sizeof(server->socket), "%s/bench", server->folder);
}

double bench_server_start(struct bench_server *server, const char *exporters)
{
	return bench_server_start_mode(server, exporters, NULL);
}

double bench_server_start_mode(struct bench_server *server, const char *exporters, const char *mode)
{
	int fds[2];
	char byte;
	make_folder(server);
	if (pipe(fds) < 0)
		bench_fail("pipe: %s", strerror(errno));
	double start = bench_now_us();
	server->pid = fork();
	if (server->pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (server->pid == 0)
		exec_server(server, exporters, mode, fds[1]);
	close(fds[1]);
	struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
	if (poll(&poll_fd, 1, PATIENCE_MS) != 1 || read(fds[0], &byte, 1) != 1)
		bench_fail("waybufd did not get ready");
	double end = bench_now_us();
	close(fds[0]);
	return end - start;
}

void bench_server_start_program(struct bench_server *server, const char *path, const char *argument)
{
	make_folder(server);
	snprintf(server->socket, sizeof(server->socket), "%s/wayland-0", server->folder);
	fflush(NULL);
	server->pid = fork();
	if (server->pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (server->pid == 0)
		exec_program(server, path, argument);
	for (int i = 0; access(server->socket, F_OK) < 0; i++) {
		if (i == PATIENCE_MS / 10 || waitpid(server->pid, NULL, WNOHANG) != 0)
			bench_fail("%s did not get ready", path);
		usleep(10000);
	}
}

void bench_server_adopt(struct bench_server *server)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct wl_display *display = wl_display_connect(NULL);
	if (!display)
		bench_fail("WAYLAND_DISPLAY: %s", strerror(errno));
	if (getsockopt(wl_display_get_fd(display), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		bench_fail("SO_PEERCRED: %s", strerror(errno));
	wl_display_disconnect(display);
	const char *name = getenv("WAYLAND_DISPLAY");
	server->pid = peer.pid;
	snprintf(server->socket, sizeof(server->socket), "%s", name ? name : "wayland-0");
}

void bench_server_stop(struct bench_server *server)
{
	int status = -1;
	kill(server->pid, SIGTERM);
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (waitpid(server->pid, &status, WNOHANG) == server->pid)
			break;
		usleep(10000);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		bench_fail("the server ended with status 0x%x", (unsigned)status);
	char tickets[128];
	snprintf(tickets, sizeof(tickets), "%s.tickets", server->socket);
	unlink(tickets);
	rmdir(server->folder);
}

double bench_server_cpu_us(const struct bench_server *server)
{
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(server->pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		bench_fail("the CPU time of waybufd cannot be read");
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

double bench_server_rss_kib(const struct bench_server *server)
{
	char path[64], line[128];
	long kib = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)server->pid);
	FILE *file = fopen(path, "re");
	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld kB", &kib) != 1)
			kib = -1;
	if (file)
		fclose(file);
	if (kib < 0)
		bench_fail("%s says nothing of VmRSS", path);
	return (double)kib;
}
