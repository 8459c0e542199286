/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "fail_alloc.h"
#include "fail_where.h"
#include "fake/sync.h"
#include "syncobj_kit.h"

/*
 * Explicit synchronisation, again and again, and each time the server's next allocation, or the
 * next ioctl() of the kernel below it, fails. A commit has its points or is told why not, and a
 * release point that was given out is signalled, once its reader is done and not before.
 */

/* ---- where it counts: in the server's loop and calls, not in the fake kernel below --------- */

static bool armed;

int __real_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms);
int __wrap_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms);

int __wrap_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms)
{
	fail_here(armed);
	int ret = __real_wl_event_loop_dispatch(loop, timeout_ms);
	fail_here(false);
	return ret;
}

static void handle_inside(bool inside)
{
	static bool counted;
	if (inside)
		counted = fail_counts();
	fail_here(counted && !inside);
}

/* What is to fail next. */
struct plan {
	unsigned allocation, ioctl;
	int error; /* of the ioctl */
};

static void arm(const struct plan *plan)
{
	armed = true;
	fake_kernel.inside = handle_inside;
	fail_alloc_at(plan->allocation);
	fake_kernel.fail_in = (int)plan->ioctl;
	fake_kernel.fail_errno = plan->error;
}

/* Whether it has happened. */
static bool disarm(const struct plan *plan)
{
	bool happened = plan->ioctl ? fake_kernel.fail_in == 0 : fail_alloc_happened();
	armed = false;
	fail_alloc_at(0);
	fake_kernel.fail_in = 0;
	return happened;
}

/* ---- a commit ------------------------------------------------------------------------------ */

enum { POINT = 7 };

struct outcome {
	bool over, explained, released;
	bool waited; /* for the reader, with the release point that was given out */
};

/* Asked without a failure in between. */
static bool is_reached(struct world *w)
{
	int fail_in = fake_kernel.fail_in;
	fake_kernel.fail_in = 0;
	bool is = reached(w, 1) == POINT;
	fake_kernel.fail_in = fail_in;
	return is;
}

static void show(struct world *w, struct outcome *outcome)
{
	struct waybuf_syncobj_points points = {0};
	set_acquire(w, 0, POINT);
	set_release(w, 1, POINT);
	wl_surface_attach(w->surface, w->buffer, 0, 0);
	wl_surface_commit(w->surface);
	outcome->over = !client_sync(&w->client);
	if (outcome->over)
		return;
	fail_here(true);
	int ret = waybuf_syncobj_surface_commit(w->server.surface, w->server.committed, &points);
	int ref = ret == 0 && points.release ? waybuf_release_point_ref(points.release) : -1;
	fail_here(false);
	outcome->explained = ret < 0 || points.error < 0 || !points.is_explicit;
	outcome->released = points.release != NULL;
	outcome->waited = !outcome->released || !is_reached(w);
	ck_assert(outcome->explained || (points.acquire && points.release));
	struct waybuf_fence *acquire = waybuf_fence_ref(points.acquire);
	fail_here(true);
	if (ref == 0)
		waybuf_release_point_unref(points.release, acquire);
	waybuf_release_point_unref(points.release, NULL);
	fail_here(false);
	waybuf_fence_unref(points.acquire);
	waybuf_fence_unref(acquire);
}

/* True if the plan came to nothing, as there was no more to fail. */
static bool try_commit(const struct plan *plan)
{
	struct world w;
	struct outcome outcome = {0};
	int fds = harness_count_fds();
	fail_here(false);
	world_init(&w);
	arm(plan);
	show(&w, &outcome);
	bool happened = disarm(plan);
	ck_assert(happened || !(outcome.over || outcome.explained));
	ck_assert(outcome.over || outcome.waited);
	/* the client's work is over, and with it the reader's */
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], POINT), 0);
	for (int i = 0; i < 300 && outcome.released && reached(&w, 1) < POINT; i++)
		client_run(&w.client, 5);
	ck_assert_msg(!outcome.released || reached(&w, 1) == POINT,
		"allocation %u, ioctl %u: never released", plan->allocation, plan->ioctl);
	world_finish(&w);
	ck_assert_msg(harness_count_fds() == fds, "allocation %u, ioctl %u: an fd was lost",
		plan->allocation, plan->ioctl);
	return !happened;
}

TEST(every_allocation_of_a_commit_may_fail)
{
	struct plan plan = {.allocation = 1};
	while (!try_commit(&plan))
		ck_assert_uint_lt(++plan.allocation, 200);
	ck_assert_uint_gt(plan.allocation, 4);
}

TEST(every_ioctl_of_a_commit_may_fail)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct plan plan = {.ioctl = 1, .error = errors[i]};
		while (!try_commit(&plan))
			ck_assert_uint_lt(++plan.ioctl, 200);
		ck_assert_uint_gt(plan.ioctl, 2);
	}
}

/* ---- the beginning, and a timeline --------------------------------------------------------- */

static bool try_beginning(const struct plan *plan)
{
	struct waybuf_server_syncobj *global = NULL;
	struct fixture_server server;
	struct fixture_server_options options = {.no_monitor = true};
	int fds = harness_count_fds();
	fail_here(false);
	kernel_set_up();
	fixture_server_init(&server, &options);
	struct waybuf_server_syncobj_options syncobj = {.drm_fd = kernel_open_drm()};
	arm(plan);
	fail_here(true);
	int ret = waybuf_server_syncobj_create(server.server, &syncobj, &global);
	fail_here(false);
	bool happened = disarm(plan);
	ck_assert_msg(ret == 0 || (happened && ret < 0 && ret > -200), "returned %d", ret);
	waybuf_server_syncobj_destroy(global);
	fixture_server_finish(&server);
	close(syncobj.drm_fd);
	kernel_tear_down();
	ck_assert_int_eq(harness_count_fds(), fds);
	return !happened;
}

TEST(the_beginning_may_fail)
{
	struct plan plan = {.allocation = 1};
	while (!try_beginning(&plan))
		ck_assert_uint_lt(++plan.allocation, 100);
	ck_assert_uint_gt(plan.allocation, 2);
	plan = (struct plan){.ioctl = 1, .error = ENOMEM};
	while (!try_beginning(&plan))
		ck_assert_uint_lt(++plan.ioctl, 100);
	ck_assert_uint_gt(plan.ioctl, 2);
}

/* One that cannot be had is no fault of the client, or the end of the connection, for memory. */
static bool try_timeline(const struct plan *plan)
{
	struct world w;
	int fd = -1, fds = harness_count_fds();
	fail_here(false);
	world_init(&w);
	ck_assert_int_eq(waybuf_syncobj_export(w.syncobj[0], &fd), 0);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	ck_assert(client_sync(&w.client));
	arm(plan);
	struct wp_linux_drm_syncobj_timeline_v1 *timeline =
		wp_linux_drm_syncobj_manager_v1_import_timeline(w.manager, fd);
	struct wp_linux_drm_syncobj_surface_v1 *explicit =
		wp_linux_drm_syncobj_manager_v1_get_surface(w.manager, surface);
	bool alive = client_sync(&w.client);
	bool happened = disarm(plan);
	ck_assert(alive || happened);
	if (!alive && wl_display_get_error(w.client.display) == EPROTO) {
		const struct wl_interface *interface = NULL;
		uint32_t id;
		ck_assert_uint_eq(wl_display_get_protocol_error(w.client.display, &interface, &id),
			WL_DISPLAY_ERROR_NO_MEMORY);
	}
	wp_linux_drm_syncobj_surface_v1_destroy(explicit);
	wl_surface_destroy(surface);
	wp_linux_drm_syncobj_timeline_v1_destroy(timeline);
	close(fd);
	world_finish(&w);
	ck_assert_int_eq(harness_count_fds(), fds);
	return !happened;
}

TEST(a_timeline_may_fail)
{
	struct plan plan = {.allocation = 1};
	while (!try_timeline(&plan))
		ck_assert_uint_lt(++plan.allocation, 100);
	ck_assert_uint_gt(plan.allocation, 2);
	plan = (struct plan){.ioctl = 1, .error = EMFILE};
	while (!try_timeline(&plan))
		ck_assert_uint_lt(++plan.ioctl, 100);
	ck_assert_uint_gt(plan.ioctl, 1);
}

TEST_TIMEOUT(100)
TEST_MAIN("proto-syncobj-failures")
