/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_PEER_H
#define TESTS_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "server.h"

/* waybufd and other compositors, each with how it is started on the display of the guest. */
struct peer {
	const char *name;
	bool elsewhere; /* its program is in the root file system that BENCH_PEERS names */
	const char *socket;
	const char *argv[16];
	const char *environment[8]; /* NAME=VALUE */
};

extern const struct peer peers[];
extern const size_t n_peers;

/* Whether its program is there. */
bool peer_exists(const struct peer *peer);

/*
 * Starts it in a process group of its own, and in a fresh runtime folder. Nothing is waited for.
 * server.pid is what was started, which may be the parent of the server.
 */
void peer_start(struct bench_server *server, const struct peer *peer);
/* Waits for the socket, and ends the program if what was started has ended. */
void peer_wait(const struct bench_server *server);

/* Resident memory in KiB, what is shared divided by those who share it; NaN where nobody tells. */
double peer_pss_kib(const struct bench_server *server);

#endif
