/* SPDX-License-Identifier: MIT */
#ifndef FENCE_SYNCOBJ_WATCHES_H
#define FENCE_SYNCOBJ_WATCHES_H

#include <stddef.h>

#include "fence/syncobj.h"

/*
 * What the kernel keeps of points that were watched. It cannot be told that nobody wants to know any
 * more (DRM_IOCTL_SYNCOBJ_EVENTFD has no way back), so each is remembered, and paid for, until its
 * point is reached: a client that commits one such point after the other would have us fill the
 * kernel's memory for it.
 */
struct syncobj_watches {
	const struct waybuf_syncobj_payer *payer; /* NULL: nobody */
	void *data;
	uint32_t n; /* that somebody still waits for */
	/* and the points of those that nobody does; room for all, so that ending one cannot fail */
	uint64_t *left;
	size_t n_left, size;
};

/* One more. 0, -EDQUOT or -ENOMEM. */
int syncobj_watches_add(struct syncobj_watches *watches);
/* Nobody waits for it any more; @ended: nor does the kernel. */
void syncobj_watches_end(struct syncobj_watches *watches, uint64_t point, bool ended);
/* The kernel has forgotten all up to @point. */
void syncobj_watches_reached(struct syncobj_watches *watches, uint64_t point);
/* The handle goes. */
void syncobj_watches_finish(struct syncobj_watches *watches);

#endif
