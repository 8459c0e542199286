/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"

/*
 * From fork to the byte on --ready-fd: the display is lit by then. The floor is the same program
 * asked for its version, which is what the kernel and the dynamic linker take.
 */
#define ROUNDS 11

static double start_server(void *data)
{
	struct bench_server server;
	double took = bench_server_start(&server, NULL);
	bench_server_stop(&server);
	return took;
}

static double start_version(void *data)
{
	double start = bench_now_us();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDOUT_FILENO);
		execl(WAYBUFD, WAYBUFD, "--version", (char *)NULL);
		_exit(127);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		bench_fail("%s --version: %s", WAYBUFD, strerror(errno));
	return bench_now_us() - start;
}

int main(void)
{
	bench_init("bench-start", 120);
	struct bench_pair pair = bench_compare(ROUNDS, start_server, start_version, NULL);
	bench_print_ratio("start", pair.value, "us", pair.floor, 0);
	return 0;
}
