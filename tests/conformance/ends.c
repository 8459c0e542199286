/* SPDX-License-Identifier: MIT */
#include "kit.h"

/*
 * However a surface comes to its end, the server has then finished its usage of all buffers, and must
 * say so: a client, or the next owner of the buffers, waits for nothing else.
 */

static void surface_shown(void)
{
	struct scene scene;
	scene_show(&scene, 1);
	surface_destroy(&scene.window);
	expect_released(&scene.client, &scene.buffers[0], 1);
	client_alive(&scene.client);
}

/* The point never comes, and nobody is left to wait for it. */
static void surface_pending(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	expect_untouched(&scene.client, &scene.buffers[1], 0);
	surface_destroy(&scene.window);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	/* and the point, when it comes after all, finds nobody */
	timeline_signal(&scene.buffers[1].acquire, 1);
	client_idle(&scene.client);
	client_alive(&scene.client);
}

/* Without a role nothing is ever shown. */
static void surface_without_role(void)
{
	struct client client;
	struct surface surface;
	struct buffer buffer;
	client_open(&client);
	surface_init(&surface, &client);
	buffer_init(&buffer, &client, surface.width, surface.height);
	timeline_signal(&buffer.acquire, 1);
	submit(&surface, &buffer, 1, 1);
	client_alive(&client);
	surface_destroy(&surface);
	expect_released(&client, &buffer, 1);
}

static void client_shown(void)
{
	struct scene scene;
	scene_show(&scene, 1);
	client_close(&scene.client);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void client_pending(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	client_close(&scene.client);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	timeline_signal(&scene.buffers[1].acquire, 1);
}

/* The server must not lose a frame that it shows, whatever becomes of the client's handle. */
static void buffer_shown(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	wl_buffer_destroy(scene.buffers[0].wl_buffer);
	client_alive(&scene.client);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

/* What is shown of it is undefined; that its points signal is not. */
static void buffer_pending(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	wl_buffer_destroy(scene.buffers[1].wl_buffer);
	client_alive(&scene.client);
	timeline_signal(&scene.buffers[1].acquire, 1);
	show(&scene.window, &scene.buffers[2], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
}

static void attach_null(void)
{
	struct scene scene;
	scene_show(&scene, 1);
	attach(&scene.window, NULL);
	surface_commit(&scene.window);
	client_alive(&scene.client);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

/* A commit that is still waited for is replaced by nothing. */
static void attach_null_pending(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	attach(&scene.window, NULL);
	surface_commit(&scene.window);
	client_alive(&scene.client);
	timeline_signal(&scene.buffers[1].acquire, 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	client_alive(&scene.client);
}

const struct conformance_case end_cases[] = {
	{"end/surface_shown", "wl_surface.destroy releases what is shown", surface_shown},
	{"end/surface_pending", "wl_surface.destroy releases what waits", surface_pending},
	{"end/surface_without_role", "a surface without a role releases, too",
		surface_without_role},
	{"end/client_shown", "the end of a client releases what is shown", client_shown},
	{"end/client_pending", "the end of a client releases what waits", client_pending},
	{"end/buffer_shown", "wl_buffer.destroy leaves the release point alone", buffer_shown},
	{"end/buffer_pending", "wl_buffer.destroy while it waits: all points signal",
		buffer_pending},
	{"end/attach_null", "a NULL buffer needs no points and releases the one before",
		attach_null},
	{"end/attach_null_pending", "a NULL buffer after one that waits: all points signal",
		attach_null_pending},
	{0},
};
