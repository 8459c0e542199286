/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>

#include <waybuf/client.h>

#include "daemon_fixture.h"
#include "util/fourcc.h"

/* Which formats a pool for the display of waybufd may have, and which of several it gets. */
static struct daemon server;
static struct client client;
static struct waybuf_client *library;

/* Of a pool that may have any of these; 0: it is refused. */
static uint32_t chosen(const uint32_t *formats, size_t n)
{
	const uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_client_pool_options options = {
		.width = 64, .height = 64, .count = 1, .display = true};
	struct waybuf_client_pool *pool = NULL;
	struct waybuf_client_buffer *buffer;
	uint32_t format = 0;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_WRITE);
	ck_assert_int_eq(waybuf_constraints_builder_set(builder, formats, n, &linear, 1), 0);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &options.constraints), 0);
	waybuf_constraints_builder_destroy(builder);
	int ret = waybuf_client_pool_create(library, &options, &pool);
	if (ret == 0)
		ret = waybuf_client_pool_acquire(pool, PATIENCE_MS, &buffer);
	if (ret == 0) {
		const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
		ck_assert_int_eq(layout->memory[0].kind, WAYBUF_MEMORY_DMABUF);
		format = layout->format;
		ck_assert_int_eq(waybuf_client_buffer_release(buffer), 0);
	}
	if (ret < 0)
		fprintf(stderr, "# %s\n", waybuf_client_error(library));
	waybuf_constraints_unref(options.constraints);
	waybuf_client_pool_destroy(pool);
	return format;
}

static void begin(void)
{
	daemon_start(&server, NULL);
	client_connect(&client, &server);
	ck_assert_int_eq(waybuf_client_connect_to_display(client.display, &library), 0);
}

static void end(void)
{
	waybuf_client_destroy(library);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&server, SIGTERM), 0);
}

/* vkms has no plane for it. */
TEST(what_is_composed)
{
	const uint32_t planar = DRM_FORMAT_S010, pairs = DRM_FORMAT_P210;
	begin();
	ck_assert_uint_eq(chosen(&planar, 1), planar);
	ck_assert_uint_eq(chosen(&pairs, 1), pairs);
	end();
}

/* Of these the first is the better one by itself. */
TEST(planes_come_first)
{
	const uint32_t formats[] = {DRM_FORMAT_P210, DRM_FORMAT_YUV422};
	begin();
	ck_assert_uint_eq(chosen(formats, 2), DRM_FORMAT_YUV422);
	end();
}

/* Neither of them reads YUV of one plane. */
TEST(what_nobody_reads)
{
	const uint32_t format = DRM_FORMAT_YUYV;
	begin();
	ck_assert_uint_eq(chosen(&format, 1), 0);
	end();
}

TEST_TIMEOUT(60)
TEST_MAIN("display-formats")
