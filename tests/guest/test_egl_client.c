/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <unistd.h>

#include "harness.h"
#include "program_checks.h"

/*
 * examples/egl-client and examples/vulkan-client on waybufd and a real display controller, with Mesa's
 * software renderers. What is on the screen comes back through the writeback connector.
 */

/* The colours of the front of the cube, seen from the front, and of what is behind it. */
enum { FRONT = 0x3399ff, BEHIND = 0x182030 };

/* ---- the screen ---------------------------------------------------------------------------- */

static uint8_t *pixels;
static uint32_t width, height;

static void look(void)
{
	free(pixels);
	pixels = take_screenshot(&width, &height);
}

/* At so many hundredths of its width and height. */
static uint32_t pixel(uint32_t x, uint32_t y)
{
	const uint8_t *at = pixels + ((size_t)(y * height / 100) * width + x * width / 100) * 3;
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

static void check_front(void)
{
	look();
	ck_assert_msg(pixel(50, 50) == FRONT, "%06x", pixel(50, 50));
	/* both edges: 3.0 / 5 of the height */
	ck_assert_msg(pixel(50, 22) == FRONT, "%06x", pixel(50, 22));
	ck_assert_msg(pixel(50, 78) == FRONT, "%06x", pixel(50, 78));
	ck_assert_msg(pixel(50, 18) == BEHIND, "%06x", pixel(50, 18));
	ck_assert_msg(pixel(50, 82) == BEHIND, "%06x", pixel(50, 82));
	ck_assert_msg(pixel(1, 1) == BEHIND, "%06x", pixel(1, 1));
	ck_assert_msg(pixel(99, 99) == BEHIND, "%06x", pixel(99, 99));
}

/* Ends it, and keeps what it has said. */
static void stop(struct program *client)
{
	program_signal(client, SIGTERM);
	program_wait(client, 20, &result);
	check_status(0);
}

static void finish(void)
{
	free(pixels);
	pixels = NULL;
	daemon_stop(&server);
}

/* ---- what is shown ------------------------------------------------------------------------- */

TEST(on_a_plane)
{
	daemon_start(&server);
	struct program client = START(EGL_CLIENT, "--angle", "0");
	program_expect(&server, "scanned out directly", 40);
	check_front();
	stop(&client);
	check_says("drawn to by ");
	finish();
}

/* Two turns that show three faces: what is above is above, and what is left is left. */
TEST(the_right_way_up)
{
	daemon_start(&server);
	struct program client = START(EGL_CLIENT, "--angle", "40");
	program_expect(&server, "scanned out directly", 40);
	look();
	uint32_t top = pixel(50, 30), left = pixel(35, 50), right = pixel(62, 50);
	/* the sides by the 0.25 + 0.75 cos of how far they are turned away */
	ck_assert_msg(top == 0x39721c || top == 0x39711c, "%06x", top);
	ck_assert_msg((left >> 16) > (left >> 8 & 0xff), "%06x", left);
	ck_assert_msg((right & 0xff) > (right >> 8 & 0xff), "%06x", right);
	stop(&client);
	finish();
}

TEST(frames_go_on)
{
	daemon_start(&server);
	RUN(EGL_CLIENT, "--frames", "20");
	check_status(0);
	daemon_stop(&server);
}

/* ---- with less ----------------------------------------------------------------------------- */

/* The memory came over the socket, and Mesa's renderer needs no node: it is scanned out as it is. */
TEST(without_device_nodes)
{
	daemon_start(&server);
	struct program client = START("/bin/sh", "-c",
		"exec unshare -m sh -c 'mount -t tmpfs none /dev && ! ls /dev/dri /dev/udmabuf 2>&1 &&"
		" exec " EGL_CLIENT " --angle 0'");
	program_expect(&server, "scanned out directly", 40);
	check_front();
	stop(&client);
	check_says("drawn to by ");
	/* sync_files of a software renderer come from /dev/udmabuf */
	check_says("the program waits");
	finish();
}

TEST(by_copies)
{
	daemon_start(&server);
	struct program client = START(EGL_CLIENT, "--angle", "0", "--copy");
	program_expect(&server, "scanned out directly", 40);
	check_front();
	stop(&client);
	check_says("copied to after they were drawn");
	finish();
}

/* Memory that is no dma-buf, which only the CPU can write: the program goes on with copies. */
TEST(where_nothing_can_be_imported)
{
	setenv("WAYBUF_EXPORTERS", "memfd", 1);
	RUN(WAYBUFD, "--headless", "--", EGL_CLIENT, "--frames", "3");
	check_status(0);
	check_says("the buffers cannot be drawn into: image: the memory is no dma-buf");
	check_says("copied to after they were drawn");
}

/* ---- fences -------------------------------------------------------------------------------- */

TEST(fences_as_files)
{
	daemon_start(&server);
	RUN(EGL_CLIENT, "--frames", "4");
	check_status(0);
	check_says("sync_files of EGL, as files through the allocator");
	daemon_stop(&server);
}

TEST(fences_as_points)
{
	daemon_start(&server);
	RUN(EGL_CLIENT, "--frames", "4", "--device", "/dev/dri/card0");
	check_status(0);
	check_says("sync_files of EGL, as timeline points");
	daemon_stop(&server);
}

/* ---- Vulkan -------------------------------------------------------------------------------- */

#ifdef VULKAN_CLIENT
/* Squares in the middle of 8 x 6 fields, half as wide as these. */
static void check_squares(void)
{
	look();
	ck_assert_msg(pixel(6, 8) == FRONT, "%06x", pixel(6, 8));
	ck_assert_msg(pixel(94, 92) == FRONT, "%06x", pixel(94, 92));
	ck_assert_msg(pixel(56, 58) == FRONT, "%06x", pixel(56, 58));
	ck_assert_msg(pixel(1, 1) == BEHIND, "%06x", pixel(1, 1));
	ck_assert_msg(pixel(50, 50) == BEHIND, "%06x", pixel(50, 50));
	ck_assert_msg(pixel(99, 99) == BEHIND, "%06x", pixel(99, 99));
}

TEST(vulkan_on_a_plane)
{
	daemon_start(&server);
	struct program client = START(VULKAN_CLIENT, "--still");
	program_expect(&server, "scanned out directly", 40);
	check_squares();
	stop(&client);
	check_says("which knows the modifier");
	check_says("sync_files of Vulkan, as files through the allocator");
	finish();
}

/* Mesa's driver has neither modifiers nor sync_files without /dev/udmabuf. */
TEST(vulkan_without_device_nodes)
{
	daemon_start(&server);
	struct program client = START("/bin/sh", "-c",
		"exec unshare -m sh -c 'mount -t tmpfs none /dev && ! ls /dev/dri /dev/udmabuf 2>&1 &&"
		" exec " VULKAN_CLIENT " --still'");
	program_expect(&server, "scanned out directly", 40);
	check_squares();
	stop(&client);
	check_says("linear images with rows of its own");
	check_says("the program waits");
	finish();
}

TEST(vulkan_frames_go_on)
{
	daemon_start(&server);
	RUN(VULKAN_CLIENT, "--frames", "20");
	check_status(0);
	RUN(VULKAN_CLIENT, "--frames", "x");
	check_status(2);
	daemon_stop(&server);
}

/* There is no other path: it says so, and ends. */
TEST(vulkan_where_nothing_can_be_imported)
{
	setenv("WAYBUF_EXPORTERS", "memfd", 1);
	RUN(WAYBUFD, "--headless", "--", VULKAN_CLIENT, "--frames", "3");
	check_status(1);
	check_says("the memory is not one dma-buf");
}
#endif

/* ---- mistakes ------------------------------------------------------------------------------ */

TEST(mistakes)
{
	RUN(EGL_CLIENT, "--frames", "x");
	check_status(2);
	RUN(EGL_CLIENT, "--colour");
	check_status(2);
	setenv("WAYLAND_DISPLAY", "/nonexistent/display", 1);
	RUN(EGL_CLIENT);
	check_status(1);
	check_says("egl-client: ");
}

TEST_TIMEOUT(120)
TEST_MAIN("egl-client")
