/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_COMPOSITOR_H
#define TESTS_FUZZ_COMPOSITOR_H

#include "fake/sync.h"
#include "fixture_server.h"
#include "fuzz.h"
#include "peer.h"

/*
 * A compositor with all globals of the library, in this process, on the fake kernel and with the
 * worker that has no thread; and up to three clients, which are no more than peers. The input says
 * what kind of compositor it is.
 */
#define COMPOSITOR_CLIENTS 3
#define COMPOSITOR_FENCES 24

struct waybuf_syncobj;
struct waybuf_syncobj_device;

struct compositor {
	struct fixture_server fixture;
	struct waybuf_limits limits;
	struct waybuf_server_syncobj *syncobj;
	struct waybuf_gate *gate;
	int drm_fd;
	int key_fd; /* of tickets; -1: there are none */
	bool hasty; /* deadlines are over at once */
	struct lore lore;
	/* a connection with fd -1 is made anew */
	struct peer peers[COMPOSITOR_CLIENTS];
	/* the clients' own: work, and timelines that they share with the server */
	int fences[COMPOSITOR_FENCES];
	unsigned n_fences, n_settled;
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *timelines[2];
};

void compositor_init(struct compositor *compositor, struct fuzz_input *input);
/* Ends the clients and the server, in an order that the input chooses; fails if anything is left. */
void compositor_finish(struct compositor *compositor, struct fuzz_input *input);

/* A client that is connected, and has bound what there is. */
struct peer *compositor_client(struct compositor *compositor, unsigned index);
/* Handles all that there is to handle, and lets the clients hear of it. */
void compositor_run(struct compositor *compositor);
/* What happens outside of the connections: work ends, devices go, the host changes its mind. */
void compositor_event(struct compositor *compositor, struct fuzz_input *input);

#endif
