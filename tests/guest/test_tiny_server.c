/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "daemon_points.h"
#include "kms_fixture.h"
#include "sw_sync.h"

/*
 * examples/tiny-server as a compositor's author will run it, with the clients of the examples. It
 * has no screenshots, and while it is master nobody else can capture. But vkms tells in debugfs the
 * CRC of each frame that it composes, of all pixels as 16-bit ARGB, row by row: what a picture should
 * give is computed here, so that a single wrong pixel is seen.
 */
static char folder[64];
static char output_path[96];
static pid_t server;
static uint32_t width, height;

/* ---- the CRC of a picture -------------------------------------------------------------------- */

/* CRC-32 as the kernel's crc32_le(): reflected, and inverted nowhere. */
static uint32_t crc_bytes(uint32_t crc, const uint8_t *bytes, size_t size)
{
	static uint32_t table[256];
	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t entry = i;
		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
		table[i] = entry;
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
	return crc;
}

static void fill_row(uint8_t *row, uint32_t (*pixel)(uint32_t x, uint32_t y, uint32_t seed),
	uint32_t y, uint32_t seed)
{
	for (uint32_t x = 0; x < width; x++) {
		uint32_t colour = pixel(x, y, seed);
		const uint8_t values[] = {
			0xff, (uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};
		for (size_t i = 0; i < 4; i++)
			row[x * 8 + i * 2] = row[x * 8 + i * 2 + 1] = values[i];
	}
}

static uint32_t picture_crc(uint32_t (*pixel)(uint32_t, uint32_t, uint32_t), uint32_t seed)
{
	uint8_t *row = malloc((size_t)width * 8);
	uint32_t crc = 0;
	ck_assert_ptr_nonnull(row);
	for (uint32_t y = 0; y < height; y++) {
		fill_row(row, pixel, y, seed);
		crc = crc_bytes(crc, row, (size_t)width * 8);
	}
	free(row);
	return crc;
}

/*
 * The same for pictures whose rows are all alike, fast enough for hundreds of them: what a row does to
 * a CRC is linear, apart from the CRC of the row itself.
 */
static uint32_t striped_crc(uint32_t (*pixel)(uint32_t, uint32_t, uint32_t), uint32_t seed)
{
	static uint32_t columns[32];
	uint8_t *row = calloc(width, 8);
	uint32_t crc = 0;
	ck_assert_ptr_nonnull(row);
	for (int bit = 0; !columns[31] && bit < 32; bit++)
		columns[bit] = crc_bytes(UINT32_C(1) << bit, row, (size_t)width * 8);
	fill_row(row, pixel, 0, seed);
	uint32_t row_crc = crc_bytes(0, row, (size_t)width * 8);
	for (uint32_t y = 0; y < height; y++) {
		uint32_t moved = 0;
		for (int bit = 0; bit < 32; bit++)
			moved ^= crc >> bit & 1 ? columns[bit] : 0;
		crc = moved ^ row_crc;
	}
	free(row);
	return crc;
}

static uint32_t black(uint32_t x, uint32_t y, uint32_t seed)
{
	return 0;
}

/* As heap-client and simple-client draw frame @seed. */
static uint32_t heap_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	const uint32_t size = height / 4, left = seed * 8 % width, colour = 0xc06020;
	bool inside = x >= left && x < left + size && y < size;
	return inside ? colour >> 1 & 0x7f7f7f : colour;
}

static uint32_t simple_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	static const uint32_t colours[] = {
		0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000};
	return colours[(x + 4 * seed) * 8 / width % 8];
}

/* ---- what the display shows ------------------------------------------------------------------ */

/* The CRCs of the frames to come, one with each read(). */
static int open_crcs(void)
{
	char path[64];
	const char *node = find_vkms();
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/crtc-0/crc/data",
		strrchr(node, 'd') + 1);
	int crcs = open(path, O_RDONLY | O_CLOEXEC);
	if (crcs < 0)
		SKIP("%s cannot be read", path);
	return crcs;
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t next_crc(int crcs)
{
	char line[64];
	uint32_t frame, crc;
	ssize_t size = read(crcs, line, sizeof(line) - 1);
	ck_assert_int_gt(size, 0);
	line[size] = '\0';
	ck_assert_int_eq(sscanf(line, "%x %x", &frame, &crc), 2);
	return crc;
}

/* Whether a frame of that CRC is shown within @seconds. There is a new frame with each refresh. */
static bool shows(uint32_t crc, double seconds)
{
	int crcs = open_crcs();
	bool found = false;
	for (double end = now_s() + seconds; !found && now_s() < end;)
		found = next_crc(crcs) == crc;
	close(crcs);
	return found;
}

/* ---- programs -------------------------------------------------------------------------------- */

static pid_t start(const char *path, const char *output, const char *const arguments[])
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	/* not to hold the display when a test has failed */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(path, (char *const *)arguments);
	_exit(127);
}

#define START(path, ...) start(path, output_path, (const char *const[]){path, __VA_ARGS__})

static int finish(pid_t pid)
{
	int status;
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(20000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static bool said(const char *text)
{
	static char said[65536];
	FILE *file = fopen(output_path, "re");
	size_t size = file ? fread(said, 1, sizeof(said) - 1, file) : 0;
	said[size] = '\0';
	if (file)
		fclose(file);
	return strstr(said, text);
}

static bool waits_for(const char *text)
{
	for (int i = 0; i < 500 && !said(text); i++)
		usleep(20000);
	return said(text);
}

/* The size of the display, read while nobody else is there. */
static void read_size(void)
{
	struct display display;
	display_open(&display);
	width = display.width;
	height = display.height;
	display_close(&display);
}

/* Whether the display is on. */
static bool is_lit(void)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	drmModeRes *resources = drmModeGetResources(fd);
	drmModeCrtc *crtc = drmModeGetCrtc(fd, resources->crtcs[0]);
	bool lit = crtc->mode_valid;
	drmModeFreeCrtc(crtc);
	drmModeFreeResources(resources);
	close(fd);
	return lit;
}

/* What a program has left there that has ended could not be restored: its framebuffer is gone. */
static void switch_off(void)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	drmModeRes *resources = drmModeGetResources(fd);
	ck_assert_int_eq(drmModeSetCrtc(fd, resources->crtcs[0], 0, 0, 0, NULL, 0, NULL), 0);
	drmModeFreeResources(resources);
	close(fd);
}

static void start_server(void)
{
	char path[96];
	read_size();
	switch_off();
	snprintf(folder, sizeof(folder), "/tmp/waybuf-tiny-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(output_path, sizeof(output_path), "%s/output", folder);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("WAYLAND_DISPLAY", "wayland-0", 1);
	server = START(TINY_SERVER, find_vkms(), NULL);
	ck_assert(waits_for("wayland-0\n"));
	/* the fixture's clients look there */
	snprintf(path, sizeof(path), "%s/test", folder);
	ck_assert_int_eq(symlink("wayland-0", path), 0);
}

static void stop_server(void)
{
	static const char *const names[] = {"output", "test"};
	char path[96];
	ck_assert(is_lit());
	kill(server, SIGTERM);
	ck_assert_int_eq(finish(server), 0);
	ck_assert(!is_lit());
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
	ck_assert(shows(picture_crc(black, 0), 3));
	pid_t client =
		START(HEAP_CLIENT, "--frames", "3", "--colour", "c06020", "--hold", "1", NULL);
	ck_assert(shows(picture_crc(heap_pixel, 2), 3));
	ck_assert_int_eq(finish(client), 0);
	ck_assert(said("shown 3, of these without a copy 3"));
	ck_assert(shows(picture_crc(black, 0), 3));
	stop_server();
}

/* The client sleeps, so one of its frames stays: the pattern comes again after @frames. */
TEST(memory_of_the_server)
{
	start_server();
	pid_t client = START(SIMPLE_CLIENT, NULL);
	ck_assert(waits_for("pixels in memory of"));
	usleep(300000);
	kill(client, SIGSTOP);
	usleep(100000);
	int crcs = open_crcs();
	uint32_t shown = next_crc(crcs), frame = 0, frames = width / 4;
	close(crcs);
	ck_assert_uint_eq(striped_crc(black, 0), picture_crc(black, 0));
	while (frame < frames && striped_crc(simple_pixel, frame) != shown)
		frame++;
	ck_assert_uint_lt(frame, frames);
	kill(client, SIGTERM);
	kill(client, SIGCONT);
	ck_assert_int_eq(finish(client), 0);
	stop_server();
}

TEST(no_room_for_two)
{
	start_server();
	pid_t client = START(HEAP_CLIENT, "--colour", "c06020", "--hold", "10", NULL);
	ck_assert(shows(picture_crc(heap_pixel, 0), 3));
	pid_t second = START(SIMPLE_CLIENT, NULL);
	ck_assert_int_eq(finish(second), 0);
	ck_assert(shows(picture_crc(heap_pixel, 0), 1));
	/* and then it goes without a goodbye */
	kill(client, SIGKILL);
	finish(client);
	ck_assert(shows(picture_crc(black, 0), 3));
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
	return shows(picture_crc(drawn_pixel, i), 1);
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
	ck_assert_int_eq(finish(START(TINY_SERVER, "/dev/null", NULL)), 1);
	ck_assert(said("no display that is connected, and free"));
	unlink(output_path);
	/* and where there is one, but somebody else's */
	struct display display;
	display_open(&display);
	ck_assert_int_eq(finish(START(TINY_SERVER, find_vkms(), NULL)), 1);
	ck_assert(said("no display that is connected, and free"));
	display_close(&display);
	unlink(output_path);
}

TEST_TIMEOUT(30)
TEST_MAIN("tiny-server")
