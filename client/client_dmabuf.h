/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_DMABUF_H
#define CLIENT_DMABUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_feedback;
struct waybuf_client;
struct waybuf_client_buffer;
struct waybuf_client_format;
struct waybuf_client_pool;
struct waybuf_constraints;
struct waybuf_layout;
struct wl_buffer;
struct zwp_linux_dmabuf_v1_listener;

/* What a compositor takes through linux-dmabuf; pairs with the implicit modifier come last. */
struct client_offer {
	struct waybuf_client_format *pairs;
	size_t n, n_explicit;
};

/* dmabuf.c */

/*
 * A wl_buffer of @layout, all dma-bufs, through linux-dmabuf, which is there. @whose says of whom the
 * memory is, for people. -EOPNOTSUPP: the compositor says no, or would if it were asked; -ETIMEDOUT,
 * -ENOMEM, -EPIPE, -EPROTO.
 */
int client_dmabuf_import(struct waybuf_client *client, const struct waybuf_layout *layout,
	const char *whose, struct wl_buffer **out);
/*
 * Whether the compositor may be asked. As of version 4 a pair that is not listed is a protocol error,
 * which ends the connection. Before, it is refused like any other, and a compositor may take more than
 * it lists.
 */
bool client_dmabuf_lists(
	const struct waybuf_client *client, const struct waybuf_client_format *pair);
/*
 * Before the client leaves its connection: imports that were not answered in time are no concern of it
 * any more. Those on a connection of the program's go on without it.
 */
void client_dmabuf_forget(struct waybuf_client *client);

/* offer.c */

/* Notes a pair; those that are too many, or for which there is no memory, are not. */
void client_offer_add(struct client_offer *offer, uint32_t format, uint64_t modifier);
/* Forgets all. */
void client_offer_finish(struct client_offer *offer);
/* Fills that of the client (the data), where the global is of version 3. */
extern const struct zwp_linux_dmabuf_v1_listener client_offer_listener;

/* feedback.c */

/* Asks the compositor for its pairs, and for what becomes of them; without memory it has none. */
void client_feedback_start(struct waybuf_client *client);
/* Nothing more is to be heard. A client that has not asked is fine. */
void client_feedback_finish(struct waybuf_client *client);

/* foreign.c */

/* What the compositor takes and has not refused, as a set. -EOPNOTSUPP if that is nothing. */
int client_foreign_constraints(struct waybuf_client_pool *pool, struct waybuf_constraints **out);
/*
 * make_wl_buffer of memory that a service has made: as client_present_import(), and if the answer is
 * no, the next acquire asks for something else.
 */
int client_foreign_make_wl_buffer(struct waybuf_client_buffer *buffer);

#endif
