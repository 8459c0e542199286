/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PIXELS_H
#define DAEMON_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pixman.h>

/* The formats that composition reads: those that pixman knows by another name. */

#define PIXELS_FORMATS 16

/* The DRM_FORMAT_* at @index, 0 behind the last. The two that wl_shm must have come first. */
uint32_t pixels_format(size_t index);
bool pixels_readable(uint32_t format);
/* False if pixman has no such format. */
bool pixels_to_pixman(uint32_t format, pixman_format_code_t *code);

#endif
