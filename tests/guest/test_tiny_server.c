/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon_points.h"
#include "kms_fixture.h"
#include "screen_crc.h"
#include "sw_sync.h"

/*
 * examples/tiny-server as a compositor's author will run it, with the clients of the examples. It
 * has no screenshots, and while it is master nobody else can capture: the display's CRCs do.
 */
static char folder[64];
static pid_t server;

static void start_server(void)
{
	char path[96];
	screen_read_size();
	screen_switch_off();
	snprintf(folder, sizeof(folder), "/tmp/waybuf-tiny-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(output_path, sizeof(output_path), "%s/output", folder);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("WAYLAND_DISPLAY", "wayland-0", 1);
	server = START(TINY_SERVER, find_vkms());
	ck_assert(waits_for("wayland-0\n"));
	/* the fixture's clients look there */
	snprintf(path, sizeof(path), "%s/test", folder);
	ck_assert_int_eq(symlink("wayland-0", path), 0);
}

static void stop_server(void)
{
	static const char *const names[] = {"output", "test"};
	char path[96];
	ck_assert(screen_is_lit());
	kill(server, SIGTERM);
	ck_assert_int_eq(finish_program(server), 0);
	ck_assert(!screen_is_lit());
	ck_assert(!said("cannot be shown"));
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(memory_of_the_client)
{
	start_server();
	ck_assert(screen_shows(picture_crc(black, 0), 3));
	pid_t client = START(HEAP_CLIENT, "--frames", "3", "--colour", "c06020", "--hold", "1");
	ck_assert(screen_shows(picture_crc(heap_pixel, 2), 3));
	ck_assert_int_eq(finish_program(client), 0);
	ck_assert(said("shown 3, of these without a copy 3"));
	ck_assert(screen_shows(picture_crc(black, 0), 3));
	stop_server();
}

/* It reads what the server takes, and asks the allocator for that, or a heap. */
TEST(memory_by_feedback)
{
	static const char *const options[] = {NULL, "--heap"};
	start_server();
	for (int i = 0; i < 2; i++) {
		pid_t client = START(FEEDBACK_CLIENT, "--frames", "3", "--colour", "c06020",
			"--hold", "1", options[i]);
		ck_assert(screen_shows(picture_crc(heap_pixel, 2), 3));
		ck_assert_int_eq(finish_program(client), 0);
		ck_assert(said("shown 3, of these without a copy 3"));
	}
	stop_server();
}

/* The client sleeps, so one of its frames stays: the pattern comes again after @frames. */
TEST(memory_of_the_server)
{
	start_server();
	pid_t client = START(SIMPLE_CLIENT);
	ck_assert(waits_for("pixels in memory of"));
	usleep(300000);
	kill(client, SIGSTOP);
	usleep(100000);
	int crcs = screen_open_crcs();
	uint32_t shown = screen_next_crc(crcs), frame = 0, frames = screen_width / 4;
	close(crcs);
	ck_assert_uint_eq(striped_crc(black, 0), picture_crc(black, 0));
	while (frame < frames && striped_crc(simple_pixel, frame) != shown)
		frame++;
	ck_assert_uint_lt(frame, frames);
	kill(client, SIGTERM);
	kill(client, SIGCONT);
	ck_assert_int_eq(finish_program(client), 0);
	stop_server();
}

TEST(no_room_for_two)
{
	start_server();
	pid_t client = START(HEAP_CLIENT, "--colour", "c06020", "--hold", "10");
	ck_assert(screen_shows(picture_crc(heap_pixel, 0), 3));
	pid_t second = START(SIMPLE_CLIENT);
	ck_assert_int_eq(finish_program(second), 0);
	ck_assert(screen_shows(picture_crc(heap_pixel, 0), 1));
	/* and then it goes without a goodbye */
	kill(client, SIGKILL);
	finish_program(client);
	ck_assert(screen_shows(picture_crc(black, 0), 3));
	stop_server();
}

static struct scenario *drawn;

static uint32_t drawn_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	return picture_pixel(&drawn->pictures[seed], x, y);
}

static bool shows_picture(struct scenario *s, uint32_t i)
{
	drawn = s;
	return screen_shows(picture_crc(drawn_pixel, i), 1);
}

TEST(points)
{
	struct scenario s = {0};
	start_server();
	snprintf(s.daemon.folder, sizeof(s.daemon.folder), "%s", folder);
	begin_client(&s);
	show_first(&s);
	ck_assert(shows_picture(&s, 0));
	/* not ready: the window keeps its frame */
	submit_work(&s, 2, 1);
	set_points(&s, 2, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 200));
	ck_assert(shows_picture(&s, 0));
	ck_assert_uint_eq(released(&s, 0) + released(&s, 1), 0);
	ck_assert_int_eq(sw_sync_advance(s.timeline, 1), 0);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 900));
	ck_assert(shows_picture(&s, 1));
	ck_assert_uint_eq(released(&s, 0), 1);
	ck_assert_uint_eq(released(&s, 1), 0);
	/* never ready: given up, and what follows is shown */
	submit_work(&s, 3, 100);
	set_points(&s, 3, 2, 1);
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(client_wait(&s.client, &s.window.discarded, 1, 3000));
	ck_assert_uint_eq(released(&s, 2), 1);
	set_points(&s, 1, 0, 2);
	window_show(&s.window, &s.pictures[0]);
	ck_assert(shows_picture(&s, 0));
	ck_assert_uint_eq(released(&s, 1), 1);
	hang_up(&s);
	points_finish(&s.points);
	close(s.timeline);
	stop_server();
}

TEST(no_display)
{
	snprintf(output_path, sizeof(output_path), "/tmp/waybuf-tiny-output");
	unlink(output_path);
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	ck_assert_int_eq(finish_program(START(TINY_SERVER, "/dev/null")), 1);
	ck_assert(said("no display that is connected, and free"));
	unlink(output_path);
	/* and where there is one, but somebody else's */
	struct display display;
	display_open(&display);
	ck_assert_int_eq(finish_program(START(TINY_SERVER, find_vkms())), 1);
	ck_assert(said("no display that is connected, and free"));
	display_close(&display);
	unlink(output_path);
}

TEST_TIMEOUT(30)
TEST_MAIN("tiny-server")
