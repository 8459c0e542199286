/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/programs.h"
#include "harness.h"

/*
 * Films as large as films are, shown pixel by pixel: what comes back through the writeback connector
 * is FFmpeg's own RGB of the frame, within two codes. `programs-player` has the same of more formats,
 * small.
 */
enum { WIDTH = 1920, HEIGHT = 1080, BYTES = WIDTH * HEIGHT * 3 };
#define SIZE "1920x1080"

static struct program server, player;
static struct result result;
static char video[128], rgb[128];

static void run(const char *const *arguments)
{
	program_run(arguments, 240, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
}

/* A picture that stands still, without loss, in BT.709; and FFmpeg's own RGB of it. */
static void encode(const char *encoder, const char *format)
{
	snprintf(video, sizeof(video), "%s", folder_path("still.mkv"));
	snprintf(rgb, sizeof(rgb), "%s", folder_path("still.rgb"));
	run((const char *const[]){"/usr/bin/ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
		"testsrc2=s=" SIZE ":r=10:d=0.1", "-vf", "loop=-1:1,setpts=N/10/TB", "-t", "1",
		"-pix_fmt", format, "-colorspace", "bt709", "-color_range", "tv", "-c:v", encoder,
		"-preset", "ultrafast", "-qp", "0", "-bf", "2", video, NULL});
	run((const char *const[]){"/usr/bin/ffmpeg", "-v", "error", "-y", "-i", video, "-frames:v",
		"1", "-sws_flags", "neighbor+accurate_rnd+full_chroma_int+full_chroma_inp",
		"-pix_fmt", "rgb24", "-f", "rawvideo", rgb, NULL});
}

static uint8_t *read_rgb(void)
{
	uint8_t *pixels = malloc(BYTES);
	FILE *file = fopen(rgb, "rbe");
	ck_assert(pixels && file);
	ck_assert_uint_eq(fread(pixels, 1, BYTES, file), BYTES);
	fclose(file);
	return pixels;
}

static void check_screen(void)
{
	uint32_t width, height;
	int worst = 0;
	run((const char *const[]){WAYBUFCTL, "screenshot", folder_path("shot.png"), NULL});
	uint8_t *pixels = read_png(folder_path("shot.png"), &width, &height);
	uint8_t *expected = read_rgb();
	ck_assert_uint_eq(width, WIDTH);
	ck_assert_uint_eq(height, HEIGHT);
	for (size_t i = 0; i < BYTES; i++) {
		int difference = abs(pixels[i] - expected[i]);
		worst = difference > worst ? difference : worst;
	}
	free(pixels);
	free(expected);
	printf("# a pixel is off by %d at most\n", worst);
	fflush(stdout);
	ck_assert_int_le(worst, 2);
}

static void show(const char *encoder, const char *format, const char *chosen, const char *path)
{
	daemon_start_mode(&server, SIZE);
	encode(encoder, format);
	player = program_start((const char *const[]){
		PLAYER, "--loop", "--progress", "--threads", "1", video, NULL});
	program_expect(&player, "time [1-9]", 60);
	check_screen();
	program_signal(&player, SIGTERM);
	program_wait(&player, 60, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
	ck_assert_msg(strstr(result.out, "frames-converted 0\nbytes-copied 0\n") &&
			strstr(result.out, chosen) && strstr(result.out, path),
		"%s", result.out);
	daemon_stop(&server);
}

TEST(h264)
{
	show("libx264", "yuv420p", "YU12 LINEAR", ", composed 0,");
}

/* No plane of vkms takes what decoders of 10 bits write: the server composes it. */
TEST(hevc_of_10_bits)
{
	show("libx265", "yuv420p10le", "S010 LINEAR", "path direct 0,");
}

TEST_TIMEOUT(600)
TEST_MAIN("player-1080p")
