/* SPDX-License-Identifier: MIT */
#ifndef SERVER_SYNCOBJ_H
#define SERVER_SYNCOBJ_H

#include "client.h"
#include "fence/syncobj.h"

/*
 * linux-drm-syncobj-v1. The global's state is shared: the host holds it, and every object that a
 * client has made of it, so that what clients have goes on when the host withdraws the global.
 */
struct waybuf_server_syncobj {
	unsigned refs;
	struct waybuf_server *server; /* NULL once that is destroyed */
	struct wl_global *global;
	struct waybuf_syncobj_device *device;
	struct waybuf_server_syncobj_options options;
	struct wl_list link; // waybuf_server.syncobjs
};

struct waybuf_server_syncobj *server_syncobj_ref(struct waybuf_server_syncobj *syncobj);
void server_syncobj_unref(struct waybuf_server_syncobj *syncobj);
/* The server goes: what clients have made can do nothing any more. */
void server_syncobj_sever(struct waybuf_server_syncobj *syncobj);

/* ---- syncobj_timeline.c ---------------------------------------------------------------------- */

/* What is behind a wp_linux_drm_syncobj_timeline_v1, and behind points on it. */
struct syncobj_timeline;

/*
 * Makes the object. -EPROTO: @fd (taken) is not a timeline; other failures of the import are ours
 * and give an object whose points fail. -ENOMEM: there is no object.
 */
int syncobj_timeline_create(struct waybuf_server_syncobj *syncobj, struct wl_client *client,
	uint32_t version, uint32_t id, int fd);
/* Borrowed. NULL: it is not one of ours. */
struct syncobj_timeline *syncobj_timeline_from_resource(struct wl_resource *resource);
struct syncobj_timeline *syncobj_timeline_ref(struct syncobj_timeline *timeline);
/* NULL is a no-op. */
void syncobj_timeline_unref(struct syncobj_timeline *timeline);
/* The kernel's object, borrowed; tries again what failed before. 0 or a negative errno. */
int syncobj_timeline_get(struct syncobj_timeline *timeline, struct waybuf_syncobj **out);

/* ---- watch_debts.c --------------------------------------------------------------------------- */

/* From now on @account (referenced) pays for points of @timeline that are watched. 0 or -ENOMEM. */
int watch_debts_pay(struct waybuf_server_syncobj *syncobj, struct waybuf_account *account,
	struct waybuf_syncobj *timeline);
/* The server goes, and forgets what is owed. */
void watch_debts_finish(struct waybuf_server *server);

/* ---- syncobj_surface_v1.c -------------------------------------------------------------------- */

/* -EEXIST: the surface has one; -ENOMEM. */
int syncobj_surface_create(struct waybuf_server_syncobj *syncobj, struct wl_client *client,
	uint32_t version, uint32_t id, struct wl_resource *surface);

/* ---- release_point.c ------------------------------------------------------------------------- */

/*
 * One reader. @syncobj is referenced. @account (may be NULL) is charged while it lives. @who is copied
 * for the trace of its end.
 */
int release_point_create(struct waybuf_server *server, struct waybuf_account *account,
	struct waybuf_syncobj *syncobj, const struct waybuf_trace_event *who,
	struct waybuf_release_point **out);
/*
 * Adds to a `why` report what release points of buffers with this id wait for, now that all readers
 * have let go: {"type": "why", "pid": 12, "buffer": 9, "state": "its release point 7 waits for ...",
 * "owed_by": "..."}. False: there are none.
 */
bool release_points_report(
	struct waybuf_server *server, struct waybuf_report *report, uint32_t buffer);
/* The server goes, and with it all readers: what still waits is signalled. */
void release_points_finish(struct waybuf_server *server);

#endif
