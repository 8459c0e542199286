/* SPDX-License-Identifier: MIT */
#ifndef GST_IMPORTS_H
#define GST_IMPORTS_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>
#include <waybuf/client.h>

struct connection;

/*
 * Dma-bufs that upstream has brought, as the compositor knows them. Upstream has a few, and sends them
 * again and again: each is imported once. All of it within the connection.
 */
struct import {
	struct import *next;
	/* which dma-bufs these are, by their inodes: an fd may be another one's by now */
	uint64_t inodes[WAYBUF_MAX_PLANES];
	struct waybuf_layout layout; /* its fds are not valid */
	struct waybuf_client_import *import;
	/* the frame, as long as the compositor reads it; NULL: it does not */
	GstBuffer *held;
};

/* Images that the compositor has refused: those like them are not asked for again, which takes time. */
struct import_refusal {
	uint32_t format, n_planes, width, height;
	uint64_t modifier;
	int error; /* 0: none was refused */
	char why[256];
};

struct imports {
	struct connection *connection;
	struct import *first; /* the one used last */
	struct import_refusal refusals[8]; /* a ring */
	unsigned n_refusals;
};

/*
 * The image in @buffer, as its meta or else @info says, of @format with @modifier. 0; -EMEDIUMTYPE: it
 * is no dma-buf; or as waybuf_client_import_create(). Of an error *why says more, until the next call.
 */
int imports_find(struct imports *imports, GstBuffer *buffer, const GstVideoInfo *info,
	uint32_t format, uint64_t modifier, struct import **out, const char **why);
/* As waybuf_client_import_present(). @buffer is referred to until the compositor has read it. */
int import_present(struct imports *imports, struct import *import, GstBuffer *buffer,
	struct wl_surface *surface);
/* Lets go of frames that have been read. */
void imports_tidy(struct imports *imports);
/* After the surface: the end of all. */
void imports_finish(struct imports *imports);

#endif
