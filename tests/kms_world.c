/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake/libdrm.h"
#include "kms_world.h"

static void on_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct world *world = data;
	world->flips++;
	world->last = *flip;
}

static void on_captured(
	void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing)
{
	struct world *world = data;
	world->captures++;
	world->capture_error = error;
	world->still_writing = writing != NULL;
}

const struct waybuf_kms_listener world_listener = {on_flipped, on_captured};

static void open_device(struct world *world, int fd)
{
	struct waybuf_kms_why why = {0};
	*world = (struct world){0};
	int error = waybuf_kms_device_create(fd, "fake", WAYBUF_KMS_MASTER, &world->device, &why);
	ck_assert_msg(error == 0, "%s", why.text);
	ck_assert_int_eq(waybuf_loop_create_epoll(&world->loop), 0);
	ck_assert_int_eq(waybuf_kms_device_watch(world->device, world->loop), 0);
	world->crtc = world->device->res.crtcs[0];
	world->connector = waybuf_kms_device_find_connector(world->device, "HDMI-A-1");
	ck_assert_ptr_nonnull(world->connector);
	world->primary = world->device->res.planes[0];
	world->overlay = world->device->res.planes[1];
	world->rich = world->device->res.planes[2];
}

void world_open(struct world *world)
{
	open_device(world, fake_drm_open());
}

void world_open_two(struct world *world)
{
	int fd = fake_drm_open();
	fake_drm_add_crtc();
	open_device(world, fd);
}

void world_close(struct world *world)
{
	waybuf_kms_device_destroy(world->device);
	waybuf_loop_destroy(world->loop);
	fake_drm_finish();
}

struct waybuf_layout world_layout(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	return (struct waybuf_layout){.generation = 1,
		.width = 1024,
		.height = 768,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 4096, .rows = 768}},
		.memory = {{.fd = fd, .kind = WAYBUF_MEMORY_DMABUF, .size = 4096 * 768}},
		.exporter = "memfd"};
}

struct waybuf_kms_fb *world_fb(struct world *world)
{
	struct waybuf_layout layout = world_layout();
	struct waybuf_kms_fb *fb;
	ck_assert_int_eq(waybuf_kms_fb_create(world->device, &layout, &fb, NULL, NULL), 0);
	close(layout.memory[0].fd);
	ck_assert_int_eq(fake_drm_open_handles(), 0);
	return fb;
}

void world_put(struct waybuf_kms_state *state, struct world *world, struct waybuf_kms_plane *plane,
	struct waybuf_kms_fb *fb)
{
	struct waybuf_kms_layer layer;
	struct waybuf_kms_why why = {0};
	waybuf_kms_layer_init(&layer, fb);
	int error = waybuf_kms_state_set_plane(state, plane, world->crtc, &layer, &why);
	ck_assert_msg(error == 0, "%s", why.text);
}

struct waybuf_kms_state *world_propose(struct world *world)
{
	struct waybuf_kms_state *state;
	ck_assert_int_eq(waybuf_kms_state_duplicate(world->device, &state), 0);
	return state;
}

int world_commit(struct world *world, struct waybuf_kms_state *state)
{
	struct waybuf_kms_commit_options options = {.listener = &world_listener, .data = world};
	int error = waybuf_kms_state_commit(state, &options, NULL, NULL);
	if (error)
		waybuf_kms_state_destroy(state);
	return error;
}

void world_light(struct world *world)
{
	struct waybuf_kms_state *state = world_propose(world);
	struct waybuf_kms_fb *fb = world_fb(world);
	ck_assert_int_eq(
		waybuf_kms_state_enable(state, world->connector, world->crtc, NULL, NULL), 0);
	world_put(state, world, world->primary, fb);
	waybuf_kms_fb_unref(fb);
	ck_assert_int_eq(world_commit(world, state), 0);
	fake_drm_vblank();
	waybuf_loop_dispatch(world->loop, 100);
	ck_assert_int_eq(world->flips, 1);
	world->flips = 0;
}
