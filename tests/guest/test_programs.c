/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "harness.h"
#include "program_checks.h"

/*
 * The examples and waybufctl on waybufd and a real display controller, as processes. Pixels come
 * back through the writeback connector, by way of a screenshot. The player has a file of its own.
 */

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
