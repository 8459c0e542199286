/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xf86drm.h>

#include "libdrm_impl.h"

struct fake fake;

const struct property properties[N_PROPS] = {
	{"type", DRM_MODE_PROP_ENUM | DRM_MODE_PROP_IMMUTABLE},
	{"FB_ID", DRM_MODE_PROP_OBJECT},
	{"CRTC_ID", DRM_MODE_PROP_OBJECT},
	{"SRC_X", DRM_MODE_PROP_RANGE},
	{"SRC_Y", DRM_MODE_PROP_RANGE},
	{"SRC_W", DRM_MODE_PROP_RANGE},
	{"SRC_H", DRM_MODE_PROP_RANGE},
	{"CRTC_X", DRM_MODE_PROP_SIGNED_RANGE},
	{"CRTC_Y", DRM_MODE_PROP_SIGNED_RANGE},
	{"CRTC_W", DRM_MODE_PROP_RANGE},
	{"CRTC_H", DRM_MODE_PROP_RANGE},
	{"IN_FENCE_FD", DRM_MODE_PROP_SIGNED_RANGE},
	{"zpos", DRM_MODE_PROP_RANGE, 1, 7},
	{"alpha", DRM_MODE_PROP_RANGE, 0, 0xffff},
	{"ACTIVE", DRM_MODE_PROP_RANGE, 0, 1},
	{"MODE_ID", DRM_MODE_PROP_BLOB},
	{"OUT_FENCE_PTR", DRM_MODE_PROP_RANGE},
	{"GAMMA_LUT", DRM_MODE_PROP_BLOB},
	{"WRITEBACK_FB_ID", DRM_MODE_PROP_OBJECT},
	{"WRITEBACK_OUT_FENCE_PTR", DRM_MODE_PROP_RANGE},
	{"WRITEBACK_PIXEL_FORMATS", DRM_MODE_PROP_BLOB | DRM_MODE_PROP_IMMUTABLE},
	{"DPMS", DRM_MODE_PROP_ENUM},
	{"FB_DAMAGE_CLIPS", DRM_MODE_PROP_BLOB},
};

#define PLANE_NAMES \
	"type", "FB_ID", "CRTC_ID", "SRC_X", "SRC_Y", "SRC_W", "SRC_H", "CRTC_X", "CRTC_Y", \
		"CRTC_W", "CRTC_H", "IN_FENCE_FD"

static const struct object blank[N_OBJECTS] = {
	{FAKE_CRTC, DRM_MODE_OBJECT_CRTC, {"ACTIVE", "MODE_ID", "OUT_FENCE_PTR", "GAMMA_LUT"}},
	{FAKE_CONNECTOR, DRM_MODE_OBJECT_CONNECTOR, {"CRTC_ID", "DPMS"}},
	{FAKE_WRITEBACK, DRM_MODE_OBJECT_CONNECTOR,
		{"CRTC_ID", "WRITEBACK_FB_ID", "WRITEBACK_OUT_FENCE_PTR",
			"WRITEBACK_PIXEL_FORMATS"}},
	{FAKE_PRIMARY, DRM_MODE_OBJECT_PLANE, {PLANE_NAMES, "FB_DAMAGE_CLIPS"}},
	{FAKE_OVERLAY, DRM_MODE_OBJECT_PLANE, {PLANE_NAMES}},
	{FAKE_RICH, DRM_MODE_OBJECT_PLANE, {PLANE_NAMES, "zpos", "alpha"}},
	{FAKE_SECOND_CRTC, DRM_MODE_OBJECT_CRTC, {"ACTIVE", "MODE_ID", "OUT_FENCE_PTR"}},
	{FAKE_SECOND_CONNECTOR, DRM_MODE_OBJECT_CONNECTOR, {"CRTC_ID", "DPMS"}},
	{FAKE_SECOND_PRIMARY, DRM_MODE_OBJECT_PLANE, {PLANE_NAMES}},
};

uint32_t crtc_object(int crtc, int object)
{
	static const uint32_t ids[FAKE_CRTCS][2] = {
		{FAKE_CRTC, FAKE_CONNECTOR}, {FAKE_SECOND_CRTC, FAKE_SECOND_CONNECTOR}};
	return ids[crtc][object];
}

int prop_index(const char *name)
{
	for (int i = 0; i < N_PROPS; i++) {
		if (strcmp(properties[i].name, name) == 0)
			return i;
	}
	JUDGE(false, "no property %s", name);
	return -1;
}

struct object *find(uint32_t id)
{
	for (int i = 0; i < N_OBJECTS; i++) {
		if (fake.objects[i].id == id)
			return &fake.objects[i];
	}
	return NULL;
}

uint64_t value_of(const struct object *object, const char *name)
{
	return object->values[prop_index(name)];
}

bool has(const struct object *object, int index)
{
	for (int i = 0; object->names[i]; i++) {
		if (prop_index(object->names[i]) == index)
			return true;
	}
	return false;
}

int injected(enum fake_call call)
{
	struct failure *failure = &fake.failures[call];
	if (!failure->armed || failure->after-- > 0)
		return 0;
	failure->after = 0;
	failure->armed = failure->forever;
	return failure->error;
}

uint32_t new_blob(const void *data, size_t size)
{
	for (uint32_t i = 0; i < MAX; i++) {
		if (fake.blobs[i].open)
			continue;
		fake.blobs[i].open = true;
		fake.blobs[i].data = malloc(size);
		memcpy(fake.blobs[i].data, data, size);
		fake.blobs[i].size = (uint32_t)size;
		return FIRST_BLOB + i;
	}
	JUDGE(false, "blobs leak");
	return 0;
}

int fake_drm_open(void)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888};
	int fds[2];
	memset(&fake, 0, sizeof(fake));
	memcpy(fake.objects, blank, sizeof(blank));
	JUDGE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0,
		"no socket pair");
	fake.width = 1024;
	fake.height = 768;
	fake.fd = fds[0];
	fake.peer = fds[1];
	find(FAKE_PRIMARY)->values[prop_index("type")] = DRM_PLANE_TYPE_PRIMARY;
	find(FAKE_SECOND_PRIMARY)->values[prop_index("type")] = DRM_PLANE_TYPE_PRIMARY;
	find(FAKE_RICH)->values[prop_index("zpos")] = 2;
	find(FAKE_WRITEBACK)->values[prop_index("WRITEBACK_PIXEL_FORMATS")] =
		new_blob(formats, sizeof(formats));
	return fake.fd;
}

void fake_drm_add_crtc(void)
{
	fake.second = true;
}

void fake_drm_finish(void)
{
	JUDGE(fake_drm_open_handles() == 0, "%d handles left", fake_drm_open_handles());
	JUDGE(fake_drm_open_framebuffers() == 0, "%d framebuffers left",
		fake_drm_open_framebuffers());
	/* the first is the list of writeback formats */
	for (int i = 1; i < MAX; i++)
		JUDGE(!fake.blobs[i].open, "blob %d left", FIRST_BLOB + i);
	free(fake.blobs[0].data);
	close(fake.peer);
}

void fake_drm_fail(enum fake_call call, int n, int error, bool forever)
{
	fake.failures[call] = (struct failure){n, error, true, forever};
}

void fake_drm_mend(void)
{
	memset(fake.failures, 0, sizeof(fake.failures));
}

void fake_drm_set_mode(uint16_t width, uint16_t height)
{
	fake.width = width;
	fake.height = height;
}

void fake_drm_plug(bool connected)
{
	fake.unplugged = !connected;
}

void fake_drm_set_time(uint64_t ns)
{
	fake.flip_ns = ns;
}

void fake_drm_send(const void *bytes, uint32_t size)
{
	JUDGE(write(fake.peer, bytes, size) == (ssize_t)size, "events do not go out");
}

void fake_drm_vblank_of(int crtc, bool tell)
{
	bool pending = fake.pending[crtc];
	fake.sequence++;
	fake.pending[crtc] = false;
	if (!pending || !tell)
		return;
	struct drm_event_vblank event = {
		.base = {DRM_EVENT_FLIP_COMPLETE, sizeof(event)},
		.user_data = (uintptr_t)fake.pending_data[crtc],
		.tv_sec = fake.flip_ns ? (uint32_t)(fake.flip_ns / 1000000000) : 5,
		.tv_usec =
			fake.flip_ns ? (uint32_t)(fake.flip_ns % 1000000000 / 1000) : fake.sequence,
		.sequence = fake.sequence,
		.crtc_id = crtc_object(crtc, 0),
	};
	fake_drm_send(&event, sizeof(event));
}

void fake_drm_vblank(void)
{
	for (int i = 0; i < 1 + fake.second; i++)
		fake_drm_vblank_of(i, true);
}

uint64_t fake_drm_value(uint32_t object, const char *property)
{
	return value_of(find(object), property);
}

bool fake_drm_named(uint32_t object, const char *property)
{
	return find(object)->named[prop_index(property)];
}

uint32_t fake_drm_last_flags(void)
{
	return fake.last_flags;
}

int fake_drm_commits(void)
{
	return fake.commits;
}

int fake_drm_tests(void)
{
	return fake.tests;
}

int fake_drm_removed(void)
{
	return fake.removed;
}

int fake_drm_open_handles(void)
{
	int n = 0;
	for (int i = 0; i < MAX; i++)
		n += fake.handles[i].open;
	return n;
}

int fake_drm_open_framebuffers(void)
{
	int n = 0;
	for (int i = 0; i < MAX; i++)
		n += fake.fbs[i].open;
	return n;
}

ino_t fake_drm_memory(uint64_t fb)
{
	return fb >= FIRST_FB && fb < FIRST_FB + MAX ? fake.fbs[fb - FIRST_FB].ino : 0;
}
