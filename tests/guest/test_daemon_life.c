/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "daemon_fixture.h"
#include "kms_fixture.h"

/* Starting, ending, and clients that end badly. */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_failure(
	const char *const options[], const char *runtime_dir, int status, const char *needle)
{
	char text[256];
	int got = daemon_run(options, runtime_dir, text);
	printf("# %d %s", got, text[0] ? text : "\n");
	ck_assert_int_eq(got, status);
	ck_assert_msg(strncmp(text, "waybufd: ", 9) == 0, "not our message: %s", text);
	ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
}

TEST(bad_command_lines)
{
	expect_failure(OPTIONS("--bogus"), NULL, 2, "--bogus");
	expect_failure(OPTIONS("--mode"), NULL, 2, "--mode");
	expect_failure(OPTIONS("--mode", "big"), NULL, 2, "WxH");
	expect_failure(OPTIONS("--mode", "640x480@"), NULL, 2, "WxH");
	expect_failure(OPTIONS("--headless=big"), NULL, 2, "WxH");
	expect_failure(OPTIONS("--headless=64x64@0.5"), NULL, 2, "1000 Hz");
	expect_failure(OPTIONS("--headless", "--no-display"), NULL, 2, "--headless");
	expect_failure(OPTIONS("--headless=20000x20000"), NULL, 1, "smaller mode");
	expect_failure(OPTIONS("--idle-off", "0"), NULL, 2, "604800");
	expect_failure(OPTIONS("--idle-off", "10m"), NULL, 2, "604800");
	expect_failure(OPTIONS("--no-display", "--idle-off", "60"), NULL, 2, "--idle-off");
	expect_failure(OPTIONS("--ready-fd", "999"), NULL, 2, "--ready-fd");
	expect_failure(OPTIONS("--log", "much"), NULL, 2, "--log");
	expect_failure(OPTIONS("--no-display", "--mode", "640x480"), NULL, 2, "--no-display");
	expect_failure(OPTIONS("command"), NULL, 2, "command");
}

TEST(no_display)
{
	expect_failure(OPTIONS("--device", "/dev/null"), NULL, 1, "--no-display");
	expect_failure(OPTIONS("--device", "/nonexistent"), NULL, 1, "--no-display");
}

TEST(mode_that_is_not_there)
{
	find_vkms();
	expect_failure(OPTIONS("--mode", "9999x1"), NULL, 1, "no such mode");
}

TEST(output_by_its_name)
{
	char text[256];
	find_vkms();
	expect_failure(OPTIONS("--output", "DP-9"), NULL, 1, "there is Virtual-1");
	expect_failure(OPTIONS("--output", ""), NULL, 2, "--output");
	expect_failure(OPTIONS("--headless", "--output", "DP-9"), NULL, 2, "--headless");
	ck_assert_int_eq(daemon_run(OPTIONS("--output", "Virtual-1", "--", "true"), NULL, text), 0);
}

TEST(bad_socket_folders)
{
	char folder[] = "/tmp/waybufd-folder-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(folder));
	expect_failure(OPTIONS("--no-display"), "/nonexistent", 1, "/nonexistent");
	expect_failure(OPTIONS("--no-display"), "/proc", 1, "/proc");
	expect_failure(OPTIONS("--no-display"), "/dev/null", 1, "not a folder");
	ck_assert_int_eq(chmod(folder, 0777), 0);
	expect_failure(OPTIONS("--no-display"), folder, 1, "0700");
	ck_assert_int_eq(chmod(folder, 0700), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

TEST(exit_status_of_the_command)
{
	char text[256];
	ck_assert_int_eq(daemon_run(OPTIONS("--no-display", "--", "true"), NULL, text), 0);
	ck_assert_int_eq(daemon_run(OPTIONS("-n", "--", "sh", "-c", "exit 7"), NULL, text), 7);
	ck_assert_int_eq(
		daemon_run(OPTIONS("-n", "--", "sh", "-c", "kill -9 $$"), NULL, text), 128 + 9);
	ck_assert_int_eq(daemon_run(OPTIONS("-n", "--", "/nonexistent"), NULL, text), 127);
	ck_assert_int_eq(daemon_run(OPTIONS("-n", "--", "/dev/null"), NULL, text), 126);
	ck_assert_int_eq(daemon_run(OPTIONS("-n", "--", "sh", "-c",
					    "test -S $XDG_RUNTIME_DIR/$WAYLAND_DISPLAY"),
				 NULL, text),
		0);
}

static void show_something(const struct daemon *daemon)
{
	struct client client;
	struct window window;
	struct picture picture;
	client_connect(&client, daemon);
	window_init(&window, &client);
	picture_init(&client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&window, &picture);
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&client);
}

TEST(second_one_is_refused)
{
	struct daemon daemon;
	daemon_start(&daemon, NULL);
	expect_failure(OPTIONS("--socket", "other"), NULL, 1, "in use");
	expect_failure(OPTIONS("--socket", "other"), NULL, 1, "--no-display");
	expect_failure(OPTIONS("--no-display", "--socket", "test"), daemon.folder, 1, "--socket");
	show_something(&daemon);
	ck_assert_int_eq(daemon_stop(&daemon, SIGINT), 0);
}

TEST(needs_no_display)
{
	struct daemon daemon;
	daemon_start(&daemon, OPTIONS("--no-display"));
	ck_assert(!daemon_said(&daemon, "Hz"));
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST(display_is_given_back)
{
	struct display display;
	struct daemon daemon;
	struct waybuf_kms_dumb *dumb;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	display_show(&display, dumb->fb);
	ck_assert_int_eq(drmDropMaster(display.device->fd), 0);

	daemon_start(&daemon, NULL);
	show_something(&daemon);
	drmModePlane *plane = drmModeGetPlane(display.device->fd, display.primary->id);
	ck_assert_uint_ne(plane->fb_id, dumb->fb->id);
	drmModeFreePlane(plane);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);

	plane = drmModeGetPlane(display.device->fd, display.primary->id);
	ck_assert_uint_eq(plane->fb_id, dumb->fb->id);
	ck_assert_uint_eq(plane->crtc_id, display.crtc->id);
	drmModeFreePlane(plane);
	drmModeCrtc *crtc = drmModeGetCrtc(display.device->fd, display.crtc->id);
	ck_assert_uint_eq(crtc->width, display.width);
	ck_assert(crtc->mode_valid);
	drmModeFreeCrtc(crtc);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

/* ---- clients that end badly ---------------------------------------------------------------- */

TEST(half_a_request)
{
	struct daemon daemon;
	daemon_start(&daemon, NULL);
	/* a header that announces 64 bytes, of which 12 come; and one that is nonsense */
	const uint32_t half[] = {1, 64 << 16 | 1, 2}, nonsense[] = {~0u, 7, ~0u, ~0u};
	for (int i = 0; i < 2; i++) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		snprintf(address.sun_path, sizeof(address.sun_path), "%s/test", daemon.folder);
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(
			connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
		if (i == 0)
			ck_assert_int_eq(write(fd, half, sizeof(half)), sizeof(half));
		else
			ck_assert_int_eq(write(fd, nonsense, sizeof(nonsense)), sizeof(nonsense));
		close(fd);
		show_something(&daemon);
	}
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

/* Draws until it is killed. */
_Noreturn static void busy_client(const struct daemon *daemon, enum picture_memory memory)
{
	struct client client;
	struct window window;
	struct picture pictures[2];
	client_connect(&client, daemon);
	for (int i = 0; i < 2; i++)
		picture_init(&client, &pictures[i], memory, (uint32_t)client.width,
			(uint32_t)client.height, DRM_FORMAT_XRGB8888);
	for (;;) {
		window_init(&window, &client);
		for (int i = 0; i < 5; i++)
			window_show(&window, &pictures[i % 2]);
		window_finish(&window);
	}
}

TEST(clients_killed_anywhere)
{
	struct daemon daemon;
	uint64_t random = harness_seed();
	daemon_start(&daemon, NULL);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			busy_client(&daemon, round % 2 ? PICTURE_SHM : PICTURE_DMABUF);
		usleep((useconds_t)(harness_random(&random) % 150000));
		kill(pid, SIGKILL);
		int status;
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status), "the client ended by itself");
		show_something(&daemon);
	}
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST(shm_cut_off_under_us)
{
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture picture;
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	window_init(&window, &client);
	picture_init(&client, &picture, PICTURE_SHM, (uint32_t)client.width,
		(uint32_t)client.height, DRM_FORMAT_XRGB8888);
	window_show(&window, &picture);
	ck_assert_int_eq(ftruncate(picture.fd, 4096), 0);
	/* nothing to be answered, as no answer will come */
	wl_surface_attach(window.surface, picture.buffer, 0, 0);
	wl_surface_damage_buffer(window.surface, 0, 0, 64, 64);
	wl_surface_commit(window.surface);
	int never = 0;
	ck_assert(!client_wait(&client, &never, 1, 5000));
	ck_assert_int_eq(wl_display_get_error(client.display), EPROTO);
	/* whoever is not at fault does not notice */
	show_something(&daemon);
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST(stopped_while_clients_draw)
{
	struct daemon daemon;
	daemon_start(&daemon, NULL);
	pid_t pids[2];
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0)
			busy_client(&daemon, i ? PICTURE_SHM : PICTURE_DMABUF);
	}
	usleep(500000);
	int status = daemon_stop(&daemon, SIGTERM);
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	ck_assert_int_eq(status, 0);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-life")
