/* SPDX-License-Identifier: MIT */
#ifndef SERVER_WL_BUFFER_H
#define SERVER_WL_BUFFER_H

#include "client.h"
#include "core/storage.h"

struct waybuf_kms_fb;

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
	/* the client has said by which device it is to be sampled */
	bool has_device;
	dev_t device;
	unsigned uses;
	struct wl_list link; // server_client.buffers
	struct wl_list framebuffers; // scanout_fb.of_buffer
};

/* The public use: one commit's hold on a wl_buffer. */
struct waybuf_use {
	struct server_buffer *owner;
	/* its own reference: the owner may become inert while the frame is on a screen */
	struct waybuf_buffer *buffer;
	/* NULL: there was nothing to claim yet, or nothing at all */
	struct waybuf_claim *claim;
	/* of the last latch; without a layout there was none */
	struct waybuf_grant grant;
	/* of the last latch, with what the kernel keeps on the dma-bufs; NULL: only the claim's */
	struct waybuf_fence *fence;
	/* of the commit, if waybuf_use_commit() began it; NULL: none, or somebody else has it */
	struct waybuf_release_point *release;
	/* what was added to a request last; the buffer has newer ones when its memory has moved */
	struct waybuf_kms_fb *fb;
	bool is_explicit; /* fences come with points, not by way of the dma-buf */
	bool done;
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

/* scanout.c: nobody will show the buffer again. */
void scanout_forget(struct server_buffer *buffer);

#endif
