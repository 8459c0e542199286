/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "daemon_fixture.h"
#include "kms_fixture.h"
#include "sw_sync.h"

/* A display that does not do what it should: flips without an event, commits that are refused. */

/* The daemon's own open file of the display's node. */
static int borrow_display(const struct daemon *daemon)
{
	const char *node = find_vkms();
	char path[64], target[64];
	int pidfd = (int)syscall(SYS_pidfd_open, daemon->pid, 0);
	int fd = -1;
	ck_assert_int_ge(pidfd, 0);
	for (int i = 0; i < 64 && fd < 0; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", daemon->pid, i);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, node) == 0)
			fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);
	}
	close(pidfd);
	if (fd < 0)
		SKIP("the daemon's files cannot be had: %s", strerror(errno));
	return fd;
}

static void stop(const struct daemon *daemon)
{
	siginfo_t info;
	kill(daemon->pid, SIGSTOP);
	ck_assert_int_eq(waitid(P_PID, (id_t)daemon->pid, &info, WSTOPPED), 0);
}

/* A commit by way of the daemon's file that is not over before @fence is. */
static void stop_display(int fd, int fence)
{
	struct waybuf_kms_device *device;
	struct waybuf_kms_why why = {0};
	int ret = waybuf_kms_device_create(dup(fd), NULL, WAYBUF_KMS_GUEST, &device, &why);
	ck_assert_msg(ret == 0, "%s", why.text);
	struct waybuf_kms_plane *primary = device->res.planes[0];
	drmModePlane *plane = drmModeGetPlane(fd, primary->id);
	ck_assert_uint_ne(plane->fb_id, 0);
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	drmModeAtomicAddProperty(
		req, primary->id, primary->props[WAYBUF_KMS_PLANE_FB_ID].id, plane->fb_id);
	drmModeAtomicAddProperty(
		req, primary->id, primary->props[WAYBUF_KMS_PLANE_IN_FENCE_FD].id, (uint64_t)fence);
	ck_assert_int_eq(drmModeAtomicCommit(fd, req, DRM_MODE_ATOMIC_NONBLOCK, NULL), 0);
	drmModeAtomicFree(req);
	drmModeFreePlane(plane);
	waybuf_kms_device_destroy(device);
}

/*
 * Commits, and takes the event of the flip away from the daemon; with a fence, what it could commit
 * next is stopped by that.
 */
static void steal_flip(const struct daemon *daemon, int fd, struct window *window,
	struct picture *pictures, int *shown, int fence)
{
	char event[256];
	for (int i = 0; i < 200; i++) {
		window_commit(window, &pictures[++*shown % 2]);
		wl_display_flush(window->client->display);
		usleep((useconds_t)(i % 15) * 1000);
		stop(daemon);
		usleep(50000);
		bool stolen = read(fd, event, sizeof(event)) > 0;
		if (stolen && fence >= 0)
			stop_display(fd, fence);
		kill(daemon->pid, SIGCONT);
		if (stolen)
			return;
		ck_assert(client_wait(window->client, &window->frames, *shown, PATIENCE_MS));
	}
	ck_abort_msg("no event was ever there to be taken");
}

static void lose_a_flip(bool gpu, enum picture_memory memory, const char *message)
{
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[2];
	int shown = 1;
	if (gpu)
		daemon_start_with_gpu(&daemon);
	else
		daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	window_init(&window, &client);
	for (int i = 0; i < 2; i++) {
		picture_init(&client, &pictures[i], memory, (uint32_t)client.width,
			(uint32_t)client.height, DRM_FORMAT_XRGB8888);
		picture_draw(&pictures[i], (uint32_t)i);
	}
	window_show(&window, &pictures[1]);
	int fd = borrow_display(&daemon);
	for (int round = 0; round < 2; round++) {
		steal_flip(&daemon, fd, &window, pictures, &shown, -1);
		int frames = window.frames;
		ck_assert_msg(client_wait(&window.client[0], &window.frames, frames + 1, 6000),
			"the display stands still");
		ck_assert(daemon_said(&daemon, "no flip event"));
		ck_assert(daemon_said(&daemon, message));
	}
	close(fd);
	/* as before: each is shown, and each but the last comes back once */
	for (int i = 0; i < 4; i++)
		window_show(&window, &pictures[++shown % 2]);
	client_sync(&client);
	ck_assert_int_eq(window.frames, shown);
	ck_assert_int_le(pictures[0].released + pictures[1].released, shown);
	ck_assert_int_ge(pictures[0].released + pictures[1].released, shown - 2);
	struct picture capture;
	capture_output(&client, &capture);
	const struct picture *last = &pictures[shown % 2];
	for (uint32_t y = 0; y < capture.height; y += 7)
		for (uint32_t x = 0; x < capture.width; x += 5)
			ck_assert_uint_eq(picture_pixel(&capture, x, y) & 0xffffff,
				picture_pixel(last, x, y) & 0xffffff);
	picture_finish(&capture);
	for (int i = 0; i < 2; i++)
		picture_finish(&pictures[i]);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

/* The out-fence has signalled: the frame was shown, and what it displaced comes back. */
TEST(lost_flip_of_a_plane)
{
	lose_a_flip(true, PICTURE_DMABUF, "fence says that it was shown");
}

/* Nobody knows, so it is committed once more. */
TEST(lost_flip_of_what_was_composed)
{
	lose_a_flip(false, PICTURE_SHM, "committing once more");
}

/* No event, no fence to ask, and a kernel that takes no other commit. */
TEST(display_that_stands_still)
{
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[2];
	int shown = 1;
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no sw_sync");
	int fence = sw_sync_fence(timeline, 1);
	ck_assert_int_ge(fence, 0);
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	window_init(&window, &client);
	for (int i = 0; i < 2; i++)
		picture_init(&client, &pictures[i], PICTURE_SHM, (uint32_t)client.width,
			(uint32_t)client.height, DRM_FORMAT_XRGB8888);
	window_show(&window, &pictures[1]);
	int fd = borrow_display(&daemon);
	steal_flip(&daemon, fd, &window, pictures, &shown, fence);
	/* clients go on, slowly */
	for (int i = 0; i < 3; i++) {
		ck_assert(client_wait(&client, &window.frames, shown, PATIENCE_MS));
		window_commit(&window, &pictures[++shown % 2]);
	}
	ck_assert(daemon_said(&daemon, "the display takes no commit"));
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	close(fence);
	close(timeline);
	close(fd);
	/* what was stopped is shown now; then all that was asked for is answered */
	window_show(&window, &pictures[++shown % 2]);
	window_commit(&window, &pictures[++shown % 2]);
	ck_assert(client_wait(&client, &window.frames, shown, PATIENCE_MS));
	client_sync(&client);
	ck_assert_int_eq(window.presented + window.discarded, shown);
	for (int i = 0; i < 2; i++)
		picture_finish(&pictures[i]);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST(display_taken_away_and_given_back)
{
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[3];
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	window_init(&window, &client);
	for (int i = 0; i < 3; i++) {
		picture_init(&client, &pictures[i], PICTURE_DMABUF, (uint32_t)client.width,
			(uint32_t)client.height, DRM_FORMAT_XRGB8888);
		picture_draw(&pictures[i], (uint32_t)i);
	}
	window_show(&window, &pictures[0]);
	int fd = borrow_display(&daemon);
	ck_assert_int_eq(drmDropMaster(fd), 0);
	/* nobody hangs, nothing pretends to be shown, and what may be seen yet is kept */
	for (int i = 1; i < 3; i++) {
		window_commit(&window, &pictures[i]);
		ck_assert(client_wait(&client, &window.frames, i + 1, PATIENCE_MS));
	}
	ck_assert(daemon_said(&daemon, "somebody else's"));
	ck_assert_int_eq(window.presented, 1);
	ck_assert_int_eq(pictures[0].released, 0);
	ck_assert_int_eq(pictures[1].released, 1);
	ck_assert_int_eq(drmSetMaster(fd), 0);
	close(fd);
	ck_assert(client_wait(&client, &pictures[0].released, 1, PATIENCE_MS));
	window_show(&window, &pictures[1]);
	client_sync(&client);
	ck_assert_int_eq(pictures[0].released, 1);
	ck_assert_int_eq(pictures[2].released, 1);
	ck_assert_int_eq(window.presented, 2);
	for (int i = 0; i < 3; i++)
		picture_finish(&pictures[i]);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-trouble")
