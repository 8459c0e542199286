/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <xf86drm.h>

#include "libdrm_impl.h"

/* Commits. */

struct _drmModeAtomicReq {
	uint32_t n;
	struct {
		uint32_t object, property;
		uint64_t value;
	} items[256];
};

drmModeAtomicReqPtr drmModeAtomicAlloc(void)
{
	return calloc(1, sizeof(struct _drmModeAtomicReq));
}

void drmModeAtomicFree(drmModeAtomicReqPtr req)
{
	free(req);
}

int drmModeAtomicAddProperty(
	drmModeAtomicReqPtr req, uint32_t object, uint32_t property, uint64_t value)
{
	if (!req)
		return -EINVAL;
	JUDGE(req->n < 256, "a commit of more than 256 properties");
	req->items[req->n].object = object;
	req->items[req->n].property = property;
	req->items[req->n].value = value;
	return (int)++req->n;
}

static bool alive(const char *name, uint64_t value)
{
	if (value == 0)
		return true;
	if (strstr(name, "FB_ID"))
		return value >= FIRST_FB && value < FIRST_FB + MAX &&
			fake.fbs[value - FIRST_FB].open;
	if (strcmp(name, "MODE_ID") == 0 || strcmp(name, "GAMMA_LUT") == 0 ||
		strcmp(name, "FB_DAMAGE_CLIPS") == 0)
		return value >= FIRST_BLOB && value < FIRST_BLOB + MAX &&
			fake.blobs[value - FIRST_BLOB].open;
	return strcmp(name, "CRTC_ID") != 0 || value == FAKE_CRTC ||
		(fake.second && value == FAKE_SECOND_CRTC);
}

static int apply(drmModeAtomicReqPtr req, struct object objects[N_OBJECTS])
{
	for (uint32_t i = 0; i < req->n; i++) {
		struct object *object = NULL;
		for (int j = 0; j < N_OBJECTS; j++) {
			if (objects[j].id == req->items[i].object)
				object = &objects[j];
		}
		uint32_t index = req->items[i].property - FIRST_PROP;
		if (!object || index >= N_PROPS || !has(object, (int)index))
			return -ENOENT;
		const struct property *property = &properties[index];
		JUDGE(!(property->flags & DRM_MODE_PROP_IMMUTABLE), "%s is set", property->name);
		if (strcmp(property->name, "DPMS") == 0 ||
			!alive(property->name, req->items[i].value))
			return -EINVAL;
		object->values[index] = req->items[i].value;
		object->named[index] = true;
	}
	return 0;
}

/* As sync_files are, and the eventfds that stand for them here. */
static bool is_signalled(int fence)
{
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLIN;
}

static struct object *get(struct object objects[N_OBJECTS], uint32_t id)
{
	return &objects[find(id) - fake.objects];
}

static int crtc_of(const struct object *plane)
{
	return value_of(plane, "CRTC_ID") == FAKE_SECOND_CRTC;
}

/* The CRTCs that the commit names, or whose planes it does, before or after; a bit each. */
static uint32_t crtcs_of(struct object objects[N_OBJECTS])
{
	uint32_t mask = 0;
	for (int i = 0; i < FAKE_CRTCS; i++)
		if (get(objects, crtc_object(i, 0))->named[prop_index("ACTIVE")])
			mask |= UINT32_C(1) << i;
	for (int i = 0; i < N_OBJECTS; i++) {
		const struct object *plane = &objects[i], *before = &fake.objects[i];
		if (plane->type != DRM_MODE_OBJECT_PLANE || !plane->named[prop_index("FB_ID")])
			continue;
		mask |= value_of(before, "CRTC_ID") ? UINT32_C(1) << crtc_of(before) : 0;
		mask |= value_of(plane, "CRTC_ID") ? UINT32_C(1) << crtc_of(plane) : 0;
	}
	return mask;
}

static void judge_fences(struct object objects[N_OBJECTS], uint32_t flags)
{
	uint32_t crtcs = crtcs_of(objects);
	if (flags & DRM_MODE_ATOMIC_TEST_ONLY)
		return;
	for (int i = 0; i < N_OBJECTS; i++) {
		const struct object *plane = &objects[i];
		if (plane->type != DRM_MODE_OBJECT_PLANE || value_of(plane, "FB_ID") == 0 ||
			(crtcs && !(crtcs >> crtc_of(plane) & 1)))
			continue;
		int fence = (int)value_of(plane, "IN_FENCE_FD");
		JUDGE(plane->named[prop_index("IN_FENCE_FD")] && fence > 0,
			"plane %u has no fence of its own", plane->id);
		JUDGE(is_signalled(fence), "plane %u makes the kernel wait", plane->id);
	}
}

static bool changes(struct object now[N_OBJECTS], uint32_t object, const char *name)
{
	return value_of(get(now, object), name) != value_of(find(object), name);
}

static int judge_crtc(struct object now[N_OBJECTS], int i, uint32_t flags)
{
	const uint32_t id = crtc_object(i, 0), connector = crtc_object(i, 1);
	const struct object *crtc = get(now, id);
	bool active = value_of(crtc, "ACTIVE"), was_active = value_of(find(id), "ACTIVE");
	bool named = crtcs_of(now) >> i & 1;
	if ((changes(now, id, "ACTIVE") || changes(now, id, "MODE_ID") ||
		    changes(now, connector, "CRTC_ID")) &&
		!(flags & DRM_MODE_ATOMIC_ALLOW_MODESET))
		return -EINVAL;
	if (active && (!value_of(crtc, "MODE_ID") || !value_of(get(now, connector), "CRTC_ID")))
		return -EINVAL;
	if (flags & DRM_MODE_PAGE_FLIP_EVENT && named && !active && !was_active)
		return -EINVAL;
	if (fake.pending[i] && named && !(flags & DRM_MODE_ATOMIC_TEST_ONLY) &&
		flags & DRM_MODE_ATOMIC_NONBLOCK)
		return -EBUSY;
	return 0;
}

static int judge(struct object now[N_OBJECTS], uint32_t flags)
{
	int error = 0;
	if (changes(now, FAKE_WRITEBACK, "CRTC_ID") && !(flags & DRM_MODE_ATOMIC_ALLOW_MODESET))
		return -EINVAL;
	if (flags & DRM_MODE_PAGE_FLIP_EVENT && !crtcs_of(now))
		return -EINVAL;
	for (int i = 0; i < FAKE_CRTCS && !error; i++)
		error = judge_crtc(now, i, flags);
	for (int i = 0; i < N_OBJECTS && !error; i++) {
		if (now[i].type != DRM_MODE_OBJECT_PLANE)
			continue;
		bool fb = value_of(&now[i], "FB_ID");
		/* also one that is asleep has planes */
		bool on = value_of(get(now, crtc_object(crtc_of(&now[i]), 0)), "MODE_ID");
		if (fb != (value_of(&now[i], "CRTC_ID") != 0) || (fb && !on))
			error = -EINVAL;
	}
	return error;
}

static void fill_fences(struct object objects[N_OBJECTS])
{
	for (int i = 0; i < N_OBJECTS; i++) {
		for (int j = 0; j < N_PROPS; j++) {
			int *pointer = (int *)(uintptr_t)objects[i].values[j];
			if (!strstr(properties[j].name, "OUT_FENCE_PTR") || !pointer)
				continue;
			*pointer = fake.open_fence ? fake.open_fence(objects[i].id)
						   : eventfd(0, EFD_CLOEXEC);
			objects[i].values[j] = 0;
		}
	}
}

/* The kernel keeps the blob for as long as it needs it. */
static void note_damage(const struct object *primary)
{
	uint64_t blob = value_of(primary, "FB_DAMAGE_CLIPS");
	fake.n_damage = 0;
	if (!blob)
		return;
	fake.n_damage = fake.blobs[blob - FIRST_BLOB].size / sizeof(fake.damage[0]);
	JUDGE(fake.n_damage > 0 && fake.n_damage <= MAX, "%u clips", fake.n_damage);
	memcpy(fake.damage, fake.blobs[blob - FIRST_BLOB].data, fake.blobs[blob - FIRST_BLOB].size);
}

uint32_t fake_drm_damage(const struct drm_mode_rect **rects)
{
	*rects = fake.damage;
	return fake.n_damage;
}

void fake_drm_out_fences(int (*open)(uint32_t object))
{
	fake.open_fence = open;
}

void fake_drm_watch(const struct fake_drm_watcher *watcher)
{
	fake.watcher = *watcher;
}

static void take(struct object objects[N_OBJECTS], uint32_t flags, void *user_data)
{
	uint32_t crtcs = crtcs_of(objects);
	memcpy(fake.objects, objects, sizeof(fake.objects));
	/* it holds for one commit */
	find(FAKE_WRITEBACK)->values[prop_index("WRITEBACK_FB_ID")] = 0;
	fake.commits++;
	for (int i = 0; i < FAKE_CRTCS; i++) {
		if (!(crtcs >> i & 1) || !(flags & DRM_MODE_PAGE_FLIP_EVENT))
			continue;
		fake.pending[i] = true;
		fake.pending_data[i] = user_data;
	}
	if (fake.watcher.committed)
		fake.watcher.committed(flags, crtcs);
}

int drmModeAtomicCommit(int fd, drmModeAtomicReqPtr req, uint32_t flags, void *user_data)
{
	struct object next[N_OBJECTS];
	int error = injected(FAKE_COMMIT);
	if (error)
		return error;
	memcpy(next, fake.objects, sizeof(next));
	for (int i = 0; i < N_OBJECTS; i++) {
		memset(next[i].named, 0, sizeof(next[i].named));
		/* as the kernel's duplicate of a plane's state */
		next[i].values[prop_index("FB_DAMAGE_CLIPS")] = 0;
	}
	error = apply(req, next);
	if (!error)
		error = judge(next, flags);
	if (error)
		return error;
	judge_fences(next, flags);
	if (!(flags & (DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_ATOMIC_TEST_ONLY)) && fake.watcher.waits)
		fake.watcher.waits(crtcs_of(next));
	fake.last_flags = flags;
	for (int i = 0; i < N_OBJECTS; i++)
		memcpy(fake.objects[i].named, next[i].named, sizeof(next[i].named));
	if (flags & DRM_MODE_ATOMIC_TEST_ONLY) {
		fake.tests++;
		return 0;
	}
	note_damage(&next[3]);
	fill_fences(next);
	take(next, flags, user_data);
	return 0;
}
