/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_EGL_WORLD_H
#define TESTS_UNIT_EGL_WORLD_H

#include <drm_fourcc.h>
#include <waybuf/egl.h>

#include "fake/egl.h"
#include "harness.h"

/* libwaybuf-egl on an EGL that has more or less, and fails where it is told to: see fake/egl.h. */
extern struct waybuf_egl *egl;

/* After fake_egl_init(), and what the test says of the display. */
void egl_start(void);
void egl_finish(void);
/* The last error's text has @text in it. */
void egl_check_error(const char *text);

/* 64 x 32, linear, in one dma-buf; NV12 has two planes in it. */
struct waybuf_layout egl_layout(uint32_t format);

/* What the display wants for @access, as waybuf_constraints_print() has it; free() it. */
char *egl_constraints(uint64_t access, const uint32_t *formats, size_t n);

#endif
