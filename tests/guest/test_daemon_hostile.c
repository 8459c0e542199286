/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon_points.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "sw_sync.h"

/* Clients whose fences never signal, and what their neighbours notice of it: nothing. */

/* ---- hostile fences ------------------------------------------------------------------------ */

/* Puts a fence that never signals on the memory, as if something were drawing there. */
static void haunt(struct scenario *s, const struct picture *picture, uint32_t value)
{
	int fence = sw_sync_fence(s->timeline, value);
	ck_assert_int_ge(fence, 0);
	struct dma_buf_import_sync_file import = {.flags = DMA_BUF_SYNC_WRITE, .fd = fence};
	ck_assert_int_eq(ioctl(picture->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import), 0);
	close(fence);
}

/* How many refreshes 30 frames of a window take. */
static uint32_t refreshes(struct window *window, struct picture pictures[2])
{
	window_show(window, &pictures[1]);
	uint32_t first = window->sequence;
	for (int i = 0; i < 30; i++)
		window_show(window, &pictures[i % 2]);
	return window->sequence - first;
}

/*
 * What is hostile costs a neighbour nothing if in one of some attempts it makes no difference: on a
 * busy machine others make one at any time, but what blocks a display does so each time.
 */
#define ATTEMPTS 8

TEST(hostile_fence_on_the_screen)
{
	struct scenario s;
	begin(&s);
	show_first(&s);
	/* after the commit, and it is scanned out; then it is displaced by frames that are ready */
	haunt(&s, &s.pictures[0], 1);
	set_points(&s, 1, 1, 1);
	window_show(&s.window, &s.pictures[1]);
	ck_assert_uint_eq(released(&s, 0), 1);
	/* and before the commit, with points that say that it is ready */
	set_points(&s, 1, 0, 2);
	window_show(&s.window, &s.pictures[0]);
	ck_assert(on_screen(&s, &s.pictures[0]));
	set_points(&s, 1, 2, 1);
	window_show(&s.window, &s.pictures[2]);
	ck_assert(on_screen(&s, &s.pictures[2]));
	end(&s);
}

TEST(hostile_fence_costs_neighbours_nothing)
{
	struct scenario s;
	struct window neighbour;
	struct picture hostile, small[2];
	begin(&s);
	for (int i = 0; i < 2; i++)
		picture_init(&s.client, &small[i], PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	picture_init(&s.client, &hostile, PICTURE_DMABUF, 256, 256, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(waybuf_syncobj_signal(s.points.acquire, 1), 0);
	set_points(&s, 1, 0, 1);
	window_show(&s.window, &hostile);
	window_init(&neighbour, &s.client);
	uint32_t without, with;
	int attempts = 0, never = 0;
	/* in composition after the commit, and with each further one, on a point as well */
	do {
		ck_assert_int_lt(attempts++, ATTEMPTS);
		without = refreshes(&neighbour, small);
		haunt(&s, &hostile, (uint32_t)attempts);
		set_points(&s, UINT64_MAX - 1, 1, (uint64_t)attempts);
		window_commit(&s.window, &hostile);
		with = refreshes(&neighbour, small);
		printf("# 30 frames took %u refreshes, with the fence and a point %u\n", without,
			with);
		fflush(stdout);
		/* all is well again until the next attempt, if there is one */
		ck_assert_int_eq(sw_sync_advance(s.timeline, 1), 0);
		ck_assert(!client_wait(&s.client, &never, 1, 1200));
	} while (with > without + without / 4 + 3);
	window_finish(&neighbour);
	picture_finish(&hostile);
	picture_finish(&small[0]);
	picture_finish(&small[1]);
	end(&s);
}

/* ---- crowds -------------------------------------------------------------------------------- */

#define CROWD 1000

/* Surfaces nobody sees, with points that nobody submits to. */
struct crowd {
	struct wl_surface *surfaces[CROWD];
	struct wp_linux_drm_syncobj_surface_v1 *points[CROWD];
};

static void crowd_init(struct crowd *crowd, struct scenario *s)
{
	for (int i = 0; i < CROWD; i++) {
		crowd->surfaces[i] = wl_compositor_create_surface(s->client.compositor);
		crowd->points[i] = wp_linux_drm_syncobj_manager_v1_get_surface(
			s->client.syncobj, crowd->surfaces[i]);
	}
}

static void crowd_finish(struct crowd *crowd)
{
	for (int i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_destroy(crowd->points[i]);
		wl_surface_destroy(crowd->surfaces[i]);
	}
}

/* On points of the @round th four thousand million. */
static void crowd_commit(
	struct crowd *crowd, struct scenario *s, struct picture *picture, uint32_t round)
{
	for (uint32_t i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_set_acquire_point(
			crowd->points[i], s->points.acquire_proxy, round, i);
		wp_linux_drm_syncobj_surface_v1_set_release_point(
			crowd->points[i], s->points.release_proxy[2], round, i);
		wl_surface_attach(crowd->surfaces[i], picture->buffer, 0, 0);
		wl_surface_commit(crowd->surfaces[i]);
	}
	ck_assert(client_sync(&s->client));
}

TEST(crowd_of_pending_points_costs_others_nothing)
{
	static struct crowd crowd;
	struct scenario s;
	uint32_t without, with;
	int attempts = 0, never = 0;
	begin(&s);
	crowd_init(&crowd, &s);
	ck_assert_int_eq(waybuf_syncobj_signal(s.points.acquire, 1), 0);
	wp_linux_drm_syncobj_surface_v1_destroy(s.points.surface);
	do {
		ck_assert_int_lt(attempts++, ATTEMPTS);
		without = refreshes(&s.window, s.pictures);
		/* they wait for a second, in which 30 frames fit */
		crowd_commit(&crowd, &s, &s.pictures[2], (uint32_t)attempts);
		with = refreshes(&s.window, s.pictures);
		printf("# 30 frames took %u refreshes, with %d pending points %u\n", without, CROWD,
			with);
		fflush(stdout);
		/* until all are given up: a client may not have more points than that */
		ck_assert(!client_wait(&s.client, &never, 1, 1200));
		/* and until they are reached, they count */
		ck_assert_int_eq(waybuf_syncobj_signal(s.points.acquire,
					 ((uint64_t)attempts << 32) + CROWD),
			0);
		/* a tenth, and what a machine takes that is not quite idle */
	} while (with > without + without / 10 + 2);
	ck_assert(!daemon_said(&s.daemon, "cannot be watched"));
	crowd_finish(&crowd);
	s.points.surface =
		wp_linux_drm_syncobj_manager_v1_get_surface(s.client.syncobj, s.window.surface);
	end(&s);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-hostile")
