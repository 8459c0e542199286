/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <waybuf/interfaces/exporter.h>
#include <waybuf/log.h>

#include "dmabuf_params.h"
#include "dmabuf_world.h"

/*
 * linux-dmabuf without a dma-buf: mistakes in the numbers are found before the files are looked at,
 * and files that are no dma-bufs are refused. What needs real ones is in guest/test_dmabuf.c.
 */

static void expect_error(struct world *w, uint32_t code)
{
	client_expect_error(&w->client, &zwp_linux_buffer_params_v1_interface, code);
	world_finish(w);
}

/* ---- every error --------------------------------------------------------------------------- */

TEST(numbers_are_the_protocols)
{
	ck_assert_int_eq(DMABUF_ALREADY_USED, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED);
	ck_assert_int_eq(DMABUF_PLANE_IDX, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_IDX);
	ck_assert_int_eq(DMABUF_PLANE_SET, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_PLANE_SET);
	ck_assert_int_eq(DMABUF_INCOMPLETE, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INCOMPLETE);
	ck_assert_int_eq(DMABUF_INVALID_FORMAT, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_FORMAT);
	ck_assert_int_eq(
		DMABUF_INVALID_DIMENSIONS, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_DIMENSIONS);
	ck_assert_int_eq(DMABUF_OUT_OF_BOUNDS, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
	ck_assert_int_eq(
		DMABUF_INVALID_WL_BUFFER, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_WL_BUFFER);
#ifdef ZWP_LINUX_BUFFER_PARAMS_V1_SET_SAMPLING_DEVICE_SINCE_VERSION
	ck_assert_int_eq(
		DMABUF_INVALID_DEV_T_SIZE, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_INVALID_DEV_T_SIZE);
#endif
}

/* As high as the protocol files of the build go: the tests run with two of them. */
TEST(version)
{
	struct world w;
	world_init(&w);
	ck_assert_int_eq((int)w.client.dmabuf_version, zwp_linux_dmabuf_v1_interface.version);
	ck_assert_uint_ge(w.client.dmabuf_version, 5);
	ck_assert_uint_le(w.client.dmabuf_version, 6);
	world_finish(&w);
}

TEST(already_used_by_create)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_ALREADY_USED);
}

TEST(already_used_by_add)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	world_add(&w, 1, 0, 256);
	expect_error(&w, DMABUF_ALREADY_USED);
}

TEST(already_used_by_create_immed)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	w.params.buffer.proxy =
		zwp_linux_buffer_params_v1_create_immed(w.params.proxy, 64, 64, XR24, 0);
	expect_error(&w, DMABUF_ALREADY_USED);
}

TEST(already_used_by_set_sampling_device)
{
	struct world w;
	const dev_t device = 0xe280;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	raw_params_set_device(&w.params, &device, sizeof(device));
	expect_error(&w, DMABUF_ALREADY_USED);
}

TEST(invalid_dev_t_size)
{
	const char bytes[2 * sizeof(dev_t)] = {0};
	const size_t sizes[] = {0, 1, 4, sizeof(dev_t) - 1, sizeof(dev_t) + 1, sizeof(bytes)};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct world w;
		world_init(&w);
		raw_params_set_device(&w.params, bytes, sizes[i]);
		expect_error(&w, DMABUF_INVALID_DEV_T_SIZE);
	}
}

TEST(plane_idx)
{
	struct world w;
	world_init(&w);
	world_add(&w, 4, 0, 256);
	expect_error(&w, DMABUF_PLANE_IDX);
}

TEST(plane_set)
{
	struct world w;
	world_init(&w);
	world_add(&w, 3, 0, 256);
	world_add(&w, 3, 0, 256);
	expect_error(&w, DMABUF_PLANE_SET);
}

TEST(incomplete_without_planes)
{
	struct world w;
	world_init(&w);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_INCOMPLETE);
}

TEST(incomplete_with_a_hole)
{
	struct world w;
	world_init(&w);
	world_add(&w, 1, 0, 256);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_INCOMPLETE);
}

TEST(incomplete_with_too_few_planes)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 64);
	world_create(&w, 64, 64, DRM_FORMAT_NV12);
	expect_error(&w, DMABUF_INCOMPLETE);
}

TEST(incomplete_with_too_many_planes)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_add(&w, 1, 65536, 256);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_INCOMPLETE);
}

TEST(invalid_format_that_nobody_offered)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, DRM_FORMAT_RGBA8888);
	expect_error(&w, DMABUF_INVALID_FORMAT);
}

TEST(invalid_format_that_does_not_exist)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, 0xdeadbeef);
	expect_error(&w, DMABUF_INVALID_FORMAT);
}

TEST(invalid_format_by_modifier)
{
	struct world w;
	world_init(&w);
	raw_params_add(&w.params, w.fd, 0, 0, 256, DRM_FORMAT_MOD_INVALID);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_INVALID_FORMAT);
}

TEST(invalid_format_by_modifiers_that_differ)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	raw_params_add(&w.params, w.fd, 1, 0, 256, FIXTURE_TILED_MODIFIER);
	expect_error(&w, DMABUF_INVALID_FORMAT);
}

TEST(invalid_dimensions)
{
	const int32_t sizes[][2] = {{0, 64}, {64, 0}, {-1, 64}, {64, INT32_MIN}};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct world w;
		world_init(&w);
		world_add(&w, 0, 0, 256);
		world_create(&w, sizes[i][0], sizes[i][1], XR24);
		expect_error(&w, DMABUF_INVALID_DIMENSIONS);
	}
}

/* Width times 4 does not fit 32 bits; nor does stride times height. */
TEST(out_of_bounds_by_overflow)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 1024);
	world_create(&w, 0x40000001, 1, XR24);
	expect_error(&w, DMABUF_OUT_OF_BOUNDS);
}

TEST(out_of_bounds_by_stride)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 255);
	world_create(&w, 64, 64, XR24);
	expect_error(&w, DMABUF_OUT_OF_BOUNDS);
}

/* Half as wide, two bytes a pixel: the chroma plane of NV12 needs the stride of luma. */
TEST(out_of_bounds_by_chroma_stride)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 64);
	world_add(&w, 1, 4096, 32);
	world_create(&w, 64, 64, DRM_FORMAT_NV12);
	expect_error(&w, DMABUF_OUT_OF_BOUNDS);
}

TEST(invalid_wl_buffer)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	w.params.buffer.proxy =
		zwp_linux_buffer_params_v1_create_immed(w.params.proxy, 64, 64, XR24, 0);
	expect_error(&w, DMABUF_INVALID_WL_BUFFER);
}

/* ---- what is no error ---------------------------------------------------------------------- */

TEST(a_file_that_is_no_dmabuf_fails)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	ck_assert_uint_eq(w.params.created, 0);
	ck_assert_uint_eq(w.server.imports, 0);
	world_finish(&w);
}

/* A pipe, a socket, a directory: whatever a client may have. */
TEST(strange_files_fail)
{
	const char *const paths[] = {"/dev/null", "/proc/self", "/dev/zero", "/proc/self/stat"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct world w;
		world_init(&w);
		close(w.fd);
		w.fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(w.fd, 0);
		world_add(&w, 0, 0, 256);
		world_create(&w, 64, 64, XR24);
		ck_assert(client_sync(&w.client));
		ck_assert_uint_eq(w.params.failed, 1);
		world_finish(&w);
	}
}

/* Before version 4 clients were not told that an unknown pair is a mistake. */
TEST(unknown_pair_fails_in_version_3)
{
	struct world w;
	world_init_version(&w, 3);
	ck_assert_uint_eq(w.client.modifiers, 5);
	raw_params_add(&w.params, w.fd, 0, 0, 256, DRM_FORMAT_MOD_INVALID);
	raw_params_add(&w.params, w.fd, 1, 0, 256, LINEAR);
	world_create(&w, 64, 64, DRM_FORMAT_RGB565);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

/* It is told by an event in either case, and its connection lives. */
TEST(unknown_pair_fails_immediately_in_version_3)
{
	struct world w;
	world_init_version(&w, 3);
	world_add(&w, 0, 0, 128);
	w.params.buffer.proxy = zwp_linux_buffer_params_v1_create_immed(
		w.params.proxy, 64, 64, DRM_FORMAT_RGB565, 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

/* Nothing is advertised to version 1 and 2 that they could use. */
TEST(formats_of_version_2)
{
	struct world w;
	world_init_version(&w, 2);
	/* all our pairs have modifiers, of which such a client knows nothing */
	ck_assert_uint_eq(w.client.modifiers + w.client.formats, 0);
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

/* Pairs with an implicit modifier are what versions before 3 can have. */
TEST(formats_and_modifiers_as_the_version_knows_them)
{
	static const struct waybuf_dmabuf_pair pairs[] = {
		{XR24, LINEAR}, {XR24, DRM_FORMAT_MOD_INVALID}, {DRM_FORMAT_RGB565, LINEAR}};
	const struct waybuf_tranche tranche = {.target = 1, .pairs = pairs, .n_pairs = 3};
	const struct waybuf_feedback feedback = {1, &tranche, 1};
	for (uint32_t version = 1; version <= 5; version++) {
		struct world w;
		struct fixture_client late;
		world_init(&w);
		ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &feedback), 0);
		client_init_version(&late, &w.server, version);
		ck_assert_uint_eq(late.formats, version < 3 ? 1 : 0);
		ck_assert_uint_eq(late.modifiers, version == 3 ? 3 : 0);
		client_finish(&late);
		world_finish(&w);
	}
}

static char last_message[512];

static void keep_message(enum waybuf_log_level level, const char *text, void *data)
{
	snprintf(last_message, sizeof(last_message), "%s", text);
}

/* A driver whose tiled images have three planes in memory. */
static uint32_t three_planes(struct waybuf_exporter *exporter, uint32_t format, uint64_t modifier)
{
	return modifier == FIXTURE_TILED_MODIFIER ? 3 : 0;
}

static int allocate_nothing(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return -ENOMEM;
}

static void release_nothing(struct waybuf_exporter *exporter, void *priv) {}

static void free_exporter(struct waybuf_exporter *exporter)
{
	free(exporter);
}

static void create_tiled(struct world *w, uint32_t n_planes)
{
	static const struct waybuf_exporter_ops ops = {
		.allocate = allocate_nothing,
		.release = release_nothing,
		.destroy = free_exporter,
		.plane_count = three_planes,
	};
	struct waybuf_exporter *exporter = calloc(1, sizeof(*exporter));
	*exporter = (struct waybuf_exporter){.ops = &ops, .caps.name = "driver"};
	const struct fixture_server_options options = {.exporter = exporter};
	waybuf_log_set_handler(keep_message, NULL, WAYBUF_LOG_INFO);
	world_init_with(w, 0, &options);
	for (uint32_t i = 0; i < n_planes; i++)
		raw_params_add(&w->params, w->fd, i, i * 65536, 256, FIXTURE_TILED_MODIFIER);
	world_create(w, 64, 64, XR24);
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(w->params.failed, 1);
}

/* The client's driver against ours: nobody is wrong for certain. */
TEST(planes_that_the_driver_does_not_know)
{
	for (uint32_t n = 1; n <= 4; n++) {
		struct world w;
		create_tiled(&w, n);
		ck_assert_ptr_nonnull(
			strstr(last_message, n == 3 ? "no dma-buf" : "the driver has 3"));
		world_finish(&w);
	}
}

TEST(params_that_are_never_used)
{
	struct world w;
	world_init(&w);
	world_add(&w, 0, 0, 256);
	world_add(&w, 2, 0, 256);
	world_finish(&w);
}

/* Planes are fds of ours, and nothing else limits how many are added. */
TEST(params_without_end)
{
	static struct raw_params hoard[200];
	struct world w;
	world_init(&w);
	int before = harness_count_fds();
	for (uint32_t i = 0; i < 200; i++) {
		raw_params_create(&w.client, &hoard[i]);
		raw_params_add(&hoard[i], w.fd, 0, 0, 256, LINEAR);
		raw_params_add(&hoard[i], w.fd, 1, 0, 256, LINEAR);
		ck_assert(client_sync(&w.client));
	}
	ck_assert_int_lt(harness_count_fds() - before, 200);
	/* one too many has failed, and is no mistake */
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	for (uint32_t i = 0; i < 200; i++)
		raw_params_destroy(&hoard[i]);
	ck_assert(client_sync(&w.client));
	ck_assert_int_le(harness_count_fds() - before, 0);
	world_finish(&w);
}

/* A client that has its objects needs the factory no more. */
TEST(the_factory_goes_first)
{
	struct world w;
	struct raw_feedback feedback;
	struct waybuf_feedback other = fixture_feedback;
	world_init(&w);
	raw_feedback_listen(&feedback, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	zwp_linux_dmabuf_v1_destroy(w.client.dmabuf);
	w.client.dmabuf = NULL;
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	other.n_tranches = 1;
	other.main_device = 0xe201;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &other), 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	ck_assert_uint_eq(feedback.done, 2);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

TEST(the_global_goes_first)
{
	struct world w;
	world_init(&w);
	struct raw_feedback feedback;
	raw_feedback_listen(&feedback, zwp_linux_dmabuf_v1_get_default_feedback(w.client.dmabuf));
	ck_assert(client_sync(&w.client));
	waybuf_server_dmabuf_destroy(w.server.dmabuf);
	w.server.dmabuf = NULL;
	world_add(&w, 0, 0, 256);
	world_create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	raw_feedback_finish(&feedback);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-dmabuf")
