/* SPDX-License-Identifier: MIT */
#ifndef FAKE_ALLOCATOR_SURFACE_H
#define FAKE_ALLOCATOR_SURFACE_H

#include "fake/allocator.h"

/* The half of the fake server that shows buffers: wl_compositor, and linux-dmabuf if it is told to. */
void fake_create_surface_globals(struct fake_server *server);
void fake_create_wl_buffer(struct fake_buffer *buffer, uint32_t id);

void fake_log(struct fake_server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
