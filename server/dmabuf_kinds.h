/* SPDX-License-Identifier: MIT */
#ifndef SERVER_DMABUF_KINDS_H
#define SERVER_DMABUF_KINDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/fd.h"

/*
 * Kinds of buffers of which the host has imported one for real, and said that the others will do as
 * well: those it imports when they are first used. Only successes are kept, so that no client can
 * spoil anything for another one.
 */
struct dmabuf_kind {
	/* who is to sample it, if the client has said so */
	bool has_device;
	dev_t device;
	uint32_t format, flags;
	uint64_t modifier;
	/* as the kernel calls it */
	char exporter[FD_EXPORTER_LEN];
};

/* The last ones; an older one is only tried again. */
#define DMABUF_MAX_KINDS 128

struct dmabuf_kinds {
	struct dmabuf_kind entries[DMABUF_MAX_KINDS];
	uint32_t n, next;
};

/* Whether any exporter's is known: only then is it worth asking which exporter a memory is of. */
bool dmabuf_kinds_any(const struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind);
bool dmabuf_kinds_has(const struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind);
/* One that is there stays. */
void dmabuf_kinds_add(struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind);
/* Whoever was to sample it. True: there was one. */
bool dmabuf_kinds_forget(struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind);

#endif
