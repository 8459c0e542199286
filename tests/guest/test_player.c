/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "film.h"
#include "harness.h"
#include "screen_crc.h"

/*
 * Films on waybufd that change while they are played, and captures of the output meanwhile: each is
 * one frame to the last pixel, none comes again, and no frame is copied by the player.
 */
static struct daemon server;
static struct client client;

/* The newest frame that was seen goes to *@seen. */
static void watch(const struct film_part *parts, size_t n, pid_t player, int *seen)
{
	bool over = false;
	*seen = -1;
	while (!film_ended(player)) {
		struct picture picture;
		capture_output(&client, &picture);
		int frame = film_find(parts, n, &picture);
		/* before the window is there, and after it has gone, the screen is black */
		bool empty = (picture_pixel(&picture, 320, 240) & 0xffffff) == 0;
		picture_finish(&picture);
		over |= empty && *seen >= 0;
		ck_assert_msg(empty || (frame >= 0 && frame >= *seen && !over), "%d after %d",
			frame, *seen);
		*seen = frame > *seen ? frame : *seen;
		/* captures take their time from what they watch */
		usleep(100000);
	}
}

static void play(const struct film_part *parts, size_t n, const char *path, uint32_t frames)
{
	int seen;
	pid_t player = START(PLAYER, "--threads", "1", path);
	watch(parts, n, player, &seen);
	ck_assert_int_eq(finish_program(player), 0);
	ck_assert(said("frames-converted 0\nbytes-copied 0\n"));
	ck_assert_int_gt(seen, (int)frames / 2);
}

static void check_film(const struct film_part *parts, size_t n)
{
	/* vkms mixes each refresh by CPU, which must not be what is tested */
	static const char *const options[] = {"--mode", "640x480", NULL};
	char path[128];
	uint32_t frames = 0;
	for (size_t i = 0; i < n; i++)
		frames += parts[i].frames;
	daemon_start(&server, options);
	client_connect(&client, &server);
	setenv("XDG_RUNTIME_DIR", server.folder, 1);
	setenv("WAYLAND_DISPLAY", "test", 1);
	snprintf(output_path, sizeof(output_path), "%s/output", server.folder);
	film_make(server.folder, parts, n, path);
	play(parts, n, path, frames);
	unlink(path);
	unlink(output_path);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&server, SIGTERM), 0);
}

/* From a plane to another kind of it, to composition, and back. */
TEST(sizes_and_formats)
{
	static const struct film_part parts[] = {
		{"yuv420p", 640, 480, 6, NULL},
		{"yuv422p", 640, 480, 6, NULL},
		{"yuv444p", 480, 320, 6, NULL},
		{"yuv420p10le", 480, 320, 6, NULL},
		{"yuv420p", 320, 240, 6, NULL},
	};
	check_film(parts, sizeof(parts) / sizeof(parts[0]));
}

/* A film that has another size with every third frame. */
TEST(storm_of_sizes)
{
	struct film_part parts[12];
	for (uint32_t i = 0; i < 12; i++)
		parts[i] =
			(struct film_part){"yuv420p", 640 - i % 7 * 32, 480 - i % 5 * 48, 3, NULL};
	check_film(parts, 12);
}

TEST_TIMEOUT(240)
TEST_MAIN("player")
