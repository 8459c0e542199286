/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "server.h"
#include "stage.h"

/*
 * Eight clients, processes of their own, with a window each that an overlay plane shows. All draw for
 * each refresh, one for longer than the other, so that none of them commits when another does; and each
 * is to have a new frame on the screen at every vblank. The floor is a program that flips as many
 * overlays by itself. (bench-peers has eight subsurfaces of one client, whose places are the same on all
 * compositors.)
 */
#define CLIENTS STAGE_CHILDREN
#define VBLANKS 1000
/* until each of them is relied on, and what is only made once was made */
#define WARM 60
/* The first one draws for so long, the next for so much longer: the last for half of a refresh. */
#define DRAW_US 200
#define DRAW_MORE_US 1000

struct outcome {
	unsigned missed, direct, presented;
};

struct client {
	pid_t pid;
	int fd; /* it reads a byte when all are there, and writes its outcome */
};

/* Larger than those that come later, and that are above it. */
static void open_window(struct stage *stage, const struct bench_server *server, int i)
{
	int32_t more = CLIENTS - i;
	stage_connect(stage, server->socket);
	stage_open_window(stage, STAGE_CHILD_WIDTH + more * 64, STAGE_CHILD_HEIGHT + more * 48);
	stage->draw_us = (unsigned)(DRAW_US + i * DRAW_MORE_US);
}

static _Noreturn void be_client(const struct bench_server *server, int i, int fd)
{
	struct stage stage;
	char byte = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open_window(&stage, server, i);
	stage_show_window(&stage, 1);
	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		_exit(1);
	stage_show_window(&stage, WARM);
	stage.asks = true;
	stage_show_window(&stage, VBLANKS);
	struct outcome outcome = {
		.missed = stage_missed(&stage.window),
		.direct = stage.window.direct,
		.presented = stage.window.presented,
	};
	_exit(write(fd, &outcome, sizeof(outcome)) != sizeof(outcome));
}

/* One after the other, so that each is above those before it. */
static void start(struct client *client, const struct bench_server *server, int i)
{
	int fds[2];
	char byte;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		bench_fail("socketpair: %s", strerror(errno));
	fflush(NULL);
	client->pid = fork();
	if (client->pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (client->pid == 0)
		be_client(server, i, fds[1]);
	close(fds[1]);
	client->fd = fds[0];
	if (read(client->fd, &byte, 1) != 1)
		bench_fail("client %d did not start", i);
}

static void take(struct client *client, struct outcome *worst)
{
	struct outcome outcome;
	if (read(client->fd, &outcome, sizeof(outcome)) != sizeof(outcome))
		bench_fail("a client failed");
	worst->missed = outcome.missed > worst->missed ? outcome.missed : worst->missed;
	worst->direct += outcome.direct;
	worst->presented += outcome.presented;
	close(client->fd);
	waitpid(client->pid, NULL, 0);
}

int main(void)
{
	struct bench_server server;
	struct client clients[CLIENTS];
	struct outcome all = {0};
	bench_init("bench-together", 120);
	struct bench_bare bare =
		bench_bare_run_overlays(VBLANKS, CLIENTS, STAGE_CHILD_WIDTH, STAGE_CHILD_HEIGHT);
	bench_server_start(&server, NULL);
	for (int i = 0; i < CLIENTS; i++)
		start(&clients[i], &server, i);
	for (int i = 0; i < CLIENTS; i++)
		if (write(clients[i].fd, "", 1) != 1)
			bench_fail("a client is gone: %s", strerror(errno));
	for (int i = 0; i < CLIENTS; i++)
		take(&clients[i], &all);
	bench_print_value("together_missed", all.missed, "vblanks", bare.missed, 0);
	bench_print_value(
		"together_direct", 100.0 * all.direct / fmax(all.presented, 1), "%", NAN, NAN);
	bench_server_stop(&server);
	return 0;
}
