/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_points.h"
#include "film.h"
#include "kms_fixture.h"
#include "screen_crc.h"
#include "sw_sync.h"

/*
 * Compositors that are not ours, with libwaybuf-server in them, and the clients of the examples: the
 * wlroots example with either renderer, and weston with the module. Each client must be on the
 * display, to the last pixel, and without a copy where it covers it.
 */
#ifndef WLROOTS_SERVER
#define WLROOTS_SERVER NULL
#endif
#ifndef WESTON_MODULE
#define WESTON_MODULE NULL
#endif

struct compositor {
	const char *name;
	const char *program; /* NULL: not built */
	const char *renderer;
};

static const struct compositor compositors[] = {
	{"wlroots", WLROOTS_SERVER, "pixman"},
	{"wlroots", WLROOTS_SERVER, "gles2"},
	{"weston", WESTON_MODULE, "gl"},
	/* as it is, without a module of ours */
	{"weston", "", "gl"},
	{"weston", "", "pixman"},
};

static char folder[64];
static pid_t server;

/* ---- the compositor -------------------------------------------------------------------------- */

/* They find the display by what udev knows of it. */
static void run_udev(const char *command)
{
	char line[256];
	snprintf(line, sizeof(line), "{ %s; } >/dev/null 2>&1", command);
	ck_assert_int_ge(system(line), 0);
}

/*
 * Weston was not built with the sanitizer that its module needs: the shared library of ours, if it is
 * one, comes first then. Mesa's leaks are not ours.
 */
static bool preload_sanitizer(void)
{
#ifdef __SANITIZE_ADDRESS__
	char line[512];
	const char *path = NULL;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && !path && fgets(line, sizeof(line), maps))
		path = strstr(line, "libasan.so") ? strchr(line, '/') : NULL;
	if (maps)
		fclose(maps);
	if (!path)
		return false;
	line[strcspn(line, "\n")] = '\0';
	setenv("TEST_PRELOAD", path, 1);
	setenv("TEST_ASAN_OPTIONS", "detect_leaks=0", 1);
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return false;
#endif
#endif
	return true;
}

/* Eight bytes of wlroots' that it never frees, in its choice of a device for EGL. */
static void suppress_leak(void)
{
	char path[96], options[160];
	snprintf(path, sizeof(path), "%s/leaks", folder);
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "leak:wlr_egl_create_with_drm_fd\n");
	fclose(file);
	snprintf(options, sizeof(options), "suppressions=%s:print_suppressions=0", path);
	setenv("LSAN_OPTIONS", options, 1);
}

static void set_environment(void)
{
	snprintf(folder, sizeof(folder), "/tmp/waybuf-compositor-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(output_path, sizeof(output_path), "%s/output", folder);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	setenv("LIBSEAT_BACKEND", "builtin", 1);
	setenv("SEATD_VTBOUND", "0", 1);
	setenv("LP_NUM_THREADS", "1", 1);
	setenv("WLR_RENDERER_ALLOW_SOFTWARE", "1", 1);
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", 1);
	unsetenv("WAYLAND_DISPLAY");
	suppress_leak();
}

/* In a shell, which takes the environment of the sanitizer for weston alone. */
static pid_t start_weston(const struct compositor *compositor)
{
	char line[1024];
	snprintf(line, sizeof(line),
		"${TEST_PRELOAD:+export LD_PRELOAD=\"$TEST_PRELOAD\" "
		"ASAN_OPTIONS=\"$TEST_ASAN_OPTIONS\"}; exec weston --backend=drm "
		"--shell=kiosk-shell.so --renderer=%s --continue-without-input --idle-time=0 "
		"--socket=wayland-0 %s%s",
		compositor->renderer, compositor->program[0] ? "--modules=" : "",
		compositor->program);
	return START("/bin/sh", "-c", line);
}

static void wait_ready(void)
{
	struct stat stat_buffer;
	char path[96];
	snprintf(path, sizeof(path), "%s/wayland-0", folder);
	for (int i = 0; i < 1000 && stat(path, &stat_buffer) < 0; i++)
		usleep(20000);
	ck_assert_int_eq(stat(path, &stat_buffer), 0);
	setenv("WAYLAND_DISPLAY", "wayland-0", 1);
	/* there are no CRCs of a display that is off */
	for (int i = 0; i < 500 && !screen_is_lit(); i++)
		usleep(20000);
	ck_assert(screen_is_lit());
}

static void start_compositor(const struct compositor *compositor)
{
	char path[96];
	bool is_weston = strcmp(compositor->name, "weston") == 0;
	if (!compositor->program)
		SKIP("the %s example is not built: its package is missing", compositor->name);
	if (is_weston && access("/usr/bin/weston", X_OK) < 0)
		SKIP("there is no weston");
	if (is_weston && compositor->program[0] && !preload_sanitizer())
		SKIP("weston is not built with this sanitizer");
	screen_read_size();
	screen_switch_off();
	run_udev("/usr/lib/systemd/systemd-udevd --daemon; "
		 "udevadm trigger --subsystem-match=drm; udevadm settle --timeout=10");
	set_environment();
	setenv("WLR_RENDERER", compositor->renderer, 1);
	server = is_weston ? start_weston(compositor) : START(compositor->program);
	wait_ready();
	snprintf(path, sizeof(path), "%s/test", folder);
	ck_assert_int_eq(symlink("wayland-0", path), 0);
}

static void stop_compositor(void)
{
	char line[128];
	kill(server, SIGTERM);
	int status = finish_program(server);
	run_udev("udevadm control --exit");
	snprintf(line, sizeof(line), "tail -n 20 '%s' >&2", output_path);
	if (status != 0)
		ck_assert_int_ge(system(line), 0);
	ck_assert_msg(status == 0, "the compositor ended with status %d", status);
	snprintf(line, sizeof(line), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(line), 0);
}

/* ---- clients --------------------------------------------------------------------------------- */

/* Its last frame, to the last pixel, and every frame that was shown was not copied. */
static void check_client(const char *program, const char *option)
{
	uint32_t shown = 0, zero_copy = 0;
	pid_t client = START(program, "--frames", "5", "--colour", "c06020", "--hold", "10", option);
	bool right = screen_shows(picture_crc(heap_pixel, 4), 10);
	kill(client, SIGTERM);
	ck_assert_int_eq(finish_program(client), 0);
	ck_assert(right);
	ck_assert(said("of these without a copy"));
	FILE *file = fopen(output_path, "re");
	char line[512];
	while (file && fgets(line, sizeof(line), file)) {
		const char *counts = strstr(line, "shown ");
		if (counts && strstr(line, "without a copy"))
			sscanf(counts, "shown %u, of these without a copy %u", &shown, &zero_copy);
	}
	fclose(file);
	ck_assert_uint_gt(shown, 0);
	ck_assert_uint_eq(shown, zero_copy);
}

/* It sleeps, so one of its frames stays: the pattern comes again after some. */
static void check_simple_client(const char *path)
{
	pid_t client = START(SIMPLE_CLIENT);
	ck_assert(waits_for(path));
	usleep(500000);
	kill(client, SIGSTOP);
	usleep(300000);
	int crcs = screen_open_crcs();
	uint32_t shown = screen_next_crc(crcs), frame = 0, frames = screen_width / 4;
	close(crcs);
	while (frame < frames && striped_crc(simple_pixel, frame) != shown)
		frame++;
	kill(client, SIGTERM);
	kill(client, SIGCONT);
	ck_assert_int_eq(finish_program(client), 0);
	ck_assert_uint_lt(frame, frames);
}

/*
 * kiosk-shell of weston 14.0.2 without a seat looks at the last window when the next one comes, which
 * is freed by then, and mostly dies of it: so there it is one client for each weston.
 */
static void next_client(const struct compositor *compositor)
{
	if (strcmp(compositor->name, "weston") != 0)
		return;
	stop_compositor();
	start_compositor(compositor);
}

static void check_clients(const struct compositor *compositor)
{
	start_compositor(compositor);
	check_client(HEAP_CLIENT, NULL);
	next_client(compositor);
	check_client(FEEDBACK_CLIENT, NULL);
	next_client(compositor);
	check_client(FEEDBACK_CLIENT, "--heap");
	next_client(compositor);
	check_simple_client("by way of the compositor's allocator");
	stop_compositor();
}

TEST(wlroots_with_pixman)
{
	check_clients(&compositors[0]);
}

TEST(wlroots_with_gles2)
{
	check_clients(&compositors[1]);
}

TEST(weston_with_the_module)
{
	check_clients(&compositors[2]);
}

/* ---- without anything of ours in it ---------------------------------------------------------- */

#ifdef WAYBUFD
static pid_t service;

static void start_service(void)
{
	service = START(WAYBUFD, "--no-display", "--socket", "waybuf-0", "--log", "info");
	char path[96];
	struct stat stat_buffer;
	snprintf(path, sizeof(path), "%s/waybuf-0", folder);
	for (int i = 0; i < 500 && stat(path, &stat_buffer) < 0; i++)
		usleep(20000);
	ck_assert_int_eq(stat(path, &stat_buffer), 0);
}

TEST(weston_and_a_service)
{
	start_compositor(&compositors[3]);
	start_service();
	check_simple_client("by way of the allocation service");
	kill(service, SIGTERM);
	ck_assert_int_eq(finish_program(service), 0);
	stop_compositor();
}
#endif

TEST(weston_alone)
{
	start_compositor(&compositors[3]);
	check_simple_client("by way of udmabuf");
	stop_compositor();
}

TEST(weston_without_dmabuf)
{
	start_compositor(&compositors[4]);
	check_simple_client("by way of wl_shm");
	stop_compositor();
}

/* ---- a renderer ------------------------------------------------------------------------------- */

#ifdef EGL_CLIENT
static void check_egl_client(const char *path, const char *how)
{
	pid_t client = START(EGL_CLIENT, "--frames", "5");
	ck_assert(waits_for(path));
	ck_assert(waits_for(how));
	ck_assert_int_eq(finish_program(client), 0);
}

/* EGL draws into the memory of a service, and into the program's own. */
TEST(weston_and_egl)
{
	start_compositor(&compositors[3]);
	start_service();
	check_egl_client("by way of the allocation service", "drawn to by ");
	kill(service, SIGTERM);
	ck_assert_int_eq(finish_program(service), 0);
	next_client(&compositors[3]);
	check_egl_client("by way of udmabuf", "drawn to by ");
	stop_compositor();
}

/* Into shared memory it does not. */
TEST(weston_without_dmabuf_and_egl)
{
	start_compositor(&compositors[4]);
	check_egl_client("by way of wl_shm", "copied to after they were drawn by ");
	stop_compositor();
}
#endif

/* ---- films ----------------------------------------------------------------------------------- */

#if defined(PLAYER) && defined(WAYBUFD)
struct screening {
	const struct compositor *compositor;
	const char *matrix; /* NULL: BT.601 */
	const char *way, *text; /* what the player says of it, and what else, or NULL */
};

static pid_t start_film(const struct film_part *part)
{
	char path[128];
	film_make(folder, part, 1, path);
	return START(PLAYER, "--progress", path);
}

static void finish_film(pid_t player, const struct screening *screening)
{
	char line[128];
	int status = finish_program(player);
	snprintf(line, sizeof(line), "cat '%s' >&2", output_path);
	if (status != 0 || !said(screening->way))
		ck_assert_int_ge(system(line), 0);
	ck_assert_int_eq(status, 0);
	ck_assert(said(screening->way));
	ck_assert(!screening->text || said(screening->text));
}

/* What stays when the player pauses is one frame, and each a later one than that before. */
static void play(const struct screening *screening)
{
	int last = -1;
	start_compositor(screening->compositor);
	const struct film_part part = {
		"yuv420p", screen_width, screen_height, FILM_FRAMES, screening->matrix};
	pid_t player = start_film(&part);
	ck_assert(film_begins(&part));
	for (int i = 0; i < 3; i++) {
		int frame = film_hold(&part, player);
		ck_assert_int_gt(frame, last);
		last = frame;
		usleep(600000);
	}
	kill(player, SIGTERM);
	finish_film(player, screening);
	stop_compositor();
}

TEST(film_on_wlroots)
{
	play(&(struct screening){
		&compositors[0], NULL, "by way of the compositor's allocator", NULL});
}

/*
 * Weston 14 cannot be told of these colours, so that they come as RGB, which it leaves to the display:
 * what it has to compose itself Mesa's renderer for KMS without a GPU cannot map, and dies of it.
 */
static const char cannot_be_told[] =
	"its colours are BT.709 in limited range, of which the compositor cannot be told";

static void restart_service(void)
{
	char path[96];
	kill(service, SIGKILL);
	ck_assert_int_eq(finish_program(service), 128 + SIGKILL);
	snprintf(path, sizeof(path), "%s/waybuf-0", folder);
	unlink(path);
	start_service();
}

/* To its end. With @serviced an allocation service goes and comes again in the midst of it. */
static void play_through(const struct screening *screening, bool serviced)
{
	start_compositor(screening->compositor);
	if (serviced)
		start_service();
	const struct film_part part = {
		"yuv420p", screen_width, screen_height, 12, screening->matrix};
	pid_t player = start_film(&part);
	ck_assert(waits_for("time 1"));
	if (serviced)
		restart_service();
	finish_film(player, screening);
	ck_assert(said("frames-replaced 0\nframes-direct 0\n"));
	if (serviced)
		kill(service, SIGTERM);
	ck_assert(!serviced || finish_program(service) == 0);
	stop_compositor();
}

TEST(film_on_weston_with_the_module)
{
	const struct screening screening = {
		&compositors[2], "bt709", "by way of the compositor's allocator", cannot_be_told};
	play_through(&screening, false);
}

/* The service knows its memory again. */
TEST(film_on_weston_and_a_service)
{
	const struct screening screening = {&compositors[3], "bt709",
		"waybuf_allocator_v1, but the service at waybuf-0)", cannot_be_told};
	play_through(&screening, true);
}

TEST(film_on_weston_without_dmabuf)
{
	play(&(struct screening){&compositors[4], NULL, "by way of wl_shm", NULL});
}
#endif

/* ---- explicit synchronisation ---------------------------------------------------------------- */

static struct scenario *drawn;

static uint32_t drawn_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	return picture_pixel(&drawn->pictures[seed], x, y);
}

static bool shows_picture(struct scenario *s, uint32_t i)
{
	drawn = s;
	return screen_shows(picture_crc(drawn_pixel, i), 3);
}

static bool is_released(struct scenario *s, int i, uint64_t point)
{
	/* what the client has said must be sent, too */
	for (int k = 0; k < 150 && released(s, i) < point; k++)
		client_wait(&s->client, &s->window.presented, INT32_MAX, 20);
	return released(s, i) == point;
}

TEST(wlroots_waits_for_points)
{
	struct scenario s = {0};
	start_compositor(&compositors[0]);
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
	ck_assert(is_released(&s, 0, 1));
	ck_assert_uint_eq(released(&s, 1), 0);
	/* never ready: given back after a second, and what follows is shown */
	submit_work(&s, 3, 100);
	set_points(&s, 3, 2, 1);
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(is_released(&s, 2, 1));
	ck_assert(shows_picture(&s, 1));
	set_points(&s, 1, 0, 2);
	window_show(&s.window, &s.pictures[0]);
	ck_assert(shows_picture(&s, 0));
	ck_assert(is_released(&s, 1, 1));
	/* replaced before it was ready: given back at once */
	submit_work(&s, 4, 200);
	set_points(&s, 4, 1, 2);
	window_commit(&s.window, &s.pictures[1]);
	set_points(&s, 1, 2, 2);
	window_show(&s.window, &s.pictures[2]);
	ck_assert(shows_picture(&s, 2));
	ck_assert(is_released(&s, 1, 2));
	/* each of the six commits has its feedback: what is on its way would be lost */
	for (int k = 0; k < 100 && s.window.presented + s.window.discarded < 6; k++)
		client_wait(&s.client, &s.window.presented, INT32_MAX, 20);
	ck_assert_int_eq(s.window.presented + s.window.discarded, 6);
	hang_up(&s);
	points_finish(&s.points);
	close(s.timeline);
	stop_compositor();
}

TEST_TIMEOUT(120)
TEST_MAIN("compositors")
