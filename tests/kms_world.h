/* SPDX-License-Identifier: MIT */
#ifndef TESTS_KMS_WORLD_H
#define TESTS_KMS_WORLD_H

#include "harness.h"
#include "kms/commit.h"
#include "kms/fb.h"
#include "kms/probe.h"
#include "kms/state.h"

/* The device of fake/libdrm.h, opened, with what its listener was told. */
struct world {
	struct waybuf_kms_device *device;
	struct waybuf_loop *loop;
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_connector *connector;
	struct waybuf_kms_plane *primary, *overlay, *rich;
	int flips, captures, capture_error;
	bool still_writing; /* the last capture */
	struct waybuf_kms_flip last;
};

/* Counts into the world that is its data. */
extern const struct waybuf_kms_listener world_listener;

void world_open(struct world *world);
/* The same, with the second CRTC. */
void world_open_two(struct world *world);
/* Aborts if handles, framebuffers or blobs are left. */
void world_close(struct world *world);

/* Memory that looks like a dma-buf to this libdrm; the fd is the caller's. */
struct waybuf_layout world_layout(void);
struct waybuf_kms_fb *world_fb(struct world *world);
struct waybuf_kms_state *world_propose(struct world *world);
void world_put(struct waybuf_kms_state *state, struct world *world, struct waybuf_kms_plane *plane,
	struct waybuf_kms_fb *fb);
/* The state is taken, on failure too. */
int world_commit(struct world *world, struct waybuf_kms_state *state);
/* The output on, with a new framebuffer that only the state refers to. */
void world_light(struct world *world);

#endif
