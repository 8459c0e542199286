/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <unistd.h>

#include <waybuf/client.h>

#include "guest/programs.h"
#include "harness.h"
#include "window.h"

/*
 * waybufd is killed while a client's picture is on the screen, and started again. The client gives
 * its memory back and shows the same buffer without drawing: what the display then scans out comes
 * back through the writeback connector, and is the picture to the last pixel.
 */
static struct program server;
static struct result result;
static struct waybuf_client *client;
static struct window window;

static void check(int ret)
{
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(client));
}

/* No two rows and no two columns are alike. */
static uint32_t picture(uint32_t x, uint32_t y, uint32_t seed)
{
	return (x * 2654435761u ^ y * 40503u ^ seed * 97u) >> 3 & 0xffffff;
}

static void draw(struct waybuf_client_buffer *buffer, uint32_t seed)
{
	struct waybuf_client_image image;
	check(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	for (uint32_t y = 0; y < image.height; y++) {
		uint32_t *row = (uint32_t *)((char *)image.planes[0].data +
			(size_t)y * image.planes[0].stride);
		for (uint32_t x = 0; x < image.width; x++)
			row[x] = picture(x, y, seed);
	}
	check(waybuf_client_buffer_end_cpu(buffer));
}

/* The last pixel, as the CPU sees it. */
static void check_corner(struct waybuf_client_buffer *buffer, uint32_t seed)
{
	struct waybuf_client_image image;
	check(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ, &image));
	uint32_t x = image.width - 1, y = image.height - 1;
	const uint32_t *row = (const uint32_t *)((char *)image.planes[0].data +
		(size_t)y * image.planes[0].stride);
	ck_assert_uint_eq(row[x] & 0xffffff, picture(x, y, seed));
	check(waybuf_client_buffer_end_cpu(buffer));
}

static struct waybuf_client_buffer *acquire(struct waybuf_client_pool *pool)
{
	struct waybuf_client_buffer *buffer = NULL;
	check(waybuf_client_pool_acquire(pool, 5000, &buffer));
	return buffer;
}

static void open_window(void)
{
	ck_assert(window_init(&window, waybuf_client_get_display(client), "restart"));
}

static struct waybuf_client_pool *make_pool(void)
{
	const struct waybuf_client_pool_options options = {
		.width = (uint32_t)window.width,
		.height = (uint32_t)window.height,
		.count = 2,
		.name = "restart",
		.display = true,
	};
	struct waybuf_client_pool *pool = NULL;
	check(waybuf_client_pool_create(client, &options, &pool));
	return pool;
}

/* On the screen, without a copy. */
static void show(struct waybuf_client_buffer *buffer)
{
	uint32_t direct = window.zero_copy;
	window_request_frame(&window);
	check(waybuf_client_buffer_present(buffer, window.surface));
	for (int i = 0; i < 50 && window.zero_copy == direct; i++)
		ck_assert_int_ge(waybuf_client_dispatch(client, 100), 0);
	ck_assert_uint_eq(window.zero_copy, direct + 1);
}

/* Every pixel of what the display scans out. */
static void check_screen(uint32_t seed)
{
	uint32_t width, height, wrong = 0;
	program_run((const char *const[]){WAYBUFCTL, "screenshot", folder_path("shot.png"), NULL},
		30, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
	uint8_t *pixels = read_png(folder_path("shot.png"), &width, &height);
	ck_assert_uint_eq(width, (uint32_t)window.width);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			const uint8_t *p = pixels + ((size_t)y * width + x) * 3;
			uint32_t seen = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
			wrong += seen != picture(x, y, seed);
		}
	}
	free(pixels);
	ck_assert_msg(wrong == 0, "%u pixels are wrong", wrong);
}

/* With memory of @exporter alone. */
static void killed_and_restarted(const char *exporter, const char *node)
{
	if (node && access(node, R_OK | W_OK) < 0)
		SKIP("no %s", node);
	setenv("WAYBUF_EXPORTERS", exporter, 1);
	daemon_start(&server);
	check(waybuf_client_connect(NULL, &client));
	bool tickets = waybuf_client_get_capabilities(client) & WAYBUF_CLIENT_RESTORE;
	open_window();
	struct waybuf_client_pool *pool = make_pool();
	struct waybuf_client_buffer *buffer = acquire(pool);
	ck_assert_msg(strcmp(waybuf_client_buffer_get_layout(buffer)->exporter, exporter) == 0,
		"memory of %s", waybuf_client_buffer_get_layout(buffer)->exporter);
	draw(buffer, 1);
	show(buffer);
	struct waybuf_client_buffer *other = acquire(pool);
	draw(other, 2);
	if (!tickets) {
		window_finish(&window);
		waybuf_client_destroy(client);
		daemon_stop(&server);
		SKIP("waybufd was built without nettle");
	}

	daemon_restart(&server);
	window_finish(&window);
	check(waybuf_client_reconnect(client, NULL, 5000));
	ck_assert_uint_eq(waybuf_client_pool_get_restored(pool), 2);
	open_window();
	/* what was on the screen comes first, and nobody draws it again */
	buffer = acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), 0);
	ck_assert_str_eq(waybuf_client_buffer_get_layout(buffer)->exporter, exporter);
	show(buffer);
	check_screen(1);
	/* and then the one that was on its way */
	buffer = acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), 0);
	check_corner(buffer, 2);
	show(buffer);

	window_finish(&window);
	waybuf_client_destroy(client);
	daemon_stop(&server);
}

TEST(udmabuf)
{
	killed_and_restarted("udmabuf", "/dev/udmabuf");
}

TEST(heap)
{
	killed_and_restarted("heap system", "/dev/dma_heap/system");
}

TEST(dumb)
{
	killed_and_restarted("dumb", NULL);
}

TEST_TIMEOUT(60)
TEST_MAIN("restart")
