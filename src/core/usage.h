/* SPDX-License-Identifier: MIT */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include <waybuf/buffer.h>

/* Who is at a buffer, for reports. */
struct waybuf_buffer_usage {
	const char *state; /* "declared", "backed", ...; static */
	bool foreign; /* a client's own memory */
	uint32_t writers, readers;
	/* surfaces that show it, from a plane or by way of a copy */
	uint32_t shown;
	/* that have not signalled */
	uint32_t fences;
};

void waybuf_buffer_get_usage(const struct waybuf_buffer *buffer, struct waybuf_buffer_usage *usage);

#endif
