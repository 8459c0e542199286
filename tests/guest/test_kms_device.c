/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kms/probe.h"
#include "kms/restore.h"
#include "kms/writeback.h"
#include "kms_fixture.h"

TEST(describes_vkms)
{
	struct waybuf_kms_device *device;
	const char *path = find_vkms();
	ck_assert_int_eq(waybuf_kms_device_open(path, WAYBUF_KMS_INSPECT, &device, NULL), 0);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(device->rdev, st.st_rdev);
	ck_assert_str_eq(device->path, path);
	ck_assert_str_eq(device->driver, "vkms");
	ck_assert(device->caps.atomic && device->caps.writeback && device->caps.modifiers);
	ck_assert(device->caps.prime_import && device->caps.prime_export && device->caps.dumb);
	ck_assert(device->caps.monotonic);
	ck_assert_uint_gt(device->caps.cursor_width, 0);
	ck_assert_uint_ge(device->res.n_crtcs, 1);
	ck_assert_uint_ge(device->res.n_planes, 1);
	ck_assert_ptr_nonnull(waybuf_kms_device_find_connector(device, "Virtual-1"));
	ck_assert_ptr_null(waybuf_kms_device_find_connector(device, "Virtual-99"));
	waybuf_kms_device_destroy(device);
}

TEST(reads_planes_and_modes)
{
	struct display display;
	display_open(&display);
	struct waybuf_kms_plane *plane = display.primary;
	ck_assert(waybuf_kms_formats_have(
		&plane->formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	ck_assert(
		waybuf_kms_formats_have(&plane->formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_INVALID));
	ck_assert(!waybuf_kms_formats_have(
		&plane->formats, DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED));
	ck_assert(!plane->formats.implicit);
	ck_assert(waybuf_kms_prop_known(&plane->props[WAYBUF_KMS_PLANE_IN_FENCE_FD]));
	ck_assert(!waybuf_kms_prop_known(&plane->props[WAYBUF_KMS_PLANE_ZPOS]));
	ck_assert(waybuf_kms_prop_has_bits(&plane->props[WAYBUF_KMS_PLANE_ROTATION],
		DRM_MODE_ROTATE_180 | DRM_MODE_REFLECT_X));
	uint64_t value;
	ck_assert(waybuf_kms_prop_enum_value(
		&plane->props[WAYBUF_KMS_PLANE_COLOR_ENCODING], "ITU-R BT.709 YCbCr", &value));
	ck_assert_uint_eq(value, 1);
	const drmModeModeInfo *mode = waybuf_kms_connector_preferred_mode(display.connector);
	ck_assert_uint_ge(waybuf_kms_mode_refresh(mode), 50000);
	ck_assert_uint_le(waybuf_kms_mode_refresh(mode), 90000);
	struct waybuf_kms_connector *writeback =
		waybuf_kms_writeback_find(display.device, display.crtc);
	ck_assert_ptr_nonnull(writeback);
	ck_assert(waybuf_kms_formats_have(
		&writeback->formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	display_close(&display);
}

TEST(second_master_is_refused)
{
	struct display display;
	struct waybuf_kms_device *second = NULL;
	struct waybuf_kms_why why = {0};
	display_open(&display);
	ck_assert_int_eq(
		waybuf_kms_device_open(display.device->path, WAYBUF_KMS_MASTER, &second, &why),
		-EBUSY);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(why.text, "another program holds the display"));
	ck_assert_ptr_nonnull(strstr(why.text, display.device->path));
	/* looking is allowed, and leaves the master alone */
	ck_assert_int_eq(
		waybuf_kms_device_open(display.device->path, WAYBUF_KMS_INSPECT, &second, &why), 0);
	ck_assert(!second->master);
	waybuf_kms_device_destroy(second);
	ck_assert(waybuf_kms_device_check_master(display.device));
	display_close(&display);
	display_open(&display);
	display_close(&display);
}

TEST(inspection_leaves_the_display_free)
{
	struct waybuf_kms_device *looker;
	ck_assert_int_eq(waybuf_kms_device_open(find_vkms(), WAYBUF_KMS_INSPECT, &looker, NULL), 0);
	struct display display;
	display_open(&display);
	ck_assert(display.device->master);
	display_close(&display);
	waybuf_kms_device_destroy(looker);
}

TEST(what_is_no_display_is_refused_with_a_reason)
{
	struct waybuf_kms_device *device;
	struct waybuf_kms_why why = {0};
	find_vkms();
	ck_assert_int_eq(
		waybuf_kms_device_open("/dev/dri/card99", WAYBUF_KMS_MASTER, &device, &why),
		-ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "/dev/dri/card99"));
	ck_assert_int_eq(
		waybuf_kms_device_open("/dev/null", WAYBUF_KMS_MASTER, &device, &why), -ENOTTY);
	ck_assert_ptr_nonnull(strstr(why.text, "not a DRM device"));
	setenv("WAYBUF_DRM_DEVICE", "/dev/dri/card98", 1);
	ck_assert_int_eq(waybuf_kms_device_open(NULL, WAYBUF_KMS_MASTER, &device, &why), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why.text, "/dev/dri/card98"));
	unsetenv("WAYBUF_DRM_DEVICE");
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_lt(
		waybuf_kms_device_create(fds[0], NULL, WAYBUF_KMS_MASTER, &device, &why), 0);
	close(fds[1]);
}

TEST(search_finds_the_display)
{
	const char *path = find_vkms();
	struct waybuf_kms_device *device;
	ck_assert_int_eq(waybuf_kms_device_open(NULL, WAYBUF_KMS_MASTER, &device, NULL), 0);
	ck_assert_str_eq(device->path, path);
	waybuf_kms_device_destroy(device);
}

/* What a program left on the screen before us. */
static void snapshot(struct waybuf_kms_device *device, uint32_t *mode, uint64_t *fb, bool *active)
{
	struct waybuf_kms_resources fresh;
	ck_assert_int_eq(waybuf_kms_resources_init(&fresh, device->fd, false), 0);
	*active = fresh.crtcs[0]->props[WAYBUF_KMS_CRTC_ACTIVE].value;
	*fb = fresh.planes[0]->props[WAYBUF_KMS_PLANE_FB_ID].value;
	*mode = 0;
	void *data;
	size_t size;
	if (waybuf_kms_blob_read(device->fd,
		    (uint32_t)fresh.crtcs[0]->props[WAYBUF_KMS_CRTC_MODE_ID].value, &data,
		    &size) == 0) {
		*mode = ((drmModeModeInfo *)data)->hdisplay;
		free(data);
	}
	waybuf_kms_resources_finish(&fresh);
}

TEST(restores_a_display_that_was_off)
{
	struct display display;
	struct waybuf_kms_restore *restore;
	struct waybuf_kms_dumb *dumb;
	uint32_t mode;
	uint64_t fb;
	bool active;
	display_open(&display);
	/* whatever an earlier program left there: the first commit sets all, here to off */
	struct waybuf_kms_state *off;
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &off), 0);
	ck_assert_int_eq(waybuf_kms_state_commit(off, NULL, NULL, NULL), 0);
	snapshot(display.device, &mode, &fb, &active);
	ck_assert(!active);
	ck_assert_int_eq(waybuf_kms_restore_save(display.device, &restore), 0);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	display_show(&display, dumb->fb);
	snapshot(display.device, &mode, &fb, &active);
	ck_assert(active);
	ck_assert_uint_eq(mode, display.width);
	ck_assert_uint_eq(fb, dumb->fb->id);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	snapshot(display.device, &mode, &fb, &active);
	ck_assert(!active);
	ck_assert_uint_eq(mode, 0);
	ck_assert_uint_eq(fb, 0);
	waybuf_kms_restore_destroy(restore);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

/* The first program shows something and steps back; the second must leave it as it was. */
TEST(restores_what_another_program_showed)
{
	struct display first, second;
	struct waybuf_kms_restore *restore;
	struct waybuf_kms_dumb *dumb, *other;
	uint32_t mode, mode_after;
	uint64_t fb, fb_after;
	bool active;
	display_open(&first);
	ck_assert_int_eq(
		waybuf_kms_dumb_create(first.device, 800, 600, DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	struct waybuf_kms_state *state;
	struct waybuf_kms_layer layer;
	const drmModeModeInfo *small = NULL;
	for (uint32_t i = 0; i < first.connector->n_modes; i++) {
		if (first.connector->modes[i].hdisplay == 800)
			small = &first.connector->modes[i];
	}
	ck_assert_ptr_nonnull(small);
	ck_assert_int_eq(waybuf_kms_state_duplicate(first.device, &state), 0);
	ck_assert_int_eq(
		waybuf_kms_state_enable(state, first.connector, first.crtc, small, NULL), 0);
	waybuf_kms_layer_init(&layer, dumb->fb);
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, first.primary, first.crtc, &layer, NULL), 0);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	ck_assert_int_eq(drmDropMaster(first.device->fd), 0);

	display_open(&second);
	ck_assert_int_eq(waybuf_kms_restore_save(second.device, &restore), 0);
	snapshot(second.device, &mode, &fb, &active);
	ck_assert_uint_eq(mode, 800);
	ck_assert_int_eq(waybuf_kms_dumb_create(second.device, second.width, second.height,
				 DRM_FORMAT_XRGB8888, &other, NULL),
		0);
	display_show(&second, other->fb);
	snapshot(second.device, &mode_after, &fb_after, &active);
	ck_assert_uint_eq(mode_after, second.width);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	snapshot(second.device, &mode_after, &fb_after, &active);
	ck_assert(active);
	ck_assert_uint_eq(mode_after, 800);
	ck_assert_uint_eq(fb_after, fb);
	waybuf_kms_restore_destroy(restore);
	waybuf_kms_dumb_destroy(other);
	display_close(&second);

	/* and once more, when the first one's picture is gone by the end */
	display_open(&second);
	ck_assert_int_eq(waybuf_kms_restore_save(second.device, &restore), 0);
	ck_assert_int_eq(waybuf_kms_dumb_create(second.device, second.width, second.height,
				 DRM_FORMAT_XRGB8888, &other, NULL),
		0);
	display_show(&second, other->fb);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&first);
	struct waybuf_kms_why why = {0};
	int error = waybuf_kms_restore_apply(restore, &why);
	ck_assert_msg(error == 0, "%s", why.text);
	snapshot(second.device, &mode_after, &fb_after, &active);
	ck_assert_uint_eq(mode_after, 800);
	ck_assert_uint_eq(fb_after, 0);
	waybuf_kms_restore_destroy(restore);
	waybuf_kms_dumb_destroy(other);
	display_close(&second);
}

TEST(without_master_nothing_is_committed)
{
	struct display display;
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_state *state;
	display_open(&display);
	ck_assert_int_eq(drmDropMaster(display.device->fd), 0);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, &why), -EACCES);
	ck_assert_ptr_nonnull(strstr(why.text, "master"));
	ck_assert(!display.device->master);
	waybuf_kms_state_destroy(state);
	display_close(&display);
}

TEST(refresh_makes_older_states_stale)
{
	struct display display;
	struct waybuf_kms_state *state;
	bool changed;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	ck_assert_int_eq(waybuf_kms_device_refresh(display.device, true, &changed), 0);
	ck_assert(!changed);
	waybuf_kms_device_invalidate(display.device);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), -ESTALE);
	waybuf_kms_state_destroy(state);
	display_close(&display);
}

TEST_MAIN("kms-device")
