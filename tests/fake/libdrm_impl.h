/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_LIBDRM_IMPL_H
#define TESTS_FAKE_LIBDRM_IMPL_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <xf86drmMode.h>

#include "libdrm.h"

/* What the files of the fake share. */

#define JUDGE(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "fake libdrm: " __VA_ARGS__); \
			fputc('\n', stderr); \
			abort(); \
		} \
	} while (0)

enum {
	MAX = 64,
	N_PROPS = 23,
	N_OBJECTS = 9,
	N_FIRST_OBJECTS = 6, /* those that are always there */
	FIRST_PROP = 200,
	FIRST_FB = 1000,
	FIRST_BLOB = 2000
};

struct property {
	const char *name;
	uint32_t flags;
	uint64_t min, max;
};

struct object {
	uint32_t id, type;
	const char *names[20];
	uint64_t values[N_PROPS];
	bool named[N_PROPS];
};

struct handle {
	bool open;
	ino_t ino;
};

struct failure {
	int after, error;
	bool armed, forever;
};

struct fake {
	int fd, peer;
	struct object objects[N_OBJECTS];
	struct handle handles[MAX];
	struct {
		bool open;
		ino_t ino; /* of its first memory */
	} fbs[MAX];
	struct {
		bool open;
		void *data;
		uint32_t size;
	} blobs[MAX];
	struct failure failures[FAKE_CALLS];
	bool second; /* CRTC */
	bool pending[FAKE_CRTCS];
	void *pending_data[FAKE_CRTCS];
	int (*open_fence)(uint32_t object);
	struct fake_drm_watcher watcher;
	uint16_t width, height; /* of the preferred mode */
	uint64_t flip_ns; /* of the next flips; 0: 5 s */
	bool unplugged;
	uint32_t sequence, last_flags;
	int commits, tests, removed;
	struct drm_mode_rect damage[MAX];
	uint32_t n_damage;
};

extern struct fake fake;
extern const struct property properties[N_PROPS];

int prop_index(const char *name);
struct object *find(uint32_t id);
/* The CRTCs and the displays on them, by index; @object 0 or 1 of these. */
uint32_t crtc_object(int crtc, int object);
uint64_t value_of(const struct object *object, const char *name);
bool has(const struct object *object, int index);
/* 0, or the error that was asked for. */
int injected(enum fake_call call);
uint32_t new_blob(const void *data, size_t size);

#endif
