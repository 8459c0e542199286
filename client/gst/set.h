/* SPDX-License-Identifier: MIT */
#ifndef GST_SET_H
#define GST_SET_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/gst.h>
#include <waybuf/client.h>

#include "needs.h"

struct connection;

#define MOST_BUFFERS 64

/*
 * A buffer of the client's pool, as memories of GStreamer's. In whose hands it is, and what leads on:
 *
 *	AWAY -- take --> OUT -- the last reference to the last memory goes --> LOOSE
 *	LOOSE -- tidy --> AWAY
 *
 * OUT to LOOSE may happen in any thread, under the lock of the set; all else within the connection.
 * What is referred to is the memory and not the GstBuffer around it, of which elements make others.
 */
enum slot_state { SLOT_AWAY, SLOT_OUT, SLOT_LOOSE };

struct slot {
	struct set *set;
	enum slot_state state;
	struct waybuf_client_buffer *buffer;
	/* of which generation, and in whose hands if OUT; NULL: not made yet */
	GstMemory *memories[WAYBUF_MAX_PLANES];
	uint32_t n_memories, n_out;
	uint32_t generation;
	/* as the CPU sees each memory, if `open` */
	void *addresses[WAYBUF_MAX_PLANES];
	bool open;
	/* maps for writing, atomic */
	gint writers;
	/* written, and shown at least once */
	bool shared;
};

/* The buffers for frames of one kind. */
struct set {
	struct set *next;
	struct connection *connection;
	struct needs needs;
	struct waybuf_client_pool *pool;
	GMutex lock;
	/* nobody takes from it any more */
	bool over;
	struct slot slots[MOST_BUFFERS];
};

/*
 * All of these within the connection. A new set takes the memory for its first buffer, so that what
 * the server refuses is known; waybuf_client_error() has the reason. As waybuf_client_pool_create()
 * and _acquire(), and -EBADMSG: less was granted than asked for.
 */
int set_create(
	struct connection *connection, const struct needs *needs, uint32_t count, struct set **out);
/*
 * A buffer to write into, with a reference to each of its memories in slot->memories. What is still
 * read must be waited for: waybuf_client_buffer_get_fence(). As waybuf_client_pool_acquire() with a
 * time of 0, and -EBADMSG, -ENOMEM.
 */
int set_take(struct set *set, struct slot **out);
/* Gives back what came loose, and destroys sets that are over. Whether there was anything. */
bool sets_tidy(struct connection *connection);

/* Plane @p as GStreamer has it: its offsets count from the first byte of the first memory. */
gsize set_plane_offset(const struct waybuf_layout *layout, uint32_t p);
/* The slot that @buffer is all of, in whatever pool; NULL: it is other memory. From anywhere. */
struct slot *slot_of(GstBuffer *buffer);

#endif
