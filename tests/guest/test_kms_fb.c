/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>
#include <waybuf/constraints.h>
#include <xf86drmMode.h>

#include "kms/probe.h"
#include "kms_fixture.h"

static void expect_refusal(struct display *display, const struct waybuf_layout *layout,
	enum waybuf_kms_refusal refusal, const char *text)
{
	struct waybuf_kms_fb *fb = NULL;
	struct waybuf_kms_why why = {0};
	enum waybuf_kms_refusal found = WAYBUF_KMS_ACCEPTED;
	int error = waybuf_kms_fb_create(display->device, layout, &fb, &found, &why);
	ck_assert_int_lt(error, 0);
	ck_assert_ptr_null(fb);
	ck_assert_msg(found == refusal, "%s, not %s: %s", waybuf_kms_refusal_name(found),
		waybuf_kms_refusal_name(refusal), why.text);
	ck_assert_msg(strstr(why.text, text), "\"%s\" does not say \"%s\"", why.text, text);
	ck_assert_uint_eq(waybuf_gem_handles_count(display->device->handles), 0);
}

TEST(bad_layouts_are_refused_with_a_reason)
{
	struct display display;
	display_open(&display);
	struct waybuf_layout good = make_layout(FROM_HEAP, 640, 480, DRM_FORMAT_XRGB8888);
	struct waybuf_layout bad = good;
	bad.planes[0].stride = 640 * 4 - 1;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "less than a row");
	bad = good;
	bad.planes[0].stride = UINT32_MAX;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "do not fit");
	bad = good;
	bad.planes[0].offset = 4096;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "do not fit");
	bad = good;
	bad.planes[0].offset = UINT32_MAX;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "is beyond");
	bad = good;
	bad.planes[0].slot = 1;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "memory 1 of 1");
	bad = good;
	bad.width = 0;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "0 x 480");
	bad = good;
	bad.n_planes = 5;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "5 planes");
	bad = good;
	bad.format = DRM_FORMAT_NV12;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "not a NV12 image");
	bad = good;
	bad.n_memory = 0;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_LAYOUT, "0 memories");
	close(good.memory[0].fd);
	display_close(&display);
}

TEST(formats_and_sizes_are_refused_with_a_reason)
{
	struct display display;
	display_open(&display);
	struct waybuf_layout good = make_layout(FROM_HEAP, 640, 480, DRM_FORMAT_XRGB8888);
	struct waybuf_layout bad = good;
	bad.modifier = I915_FORMAT_MOD_X_TILED;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_FORMAT, "no plane of vkms takes XR24");
	bad = good;
	bad.format = DRM_FORMAT_XRGB2101010;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_FORMAT, "no plane of vkms takes XR30");
	bad = good;
	bad.width = 4;
	bad.height = 4;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_SIZE, "4 x 4 is outside");
	/* the size claimed may be larger than the dma-buf is: then the driver finds out */
	bad = good;
	bad.height = 4800;
	bad.memory[0].size = UINT64_C(1) << 40;
	expect_refusal(&display, &bad, WAYBUF_KMS_BAD_PITCH, "makes no framebuffer");
	close(good.memory[0].fd);
	display_close(&display);
}

TEST(memory_that_is_no_dmabuf_is_refused)
{
	struct display display;
	display_open(&display);
	struct waybuf_layout good = make_layout(FROM_HEAP, 640, 480, DRM_FORMAT_XRGB8888);
	struct waybuf_layout bad = good;
	bad.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	expect_refusal(&display, &bad, WAYBUF_KMS_NO_DMABUF, "not a dma-buf");
	/* and one that lies about it */
	bad = good;
	bad.memory[0].fd = memfd_create("liar", MFD_CLOEXEC);
	expect_refusal(&display, &bad, WAYBUF_KMS_UNREACHABLE, "cannot reach memory 0");
	close(bad.memory[0].fd);
	bad.memory[0].fd = -1;
	expect_refusal(&display, &bad, WAYBUF_KMS_UNREACHABLE, "cannot reach memory 0");
	close(good.memory[0].fd);
	display_close(&display);
}

TEST(framebuffers_outlive_the_fds_and_the_references)
{
	struct display display;
	display_open(&display);
	struct waybuf_layout layout =
		make_layout(FROM_HEAP, display.width, display.height, DRM_FORMAT_XRGB8888);
	draw_on(&layout, draw_pattern);
	struct waybuf_kms_fb *fb;
	ck_assert_int_eq(waybuf_kms_fb_create(display.device, &layout, &fb, NULL, NULL), 0);
	close(layout.memory[0].fd);
	display_show(&display, fb);
	/* the last reference of a state that is current; what is on screen must stay */
	waybuf_kms_fb_unref(fb);
	struct waybuf_kms_dumb *picture = display_capture(&display);
	ck_assert_uint_eq(pixel_at(picture, 77, 33), pattern_at(77, 33));
	waybuf_kms_dumb_destroy(picture);
	waybuf_kms_device_invalidate(display.device);
	display_close(&display);
}

TEST(same_dmabuf_twice_is_one_handle)
{
	struct display display;
	struct waybuf_gem_handles *table, *again;
	uint32_t a, b, c;
	display_open(&display);
	int fd = make_dmabuf(FROM_HEAP, 4096), other = make_dmabuf(FROM_HEAP, 4096);
	ck_assert_int_eq(waybuf_gem_handles_create(display.device->fd, &table), 0);
	int copy = dup(display.device->fd);
	ck_assert_int_eq(waybuf_gem_handles_create(copy, &again), 0);
	close(copy);
	ck_assert_ptr_eq(table, again);
	ck_assert_ptr_eq(table, display.device->handles);
	ck_assert_int_eq(waybuf_gem_handles_import(table, fd, &a), 0);
	ck_assert_int_eq(waybuf_gem_handles_import(again, fd, &b), 0);
	ck_assert_int_eq(waybuf_gem_handles_import(again, other, &c), 0);
	ck_assert_uint_eq(a, b);
	ck_assert_uint_ne(a, c);
	ck_assert_uint_eq(waybuf_gem_handles_count(table), 2);
	waybuf_gem_handles_drop(table, a);
	/* the handle still works for the other holder */
	int exported = -1;
	ck_assert_int_eq(waybuf_gem_handles_export(table, b, &exported), 0);
	close(exported);
	waybuf_gem_handles_drop(table, b);
	ck_assert_int_eq(waybuf_gem_handles_export(table, b, &exported), -ENOENT);
	waybuf_gem_handles_drop(table, c);
	waybuf_gem_handles_unref(table);
	waybuf_gem_handles_unref(again);
	close(fd);
	close(other);
	/* another open of the node is another table */
	struct waybuf_kms_device *looker;
	ck_assert_int_eq(
		waybuf_kms_device_open(display.device->path, WAYBUF_KMS_INSPECT, &looker, NULL), 0);
	ck_assert_ptr_ne(looker->handles, display.device->handles);
	waybuf_kms_device_destroy(looker);
	display_close(&display);
}

TEST(probe_finds_and_remembers)
{
	struct display display;
	struct waybuf_kms_why why = {0};
	enum waybuf_kms_refusal refusal;
	display_open(&display);
	struct waybuf_layout layout = make_layout(FROM_HEAP, 320, 240, DRM_FORMAT_XRGB8888);
	/* nothing is on yet: the probe must not change that */
	int error = waybuf_kms_probe(
		display.device, display.primary, display.crtc, &layout, &refusal, &why);
	ck_assert_msg(error == 0, "%d %s", error, why.text);
	ck_assert_int_eq(refusal, WAYBUF_KMS_ACCEPTED);
	ck_assert(!display.device->current->crtcs[display.crtc->index].active);
	uint64_t hits = waybuf_kms_probe_cache_hits(display.device->probes);
	layout.width = 316; /* the same class */
	ck_assert_int_eq(waybuf_kms_probe(display.device, display.primary, display.crtc, &layout,
				 &refusal, &why),
		0);
	ck_assert_uint_eq(waybuf_kms_probe_cache_hits(display.device->probes), hits + 1);
	layout.exporter = "other"; /* another kind of memory */
	ck_assert_int_eq(waybuf_kms_probe(display.device, display.primary, display.crtc, &layout,
				 &refusal, &why),
		0);
	ck_assert_uint_eq(waybuf_kms_probe_cache_hits(display.device->probes), hits + 1);

	/* a refusal is remembered with its reason */
	layout.modifier = I915_FORMAT_MOD_X_TILED;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_lt(waybuf_kms_probe(display.device, display.primary, display.crtc,
					 &layout, &refusal, &why),
			0);
		ck_assert_int_eq(refusal, WAYBUF_KMS_BAD_FORMAT);
		ck_assert_ptr_nonnull(strstr(why.text, "no plane of vkms takes"));
		why.text[0] = 0;
	}
	ck_assert_uint_eq(waybuf_kms_probe_cache_hits(display.device->probes), hits + 2);
	/* a broken layout is not: it says nothing about the next one */
	layout.modifier = DRM_FORMAT_MOD_LINEAR;
	layout.planes[0].stride = 1;
	ck_assert_int_lt(waybuf_kms_probe(display.device, display.primary, display.crtc, &layout,
				 &refusal, &why),
		0);
	ck_assert_int_eq(refusal, WAYBUF_KMS_BAD_LAYOUT);
	close(layout.memory[0].fd);
	display_close(&display);
}

/* Without a look at the kernel, and so only while the CRTC is known to be on. */
TEST(probe_that_is_remembered_of_a_lit_crtc)
{
	struct display display;
	struct waybuf_kms_why why = {0};
	drmModeModeInfo mode;
	display_open(&display);
	struct waybuf_layout layout = make_layout(FROM_HEAP, 640, 480, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(waybuf_kms_probe(display.device, display.primary, display.crtc, &layout,
				 NULL, &why),
		0);
	ck_assert(!waybuf_kms_probe_took(display.device, display.primary, display.crtc, &layout));
	mode = display.connector->modes[0];
	ck_assert_int_eq(
		waybuf_kms_state_set_mode(display.device->current, display.crtc, &mode), 0);
	ck_assert_int_eq(waybuf_kms_probe(display.device, display.primary, display.crtc, &layout,
				 NULL, &why),
		0);
	uint64_t hits = waybuf_kms_probe_cache_hits(display.device->probes);
	ck_assert(waybuf_kms_probe_took(display.device, display.primary, display.crtc, &layout));
	ck_assert_uint_eq(waybuf_kms_probe_cache_hits(display.device->probes), hits + 1);
	layout.planes[0].stride = 1;
	ck_assert(!waybuf_kms_probe_took(display.device, display.primary, display.crtc, &layout));
	waybuf_kms_state_set_mode(display.device->current, display.crtc, NULL);
	close(layout.memory[0].fd);
	display_close(&display);
}

TEST(plane_constraints_name_what_the_driver_says)
{
	struct display display;
	struct waybuf_constraints *set;
	char *text = NULL;
	size_t size;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_plane_constraints(display.device, display.primary, &set), 0);
	ck_assert_uint_eq(
		waybuf_constraints_access(set), WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT);
	FILE *out = open_memstream(&text, &size);
	waybuf_constraints_print(set, out);
	fclose(out);
	ck_assert_msg(
		strstr(text, "XR24") && strstr(text, "NV12") && strstr(text, "LINEAR"), "%s", text);
	/* all formats go with the same modifier: one alternative */
	char *first = strstr(text, "LINEAR");
	ck_assert_msg(!strstr(first + 1, "LINEAR"), "%s", text);
	free(text);
	waybuf_constraints_unref(set);
	display_close(&display);
}

TEST_MAIN("kms-fb")
