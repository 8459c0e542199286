/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "harness.h"
#include "programs.h"

/*
 * The examples and waybufctl on waybufd and a real display controller, as processes. Pixels come
 * back through the writeback connector, by way of a screenshot.
 */
static struct program server;
static struct result result;

#define RUN(...) program_run((const char *const[]){__VA_ARGS__, NULL}, 30, &result)
#define START(...) program_start((const char *const[]){__VA_ARGS__, NULL})

static void check_status(int expected)
{
	ck_assert_msg(result.status == expected, "status %d: %s", result.status, result.out);
}

static void check_says(const char *text)
{
	ck_assert_msg(strstr(result.out, text), "no \"%s\": %s", text, result.out);
}

static uint8_t *take_screenshot(uint32_t *width, uint32_t *height)
{
	RUN(WAYBUFCTL, "screenshot", folder_path("shot.png"));
	check_status(0);
	return read_png(folder_path("shot.png"), width, height);
}

/* The colour of a pixel of a fresh screenshot, 0xRRGGBB; the middle of the screen for -1. */
static uint32_t screen_pixel(int x, int y)
{
	uint32_t width, height;
	uint8_t *pixels = take_screenshot(&width, &height);
	uint32_t column = x < 0 ? width / 2 : (uint32_t)x, row = y < 0 ? height / 2 : (uint32_t)y;
	const uint8_t *pixel = pixels + ((size_t)row * width + column) * 3;
	uint32_t colour = (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
	free(pixels);
	return colour;
}

/* ---- waybufctl ----------------------------------------------------------------------------- */

TEST(info)
{
	daemon_start(&server);
	RUN(WAYBUFCTL, "info");
	check_status(0);
	check_says("as seen by test");
	check_says("vkms");
	check_says("primary, id");
	check_says("NV12");
	check_says("memfd ");
	RUN(WAYBUFCTL, "info", "--json");
	check_status(0);
	struct json_object *document = json_tokener_parse(result.out);
	ck_assert(json_object_is_type(document, json_type_object));
	ck_assert(
		json_object_is_type(json_object_object_get(document, "objects"), json_type_array));
	json_object_put(document);
	daemon_stop(&server);
}

/* Mesa's renderer stands for a GPU, where the build has EGL. */
TEST(gpu)
{
	setenv("WAYBUF_GPU", "software", 1);
	daemon_start(&server);
	RUN(WAYBUFCTL, "info");
	check_status(0);
	if (HAVE_GPU)
		check_says("llvmpipe");
	setenv("WAYBUF_GPU", "fast", 1);
	RUN(WAYBUFD);
	check_status(1);
	check_says("WAYBUF_GPU is 'fast'");
	daemon_stop(&server);
}

/* A client of the allocator, and one with memory of its own, while they show something. */
TEST(top_and_explain)
{
	char size[32];
	uint32_t width, height;
	daemon_start(&server);
	free(take_screenshot(&width, &height));
	snprintf(size, sizeof(size), "%ux%u XR24", width, height);
	struct program simple = START(SIMPLE_CLIENT, "--frames", "1000");
	program_expect(&simple, "memory of", 10);
	struct program heap = START(HEAP_CLIENT, "--frames", "1000");
	for (int i = 0; i < 100 && !strstr(result.out, "brought"); i++) {
		usleep(50000);
		RUN(WAYBUFCTL, "top");
		check_status(0);
	}
	check_says("CLIENT ");
	check_says("brought");
	check_says("udmabuf");
	RUN(WAYBUFCTL, "top", "--buffers", "--count", "2", "--sort", "name");
	check_says("1.0 ");
	check_says(size);
	RUN(WAYBUFCTL, "explain", "1");
	check_status(0);
	check_says("must access cpu-read");
	check_says("chosen: udmabuf XR24 LINEAR");
	check_says("not memfd");
	RUN(WAYBUFCTL, "explain", "--json", "1.0");
	struct json_object *document = json_tokener_parse(result.out);
	ck_assert(json_object_is_type(document, json_type_object));
	json_object_put(document);
	RUN(WAYBUFCTL, "explain", "1.7");
	check_status(1);
	check_says("pool 1 has no buffer 7");
	RUN(WAYBUFCTL, "explain", "77");
	check_status(1);
	check_says("there is no such pool");
	program_signal(&simple, SIGTERM);
	program_wait(&simple, 10, &result);
	program_signal(&heap, SIGTERM);
	program_wait(&heap, 10, &result);
	daemon_stop(&server);
}

TEST(server_goes_under_top)
{
	daemon_start(&server);
	struct program top = START(WAYBUFCTL, "top", "--count", "1000");
	program_expect(&top, "CLIENT", 10);
	daemon_stop(&server);
	program_wait(&top, 10, &result);
	check_status(3);
	check_says("the server went away");
	RUN(WAYBUFCTL, "top", "--sort", "size");
	check_status(2);
	check_says("no column 'size'");
	RUN(WAYBUFCTL, "top", "--count", "0");
	check_status(2);
	RUN(WAYBUFCTL, "top", "--seconds", "61");
	check_status(2);
	RUN(WAYBUFCTL, "explain");
	check_status(2);
}

/* How many events of that name; each of them has what the viewers want. */
static unsigned count_events(struct json_object *trace, const char *name)
{
	unsigned n = 0;
	struct json_object *events = json_object_object_get(trace, "traceEvents");
	ck_assert(json_object_is_type(events, json_type_array));
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		ck_assert_int_gt(json_object_get_int(json_object_object_get(event, "pid")), 0);
		ck_assert(json_object_get_double(json_object_object_get(event, "ts")) > 0);
		ck_assert_ptr_nonnull(json_object_object_get(event, "ph"));
		n += strcmp(json_object_get_string(json_object_object_get(event, "name")), name) ==
			0;
	}
	return n;
}

/* The id of the only surface, as text. */
static const char *surface_id(void)
{
	static char text[16];
	RUN(WAYBUFCTL, "info", "--json");
	struct json_object *document = json_tokener_parse(result.out);
	struct json_object *objects = json_object_object_get(document, "objects");
	text[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		const char *type = json_object_get_string(json_object_object_get(object, "type"));
		if (strcmp(type, "surface") == 0)
			snprintf(text, sizeof(text), "%d",
				json_object_get_int(json_object_object_get(object, "id")));
	}
	json_object_put(document);
	return text;
}

TEST(trace_of_a_client)
{
	daemon_start(&server);
	struct program client = START(SIMPLE_CLIENT);
	program_expect(&server, "scanned out directly", 10);
	RUN(WAYBUFCTL, "trace", "--seconds", "2", "-o", folder_path("trace.json"));
	check_status(0);
	struct json_object *trace = json_object_from_file(folder_path("trace.json"));
	ck_assert(json_object_is_type(trace, json_type_object));
	static const char *const kinds[] = {"acquire", "latch", "commit", "flip", "release"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		ck_assert_msg(count_events(trace, kinds[i]) > 0, "no %s in the trace", kinds[i]);
	json_object_put(trace);
	unlink(folder_path("trace.json"));
	RUN(WAYBUFCTL, "why", surface_id());
	check_status(0);
	check_says(", shows buffer ");
	check_says("owed by the ");
	RUN(WAYBUFCTL, "why", "4711");
	check_status(1);
	check_says("there is no such surface or buffer");
	RUN(WAYBUFCTL, "trace", "--seconds", "61", "-o", "-");
	check_status(2);
	RUN(WAYBUFCTL, "trace");
	check_status(2);
	program_signal(&client, SIGTERM);
	program_wait(&client, 10, &result);
	daemon_stop(&server);
}

/* What fence-demo says of a frame, in milliseconds; -1: no fence, or never on the screen. */
static void read_row(unsigned frame, double *fence, double *screen)
{
	char start[16], first[32], second[32];
	snprintf(start, sizeof(start), "\n%5u ", frame);
	const char *row = strstr(result.out, start);
	ck_assert_msg(row, "no row %u: %s", frame, result.out);
	ck_assert_int_eq(sscanf(row + strlen(start), "%31s %31s", first, second), 2);
	*fence = strcmp(first, "-") == 0 ? -1 : atof(first);
	*screen = strcmp(second, "never") == 0 ? -1 : atof(second);
}

/* The longest wait in the trace, in milliseconds. */
static double longest_wait(void)
{
	double longest = 0;
	RUN(WAYBUFCTL, "trace", "--seconds", "3", "-o", folder_path("trace.json"));
	check_status(0);
	struct json_object *trace = json_object_from_file(folder_path("trace.json"));
	struct json_object *events = json_object_object_get(trace, "traceEvents");
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		double ms = json_object_get_double(json_object_object_get(event, "dur")) / 1000;
		longest = ms > longest ? ms : longest;
	}
	json_object_put(trace);
	return longest;
}

/* The frame is on the screen when its fence has signalled, and the trace has the wait. */
TEST(fence_demo)
{
	double fence, screen;
	if (access("/sys/kernel/debug/sync/sw_sync", R_OK | W_OK) < 0)
		SKIP("no sw_sync");
	daemon_start(&server);
	struct program demo =
		START(FENCE_DEMO, "--frames", "1000", "--every", "2", "--late", "300");
	program_expect(&demo, "\n    0 ", 20);
	double longest = longest_wait();
	program_signal(&demo, SIGTERM);
	program_wait(&demo, 10, &result);
	check_status(0);
	read_row(0, &fence, &screen);
	ck_assert(fence < 0 && screen > 0);
	read_row(1, &fence, &screen);
	ck_assert_msg(fence >= 300 && screen >= 300, "%s", result.out);
	ck_assert_msg(longest > 250, "%.1f ms", longest);
	daemon_stop(&server);
}

/* Nobody waits for ever. */
TEST(fence_demo_too_late)
{
	double fence, screen;
	if (access("/sys/kernel/debug/sync/sw_sync", R_OK | W_OK) < 0)
		SKIP("no sw_sync");
	daemon_start(&server);
	RUN(FENCE_DEMO, "--frames", "2", "--every", "2", "--late", "3000");
	check_status(0);
	read_row(1, &fence, &screen);
	ck_assert_msg(fence >= 3000 && screen < 0, "%s", result.out);
	program_expect(&server, "its fence did not signal within a second", 10);
	RUN(FENCE_DEMO, "--every", "0");
	check_status(2);
	daemon_stop(&server);
}

TEST(screenshot_mistakes)
{
	daemon_start(&server);
	RUN(WAYBUFCTL, "screenshot", "/nonexistent/x.png");
	check_status(1);
	check_says("/nonexistent/x.png cannot be written");
	RUN(WAYBUFCTL, "screenshot", "--output", "HDMI-7", folder_path("x.png"));
	check_status(1);
	check_says("there is no output 'HDMI-7'; there is: Virtual-1");
	RUN(WAYBUFCTL, "screenshot");
	check_status(2);
	/* Nothing is left behind. */
	ck_assert_int_lt(access(folder_path("x.png"), F_OK), 0);
	daemon_stop(&server);
	RUN(WAYBUFCTL, "screenshot", "/tmp/x.png");
	check_status(3);
	check_says("no server");
}

/* ---- clients ------------------------------------------------------------------------------- */

/* Standard linux-dmabuf alone, with its own memory: every frame reaches the screen uncopied. */
TEST(heap_client)
{
	if (access("/dev/dma_heap/system", R_OK) < 0)
		SKIP("no /dev/dma_heap/system");
	daemon_start(&server);
	struct program client =
		START(HEAP_CLIENT, "--frames", "8", "--colour", "3060c0", "--hold", "10");
	program_expect(&server, "scanned out directly", 10);
	/* The middle of the screen has no square; the corner has, in the first frames. */
	uint32_t colour = 0;
	for (int i = 0; i < 20 && colour != 0x3060c0; i++)
		colour = screen_pixel(-1, -1);
	ck_assert_uint_eq(colour, 0x3060c0);
	ck_assert_uint_eq(screen_pixel(56, 10), 0x183060);
	program_signal(&client, SIGTERM);
	program_wait(&client, 10, &result);
	check_status(0);
	daemon_stop(&server);
}

TEST(heap_client_counts)
{
	if (access("/dev/dma_heap/system", R_OK) < 0)
		SKIP("no /dev/dma_heap/system");
	daemon_start(&server);
	RUN(HEAP_CLIENT, "--frames", "8");
	check_status(0);
	check_says("shown 8, of these without a copy 8");
	daemon_stop(&server);
}

TEST(mistakes_in_numbers)
{
	RUN(SIMPLE_CLIENT, "--frames", "abc");
	check_status(2);
	check_says("'abc' is not a number");
	RUN(HEAP_CLIENT, "--frames", "-1");
	check_status(2);
	check_says("'-1' is not a number");
	RUN(HEAP_CLIENT, "--colour", "4294967296");
	check_status(2);
	RUN(HEAP_CLIENT, "--help");
	check_status(2);
	check_says("usage: heap-client");
}

TEST(simple_client)
{
	daemon_start(&server);
	struct program client = START(SIMPLE_CLIENT);
	program_expect(&server, "scanned out directly", 10);
	/* The bars wander, so any of the eight colours: each is all or nothing in each channel. */
	uint32_t colour = screen_pixel(-1, -1);
	for (int shift = 0; shift < 24; shift += 8) {
		uint32_t channel = colour >> shift & 0xff;
		ck_assert_msg(channel == 0 || channel == 0xff, "%06x", colour);
	}
	program_signal(&client, SIGTERM);
	program_wait(&client, 10, &result);
	check_status(0);
	check_says("pixels in memory of ");
	daemon_stop(&server);
}

/* Everything comes through the socket: a program that sees no device at all does as well. */
TEST(no_device_nodes)
{
	daemon_start(&server);
	RUN("/bin/sh", "-c",
		"unshare -m sh -c 'mount -t tmpfs none /dev && ! ls /dev/dri 2>&1 &&"
		" exec " SIMPLE_CLIENT " --frames 5' || exit 77");
	if (result.status == 77 && !strstr(result.out, "pixels")) {
		daemon_stop(&server);
		SKIP("no mount namespace: %s", result.out);
	}
	check_status(0);
	program_expect(&server, "scanned out directly", 10);
	daemon_stop(&server);
}

TEST(server_dies_under_a_client)
{
	daemon_start(&server);
	struct program client = START(SIMPLE_CLIENT);
	program_expect(&server, "scanned out directly", 10);
	daemon_stop(&server);
	program_wait(&client, 10, &result);
	check_status(1);
	check_says("the connection to the Wayland server was lost");
}

TEST(client_is_killed)
{
	daemon_start(&server);
	for (int i = 0; i < 3; i++) {
		struct program client = START(SIMPLE_CLIENT);
		program_expect(&client, "pixels in memory of ", 10);
		program_signal(&client, SIGKILL);
		program_wait(&client, 10, &result);
		check_status(128 + SIGKILL);
	}
	RUN(SIMPLE_CLIENT, "--frames", "5");
	check_status(0);
	daemon_stop(&server);
}

/* ---- player -------------------------------------------------------------------------------- */

#ifdef PLAYER
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

/* All frames, none of them composed. False: some were dropped for being late. */
static bool all_shown(unsigned frames)
{
	unsigned shown = 0, dropped = 0, direct = 0;
	const char *at = strstr(result.out, "frames-shown ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "frames-shown %u\nframes-dropped %u", &shown, &dropped), 2);
	at = strstr(result.out, "path direct ");
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

/* A picture that stands still for five seconds, encoded without loss; FFmpeg's own RGB of it. */
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
		"2", video);
	check_status(0);
	RUN("/usr/bin/ffmpeg", "-v", "error", "-y", "-i", video, "-frames:v", "1", "-sws_flags",
		"neighbor+accurate_rnd+full_chroma_int+full_chroma_inp", "-pix_fmt", "rgb24", "-f",
		"rawvideo", rgb);
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
	RUN(WAYBUFCTL, "screenshot", folder_path("shot.png"));
	check_status(0);
	uint32_t width, height;
	uint8_t *pixels = read_png(folder_path("shot.png"), &width, &height);
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

/* Where the decoder wrote it, what FFmpeg refers to included, and nothing copied. */
TEST(player_decodes_into_buffers)
{
	daemon_start(&server);
	const char *video = encode_still("libx264", "yuv420p", "-qp");
	struct program player = START(PLAYER, video);
	usleep(1500000);
	check_still();
	program_wait(&player, 30, &result);
	check_status(0);
	check_says("video h264, 640 x 360");
	check_says("frames-converted 0\nbytes-copied 0\n");
	check_says("YU12 LINEAR");
	check_says(", composed 0, not shown 0\n");
	daemon_stop(&server);
}

/* The display is told of colours that are not those of BT.601 in limited range. */
static void shows_colours(const char *matrix, const char *range)
{
	struct program player = START(
		PLAYER, "--progress", encode_coloured("libx264", "yuv420p", "-qp", matrix, range));
	program_expect(&player, "time 1", 20);
	check_still();
	program_signal(&player, SIGTERM);
	program_wait(&player, 30, &result);
	check_status(0);
	check_says("frames-converted 0\nbytes-copied 0\n");
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
	const char *at = strstr(result.out, "frames-shown ");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "frames-shown %u\nframes-dropped %u", &shown, &dropped), 2);
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
		struct program player = START(PLAYER, "--progress",
			encode_coloured(films[i].encoder, films[i].format, films[i].option,
				films[i].matrix, films[i].range));
		program_expect(&player, "time 1", 20);
		check_still();
		program_signal(&player, SIGTERM);
		program_wait(&player, 30, &result);
		check_status(0);
		check_says("frames-converted 0\nbytes-copied 0\n");
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
	program_expect(&player, "time 1", 20);
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
#endif

/* ---- a job of somebody's CI ---------------------------------------------------------------- */

/* examples/ci/test.sh finds waybufctl on PATH. */
static void run_ci(const char *program, const char *argument)
{
	char path[512];
	snprintf(path, sizeof(path), "%s", WAYBUFCTL);
	*strrchr(path, '/') = '\0';
	strcat(path, ":/usr/bin:/bin");
	setenv("PATH", path, 1);
	RUN("/bin/sh", CI_TEST, folder_path("out"), program, argument);
}

TEST(ci_test)
{
	uint32_t width = 0, height = 0;
	daemon_start(&server);
	run_ci(SIMPLE_CLIENT, NULL);
	check_status(0);
	free(read_png(folder_path("out/screen.png"), &width, &height));
	ck_assert_uint_gt(width, 0);
	ck_assert_int_eq(access(folder_path("out/info.txt"), R_OK), 0);
	run_ci("/bin/sleep", "30");
	check_status(1);
	check_says("has shown nothing");
	run_ci(SIMPLE_CLIENT, "--no-such-option");
	check_status(1);
	check_says("did not last two seconds");
	check_says("--no-such-option");
	RUN("/bin/rm", "-r", folder_path("out"));
	check_status(0);
	daemon_stop(&server);
}

TEST_TIMEOUT(120)
TEST_MAIN("programs")
