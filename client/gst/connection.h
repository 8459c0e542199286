/* SPDX-License-Identifier: MIT */
#ifndef GST_CONNECTION_H
#define GST_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/gst.h>
#include <waybuf/client.h>

#include "globals.h"

struct set;

/*
 * The sink's connection, and a thread that hears what comes on it. Many threads use it, so everything
 * that belongs to it is touched between connection_enter() and connection_leave() only, which are a
 * lock; the library's rule of one thread at a time holds by that.
 *
 * No buffer or memory of GStreamer's is let go in between: its end may lead back here. What is to go is
 * handed to connection_discard().
 *
 * Memory that was handed out may outlive the sink, in an application or a decoder. The thread keeps
 * the connection until the last of it has come back.
 */
struct connection {
	gatomicrefcount references;
	GMutex lock;
	/* events were handled, or memory came back */
	GCond changed;
	/* NULL when it is over */
	struct waybuf_client *client;
	struct globals globals;
	GThread *thread;
	int wake_fd;
	/* no sink is there any more */
	bool closing;
	/* negative errno of a connection that broke */
	int broken;
	char why[512];
	/* how often something has happened */
	uint64_t turns;
	/* the newest first; all others are over, or soon will be */
	struct set *sets;
	/* that the newest frame on the surface is of; NULL: none is */
	struct set *shown;
	/* GstMiniObjects that go with the next leave */
	GSList *garbage;
	/* the sink's (a GObject): after events, within the lock; whether `tell` is to be called outside */
	bool (*handle)(void *data);
	void (*tell)(struct connection *connection, void *data);
	void *data;
	bool telling;
};

/*
 * Connects to @name (NULL: WAYLAND_DISPLAY) and learns what the compositor has. NULL, and *why to be
 * freed with g_free().
 */
struct connection *connection_open(const char *name, char **why);
/* The sink has no more to do with it, and holds nothing of the window. Drops its reference. */
void connection_close(struct connection *connection);
struct connection *connection_ref(struct connection *connection);
void connection_unref(struct connection *connection);

void connection_enter(struct connection *connection);
/* Handles and sends what is there first, and wakes those that wait. */
void connection_leave(struct connection *connection);
/*
 * Within: lets others in until something may have happened, or it is @end_us of g_get_monotonic_time(): the
 * caller looks, and waits again.
 */
void connection_wait(struct connection *connection, int64_t end_us);
/* Within: @object (taken, may be NULL) goes later. */
void connection_discard(struct connection *connection, void *object);
/* From anywhere: the thread looks what is to be done. */
void connection_wake(struct connection *connection);

#endif
