/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CREW_H
#define TESTS_CREW_H

#include <sys/types.h>

#include "fixture_client.h"

/*
 * Clients in processes of their own, that can be killed. The test's process has a worker thread
 * and the fds of a whole server, which is nothing to fork from; so it forks once before there is
 * any of that, and this keeper forks the clients. They share with the test what was mapped shared
 * before crew_init(), and an assertion that fails in one of them fails the test.
 */
typedef void (*crew_role_t)(struct fixture_client *client, uint64_t seed);

struct crew {
	int control;
	pid_t keeper;
};

/* Before the server. @roles is an array that lives as long as the program. */
void crew_init(struct crew *crew, const crew_role_t *roles);
/* Kills who is left. */
void crew_finish(struct crew *crew);
/* Starts one on its end of a connection, @fd, which is taken. */
pid_t crew_start(struct crew *crew, unsigned role, uint64_t seed, int fd);
/* SIGKILL, and it is gone when this returns. */
void crew_kill(struct crew *crew, pid_t pid);
/* Whether it has ended by itself. Fails the test if it did so in any other way than by returning. */
bool crew_ended(struct crew *crew, pid_t pid);

/* A page of zeroes that all of them see. */
void *crew_share(size_t size);

#endif
