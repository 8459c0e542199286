/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "options.h"

static struct rlimit inherited;

void child_raise_fd_limit(void)
{
	if (getrlimit(RLIMIT_NOFILE, &inherited) < 0)
		return;
	struct rlimit limit = inherited;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Between fork and exec: signals that we block or ignore would stay so in the child. */
static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

_Noreturn static void run(char *const command[], const char *socket)
{
	reset_signals();
	if (inherited.rlim_max)
		setrlimit(RLIMIT_NOFILE, &inherited);
	setenv("WAYLAND_DISPLAY", socket, 1);
	/* the service manager listens to us, not to it */
	unsetenv("NOTIFY_SOCKET");
	execvp(command[0], command);
	int error = errno;
	fprintf(stderr, "waybufd: cannot run %s: %s\n", command[0], strerror(error));
	_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC);
}

pid_t child_start(char *const command[], const char *socket)
{
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(command, socket);
	return pid;
}

int child_exit_code(int status)
{
	if (WIFSIGNALED(status))
		return EXIT_SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}
