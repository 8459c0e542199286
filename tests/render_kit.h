/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RENDER_KIT_H
#define TESTS_RENDER_KIT_H

#include "gpu/egl.h"
#include "harness.h"
#include "render.h"
#include "shm.h"
#include "yuv.h"

/*
 * Scenes for the renderers of waybufd, without any of the rest: frames of memory of the test's own,
 * wl_shm or a dma-buf (of the dma-heap, where there is one, or else what is none), and pictures that
 * both renderers make of them.
 */
enum { KIT_WIDTH = 192, KIT_HEIGHT = 128, KIT_LAYERS = 6 };

struct kit_frame {
	struct frame frame;
	struct shm_buffer shm;
	struct shm_mapping mapping;
	struct backing backing;
	struct waybuf_layout layout;
	int fd;
	void *pixels;
	size_t size;
};

struct kit {
	struct waybuf_loop *loop;
	struct waybuf_worker *worker;
	struct waybuf_gpu *gpu;
	struct renderer *gles;
	struct scene scene;
	struct render_image below; /* the source of jobs; no pixels: none */
	struct kit_frame frames[KIT_LAYERS];
	uint64_t random;
	char story[2048]; /* what the scene is */
	bool scaled, blended; /* something in it is */
	bool done;
	int error;
	struct render_job job; /* the last one */
};

/* Skips the test where there is no EGL at all. */
void kit_init(struct kit *kit);
/* gles, too, if it is there. */
void kit_finish(struct kit *kit);
uint32_t kit_roll(struct kit *kit, uint32_t sides);

/* Memory of the dma-heap, or of a memfd: then false. */
bool kit_allocate(size_t size, int *fd, void **pixels);

/* A layer of random pixels, in any place and shown in any way, below those that are there. */
void kit_add_shm(struct kit *kit, uint32_t format);
void kit_add_dmabuf(struct kit *kit, uint32_t format);
/* As it is, in the upper left corner: no pixel of it is scaled. */
void kit_show_plainly(struct kit *kit, uint32_t index);
/* Its alpha means nothing: it is not blended. */
void kit_show_opaque(struct kit *kit, uint32_t index);
void kit_clear(struct kit *kit);

/* Of KIT_WIDTH * KIT_HEIGHT, to be drawn into. */
struct render_image kit_image(void *pixels, uint32_t format);
/* Fails the test where a pixel differs by more than @most, in 3 channels, or 4 with alpha. */
void kit_check(const struct kit *kit, const uint32_t by_cpu[], const uint32_t by_gpu[],
	int channels, int most);
/* Draws the scene into an image, and waits. @renderer NULL: pixman. The job's error. */
int kit_draw(struct kit *kit, struct renderer *renderer, const struct render_image *target,
	const pixman_region32_t *region);
/*
 * What both make of it; fails the test where they differ by more than they may: by three where anything
 * is scaled; elsewhere by one where anything is blended, however much, and else not at all.
 */
void kit_compare(struct kit *kit, uint32_t format, const pixman_region32_t *region);

#endif
