/* SPDX-License-Identifier: MIT */
#ifndef SERVER_WL_BUFFER_H
#define SERVER_WL_BUFFER_H

#include "client.h"
#include "core/storage.h"

/*
 * Behind each wl_buffer of ours, of either kind. It lives as long as its resource or a use of it,
 * whichever ends last.
 */
struct server_buffer {
	struct wl_resource *resource; /* NULL once the client has destroyed it */
	struct waybuf_buffer *buffer; /* NULL: inert */
	struct waybuf_binding binding; /* what of the buffer is shown; none if it is inert */
	struct server_client *client; /* NULL once the resource is gone */
	uint32_t flags;
	bool follows;
	unsigned uses;
	struct wl_list link; // server_client.buffers
};

/*
 * Makes a wl_buffer of @buffer, which is referenced; NULL makes an inert one. One that does not
 * follow stays with the storage that the buffer has now. @id 0 allocates a
 * server-side one. NULL: out of memory.
 */
struct server_buffer *server_buffer_create(struct server_client *client, uint32_t id,
	struct waybuf_buffer *buffer, uint32_t flags, bool follows);

/* The server goes: the buffer becomes inert. */
void server_buffer_sever(struct server_buffer *buffer);

#endif
