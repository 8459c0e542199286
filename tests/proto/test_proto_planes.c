/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "dmabuf_kit.h"

/* Surfaces that could go on a plane: when their clients are told, and what. */

#define LINEAR DRM_FORMAT_MOD_LINEAR
#define XR24 DRM_FORMAT_XRGB8888
/* a busy machine has been away for 20 ms between two lines of a test */
#define SETTLE 100

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct wl_surface *surface;
	struct raw_feedback feedback;
};

/* The default has XR24 and more for sampling; of a plane's pairs nobody samples the second. */
static const struct waybuf_dmabuf_pair plane_pairs[] = {
	{XR24, LINEAR}, {DRM_FORMAT_RGB565, LINEAR}, {DRM_FORMAT_NV12, LINEAR}};
static const struct waybuf_tranche plane = {.target = 0xe202, .pairs = plane_pairs, .n_pairs = 3};

static void world_init(struct world *w)
{
	const struct fixture_server_options options = {.settle_ms = SETTLE};
	fixture_server_init(&w->server, &options);
	client_init(&w->client, &w->server);
	w->surface = wl_compositor_create_surface(w->client.compositor);
	raw_feedback_listen(&w->feedback,
		zwp_linux_dmabuf_v1_get_surface_feedback(w->client.dmabuf, w->surface));
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(w->feedback.tranches, 2);
}

static void world_finish(struct world *w)
{
	raw_feedback_finish(&w->feedback);
	wl_surface_destroy(w->surface);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

static void tried(
	struct world *w, enum waybuf_plane_result result, const struct waybuf_tranche *tranche)
{
	ck_assert_int_eq(waybuf_server_dmabuf_set_plane_result(
				 w->server.dmabuf, w->server.surface, result, tranche),
		0);
}

static void offer(struct world *w)
{
	tried(w, WAYBUF_PLANE_COULD, &plane);
	client_wait(&w->client, &w->feedback.done, 2);
}

TEST(offered_and_taken_back)
{
	struct world w;
	world_init(&w);
	offer(&w);
	ck_assert_uint_eq(w.feedback.tranches, 3);
	ck_assert_uint_eq(w.feedback.target[0], plane.target);
	ck_assert_uint_eq(w.feedback.flags[0], WAYBUF_TRANCHE_SCANOUT);
	ck_assert_uint_eq(w.feedback.n_formats[0], 2);
	/* the rest is as it was, and so is the table */
	ck_assert_uint_eq(w.feedback.target[1], 0xe201);
	ck_assert_uint_eq(w.feedback.n_formats[2], 5);
	ck_assert_uint_eq(w.feedback.tables, 1);
	tried(&w, WAYBUF_PLANE_CANNOT, NULL);
	client_wait(&w.client, &w.feedback.done, 3);
	ck_assert_uint_eq(w.feedback.tranches, 2);
	ck_assert_uint_eq(w.feedback.tables, 1);
	world_finish(&w);
}

TEST(not_what_is_on_a_plane)
{
	struct world w;
	world_init(&w);
	tried(&w, WAYBUF_PLANE_COULD, &plane);
	tried(&w, WAYBUF_PLANE_SHOWN, NULL);
	client_run(&w.client, 3 * SETTLE);
	ck_assert_uint_eq(w.feedback.done, 1);
	/* and once offered it stays */
	offer(&w);
	tried(&w, WAYBUF_PLANE_SHOWN, &plane);
	client_run(&w.client, 10 * SETTLE);
	ck_assert_uint_eq(w.feedback.done, 2);
	world_finish(&w);
}

TEST(taken_back_where_it_does_not_help)
{
	struct world w;
	world_init(&w);
	offer(&w);
	client_wait(&w.client, &w.feedback.done, 3);
	ck_assert_uint_eq(w.feedback.tranches, 2);
	tried(&w, WAYBUF_PLANE_COULD, &plane);
	client_run(&w.client, 10 * SETTLE);
	ck_assert_uint_eq(w.feedback.done, 3);
	world_finish(&w);
}

/* What others are told, and who comes late. */
TEST(only_the_surface_is_told)
{
	struct world w;
	struct raw_feedback all, late;
	world_init(&w);
	raw_feedback_listen(&all, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	offer(&w);
	ck_assert_uint_eq(all.done, 1);
	ck_assert_uint_eq(all.tranches, 2);
	raw_feedback_listen(
		&late, zwp_linux_dmabuf_v1_get_surface_feedback(w.client.dmabuf, w.surface));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(late.tranches, 3);
	raw_feedback_finish(&all);
	raw_feedback_finish(&late);
	world_finish(&w);
}

/* Another default, another plane, and the host's own word for this surface. */
TEST(what_is_offered_changes)
{
	struct world w;
	struct waybuf_tranche other = plane;
	struct waybuf_feedback base = fixture_feedback;
	world_init(&w);
	offer(&w);
	other.n_pairs = 1;
	tried(&w, WAYBUF_PLANE_COULD, &other);
	client_wait(&w.client, &w.feedback.done, 3);
	ck_assert_uint_eq(w.feedback.n_formats[0], 1);
	tried(&w, WAYBUF_PLANE_SHOWN, NULL);
	base.tranches++;
	base.n_tranches = 1;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &base), 0);
	client_wait(&w.client, &w.feedback.done, 4);
	ck_assert_uint_eq(w.feedback.tranches, 2);
	ck_assert_uint_eq(w.feedback.target[0], plane.target);
	ck_assert_int_eq(waybuf_server_dmabuf_set_surface_feedback(
				 w.server.dmabuf, w.server.surface, &fixture_feedback),
		0);
	client_wait(&w.client, &w.feedback.done, 5);
	ck_assert_uint_eq(w.feedback.tranches, 3);
	ck_assert_uint_eq(w.feedback.target[0], plane.target);
	world_finish(&w);
}

/* The default begins with it, or nothing of it could be composed. */
TEST(nothing_to_offer)
{
	static const struct waybuf_dmabuf_pair unsampled = {DRM_FORMAT_RGB565, LINEAR};
	const struct waybuf_tranche tranches[] = {
		{.target = 0xe201, .pairs = plane_pairs, .n_pairs = 1},
		{.target = 0xe202, .pairs = &unsampled, .n_pairs = 1},
	};
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		world_init(&w);
		tried(&w, WAYBUF_PLANE_COULD, &tranches[i]);
		client_run(&w.client, 3 * SETTLE);
		ck_assert_uint_eq(w.feedback.done, 1);
		world_finish(&w);
	}
}

TEST(bad_calls)
{
	const struct waybuf_tranche empty = {.target = 1};
	struct world w;
	world_init(&w);
	ck_assert_int_eq(waybuf_server_dmabuf_set_plane_result(
				 w.server.dmabuf, w.server.surface, WAYBUF_PLANE_COULD, NULL),
		-EINVAL);
	ck_assert_int_eq(waybuf_server_dmabuf_set_plane_result(
				 w.server.dmabuf, w.server.surface, WAYBUF_PLANE_COULD, &empty),
		-EINVAL);
	/* nothing is to be said of a surface that nobody has spoken of */
	tried(&w, WAYBUF_PLANE_CANNOT, NULL);
	tried(&w, WAYBUF_PLANE_SHOWN, NULL);
	world_finish(&w);
}

/* The surface goes while something is due, and the global while something is offered. */
TEST(ends)
{
	struct world w;
	world_init(&w);
	tried(&w, WAYBUF_PLANE_COULD, &plane);
	wl_surface_destroy(w.surface);
	client_run(&w.client, 3 * SETTLE);
	ck_assert_uint_eq(w.feedback.done, 1);
	raw_feedback_finish(&w.feedback);
	w.surface = wl_compositor_create_surface(w.client.compositor);
	raw_feedback_listen(
		&w.feedback, zwp_linux_dmabuf_v1_get_surface_feedback(w.client.dmabuf, w.surface));
	ck_assert(client_sync(&w.client));
	offer(&w);
	waybuf_server_dmabuf_destroy(w.server.dmabuf);
	w.server.dmabuf = NULL;
	client_run(&w.client, 3 * SETTLE);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-planes")
