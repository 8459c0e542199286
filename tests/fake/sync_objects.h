/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_SYNC_OBJECTS_H
#define TESTS_FAKE_SYNC_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between the two halves of the fake: files and fences (sync.c), syncobjs (sync_objects.c). */
enum { FAKE_MAX_LEAVES = 32 };

struct fake_leaves {
	size_t n;
	int ids[FAKE_MAX_LEAVES];
};

void fake_complain(const char *what);
int fake_fence_status(int fence);
void fake_fence_hurry(int fence, uint64_t ns);
bool fake_leaves_settled(const struct fake_leaves *leaves);
void fake_leaves_add(struct fake_leaves *leaves, int fence);
void fake_leaves_merge(struct fake_leaves *sum, const struct fake_leaves *leaves);
const struct fake_leaves *fake_file_leaves(int fd);
int fake_file_create(const struct fake_leaves *leaves);

void fake_objects_init(void);
void fake_objects_finish(void);
/* A fence has settled: writes the eventfds that wait for it. */
void fake_objects_wake(void);
bool fake_is_drm(int fd);
int fake_drm_ioctl(unsigned long request, void *arg);

#endif
