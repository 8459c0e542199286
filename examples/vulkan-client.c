/* SPDX-License-Identifier: MIT */

/*
 * Squares that breathe, drawn by Vulkan into the buffers that are shown, with fences both ways,
 * fullscreen:
 *
 *	vulkan-client [--frames N] [--still]
 *
 * The first lines say what was possible. No device node is needed: then Mesa's lavapipe draws, into
 * memory that came over the socket.
 *
 * The order of things: what the driver imports becomes a constraint of the swapchain; each buffer
 * becomes a VkImage with a VkDeviceMemory of its dma-buf; and then for each frame acquire, import
 * the display's fence into a semaphore, draw, export the fence of the work, submit. That is in
 * vulkan_image.c. There are no shaders: clearing rectangles is enough to tell right from wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <waybuf/client.h>

#include "number.h"
#include "vulkan.h"
#include "window.h"

#define MOST_BUFFERS 64

struct app {
	uint32_t frames;
	bool still;
	struct waybuf_client *client;
	struct window window;
	struct vulkan vk;
	struct waybuf_client_swapchain *chain;
	/* one for each buffer, by its index */
	struct vulkan_target targets[MOST_BUFFERS];
};

/* ---- the picture --------------------------------------------------------------------------- */

#define COLUMNS 8
#define ROWS 6

static VkClearValue colour(uint32_t rgb)
{
	VkClearValue value = {
		.color.float32 = {(float)(rgb >> 16) / 255, (float)(rgb >> 8 & 0xff) / 255,
			(float)(rgb & 0xff) / 255, 1}};
	return value;
}

/* A square around the middle of its field, of half the field's width when it is still. */
static VkClearRect square(
	const struct vulkan_target *target, uint32_t i, uint32_t frame, bool still)
{
	float width = (float)target->width / COLUMNS, height = (float)target->height / ROWS;
	float phase = (float)(frame % 628) * 0.08F + (float)i * 0.7F;
	float side = width * (still ? 0.5F : 0.5F + 0.3F * sinf(phase));
	float x = width * ((float)(i % COLUMNS) + 0.5F), y = height * ((float)(i / COLUMNS) + 0.5F);
	uint32_t size = (uint32_t)fminf(side, height);
	return (VkClearRect){
		.rect = {{(int32_t)(x - (float)size / 2), (int32_t)(y - (float)size / 2)},
			{size, size}},
		.layerCount = 1,
	};
}

static bool draw(struct app *app, struct vulkan_target *target, uint32_t frame, int *fence)
{
	VkClearRect squares[COLUMNS * ROWS];
	const VkClearValue behind = colour(0x182030);
	const VkClearAttachment blue = {
		.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .clearValue = colour(0x3399ff)};
	if (!vulkan_begin(&app->vk, target, *fence, &behind))
		return false;
	for (uint32_t i = 0; i < COLUMNS * ROWS; i++)
		squares[i] = square(target, i, frame, app->still);
	vkCmdClearAttachments(target->commands, 1, &blue, COLUMNS * ROWS, squares);
	return vulkan_end(&app->vk, target, fence);
}

/* ---- frames -------------------------------------------------------------------------------- */

static struct vulkan_target *get_target(struct app *app, const struct waybuf_client_buffer *buffer)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	struct vulkan_target *target = &app->targets[waybuf_client_buffer_get_index(buffer)];
	if (target->image && target->generation == layout->generation)
		return target;
	/* the memory is another one */
	vulkan_target_finish(&app->vk, target);
	return vulkan_target_init(&app->vk, layout, target) ? target : NULL;
}

static void print_path(struct app *app, const struct waybuf_client_buffer *buffer)
{
	static const char *const ways[] = {
		"on the dma-bufs", "as files through the allocator", "as timeline points"};
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	printf("%u x %u pixels in memory of %s, by way of %s\n", layout->width, layout->height,
		layout->exporter,
		waybuf_client_path_name(
			waybuf_client_pool_get_path(waybuf_client_swapchain_get_pool(app->chain))));
	printf("drawn to by %s, which knows %s\n", app->vk.name,
		app->vk.has_modifiers ? "the modifier" : "linear images with rows of its own");
	printf("fences: %s, %s\n",
		app->vk.has_sync_files ? "sync_files of Vulkan" : "the program waits",
		ways[waybuf_client_swapchain_get_fences(app->chain)]);
	fflush(stdout);
}

/* 0 or a negative errno; -EOPNOTSUPP: the display does not take this buffer, another one may do. */
static int try_frame(struct app *app, uint32_t frame)
{
	struct waybuf_client_buffer *buffer;
	int fence;
	int ret = waybuf_client_swapchain_acquire(app->chain, VULKAN_PATIENCE_MS, &buffer, &fence);
	if (ret < 0)
		return ret;
	struct vulkan_target *target = get_target(app, buffer);
	if (!target && fence >= 0)
		close(fence);
	if (!target || !draw(app, target, frame, &fence)) {
		waybuf_client_buffer_release(buffer);
		return -EIO;
	}
	if (frame == 0)
		print_path(app, buffer);
	/* Goes with the commit that submit makes. */
	window_request_frame(&app->window);
	ret = waybuf_client_swapchain_submit(app->chain, buffer, fence);
	if (ret < 0)
		waybuf_client_buffer_release(buffer);
	return ret;
}

static bool show_frame(struct app *app, uint32_t frame)
{
	int ret = -EOPNOTSUPP;
	for (int tries = 0; tries < 4 && ret == -EOPNOTSUPP; tries++)
		ret = try_frame(app, frame);
	return ret == 0;
}

static bool run(struct app *app)
{
	for (uint32_t frame = 0; app->frames == 0 || frame < app->frames; frame++) {
		if (!show_frame(app, frame))
			return false;
		/* The compositor sets the pace. */
		while (!window_is_ready(&app->window)) {
			if (app->window.closed || window_interrupted())
				return true;
			if (waybuf_client_dispatch(app->client, 1000) < 0)
				return false;
		}
	}
	return true;
}

static bool open_chain(struct app *app)
{
	struct waybuf_client_swapchain_options options = {
		.pool =
			{
				.width = app->window.width ? (uint32_t)app->window.width : 640,
				.height = app->window.height ? (uint32_t)app->window.height : 480,
				.name = "vulkan-client",
			},
		.surface = app->window.surface,
		.drm_fd = -1,
	};
	options.pool.constraints =
		vulkan_constraints(&app->vk, options.pool.width, options.pool.height);
	if (!options.pool.constraints)
		return vulkan_refuse("the device draws into no DRM_FORMAT_XRGB8888");
	int ret = waybuf_client_swapchain_create(app->client, &options, &app->chain);
	waybuf_constraints_unref(options.pool.constraints);
	return ret == 0;
}

static bool run_client(struct app *app)
{
	struct wl_display *display = waybuf_client_get_display(app->client);
	if (!window_init(&app->window, display, "vulkan-client"))
		return false;
	bool ok = open_chain(app) && run(app);
	const char *why = waybuf_client_error(app->client);
	/* "": something else has failed, and has said so */
	if (!ok && *why)
		fprintf(stderr, "vulkan-client: %s\n", why);
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		vulkan_target_finish(&app->vk, &app->targets[i]);
	/* The surface last: the chain may have an object on it. */
	waybuf_client_swapchain_destroy(app->chain);
	window_finish(&app->window);
	return ok;
}

/* ---- the program --------------------------------------------------------------------------- */

static bool parse_options(struct app *app, int argc, char **argv)
{
	static const struct option options[] = {{"frames", required_argument, NULL, 'n'},
		{"still", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "n:s", options, NULL)) != -1) {
		if (option == 's')
			app->still = true;
		else if (option != 'n' || !parse_number(optarg, 10, &app->frames))
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	static struct app app;
	if (!parse_options(&app, argc, argv)) {
		fprintf(stderr, "usage: vulkan-client [--frames N] [--still]\n");
		return 2;
	}
	window_catch_signals();
	if (waybuf_client_connect(NULL, &app.client) < 0) {
		fprintf(stderr, "vulkan-client: %s\n", waybuf_client_error(NULL));
		return 1;
	}
	bool ok = vulkan_init(&app.vk) && run_client(&app);
	vulkan_finish(&app.vk);
	waybuf_client_destroy(app.client);
	return ok ? 0 : 1;
}
