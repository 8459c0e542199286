/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "harness.h"
#include "program_checks.h"

/*
 * The player on waybufd and a real display controller, as a person runs it. What is on the screen is
 * compared with what FFmpeg makes of the same film.
 */
enum { WIDTH = 640, HEIGHT = 240, PIXELS = WIDTH * HEIGHT };

/* Frames of one colour in YUV 4:2:0, ten a second, twice as wide as high: bars above and below. */
static const char *write_video(int frames, int y, int u, int v)
{
	static char path[128];
	static uint8_t frame[PIXELS * 3 / 2];
	snprintf(path, sizeof(path), "%s", folder_path("video.y4m"));
	memset(frame, y, PIXELS);
	memset(frame + PIXELS, u, PIXELS / 4);
	memset(frame + PIXELS / 4 * 5, v, PIXELS / 4);
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420\n", WIDTH, HEIGHT);
	for (int i = 0; i < frames; i++) {
		fputs("FRAME\n", file);
		ck_assert_uint_eq(fwrite(frame, sizeof(frame), 1, file), 1);
	}
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

static void check_near(uint32_t colour, uint32_t expected)
{
	for (int shift = 0; shift < 24; shift += 8) {
		int difference = (int)(colour >> shift & 0xff) - (int)(expected >> shift & 0xff);
		ck_assert_msg(abs(difference) <= 2, "%06x and not %06x", colour, expected);
	}
}

static void read_frames(unsigned *shown, unsigned *dropped)
{
	const char *at = strstr(result.out, "frames-shown ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "frames-shown %u\nframes-dropped %u", shown, dropped), 2);
}

/* All frames, none of them composed. False: some were dropped for being late. */
static bool all_shown(unsigned frames)
{
	unsigned shown = 0, dropped = 0, direct = 0;
	read_frames(&shown, &dropped);
	const char *at = strstr(result.out, "path direct ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "path direct %u,", &direct), 1);
	check_says(", composed 0, not shown 0\n");
	ck_assert_uint_eq(shown + dropped, frames);
	ck_assert_uint_eq(direct, shown);
	return dropped == 0;
}

static bool plays_all(void)
{
	daemon_start(&server);
	/* BT.601 in its limited range makes (211, 32, 38) of it. */
	struct program player = START(PLAYER, write_video(60, 90, 104, 206));
	program_expect(&server, "scanned out directly", 10);
	check_near(screen_pixel(-1, -1), 0xd32026);
	check_near(screen_pixel(10, 10), 0x000000);
	program_wait(&player, 20, &result);
	check_status(0);
	check_says("video rawvideo, 640 x 240, 10.00 frames a second\n");
	check_says("exporter ");
	check_says("why ");
	bool all = all_shown(60);
	daemon_stop(&server);
	return all;
}

/* A busy machine makes some frames late, now and then; a player that is wrong does so each time. */
TEST(player)
{
	bool all = false;
	for (int i = 0; i < 4 && !all; i++)
		all = plays_all();
	ck_assert(all);
}

TEST(player_limits)
{
	daemon_start(&server);
	const char *video = write_video(10, 90, 104, 206);
	RUN(PLAYER, "--frames", "3", "--buffers", "2", video);
	check_status(0);
	check_says("frames-shown 3\n");
	check_says("buffers 2 of ");
	RUN(PLAYER, "--buffers", "65", video);
	check_status(1);
	check_says("65 buffers");
	daemon_stop(&server);
}

/*
 * A picture that stands still for five seconds, encoded without loss; and FFmpeg's own RGB of what it
 * decodes of that.
 */
#define STILL_WIDTH 640
#define STILL_HEIGHT 360
static const char *encode_coloured(const char *encoder, const char *format, const char *option,
	const char *matrix, const char *range)
{
	static char video[128], rgb[128], input[64];
	snprintf(video, sizeof(video), "%s", folder_path("still.mkv"));
	snprintf(rgb, sizeof(rgb), "%s", folder_path("still.rgb"));
	snprintf(input, sizeof(input), "testsrc2=s=%dx%d:r=10:d=0.1", STILL_WIDTH, STILL_HEIGHT);
	RUN("/usr/bin/ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", input, "-vf",
		"loop=-1:1,setpts=N/10/TB", "-t", "5", "-pix_fmt", format, "-colorspace", matrix,
		"-color_range", range, "-c:v", encoder, "-preset", "ultrafast", option, "0", "-bf",
		"2", video, "-dec", "0:0", "-filter_complex",
		"[dec:0]scale=flags=neighbor+accurate_rnd+full_chroma_int+full_chroma_inp,"
		"format=rgb24[rgb]",
		"-map", "[rgb]", "-frames:v", "1", "-f", "rawvideo", rgb);
	check_status(0);
	return video;
}

static const char *encode_still(const char *encoder, const char *format, const char *option)
{
	return encode_coloured(encoder, format, option, "smpte170m", "tv");
}

/* The screenshot against that, with the picture in the middle; true if all is there. */
static void check_still(void)
{
	static uint8_t expected[STILL_WIDTH * STILL_HEIGHT * 3];
	FILE *file = fopen(folder_path("still.rgb"), "rb");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(expected, sizeof(expected), 1, file), 1);
	fclose(file);
	uint32_t width, height;
	uint8_t *pixels = take_screenshot(&width, &height);
	size_t left = (width - STILL_WIDTH) / 2, top = (height - STILL_HEIGHT) / 2;
	int worst = 0;
	for (size_t y = 0; y < STILL_HEIGHT; y++) {
		const uint8_t *row = pixels + ((top + y) * width + left) * 3;
		for (size_t i = 0; i < (size_t)STILL_WIDTH * 3; i++) {
			int difference = abs(row[i] - expected[y * STILL_WIDTH * 3 + i]);
			worst = difference > worst ? difference : worst;
		}
	}
	free(pixels);
	ck_assert_msg(worst <= 2, "a pixel is wrong by %d", worst);
}

/* With --progress, the second line comes with a picture on the screen: on a busy machine late. */
static struct program start_still(const char *video)
{
	struct program player = START(PLAYER, "--progress", video);
	program_expect(&player, "\ntime ", 20);
	return player;
}

/* Where the decoder wrote it, what FFmpeg refers to included, and nothing copied. */
TEST(player_decodes_into_buffers)
{
	daemon_start(&server);
	struct program player = start_still(encode_still("libx264", "yuv420p", "-qp"));
	check_still();
	program_wait(&player, 30, &result);
	check_status(0);
	check_says("video h264, 640 x 360");
	check_says("frames-converted 0\nbytes-copied 0\n");
	check_says("YU12 LINEAR");
	check_says(", composed 0, not shown 0\n");
	daemon_stop(&server);
}

static void shows_still(const char *video)
{
	struct program player = start_still(video);
	check_still();
	program_signal(&player, SIGTERM);
	program_wait(&player, 30, &result);
	check_status(0);
	check_says("frames-converted 0\nbytes-copied 0\n");
}

/* The display is told of colours that are not those of BT.601 in limited range. */
static void shows_colours(const char *matrix, const char *range)
{
	shows_still(encode_coloured("libx264", "yuv420p", "-qp", matrix, range));
	check_says(", composed 0, not shown 0\n");
}

TEST(player_shows_limited_range)
{
	static const char *const matrices[] = {"bt709", "bt2020nc", "smpte170m"};
	daemon_start(&server);
	for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++)
		shows_colours(matrices[i], "tv");
	daemon_stop(&server);
}

TEST(player_shows_full_range)
{
	static const char *const matrices[] = {"bt709", "bt2020nc", "smpte170m"};
	daemon_start(&server);
	for (size_t i = 0; i < sizeof(matrices) / sizeof(matrices[0]); i++)
		shows_colours(matrices[i], "pc");
	daemon_stop(&server);
}

/* Threads of the codec get buffers that were made ready for them. */
TEST(player_with_threads)
{
	daemon_start(&server);
	const char *video = encode_still("libx264", "yuv422p", "-qp");
	RUN(PLAYER, "--threads", "3", "--seek", "3", video);
	check_status(0);
	check_says("frames-converted 0\nbytes-copied 0\n");
	check_says("YU16 LINEAR");
	unsigned shown = 0, dropped = 0;
	read_frames(&shown, &dropped);
	/* FFmpeg's filter leaves out some frames of its own. */
	ck_assert_uint_le(shown + dropped, 20);
	ck_assert_uint_ge(shown + dropped, 10);
	daemon_stop(&server);
}

/* 10 bits as software decoders write them: no plane of vkms takes these, and composition does. */
TEST(player_of_10_bits)
{
	static const struct {
		const char *encoder, *option, *format, *matrix, *range, *chosen;
	} films[] = {
		{"libx265", "-qp", "yuv420p10le", "bt709", "tv", "S010 LINEAR"},
		{"libx265", "-qp", "yuv420p12le", "bt2020nc", "tv", "S012 LINEAR"},
		{"libx264", "-qp", "yuv422p10le", "bt2020nc", "pc", "S210 LINEAR"},
		{"libx264", "-qp", "yuv444p10le", "smpte170m", "tv", "S410 LINEAR"},
	};
	daemon_start(&server);
	for (size_t i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
		shows_still(encode_coloured(films[i].encoder, films[i].format, films[i].option,
			films[i].matrix, films[i].range));
		check_says(films[i].chosen);
		check_says("path direct 0, composed ");
	}
	daemon_stop(&server);
}

/* What the compositor does not take is converted, and the reason told. */
TEST(player_converts)
{
	daemon_start(&server);
	const char *video = encode_coloured("libx264rgb", "bgr24", "-qp", "rgb", "pc");
	RUN(PLAYER, "--frames", "3", video);
	check_status(0);
	check_says("converted by the CPU: no display takes the pixel format");
	check_says("frames-direct 0\nframes-converted 3\n");
	video = encode_still("libx264", "yuv420p", "-qp");
	RUN(PLAYER, "--frames", "3", "--scale", video);
	check_status(0);
	check_says("converted by the CPU: it is to be scaled");
	daemon_stop(&server);
}

TEST(player_pauses)
{
	daemon_start(&server);
	const char *video = encode_still("libx264", "yuv420p", "-qp");
	struct program player = START(PLAYER, "--progress", video);
	/* on a busy machine a second may pass between two lines */
	program_expect(&player, "time [1-9]", 20);
	program_signal(&player, SIGUSR1);
	usleep(2000000);
	program_signal(&player, SIGUSR1);
	program_wait(&player, 30, &result);
	check_status(0);
	double seconds = 0;
	const char *at = strstr(result.out, "bytes-copied 0\nseconds ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "bytes-copied 0\nseconds %lf", &seconds), 1);
	/* of the film: the clock stood still meanwhile */
	ck_assert_double_lt(seconds, 7);
	daemon_stop(&server);
}

TEST(player_mistakes)
{
	daemon_start(&server);
	RUN(PLAYER);
	check_status(2);
	RUN(PLAYER, "/nonexistent.avi");
	check_status(1);
	check_says("/nonexistent.avi: No such file");
	/* A file, and no video. */
	FILE *file = fopen(folder_path("text.txt"), "w");
	fputs("no video\n", file);
	fclose(file);
	RUN(PLAYER, folder_path("text.txt"));
	check_status(1);
	daemon_stop(&server);
	RUN(PLAYER, "/dev/null");
	check_status(1);
}

TEST_TIMEOUT(120)
TEST_MAIN("programs-player")
