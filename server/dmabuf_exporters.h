/* SPDX-License-Identifier: MIT */
#ifndef SERVER_DMABUF_EXPORTERS_H
#define SERVER_DMABUF_EXPORTERS_H

#include "util/fd.h"

/*
 * Whose the last dma-bufs are. The name is read from /proc, three calls, and stays what it is as long
 * as the dma-buf does: clients that make wl_buffers of a few dma-bufs again and again pay once.
 *
 * Nothing here is a client's word, so none can spoil it for another one: it can only make an entry
 * go, which costs the three calls. Kernels before 5.19 give the number of a dma-buf to another one,
 * some 4 billion files later; if that is of the same size as well it is taken for the first one's
 * kind, and its import may fail when it is first used.
 */
#define DMABUF_MAX_EXPORTERS 128 /* a power of two */

struct dmabuf_exporter {
	struct fd_id id;
	uint64_t size; /* 0: empty */
	char name[FD_EXPORTER_LEN];
};

struct dmabuf_exporters {
	struct dmabuf_exporter entries[DMABUF_MAX_EXPORTERS];
};

/* Borrowed until the next is added; NULL: it is not known. */
const struct dmabuf_exporter *dmabuf_exporters_find(
	const struct dmabuf_exporters *exporters, const struct fd_id *id);
/* In the place of another one. */
void dmabuf_exporters_add(struct dmabuf_exporters *exporters, const struct fd_id *id, uint64_t size,
	const char name[FD_EXPORTER_LEN]);

#endif
