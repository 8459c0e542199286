/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <drm_fourcc.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "input_devices.h"
#include "xdg-shell-client-protocol.h"

/*
 * Clients that do what they may without end, or end in the middle of it. A neighbour goes on, and
 * what the daemon holds is in the end what it held before.
 */

struct place {
	struct daemon daemon;
	struct client neighbour;
	struct window window;
	struct picture picture;
	int fds; /* of the daemon, with the neighbour alone */
	long rss_kib; /* the same */
};

static char *proc(const struct place *place, const char *name)
{
	static char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", place->daemon.pid, name);
	return path;
}

static int count_fds(const struct place *place)
{
	int n = 0;
	DIR *folder = opendir(proc(place, "fd"));
	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static long rss_kib(const struct place *place)
{
	long size = 0, resident = 0;
	FILE *file = fopen(proc(place, "statm"), "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &resident), 2);
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE) / 1024;
}

static void place_init(struct place *place)
{
	daemon_start(&place->daemon, NULL);
	client_connect(&place->neighbour, &place->daemon);
	window_init(&place->window, &place->neighbour);
	picture_init(&place->neighbour, &place->picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&place->window, &place->picture);
	place->fds = count_fds(place);
}

static void place_finish(struct place *place)
{
	picture_finish(&place->picture);
	window_finish(&place->window);
	client_disconnect(&place->neighbour);
	ck_assert_int_eq(daemon_stop(&place->daemon, SIGTERM), 0);
}

/* Runs @storm as a process of its own, which is not waited for by the daemon in any way. */
static void unleash(struct place *place, void (*storm)(struct client *client, int n), int n)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct client client;
		client_connect(&client, &place->daemon);
		storm(&client, n);
		wl_display_flush(client.display);
		_exit(0);
	}
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0)
		window_show(&place->window, &place->picture);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the last client held is given back when the daemon has heard of its end. */
static void expect_level(struct place *place)
{
	int fds = 0;
	for (int i = 0; i < 100 && (fds = count_fds(place)) > place->fds; i++)
		window_show(&place->window, &place->picture);
	ck_assert_int_le(fds, place->fds);
}

/* A sanitizer keeps what was freed for a while, and finds leaks by itself. */
static void expect_memory(struct place *place)
{
#ifndef __SANITIZE_ADDRESS__
	long now = rss_kib(place);
	ck_assert_msg(now < place->rss_kib + 2048, "%ld KiB, and it was %ld", now, place->rss_kib);
#endif
}

/* ---- storms -------------------------------------------------------------------------------- */

static void attach_and_destroy(struct client *client, int n)
{
	struct picture picture;
	picture_init(client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	for (int i = 0; i < n; i++) {
		struct wl_surface *surface = wl_compositor_create_surface(client->compositor);
		wl_surface_attach(surface, picture.buffer, 0, 0);
		wl_surface_commit(surface);
		if (i % 2)
			wl_surface_attach(surface, picture.buffer, 0, 0);
		wl_surface_destroy(surface);
		if (i % 50 == 0 && !client_sync(client))
			_exit(2);
	}
	if (!client_sync(client))
		_exit(3);
}

static void windows_that_come_and_go(struct client *client, int n)
{
	for (int i = 0; i < n; i++) {
		struct window window;
		struct picture picture;
		window_init(&window, client);
		picture_init(client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
		wl_surface_attach(window.surface, picture.buffer, 0, 0);
		wl_surface_commit(window.surface);
		picture_finish(&picture);
		window_finish(&window);
	}
	if (!client_sync(client))
		_exit(2);
}

/* Everything as large as the numbers are, on one surface that is seen. */
static void sizes_at_the_limits(struct client *client, int n)
{
	struct window window;
	struct picture wide, high;
	window_init(&window, client);
	picture_init(client, &wide, PICTURE_SHM, 32767, 1, DRM_FORMAT_XRGB8888);
	picture_init(client, &high, PICTURE_SHM, 1, 32767, DRM_FORMAT_XRGB8888);
	struct wl_surface *child = wl_compositor_create_surface(client->compositor);
	struct wl_subsurface *subsurface =
		wl_subcompositor_get_subsurface(client->subcompositor, child, window.surface);
	wl_subsurface_set_desync(subsurface);
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < 200; j++) {
			wl_surface_damage(window.surface, INT32_MIN + j, j, INT32_MAX, INT32_MAX);
			wl_surface_damage_buffer(window.surface, j, INT32_MAX, INT32_MAX, 1);
		}
		xdg_surface_set_window_geometry(
			window.xdg_surface, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MAX);
		wl_subsurface_set_position(
			subsurface, i % 2 ? INT32_MAX : INT32_MIN, i % 3 ? INT32_MIN : 1);
		wl_surface_attach(child, i % 2 ? high.buffer : wide.buffer, 0, 0);
		wl_surface_commit(child);
		window_commit(&window, i % 2 ? &wide : &high);
		if (!client_sync(client))
			_exit(2);
	}
}

TEST(storms)
{
	static const struct {
		void (*storm)(struct client *client, int n);
		int n;
	} storms[] = {
		{attach_and_destroy, 500},
		{windows_that_come_and_go, 50},
		{sizes_at_the_limits, 20},
	};
	struct place place;
	place_init(&place);
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		/* once, for what stays after the first time */
		unleash(&place, storms[i].storm, storms[i].n);
		expect_level(&place);
		place.rss_kib = rss_kib(&place);
		unleash(&place, storms[i].storm, storms[i].n);
		expect_level(&place);
		expect_memory(&place);
	}
	place_finish(&place);
}

/* ---- who never reads ----------------------------------------------------------------------- */

/* Until the daemon has enough of it: what nobody takes is not kept without end. */
static void ask_and_never_read(struct client *client, int n)
{
	int fd = wl_display_get_fd(client->display), size = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (int i = 0; i < n; i++) {
		wl_display_sync(client->display);
		if (i % 64 == 0 && wl_display_flush(client->display) < 0 && errno != EAGAIN)
			_exit(0);
		if (i % 4096 == 0)
			usleep(1000);
	}
}

TEST(reader_that_never_drains)
{
	struct place place;
	place_init(&place);
	unleash(&place, ask_and_never_read, 200000);
	expect_level(&place);
	window_show(&place.window, &place.picture);
	place_finish(&place);
}

/* ---- ends at every request ----------------------------------------------------------------- */

/* What a program does from its first window to a menu and a copied text; it ends before step @n. */
static void end_before(struct client *client, int n)
{
	int step = 0;
#define STEP(...) \
	do { \
		if (step++ == n) \
			return; \
		__VA_ARGS__; \
	} while (0)
	struct window window = {0};
	struct picture picture;
	struct wl_surface *child, *menu;
	struct wl_subsurface *subsurface;
	struct xdg_surface *menu_surface;
	struct xdg_positioner *positioner;
	struct xdg_popup *popup;
	struct wl_data_source *source;
	struct wl_data_device *device;
	STEP(picture_init(client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888));
	STEP(window_init(&window, client));
	STEP(child = wl_compositor_create_surface(client->compositor));
	STEP(subsurface = wl_subcompositor_get_subsurface(
		     client->subcompositor, child, window.surface));
	STEP(wl_surface_attach(child, picture.buffer, 0, 0));
	STEP(wl_surface_commit(child));
	STEP(wl_surface_attach(window.surface, picture.buffer, 0, 0));
	STEP(wl_surface_commit(window.surface));
	STEP(wl_subsurface_set_desync(subsurface));
	STEP(positioner = xdg_wm_base_create_positioner(client->wm_base));
	STEP(xdg_positioner_set_size(positioner, 10, 10));
	STEP(xdg_positioner_set_anchor_rect(positioner, 1, 1, 1, 1));
	STEP(menu = wl_compositor_create_surface(client->compositor));
	STEP(menu_surface = xdg_wm_base_get_xdg_surface(client->wm_base, menu));
	STEP(popup = xdg_surface_get_popup(menu_surface, window.xdg_surface, positioner));
	STEP(wl_surface_commit(menu));
	STEP(client_sync(client));
	if (!client->seat)
		return;
	STEP(xdg_popup_grab(popup, client->seat, 1));
	STEP(source = wl_data_device_manager_create_data_source(client->data_devices));
	STEP(wl_data_source_offer(source, "text/plain"));
	STEP(device = wl_data_device_manager_get_data_device(client->data_devices, client->seat));
	STEP(wl_data_device_set_selection(device, source, 1));
	STEP(client_sync(client));
	STEP(xdg_popup_destroy(popup));
	STEP(wl_surface_destroy(child));
#undef STEP
}

/* More than there are. */
#define MOST_STEPS 30

TEST(ends_at_every_request)
{
	struct place place;
	struct input_device keyboard;
	input_device_init(&keyboard, INPUT_KEYBOARD);
	place_init(&place);
	for (int n = 0; n < MOST_STEPS; n++)
		unleash(&place, end_before, n);
	expect_level(&place);
	place_finish(&place);
	input_device_finish(&keyboard);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-storm")
