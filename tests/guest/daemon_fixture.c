/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "kms_fixture.h"

/* What needs no display is tested without one, and so on the machine and not in the guest. */
static bool is_headless(void)
{
	return getenv("WAYBUF_TEST_HEADLESS") != NULL;
}

static const char *program(void)
{
	const char *path = getenv("WAYBUFD");
	if (!path)
		SKIP("WAYBUFD names no program");
	return path;
}

static bool asks_for_headless(const char *const options[])
{
	return options && options[0] && strncmp(options[0], "--headless", 10) == 0;
}

_Noreturn static void exec_daemon(
	const char *folder, const char *errors, const char *ready, const char *const options[])
{
	const char *argv[24] = {program(), "--log", "info"};
	size_t n = 3;
	/* so that a test that fails leaves no display behind that is taken */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	if (ready) {
		argv[n++] = "--socket";
		argv[n++] = "test";
		argv[n++] = "--ready-fd";
		argv[n++] = ready;
	}
	if (is_headless() && !asks_for_headless(options))
		argv[n++] = "--headless";
	for (size_t i = 0; options && options[i] && n < 23; i++)
		argv[n++] = options[i];
	int fd = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static void make_folder(struct daemon *daemon)
{
	snprintf(daemon->folder, sizeof(daemon->folder), "/tmp/waybufd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(daemon->folder));
	snprintf(daemon->errors, sizeof(daemon->errors), "%s/stderr", daemon->folder);
}

static void print_errors(const struct daemon *daemon)
{
	char line[512];
	FILE *file = fopen(daemon->errors, "re");
	while (file && fgets(line, sizeof(line), file))
		printf("# %s", line);
	if (file)
		fclose(file);
}

/* -1: it had to be killed. */
static int wait_for(pid_t pid)
{
	int status;
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(10000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* It may have ended without a word, by a signal. */
static void fail_start(const struct daemon *daemon)
{
	int status = wait_for(daemon->pid);
	print_errors(daemon);
	ck_abort_msg("waybufd did not get ready, its exit status is %d", status);
}

void daemon_start(struct daemon *daemon, const char *const options[])
{
	char ready[16], byte;
	int fds[2];
	if (!is_headless() && !asks_for_headless(options))
		find_vkms();
	program();
	make_folder(daemon);
	ck_assert_int_eq(pipe(fds), 0);
	snprintf(ready, sizeof(ready), "%d", fds[1]);
	daemon->pid = fork();
	ck_assert_int_ge(daemon->pid, 0);
	if (daemon->pid == 0)
		exec_daemon(daemon->folder, daemon->errors, ready, options);
	close(fds[1]);
	struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
	bool is_ready = poll(&poll_fd, 1, PATIENCE_MS) == 1 && read(fds[0], &byte, 1) == 1;
	close(fds[0]);
	if (!is_ready)
		fail_start(daemon);
}

void daemon_start_with_gpu(struct daemon *daemon)
{
	static const char *const options[] = {"--log", "info", NULL};
	setenv("WAYBUF_GPU", "software", 1);
	daemon_start(daemon, options);
	unsetenv("WAYBUF_GPU");
	if (!daemon_said(daemon, "no GPU"))
		return;
	daemon_stop(daemon, SIGTERM);
	SKIP("no GPU, and no Mesa to stand for one");
}

bool daemon_said(const struct daemon *daemon, const char *text)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(daemon->errors, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return found;
}

static void remove_folder(const struct daemon *daemon)
{
	char tickets[96];
	snprintf(tickets, sizeof(tickets), "%s/test.tickets", daemon->folder);
	unlink(daemon->errors);
	unlink(tickets);
	if (rmdir(daemon->folder) < 0)
		ck_abort_msg("waybufd left something in %s: %s", daemon->folder, strerror(errno));
}

int daemon_stop(struct daemon *daemon, int signal)
{
	kill(daemon->pid, signal);
	int status = wait_for(daemon->pid);
	bool sane = !daemon_said(daemon, "Sanitizer") && !daemon_said(daemon, "runtime error");
	if (!sane || status != 0)
		print_errors(daemon);
	ck_assert_msg(sane, "a sanitizer has found something");
	remove_folder(daemon);
	return status;
}

int daemon_run(const char *const options[], const char *runtime_dir, char text[256])
{
	struct daemon daemon;
	text[0] = '\0';
	program();
	make_folder(&daemon);
	daemon.pid = fork();
	ck_assert_int_ge(daemon.pid, 0);
	if (daemon.pid == 0)
		exec_daemon(
			runtime_dir ? runtime_dir : daemon.folder, daemon.errors, NULL, options);
	int status = wait_for(daemon.pid);
	FILE *file = fopen(daemon.errors, "re");
	ck_assert_ptr_nonnull(file);
	if (!fgets(text, 256, file))
		text[0] = '\0';
	fclose(file);
	remove_folder(&daemon);
	return status;
}
