/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon_points.h"
#include "fence/impl.h"
#include "kms_fixture.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "sw_sync.h"
#include "util/clock.h"

/* Explicit synchronisation on a real display: what may be shown when, and who is released when. */

/* ---- the gate ------------------------------------------------------------------------------ */

TEST(pending_point_is_shown_when_it_signals)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	submit_work(&s, 2, 1);
	set_points(&s, 2, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 300));
	ck_assert(on_screen(&s, &s.pictures[0]));
	ck_assert_uint_eq(released(&s, 0) + released(&s, 1), 0);
	uint64_t signalled_ns = clock_now_ns();
	ck_assert_int_eq(sw_sync_advance(s.timeline, 1), 0);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 900));
	ck_assert_uint_gt(s.window.presented_ns, signalled_ns);
	ck_assert(on_screen(&s, &s.pictures[1]));
	ck_assert_uint_eq(released(&s, 0), 1);
	ck_assert_uint_eq(released(&s, 1), 0);
	end(&s);
}

TEST(point_that_comes_later_is_waited_for)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	set_points(&s, 2, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 100));
	submit_work(&s, 2, 1);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 100));
	ck_assert_int_eq(sw_sync_advance(s.timeline, 1), 0);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 800));
	ck_assert(on_screen(&s, &s.pictures[1]));
	end(&s);
}

/* The second frame is lost, whatever happened to its point; neighbours and what follows are not. */
static void check_lost(struct scenario *s, const char *why)
{
	struct window other;
	struct picture small;
	/* covers nothing of what is compared below by the time it is compared */
	picture_init(&s->client, &small, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_init(&other, &s->client);
	for (int i = 0; i < 3; i++)
		window_show(&other, &small);
	window_finish(&other);
	picture_finish(&small);
	ck_assert(client_wait(&s->client, &s->window.discarded, 1, 3000));
	ck_assert(client_wait(&s->client, &s->window.frames, 2, 3000));
	ck_assert_int_eq(s->window.presented, 1);
	ck_assert(on_screen(s, &s->pictures[0]));
	ck_assert_msg(daemon_said(&s->daemon, why), "the log does not say that %s", why);
	ck_assert_uint_eq(released(s, 0), 0);
	ck_assert_uint_eq(released(s, 1), 1);
	set_points(s, 1, 2, 1);
	window_show(&s->window, &s->pictures[2]);
	ck_assert(on_screen(s, &s->pictures[2]));
	ck_assert(client_sync(&s->client));
	ck_assert_int_eq(s->pictures[0].released, 1);
	ck_assert_int_eq(s->pictures[1].released, 1);
	ck_assert_uint_eq(released(s, 0), 1);
	ck_assert_uint_eq(released(s, 1), 1);
	ck_assert_uint_eq(released(s, 2), 0);
}

TEST(point_that_never_materialises)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	set_points(&s, UINT64_MAX - 1, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	check_lost(&s, "did not signal within a second");
	end(&s);
}

TEST(point_that_never_signals)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	submit_work(&s, 2, 1);
	set_points(&s, 2, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	check_lost(&s, "did not signal within a second");
	end(&s);
}

TEST(point_that_ends_in_an_error)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	submit_work(&s, 2, 1);
	set_points(&s, 2, 1, 1);
	window_commit(&s.window, &s.pictures[1]);
	ck_assert(client_sync(&s.client));
	/* what is active on a closed timeline ends with -ENOENT */
	close(s.timeline);
	s.timeline = sw_sync_open();
	check_lost(&s, "ended in an error");
	end(&s);
}

/* ---- release ------------------------------------------------------------------------------- */

static void wait_available(struct waybuf_syncobj *syncobj, uint64_t point)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	int ret = waybuf_syncobj_eventfd(syncobj, point, WAYBUF_SYNCOBJ_AVAILABLE, fd);
	ck_assert_int_eq(ret, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	ck_assert_msg(poll(&poll_fd, 1, PATIENCE_MS) == 1, "no fence came to the point");
	close(fd);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* What is seen of frames that are released, one number for each. */
struct releases {
	uint64_t n;
	int before_flip; /* fences that were seen before they signalled */
	uint64_t *
		latency_ns; /* from the commit until there is a fence on the point of the one before */
	uint64_t *round_trip_ns; /* of a message to the server, at the same time */
};

static uint64_t median(uint64_t *values, uint64_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static uint64_t round_trip(struct scenario *s)
{
	uint64_t start = clock_now_ns();
	ck_assert(client_sync(&s->client));
	return clock_now_ns() - start;
}

/* Commits frame @n, which is picture @n % 3, and sees how the one before it is released. */
static void replace(struct scenario *s, uint64_t n, struct releases *seen)
{
	struct picture *before = &s->pictures[(n - 1) % PICTURES];
	struct waybuf_syncobj *syncobj = s->points.release[(n - 1) % PICTURES];
	int presented = s->window.presented, n_released = before->released, fence;
	uint64_t signalled_ns = 0;
	seen->round_trip_ns[seen->n] = round_trip(s);
	set_points(s, 1, n % PICTURES, n + 1);
	window_commit(&s->window, &s->pictures[n % PICTURES]);
	uint64_t start = clock_now_ns();
	wl_display_flush(s->client.display);
	wait_available(syncobj, n);
	seen->latency_ns[seen->n++] = clock_now_ns() - start;
	ck_assert_int_eq(waybuf_syncobj_export_point(syncobj, n, &fence), 0);
	seen->before_flip += fence_info(fence, NULL) == 0;
	ck_assert(client_wait(&s->client, &s->window.presented, presented + 1, PATIENCE_MS));
	ck_assert_int_eq(fence_info(fence, &signalled_ns), 1);
	/* also where we were late; events have microseconds */
	ck_assert_uint_eq(signalled_ns / 1000, s->window.presented_ns / 1000);
	ck_assert_int_eq(before->released, n_released + 1);
	close(fence);
}

/* The median time that a commit as waybufd makes them takes, while it is not there. */
static uint64_t measure_commit(void)
{
	enum { COMMITS = 31 };
	uint64_t ns[COMMITS];
	struct display display;
	struct waybuf_kms_dumb *dumb;
	struct waybuf_kms_commit_result result;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	display_show(&display, dumb->fb);
	for (int i = 0; i < COMMITS; i++) {
		struct waybuf_kms_state *state = display_propose(&display, dumb->fb);
		uint64_t start = clock_now_ns();
		ck_assert_int_eq(display_commit(&display, state, &result), 0);
		ns[i] = clock_now_ns() - start;
		waybuf_kms_commit_result_finish(&result);
		display_wait(&display, display.flips + 1, 0);
	}
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
	return median(ns, COMMITS);
}

/*
 * The fence is there as soon as the kernel has taken the commit that displaces the frame, which is a
 * message and an ioctl later, and it is of that commit's flip.
 */
TEST(release_fence_comes_before_the_flip)
{
	struct scenario s;
	const uint64_t n = getenv("WAYBUF_TEST_SOAK") ? 10000 : 300;
	struct releases seen = {
		.latency_ns = calloc(n, sizeof(uint64_t)),
		.round_trip_ns = calloc(n, sizeof(uint64_t)),
	};
	uint64_t commit_ns = measure_commit();
	begin(&s);
	show_first(&s);
	while (seen.n < n)
		replace(&s, seen.n + 1, &seen);
	end(&s);
	uint64_t again_ns = measure_commit();
	if (commit_ns < again_ns)
		commit_ns = again_ns;
	uint64_t latency_ns = median(seen.latency_ns, seen.n);
	uint64_t round_trip_ns = median(seen.round_trip_ns, seen.n);
	printf("# %d of %d fences seen before their flip; median %d us, of a round trip %d us, of "
	       "a bare commit %d us\n",
		seen.before_flip, (int)seen.n, (int)(latency_ns / 1000),
		(int)(round_trip_ns / 1000), (int)(commit_ns / 1000));
	fflush(stdout);
	/* the sanitizers are half of it; after the flip it would be twenty times as much */
	ck_assert_uint_le(latency_ns, 8 * (round_trip_ns + commit_ns));
	/* where we are held up the flip may be over when we look; after it would be none of them */
	ck_assert_int_gt(seen.before_flip, (int)seen.n / 10);
	free(seen.latency_ns);
	free(seen.round_trip_ns);
}

/* ---- with a writeback running -------------------------------------------------------------- */

#define POISON 0x5a5a5a

/* Another client, which takes one picture after the other. */
struct watcher {
	struct client client;
	atomic_bool over;
	atomic_int pictures;
	int poisoned;
};

static void *take_pictures(void *data)
{
	struct watcher *watcher = data;
	while (!atomic_load(&watcher->over)) {
		struct picture picture;
		capture_output(&watcher->client, &picture);
		watcher->pictures++;
		for (uint32_t y = 0; y < picture.height; y += 3)
			watcher->poisoned += (picture_pixel(&picture, y, y) & 0xffffff) == POISON;
		picture_finish(&picture);
	}
	return NULL;
}

static void wait_signalled(int fence)
{
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	ck_assert_int_eq(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

/* Frame @n takes the place of @n - 1, into which is drawn as soon as the release point allows it. */
static void replace_and_draw(struct scenario *s, uint64_t n)
{
	struct picture *before = &s->pictures[(n - 1) % PICTURES];
	int presented = s->window.presented, fence;
	picture_draw(&s->pictures[n % PICTURES], (uint32_t)n);
	set_points(s, 1, n % PICTURES, n + 1);
	window_commit(&s->window, &s->pictures[n % PICTURES]);
	wl_display_flush(s->client.display);
	struct waybuf_syncobj *syncobj = s->points.release[(n - 1) % PICTURES];
	wait_available(syncobj, n);
	ck_assert_int_eq(waybuf_syncobj_export_point(syncobj, n, &fence), 0);
	wait_signalled(fence);
	close(fence);
	memset(before->pixels, POISON & 0xff, before->size);
	ck_assert(client_wait(&s->client, &s->window.presented, presented + 1, PATIENCE_MS));
}

/* The release fence does not signal before the writeback is done: no picture has what came later. */
TEST(captured_buffers_are_not_released_too_early)
{
	struct scenario s;
	struct watcher watcher = {0};
	pthread_t thread;
	begin(&s);
	show_first(&s);
	client_connect(&watcher.client, &s.daemon);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_pictures, &watcher), 0);
	/* a busy machine takes fewer pictures of as many frames */
	uint64_t n = 1;
	while (n <= 30 || (n <= 600 && atomic_load(&watcher.pictures) <= 3))
		replace_and_draw(&s, n++);
	atomic_store(&watcher.over, true);
	pthread_join(thread, NULL);
	client_disconnect(&watcher.client);
	printf("# %d pictures of %d frames\n", watcher.pictures, (int)n - 1);
	fflush(stdout);
	ck_assert_int_gt(watcher.pictures, 3);
	ck_assert_int_eq(watcher.poisoned, 0);
	ck_assert(!daemon_said(&s.daemon, "captures are composed"));
	end(&s);
}

/* A client that knows of no points finds the same fence on its dma-buf, where there is a GPU. */
TEST(implicit_clients_get_the_fence_on_the_buffer)
{
	struct scenario s;
	struct dma_buf_export_sync_file export = {.flags = DMA_BUF_SYNC_WRITE, .fd = -1};
	begin_with_gpu(&s);
	wp_linux_drm_syncobj_surface_v1_destroy(s.points.surface);
	window_show(&s.window, &s.pictures[0]);
	/* the kernel forgets fences that have signalled, so it takes those that are seen before */
	int seen = 0;
	for (int i = 1; i < 600 && seen < 15; i++) {
		uint64_t signalled_ns = 0;
		window_commit(&s.window, &s.pictures[i % 3]);
		ck_assert(client_sync(&s.client));
		bool before = s.window.presented == i;
		ck_assert_int_eq(
			ioctl(s.pictures[(i - 1) % 3].fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export),
			0);
		bool active = fence_info(export.fd, NULL) == 0;
		ck_assert(client_wait(&s.client, &s.window.presented, i + 1, PATIENCE_MS));
		if (before && active) {
			seen++;
			ck_assert_int_eq(fence_info(export.fd, &signalled_ns), 1);
			ck_assert_uint_eq(signalled_ns / 1000, s.window.presented_ns / 1000);
		}
		close(export.fd);
	}
	ck_assert_int_eq(seen, 15);
	s.points.surface =
		wp_linux_drm_syncobj_manager_v1_get_surface(s.client.syncobj, s.window.surface);
	end(&s);
}

/* A synchronised subsurface, which is a child of the window, and its points. */
struct child {
	struct wl_surface *surface;
	struct wl_subsurface *role;
	struct wp_linux_drm_syncobj_surface_v1 *points;
};

static void child_init(struct child *child, struct scenario *s)
{
	child->surface = wl_compositor_create_surface(s->client.compositor);
	child->role = wl_subcompositor_get_subsurface(
		s->client.subcompositor, child->surface, s->window.surface);
	child->points =
		wp_linux_drm_syncobj_manager_v1_get_surface(s->client.syncobj, child->surface);
}

static void child_finish(struct child *child)
{
	wp_linux_drm_syncobj_surface_v1_destroy(child->points);
	wl_subsurface_destroy(child->role);
	wl_surface_destroy(child->surface);
}

static void child_commit(struct child *child, struct scenario *s, uint32_t acquire, int i)
{
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(
		child->points, s->points.acquire_proxy, 0, acquire);
	wp_linux_drm_syncobj_surface_v1_set_release_point(
		child->points, s->points.release_proxy[i], 0, 1);
	wl_surface_attach(child->surface, s->pictures[i].buffer, 0, 0);
	wl_surface_commit(child->surface);
}

/* A window whose subsurface never gets ready keeps its last frame, and so does the subsurface. */
TEST(tree_is_given_up_together)
{
	struct scenario s;
	struct child child;
	begin(&s);
	show_first(&s);
	child_init(&child, &s);
	child_commit(&child, &s, 9, 1);
	set_points(&s, 1, 2, 1);
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 300));
	/* before the picture, which may take what is left of the second */
	ck_assert_uint_eq(released(&s, 1) + released(&s, 2), 0);
	ck_assert(on_screen(&s, &s.pictures[0]));
	ck_assert(client_wait(&s.client, &s.window.discarded, 1, 3000));
	ck_assert_uint_eq(released(&s, 0), 0);
	ck_assert_uint_eq(released(&s, 1), 1);
	ck_assert_uint_eq(released(&s, 2), 1);
	ck_assert(on_screen(&s, &s.pictures[0]));
	set_points(&s, 1, 2, 2);
	window_show(&s.window, &s.pictures[2]);
	ck_assert(on_screen(&s, &s.pictures[2]));
	child_finish(&child);
	end(&s);
}

/* One that goes while its window waits for it: the window waits no longer. */
TEST(child_that_goes_holds_nobody)
{
	struct scenario s;
	struct child child;
	begin(&s);
	show_first(&s);
	child_init(&child, &s);
	child_commit(&child, &s, 9, 1);
	set_points(&s, 1, 2, 1);
	window_commit(&s.window, &s.pictures[2]);
	ck_assert(!client_wait(&s.client, &s.window.presented, 2, 100));
	child_finish(&child);
	ck_assert(client_wait(&s.client, &s.window.presented, 2, 800));
	ck_assert_uint_eq(released(&s, 1), 1);
	ck_assert_uint_eq(released(&s, 2), 0);
	ck_assert(on_screen(&s, &s.pictures[2]));
	end(&s);
}

static void wait_released(struct scenario *s, int i)
{
	for (int tries = 0; tries < PATIENCE_MS / 10 && released(s, i) == 0; tries++)
		usleep(10000);
	ck_assert_uint_eq(released(s, i), 1);
}

/* Of a client that is gone: what waits and what is shown. */
TEST(points_of_dead_clients_signal)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	submit_work(&s, 2, 1);
	set_points(&s, 2, 1, 1);
	wl_surface_attach(s.window.surface, s.pictures[1].buffer, 0, 0);
	wl_surface_commit(s.window.surface);
	ck_assert(client_sync(&s.client));
	ck_assert_uint_eq(released(&s, 0) + released(&s, 1), 0);
	hang_up(&s);
	/* black comes in the place of what was shown */
	wait_released(&s, 0);
	wait_released(&s, 1);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
	points_finish(&s.points);
	close(s.timeline);
}

TEST(points_signal_at_shutdown)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
	wait_released(&s, 0);
	hang_up(&s);
	points_finish(&s.points);
	close(s.timeline);
}

/* ---- kernels without timelines ------------------------------------------------------------- */

TEST(offered_where_there_are_timelines)
{
	struct daemon daemon;
	struct client client;
	struct waybuf_syncobj_device *device = NULL;
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	bool has = waybuf_syncobj_device_create(fd, &device) == 0;
	waybuf_syncobj_device_unref(device);
	close(fd);
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	ck_assert_int_eq(client.syncobj != NULL, has);
	ck_assert_int_eq(daemon_said(&daemon, "explicit synchronisation is not offered"), !has);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(600)
TEST_MAIN("daemon-explicit")
