/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_STORAGE_H
#define CLIENT_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/buffer.h>

#include "waybuf-allocator-v1-client-protocol.h"

struct waybuf_cpu;
struct wl_array;
struct wl_buffer;

/* One generation of a buffer. */
struct client_storage {
	struct waybuf_layout layout;
	char exporter[64];
	/* per memory, made by the first begin_cpu */
	struct waybuf_cpu *cpu[WAYBUF_MAX_PLANES];
	/* per memory, with which a restarted server takes it back; size 0: none */
	uint8_t tickets[WAYBUF_MAX_PLANES][WAYBUF_ALLOCATOR_V1_LIMIT_TICKET];
	size_t ticket_sizes[WAYBUF_MAX_PLANES];
	/* under the dma-buf of memory 0, to be shown through wl_shm if that is refused; -1: none */
	int memfd;
	/* on other compositors, where a wl_buffer is bound to the storage */
	struct wl_buffer *wl_buffer;
};

/* NULL: -ENOMEM. */
struct client_storage *client_storage_create(uint32_t generation, const char *exporter);
/* Closes the fds, unmaps and destroys the wl_buffer. NULL is a no-op. */
void client_storage_destroy(struct client_storage *storage);
/* Takes over the planes of a layout event. -EINVAL if they are no planes. */
int client_storage_set_planes(struct client_storage *storage, const struct wl_array *planes);
/* Takes @fd, on failure too. -EINVAL if it is not the next slot. */
int client_storage_add_memory(
	struct client_storage *storage, uint32_t slot, int fd, uint32_t kind, uint64_t size);
/* Keeps the ticket of memory @slot; one that is too long is none. */
void client_storage_set_ticket(
	struct client_storage *storage, uint32_t slot, const struct wl_array *ticket);
/*
 * Whether every plane lies in memory that is really there, and the image in its planes. 0, -EINVAL,
 * or the errno of fd_size().
 */
int client_storage_check(const struct client_storage *storage);
/* The same for the layout alone. */
int client_layout_check(const struct waybuf_layout *layout);

#endif
