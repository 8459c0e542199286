/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <xf86drmMode.h>

#include "harness.h"
#include "kms/assign.h"

/*
 * Layers in, planes out. The display is made by hand, and so is what it refuses: a test function
 * that looks at the picture, as a driver does.
 */

enum { N_PLANES = 5, MOST = 24 };

struct display {
	struct waybuf_kms_device device;
	struct waybuf_kms_plane planes[N_PLANES], *list[N_PLANES];
	struct waybuf_kms_crtc crtc;
	struct waybuf_kms_pair pairs[2];
	struct waybuf_kms_assigner *assigner;
	struct waybuf_kms_fb fb, nv12;
	struct waybuf_kms_place places[MOST];
	struct waybuf_kms_picture picture;
	int tests;
	/* what the device refuses; NULL: nothing */
	int (*judge)(const struct waybuf_kms_picture *picture);
};

static int run_test(
	void *data, const struct waybuf_kms_picture *picture, struct waybuf_kms_why *why)
{
	struct display *display = data;
	display->tests++;
	int ret = display->judge ? display->judge(picture) : 0;
	if (ret < 0)
		waybuf_kms_why_set(why, "so it is");
	return ret;
}

static const struct waybuf_kms_assigner_ops ops = {.test = run_test};

static void plane_init(struct display *display, uint32_t index, uint32_t type)
{
	display->planes[index] = (struct waybuf_kms_plane){
		.id = 30 + index,
		.index = index,
		.type = type,
		.possible_crtcs = 1,
		.formats = {.pairs = display->pairs, .n = 2},
	};
	display->list[index] = &display->planes[index];
}

/* Like vkms: a primary plane, three overlays, a cursor. 100 x 100, a cursor of 16 x 16. */
static void display_init(struct display *display)
{
	*display = (struct display){
		.pairs = {{DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR},
			{DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR}},
		.fb = {.format = DRM_FORMAT_XRGB8888, .width = 100, .height = 100},
		.nv12 = {.format = DRM_FORMAT_NV12, .width = 100, .height = 100},
		.crtc = {.id = 7},
	};
	plane_init(display, 0, DRM_PLANE_TYPE_PRIMARY);
	for (uint32_t i = 1; i < 4; i++)
		plane_init(display, i, DRM_PLANE_TYPE_OVERLAY);
	plane_init(display, 4, DRM_PLANE_TYPE_CURSOR);
	display->device.res.planes = display->list;
	display->device.res.n_planes = N_PLANES;
	display->device.caps.cursor_width = display->device.caps.cursor_height = 16;
	display->picture = (struct waybuf_kms_picture){.device = &display->device,
		.crtc = &display->crtc,
		.primary = &display->planes[0],
		.width = 100,
		.height = 100,
		.places = display->places};
	ck_assert_int_eq(waybuf_kms_assigner_create(&ops, display, &display->assigner), 0);
}

static void display_finish(struct display *display)
{
	waybuf_kms_assigner_destroy(display->assigner);
}

/* Below those that are there. */
static void add(struct display *display, struct waybuf_kms_fb *fb, int32_t x, int32_t y,
	uint32_t width, uint32_t height)
{
	ck_assert_uint_lt(display->picture.n_places, MOST);
	struct waybuf_kms_place *place = &display->places[display->picture.n_places++];
	*place = (struct waybuf_kms_place){.opaque = true};
	waybuf_kms_layer_init(&place->layer, fb);
	place->layer.x = x;
	place->layer.y = y;
	place->layer.w = width;
	place->layer.h = height;
}

static void restart(struct display *display)
{
	display->picture.n_places = 0;
	display->tests = 0;
}

static bool assign(struct display *display)
{
	return waybuf_kms_assign(display->assigner, &display->picture);
}

/* The index of its plane, -1 if it is composed. */
static int plane_of(const struct display *display, uint32_t place)
{
	const struct waybuf_kms_plane *plane = display->places[place].plane;
	return plane ? (int)plane->index : -1;
}

TEST(one_that_fills_is_on_the_primary_plane)
{
	struct display display;
	display_init(&display);
	add(&display, &display.fb, 0, 0, 100, 100);
	ck_assert(assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 0);
	ck_assert_ptr_null(display.places[0].reason);
	ck_assert_int_eq(display.tests, 1);
	/* one that does not is on an overlay, and black is below it */
	restart(&display);
	add(&display, &display.fb, 10, 10, 50, 50);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	/* nothing at all needs no plane and no test */
	restart(&display);
	ck_assert(!assign(&display));
	ck_assert_int_eq(display.tests, 0);
	display_finish(&display);
}

/* Planes that cannot turn or fade are not asked to. */
TEST(what_no_plane_has_needs_no_test)
{
	struct display display;
	display_init(&display);
	add(&display, &display.fb, 0, 0, 50, 50);
	add(&display, &display.fb, 50, 50, 50, 50);
	display.places[0].layer.rotation = DRM_MODE_ROTATE_90;
	display.places[1].layer.alpha = 0x8000;
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), -1);
	ck_assert_int_eq(plane_of(&display, 1), -1);
	ck_assert_str_eq(display.places[0].reason, "no plane that is left turns it");
	ck_assert_str_eq(display.places[1].reason, "no plane that is left has alpha");
	ck_assert_int_eq(display.tests, 0);
	display_finish(&display);
}

TEST(layers_stack_as_planes_do)
{
	struct display display;
	display_init(&display);
	add(&display, &display.fb, 0, 0, 16, 16);
	add(&display, &display.fb, 0, 0, 60, 60);
	add(&display, &display.nv12, 30, 30, 60, 60);
	add(&display, &display.fb, 50, 50, 20, 20);
	add(&display, &display.fb, 0, 0, 100, 100);
	ck_assert(assign(&display));
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(plane_of(&display, (uint32_t)i), 4 - i);
	ck_assert_int_eq(display.tests, 1);
	display_finish(&display);
}

TEST(what_is_composed_covers_what_is_below)
{
	struct display display;
	display_init(&display);
	add(&display, &display.fb, 0, 0, 20, 20);
	add(&display, NULL, 10, 10, 20, 20);
	display.places[1].reason = "mine";
	add(&display, &display.fb, 25, 25, 20, 20);
	add(&display, &display.fb, 60, 60, 20, 20);
	add(&display, &display.fb, 40, 40, 5,
		5); /* touches the third one alone, which is composed */
	add(&display, &display.fb, 0, 0, 100, 100);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	ck_assert_int_eq(plane_of(&display, 2), -1);
	ck_assert_str_eq(display.places[2].reason, "something composed covers it");
	ck_assert_int_eq(plane_of(&display, 3), 2);
	ck_assert_int_eq(plane_of(&display, 4), -1);
	ck_assert_int_eq(plane_of(&display, 5), -1);
	/* what the caller has to say stays, the next time, too */
	ck_assert_str_eq(display.places[1].reason, "mine");
	display.places[1].reason = "still mine";
	ck_assert(!assign(&display));
	ck_assert_str_eq(display.places[1].reason, "still mine");
	display_finish(&display);
}

TEST(planes_run_out)
{
	struct display display;
	display_init(&display);
	for (int i = 0; i < 5; i++)
		add(&display, &display.fb, 0, 0, 50, 50);
	ck_assert(!assign(&display));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(plane_of(&display, (uint32_t)i), 3 - i);
	for (uint32_t i = 3; i < 5; i++) {
		ck_assert_int_eq(plane_of(&display, i), -1);
		ck_assert_ptr_nonnull(display.places[i].reason);
	}
	/* a format that no plane takes is told from a lack of planes */
	restart(&display);
	display.fb.format = DRM_FORMAT_RGB565;
	add(&display, &display.fb, 0, 0, 50, 50);
	ck_assert(!assign(&display));
	ck_assert_str_eq(display.places[0].reason, "no plane that is left takes its format");
	ck_assert_int_eq(display.tests, 0);
	display_finish(&display);
}

/* Those that overlap need planes in their order, others do not. */
TEST(order_holds_where_layers_overlap)
{
	struct display display;
	display_init(&display);
	display.planes[2].formats.n = display.planes[3].formats.n = 1;
	/* only the lowest overlay takes YUV */
	add(&display, &display.nv12, 0, 0, 40, 40);
	add(&display, &display.fb, 50, 50, 40, 40);
	add(&display, &display.fb, 20, 20, 40, 40);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 1);
	ck_assert_int_eq(plane_of(&display, 1), 3);
	ck_assert_int_eq(plane_of(&display, 2), -1);
	display_finish(&display);
}

TEST(zpos_decides_where_it_is_known)
{
	struct display display;
	display_init(&display);
	static const uint64_t zpos[N_PLANES] = {1, 3, 2, 0, 4};
	for (int i = 0; i < N_PLANES; i++)
		display.planes[i].props[WAYBUF_KMS_PLANE_ZPOS] =
			(struct waybuf_kms_prop){.id = 99, .value = zpos[i]};
	for (int i = 0; i < 3; i++)
		add(&display, &display.fb, 0, 0, 50, 50);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 1);
	ck_assert_int_eq(plane_of(&display, 1), 2);
	/* the third overlay is below the image of what is composed */
	ck_assert_int_eq(plane_of(&display, 2), -1);
	display_finish(&display);
}

/* No scaling, as vkms. */
static int refuse_scaled(const struct waybuf_kms_picture *picture)
{
	for (uint32_t i = 0; i < picture->n_places; i++) {
		const struct waybuf_kms_layer *layer = &picture->places[i].layer;
		if (picture->places[i].plane && layer->src_w >> 16 != layer->w)
			return -ERANGE;
	}
	return 0;
}

TEST(a_refusal_keeps_its_reason_and_harms_nobody)
{
	struct display display;
	display_init(&display);
	display.judge = refuse_scaled;
	add(&display, &display.fb, 0, 0, 100, 50);
	add(&display, &display.fb, 0, 50, 50, 50); /* scaled */
	add(&display, &display.fb, 60, 60, 100, 100);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	ck_assert_int_eq(plane_of(&display, 1), -1);
	ck_assert_str_eq(display.places[1].reason, "the display refuses it");
	ck_assert_str_eq(display.places[1].why.text, "so it is");
	ck_assert_int_eq(plane_of(&display, 2), 2);
	ck_assert_int_le(display.tests, WAYBUF_KMS_ASSIGN_TESTS);
	display_finish(&display);
}

/* The primary plane must show what is composed: it has another format there than the client's. */
static int refuse_client_on_primary(const struct waybuf_kms_picture *picture)
{
	for (uint32_t i = 0; i < picture->n_places; i++)
		if (picture->places[i].plane == picture->primary)
			return -EINVAL;
	return 0;
}

TEST(a_primary_plane_that_refuses_has_overlays_above)
{
	struct display display;
	display_init(&display);
	display.judge = refuse_client_on_primary;
	add(&display, &display.fb, 0, 0, 50, 50);
	add(&display, &display.fb, 0, 0, 100, 100);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	ck_assert_int_eq(plane_of(&display, 1), 2);
	display_finish(&display);
}

static int refuse_all(const struct waybuf_kms_picture *picture)
{
	return -EINVAL;
}

TEST(the_budget_is_kept)
{
	struct display display;
	display_init(&display);
	display.judge = refuse_all;
	for (int i = 0; i < MOST; i++)
		add(&display, &display.fb, i * 4, 0, 4, 4);
	ck_assert(!assign(&display));
	ck_assert_int_eq(display.tests, WAYBUF_KMS_ASSIGN_TESTS);
	for (uint32_t i = 0; i < MOST; i++)
		ck_assert_int_eq(plane_of(&display, i), -1);
	ck_assert_str_eq(display.places[0].reason, "the display refuses it");
	ck_assert_str_eq(display.places[MOST - 1].reason, "too many tests were needed");
	display_finish(&display);
}

TEST(an_answer_is_good_until_something_changes)
{
	struct display display;
	struct waybuf_kms_fb other;
	display_init(&display);
	display.judge = refuse_scaled;
	other = display.fb;
	add(&display, &display.fb, 0, 0, 100, 100);
	add(&display, &display.fb, 0, 0, 50, 50);
	ck_assert(!assign(&display));
	int first = display.tests;
	ck_assert_int_gt(first, 0);
	/* another framebuffer of the same kind */
	display.places[0].layer.fb = &other;
	ck_assert(!assign(&display));
	ck_assert_int_eq(display.tests, first);
	ck_assert_int_eq(plane_of(&display, 0), 3);
	ck_assert_str_eq(display.places[1].reason, "the display refuses it");
	ck_assert_uint_eq(waybuf_kms_assigner_stats(display.assigner).reused, 1);
	/* another place */
	display.places[0].layer.x = 1;
	assign(&display);
	ck_assert_int_gt(display.tests, first);
	/* the same, but it has turned out to be wrong */
	first = display.tests;
	waybuf_kms_assigner_forget(display.assigner);
	assign(&display);
	ck_assert_int_gt(display.tests, first);
	display_finish(&display);
}

/* One that either of two CRTCs can have belongs to the one that it is on. */
TEST(planes_of_another_crtc_stay_there)
{
	struct display display;
	struct waybuf_kms_plane_state states[N_PLANES] = {0};
	struct waybuf_kms_state current = {.planes = states};
	display_init(&display);
	display.device.current = &current;
	display.planes[3].possible_crtcs = 3;
	add(&display, &display.fb, 0, 0, 50, 50);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	/* which the answer of before does not know */
	states[3] = (struct waybuf_kms_plane_state){.layer = {.fb = &display.fb}, .crtc = 1};
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 2);
	states[2] = (struct waybuf_kms_plane_state){.layer = {.fb = &display.fb}, .crtc = 0};
	states[3] = (struct waybuf_kms_plane_state){.crtc = 1};
	restart(&display);
	add(&display, &display.fb, 1, 0, 50, 50);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 3);
	display_finish(&display);
}

static int no_memory(const struct waybuf_kms_picture *picture)
{
	return -ENOMEM;
}

TEST(what_may_pass_is_not_remembered)
{
	struct display display;
	display_init(&display);
	display.judge = no_memory;
	add(&display, &display.fb, 0, 0, 100, 100);
	ck_assert(!assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), -1);
	display.judge = NULL;
	ck_assert(assign(&display));
	ck_assert_int_eq(plane_of(&display, 0), 0);
	display_finish(&display);
}

TEST_MAIN("kms-assign")
