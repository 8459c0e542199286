/* SPDX-License-Identifier: MIT */
#include "dmabuf_world.h"

/* What linux-dmabuf says of devices and formats, at first and when it changes. */

static void listen(struct world *w, struct raw_feedback *feedback)
{
	raw_feedback_listen(feedback, zwp_linux_dmabuf_v1_get_default_feedback(w->client.dmabuf));
	ck_assert(client_sync(&w->client));
}

static void set_feedback(struct world *w, const struct waybuf_feedback *feedback)
{
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w->server.dmabuf, feedback), 0);
	ck_assert(client_sync(&w->client));
}

static void expect_default_feedback(struct world *w, struct raw_feedback *feedback)
{
	ck_assert_uint_eq(w->client.modifiers + w->client.formats, 0);
	listen(w, feedback);
	ck_assert_uint_eq(feedback->done, 1);
	ck_assert_uint_eq(feedback->tables, 1);
	ck_assert_uint_eq(feedback->n_pairs, 5); /* XR24 LINEAR is in both tranches */
	ck_assert_uint_eq(feedback->tranches, 2);
	ck_assert_uint_eq(feedback->target[0], 0xe201);
	ck_assert_uint_eq(feedback->flags[0], WAYBUF_TRANCHE_SCANOUT);
	ck_assert_uint_eq(feedback->n_formats[0], 1);
	ck_assert_uint_eq(feedback->format[0], XR24);
	ck_assert_uint_eq(feedback->modifier[0], LINEAR);
	ck_assert_uint_eq(feedback->target[1], 0xe280);
	ck_assert_uint_eq(feedback->n_formats[1], 5);
}

TEST(default_feedback)
{
	struct world w;
	struct raw_feedback feedback;
	world_init_version(&w, 5);
	expect_default_feedback(&w, &feedback);
	ck_assert_uint_eq(feedback.main_devices, 1);
	ck_assert_uint_eq(feedback.main_device, 0xe280);
	ck_assert_uint_eq(feedback.flags[1], 0);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

static void world_init_6(struct world *w)
{
	world_init(w);
	if (w->client.dmabuf_version < 6)
		SKIP("the protocol files have linux-dmabuf version 5");
}

/* No main device any more, and some tranche is for sampling. */
TEST(default_feedback_of_version_6)
{
	struct world w;
	struct raw_feedback feedback;
	world_init_6(&w);
	expect_default_feedback(&w, &feedback);
	ck_assert_uint_eq(feedback.main_devices, 0);
	ck_assert_uint_eq(feedback.flags[1], WAYBUF_TRANCHE_SAMPLING);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

/* Whatever the host says: of a display alone, of another device too, or without any flag. */
TEST(version_6_always_samples)
{
	static const struct waybuf_dmabuf_pair pair = {XR24, LINEAR};
	const struct waybuf_tranche tranches[] = {
		{.target = 2, .flags = WAYBUF_TRANCHE_SCANOUT, .pairs = &pair, .n_pairs = 1},
		{.target = 1, .flags = WAYBUF_TRANCHE_SCANOUT, .pairs = &pair, .n_pairs = 1},
		{.target = 3, .flags = 0x80, .pairs = &pair, .n_pairs = 1},
	};
	struct world w;
	struct raw_feedback feedback;
	world_init_6(&w);
	listen(&w, &feedback);
	set_feedback(&w, &(struct waybuf_feedback){1, tranches + 1, 1});
	ck_assert_uint_eq(feedback.tranches, 1);
	ck_assert_uint_eq(feedback.flags[0], WAYBUF_TRANCHE_SCANOUT | WAYBUF_TRANCHE_SAMPLING);
	set_feedback(&w, &(struct waybuf_feedback){1, tranches, 2});
	ck_assert_uint_eq(feedback.tranches, 2);
	ck_assert_uint_eq(feedback.flags[0], WAYBUF_TRANCHE_SCANOUT);
	ck_assert_uint_eq(feedback.flags[1], WAYBUF_TRANCHE_SCANOUT | WAYBUF_TRANCHE_SAMPLING);
	set_feedback(&w, &(struct waybuf_feedback){1, tranches, 3});
	ck_assert_uint_eq(feedback.tranches, 3);
	ck_assert_uint_eq(feedback.flags[1], WAYBUF_TRANCHE_SCANOUT);
	ck_assert_uint_eq(feedback.flags[2], WAYBUF_TRANCHE_SAMPLING);
	/* of which such clients hear nothing, also when it is another one */
	set_feedback(&w, &(struct waybuf_feedback){2, tranches, 3});
	ck_assert_uint_eq(feedback.done, 4);
	/* the main device has no tranche */
	const struct waybuf_feedback wrong = {4, tranches, 3};
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &wrong), -EINVAL);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

/* "Must not send duplicate pairs": which they are depends on what the client can tell apart. */
static void check_repeats(uint32_t version, unsigned tranches, unsigned second, unsigned third)
{
	static const struct waybuf_dmabuf_pair pairs[] = {
		{XR24, LINEAR}, {XR24, LINEAR}, {DRM_FORMAT_ARGB8888, LINEAR}};
	const struct waybuf_tranche three[] = {
		{1, WAYBUF_TRANCHE_SCANOUT, pairs, 2},
		{1, WAYBUF_TRANCHE_SCANOUT | WAYBUF_TRANCHE_SAMPLING, pairs + 1, 2},
		{1, WAYBUF_TRANCHE_SCANOUT, pairs, 3},
	};
	struct world w;
	struct raw_feedback feedback;
	world_init_version(&w, version);
	if (w.client.dmabuf_version < version)
		SKIP("the protocol files have linux-dmabuf version 5");
	listen(&w, &feedback);
	set_feedback(&w, &(struct waybuf_feedback){1, three, 3});
	ck_assert_uint_eq(feedback.n_pairs, 2);
	ck_assert_uint_eq(feedback.tranches, tranches);
	ck_assert_uint_eq(feedback.n_formats[0], 1);
	ck_assert_uint_eq(feedback.n_formats[1], second);
	ck_assert_uint_eq(feedback.n_formats[2], third);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

TEST(no_pair_twice)
{
	check_repeats(5, 2, 1, 0);
}

TEST(no_pair_twice_in_version_6)
{
	check_repeats(6, 3, 2, 1);
}

/* Sent again when it is another one, and the table only when that is. */
TEST(feedback_changes)
{
	struct world w;
	struct raw_feedback feedback;
	struct waybuf_feedback one = fixture_feedback, other = fixture_feedback, none = {0};
	world_init_version(&w, 5);
	raw_feedback_listen(&feedback, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &one), 0);
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &none), -EINVAL);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.done, 1);
	other.main_device = 0xe201;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &other), 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.done, 2);
	ck_assert_uint_eq(feedback.tables, 1);
	ck_assert_uint_eq(feedback.main_device, 0xe201);
	other.n_tranches = 1;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &other), 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.done, 3);
	ck_assert_uint_eq(feedback.tables, 2);
	ck_assert_uint_eq(feedback.n_pairs, 1);
	/* a pair that was withdrawn is no mistake of those who chose it before */
	raw_params_add(&w.params, w.fd, 0, 0, 64, LINEAR);
	raw_params_add(&w.params, w.fd, 1, 4096, 64, LINEAR);
	world_create(&w, 64, 64, DRM_FORMAT_NV12);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

TEST(feedback_that_is_destroyed)
{
	struct world w;
	struct raw_feedback feedback, other;
	struct waybuf_feedback next = fixture_feedback;
	world_init(&w);
	raw_feedback_listen(&feedback, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	raw_feedback_listen(&other, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	raw_feedback_finish(&feedback);
	ck_assert(client_sync(&w.client));
	next.main_device = 0xe201;
	next.n_tranches = 1;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &next), 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(other.done, 2);
	raw_feedback_finish(&other);
	world_finish(&w);
}

TEST(surface_feedback)
{
	struct world w;
	struct raw_feedback feedback, late;
	struct waybuf_feedback own = fixture_feedback;
	world_init(&w);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	raw_feedback_listen(
		&feedback, zwp_linux_dmabuf_v1_get_surface_feedback(w.client.dmabuf, surface));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.tranches, 2);
	own.tranches = fixture_feedback.tranches + 1;
	own.n_tranches = 1;
	ck_assert_int_eq(
		waybuf_server_dmabuf_set_surface_feedback(w.server.dmabuf, w.server.surface, &own),
		0);
	raw_feedback_listen(
		&late, zwp_linux_dmabuf_v1_get_surface_feedback(w.client.dmabuf, surface));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.done, 2);
	ck_assert_uint_eq(feedback.tranches, 1);
	ck_assert_uint_eq(feedback.tables, 1); /* the same pairs */
	ck_assert_uint_eq(late.tranches, 1);
	ck_assert_int_eq(
		waybuf_server_dmabuf_set_surface_feedback(w.server.dmabuf, w.server.surface, NULL),
		0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.tranches, 2);
	/* without its surface the object is inert */
	wl_surface_destroy(surface);
	ck_assert(client_sync(&w.client));
	own.n_tranches = 1;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &own), 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.done, 3);
	raw_feedback_finish(&feedback);
	raw_feedback_finish(&late);
	world_finish(&w);
}

/* More pairs than indices fit into one event. */
TEST(large_feedback)
{
	static struct waybuf_dmabuf_pair pairs[5000];
	for (uint32_t i = 0; i < 5000; i++)
		pairs[i] = (struct waybuf_dmabuf_pair){
			.format = XR24, .modifier = 0x0100000000000000ull + i / 2};
	const struct waybuf_tranche tranche = {.target = 1, .pairs = pairs, .n_pairs = 5000};
	const struct waybuf_feedback large = {
		.main_device = 1, .tranches = &tranche, .n_tranches = 1};
	struct world w;
	struct raw_feedback feedback;
	world_init(&w);
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &large), 0);
	raw_feedback_listen(&feedback, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(feedback.n_pairs, 2500);
	ck_assert_uint_eq(feedback.n_formats[0], 2500);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-dmabuf-feedback")
