/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SHM_STAGE_H
#define TESTS_SHM_STAGE_H

#include <fcntl.h>
#include <sys/types.h>

#include "core/account.h"
#include "daemon_world.h"
#include "fake/machine.h"
#include "surface.h"

/*
 * A client that shows buffers of one wl_shm pool, in a waybufd of the test's own: the fake display
 * tells what memory it reads.
 */
enum { STAGE_WIDTH = FAKE_MACHINE_WIDTH, STAGE_HEIGHT = FAKE_MACHINE_HEIGHT };
enum { STAGE_STRIDE = STAGE_WIDTH * 4, STAGE_IMAGE = STAGE_STRIDE * STAGE_HEIGHT };
enum { STAGE_BUFFERS = 3, STAGE_POOL = 4 * STAGE_IMAGE };
/* of its file */
enum { STAGE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

struct stage_buffer {
	struct wl_buffer *proxy;
	bool busy;
};

struct stage {
	struct world world;
	int fd;
	ino_t memory;
	struct wl_shm_pool *pool;
	struct stage_buffer buffers[STAGE_BUFFERS];
};

/* Whether the display does not look into the CPU's caches. */
extern bool stage_incoherent;

void stage_begin(struct stage *stage);
/* With the pool in this file, which is taken. */
void stage_begin_with(struct stage *stage, int fd);
/* With all that was made for it. */
void stage_end(struct stage *stage);

/* A memfd with these seals. */
int stage_make_file(off_t size, int add);
/* @fd is taken. */
void stage_open_pool(struct stage *stage, int fd, int32_t size);
void stage_close_pool(struct stage *stage);
void stage_add_buffer(struct stage *stage, int i, int32_t offset, uint32_t format);

void stage_flip(struct stage *stage);
void stage_commit(struct stage *stage, int i);
/* A digit for each buffer, by which all are shown one after the other. */
void stage_show(struct stage *stage, const char *order);

/* Of what is shown last. */
struct surface *stage_find_surface(struct stage *stage);
struct waybuf_account *stage_account(struct stage *stage);
void stage_check_direct(struct stage *stage);
void stage_check_composed(struct stage *stage, const char *why);

#endif
