/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "fail_call.h"
#include "kms_fixture.h"

/*
 * A display is opened, lit, changed and given back, again and again, and each time the next call of
 * the kernel fails, libdrm's among them. It must end in an error, and leave no fd behind: of what
 * the device's own file holds, its end takes care.
 */

struct show {
	struct waybuf_loop *loop;
	struct waybuf_kms_device *device;
	struct waybuf_kms_connector *connector;
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_plane *primary;
	struct waybuf_kms_dumb *picture;
	unsigned flips;
	int error; /* the first one */
};

static void on_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct show *show = data;
	show->flips++;
}

static void on_captured(
	void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing)
{
}

static const struct waybuf_kms_listener listener = {on_flipped, on_captured};

static bool ok(struct show *show, int error)
{
	if (error < 0 && show->error == 0)
		show->error = error;
	return error >= 0;
}

static struct waybuf_kms_connector *find_connected(const struct waybuf_kms_device *device)
{
	for (uint32_t i = 0; i < device->res.n_connectors; i++) {
		struct waybuf_kms_connector *connector = device->res.connectors[i];
		if (connector->connected && !connector->writeback)
			return connector;
	}
	return NULL;
}

static bool open_show(struct show *show, const char *path)
{
	struct waybuf_kms_why why = {0};
	if (!ok(show, waybuf_loop_create_epoll(&show->loop)) ||
		!ok(show, waybuf_kms_device_open(path, WAYBUF_KMS_MASTER, &show->device, &why)) ||
		!ok(show, waybuf_kms_device_watch(show->device, show->loop)))
		return false;
	show->connector = find_connected(show->device);
	if (!show->connector)
		return ok(show, -ENOENT);
	show->crtc = waybuf_kms_state_pick_crtc(show->device->current, show->connector);
	if (!show->crtc)
		return ok(show, -ENODEV);
	show->primary = waybuf_kms_state_pick_plane(
		show->device->current, show->crtc, DRM_PLANE_TYPE_PRIMARY);
	if (!show->primary)
		return ok(show, -ENODEV);
	const drmModeModeInfo *mode = waybuf_kms_connector_preferred_mode(show->connector);
	return ok(show,
		waybuf_kms_dumb_create(show->device, mode->hdisplay, mode->vdisplay,
			DRM_FORMAT_XRGB8888, &show->picture, &why));
}

static int fill_state(struct show *show, struct waybuf_kms_state *state)
{
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_layer layer;
	int error = 0;
	if (!state->crtcs[show->crtc->index].active)
		error = waybuf_kms_state_enable(state, show->connector, show->crtc, NULL, &why);
	waybuf_kms_layer_init(&layer, show->picture->fb);
	return error < 0
		? error
		: waybuf_kms_state_set_plane(state, show->primary, show->crtc, &layer, &why);
}

static bool flip(struct show *show)
{
	const struct waybuf_kms_commit_options options = {.listener = &listener, .data = show};
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_state *state;
	unsigned before = show->flips;
	if (!ok(show, waybuf_kms_state_duplicate(show->device, &state)))
		return false;
	int error = fill_state(show, state);
	if (error == 0)
		error = waybuf_kms_state_commit(state, &options, NULL, &why);
	if (!ok(show, error)) {
		waybuf_kms_state_destroy(state);
		return false;
	}
	for (int i = 0; i < 200 && show->flips == before; i++)
		waybuf_loop_dispatch(show->loop, 10);
	return show->flips > before || ok(show, -ETIMEDOUT);
}

static void close_show(struct show *show)
{
	waybuf_kms_dumb_destroy(show->picture);
	waybuf_kms_device_destroy(show->device);
	waybuf_loop_destroy(show->loop);
}

TEST(every_call_may_fail)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	const char *path = find_vkms(), *call;
	unsigned n = 0, failures = 0;
	do {
		struct show show = {0};
		int fds = harness_count_fds();
		n++;
		fail_call_at(n, errors[n % 3]);
		bool shown = open_show(&show, path) && flip(&show) && flip(&show);
		call = fail_call_happened();
		fail_call_at(0, 0);
		close_show(&show);
		ck_assert_msg(shown || call, "without a reason: %s", strerror(-show.error));
		ck_assert_msg(
			shown || show.error > -200, "call %u, %s: error %d", n, call, show.error);
		ck_assert_msg(harness_count_fds() == fds, "call %u, %s: an fd was lost", n, call);
		failures += !shown;
		ck_assert_uint_lt(n, 2000);
	} while (call);
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_gt(failures, 10);
}

TEST_TIMEOUT(100)
TEST_MAIN("kms-call-failures")
