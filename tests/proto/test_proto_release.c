/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <wayland-server-core.h>

#include "syncobj_kit.h"

/* Release points and the gate: what a compositor does between a commit and its displacement. */

static struct waybuf_fence *kernel_fence(int index)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_fence_from_sync_file(kernel_make_fence(index), &fence), 0);
	return fence;
}

static struct waybuf_fence *software_fence(struct waybuf_timeline *timeline)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	return fence;
}

TEST(now)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 4, &points);
	waybuf_release_point_unref(points.release, NULL);
	ck_assert_uint_eq(reached(&w, 1), 4);
	waybuf_release_point_unref(NULL, NULL);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

/* A GPU can queue on the point before the flip: that is what it is all about. */
TEST(with_the_displacing_out_fence)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 4, &points);
	struct waybuf_fence *out = kernel_fence(0);
	ck_assert(!is_submitted(&w, 1, 4));
	waybuf_release_point_unref(points.release, out);
	waybuf_fence_unref(out);
	ck_assert(is_submitted(&w, 1, 4));
	ck_assert_uint_eq(reached(&w, 1), 0);
	kernel_signal_fence(0);
	ck_assert_uint_eq(reached(&w, 1), 4);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

TEST(all_readers)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	struct waybuf_release_point *release = points.release;
	for (int i = 0; i < 9; i++)
		ck_assert_int_eq(waybuf_release_point_ref(release), 0);
	struct waybuf_fence *flip = kernel_fence(0), *writeback = kernel_fence(1);
	waybuf_release_point_unref(release, flip);
	for (int i = 0; i < 7; i++)
		waybuf_release_point_unref(release, i % 2 ? NULL : flip);
	waybuf_release_point_unref(release, writeback);
	/* one still reads, and nobody knows for how long */
	ck_assert(!is_submitted(&w, 1, 1));
	waybuf_release_point_unref(release, NULL);
	ck_assert(is_submitted(&w, 1, 1));
	kernel_signal_fence(0);
	ck_assert_uint_eq(reached(&w, 1), 0);
	kernel_signal_fence(1);
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_fence_unref(flip);
	waybuf_fence_unref(writeback);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

/* The kernel cannot wait for software: the point is signalled by us, and not before. */
static void release_with_software(bool fails, bool and_kernel)
{
	struct world w;
	struct waybuf_syncobj_points points;
	struct waybuf_timeline *copy;
	world_init(&w);
	ck_assert_int_eq(waybuf_timeline_create("copy", &copy), 0);
	commit_good(&w, 1, 1, &points);
	struct waybuf_fence *fence = software_fence(copy);
	if (and_kernel) {
		struct waybuf_fence *out = kernel_fence(0);
		ck_assert_int_eq(waybuf_release_point_ref(points.release), 0);
		waybuf_release_point_unref(points.release, out);
		waybuf_fence_unref(out);
	}
	waybuf_release_point_unref(points.release, fence);
	waybuf_fence_unref(fence);
	client_run(&w.client, 30);
	ck_assert_uint_eq(reached(&w, 1), 0);
	if (fails)
		ck_assert_int_eq(waybuf_timeline_fail(copy, 1, -EIO), 0);
	else
		ck_assert_int_eq(waybuf_timeline_signal(copy, 1), 0);
	if (and_kernel) {
		client_run(&w.client, 30);
		ck_assert_uint_eq(reached(&w, 1), 0);
		kernel_signal_fence(0);
		client_run(&w.client, 30);
	}
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_timeline_destroy(copy);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

TEST(after_a_copy)
{
	release_with_software(false, false);
}

TEST(after_a_copy_that_failed)
{
	release_with_software(true, false);
}

TEST(after_a_copy_and_a_flip)
{
	release_with_software(false, true);
}

TEST(after_another_clients_point)
{
	struct world w;
	struct waybuf_syncobj_points points;
	struct waybuf_fence *unmaterialised;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	ck_assert_int_eq(waybuf_syncobj_fence(w.syncobj[0], 3, &unmaterialised), 0);
	waybuf_release_point_unref(points.release, unmaterialised);
	waybuf_fence_unref(unmaterialised);
	client_run(&w.client, 30);
	ck_assert_uint_eq(reached(&w, 1), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 3), 0);
	client_run(&w.client, 30);
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

TEST(point_zero_is_always_there)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 0, 0, &points);
	ck_assert_int_eq(waybuf_fence_status(points.acquire), 1);
	struct waybuf_fence *out = kernel_fence(0);
	waybuf_release_point_unref(points.release, out);
	waybuf_fence_unref(out);
	waybuf_fence_unref(points.acquire);
	kernel_signal_fence(0);
	world_finish(&w);
}

/* At shutdown nobody reads any more: no client is left to wait for ever. */
TEST(shutdown)
{
	struct world w;
	struct waybuf_syncobj_points points, later;
	struct waybuf_timeline *copy;
	world_init(&w);
	ck_assert_int_eq(waybuf_timeline_create("copy", &copy), 0);
	commit_good(&w, 1, 1, &points);
	struct waybuf_fence *fence = software_fence(copy);
	waybuf_release_point_unref(points.release, fence);
	commit_good(&w, 1, 2, &later);
	waybuf_server_syncobj_destroy(w.global);
	w.global = NULL;
	waybuf_server_dmabuf_destroy(w.server.dmabuf);
	w.server.dmabuf = NULL;
	waybuf_server_destroy(w.server.server);
	w.server.server = NULL;
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_release_point_unref(later.release, fence);
	ck_assert_uint_eq(reached(&w, 1), 2);
	set_acquire(&w, 0, 3);
	set_release(&w, 1, 3);
	struct waybuf_syncobj_points none;
	ck_assert_int_eq(commit(&w, true, &none), 0);
	ck_assert(!none.is_explicit);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(copy);
	waybuf_fence_unref(points.acquire);
	waybuf_fence_unref(later.acquire);
	world_finish(&w);
}

/* ---- with the gate ------------------------------------------------------------------------- */

struct host_commit {
	struct waybuf_syncobj_points points;
	unsigned ready, folded, discarded;
	int error;
};

static void release_of(struct host_commit *commit)
{
	waybuf_release_point_unref(commit->points.release, NULL);
	commit->points.release = NULL;
}

static void handle_ready(void *data)
{
	((struct host_commit *)data)->ready++;
}

static void handle_fold(void *older, void *newer)
{
	((struct host_commit *)older)->folded++;
	release_of(older);
}

static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	struct host_commit *commit = data;
	commit->discarded++;
	commit->error = error;
	release_of(commit);
}

static void handle_cancel(void *data)
{
	release_of(data);
}

static const struct waybuf_gate_ops ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_cancel,
};

static int submit(struct waybuf_gate *gate, struct waybuf_gate_queue *queue,
	struct host_commit *commit, uint32_t deadline_ms)
{
	struct waybuf_gate_part part = {
		.queue = queue,
		.content = true,
		.fences = &commit->points.acquire,
		.n_fences = 1,
		.error = commit->points.error,
	};
	struct waybuf_gate_request request = {
		.parts = &part, .n_parts = 1, .deadline_ms = deadline_ms, .commit = commit};
	int ret = waybuf_gate_submit(gate, &request);
	waybuf_fence_unref(commit->points.acquire);
	commit->points.acquire = NULL;
	return ret;
}

TEST(wait_before_submit)
{
	struct world w;
	struct waybuf_gate *gate;
	struct waybuf_gate_queue *queue;
	struct host_commit first = {0}, second = {0}, third = {0};
	world_init(&w);
	ck_assert_int_eq(waybuf_server_gate_create(w.server.server, &ops, &gate), 0);
	ck_assert_int_eq(waybuf_gate_queue_create(gate, &queue), 0);

	commit_good(&w, 1, 1, &first.points);
	ck_assert_int_eq(submit(gate, queue, &first, 0), 0);
	int fd = kernel_make_fence(0);
	ck_assert_int_eq(waybuf_syncobj_import_point(w.syncobj[0], 1, fd), 0);
	close(fd);
	client_run(&w.client, 20);
	ck_assert_uint_eq(first.ready, 0);
	kernel_signal_fence(0);
	client_wait(&w.client, &first.ready, 1);
	ck_assert_uint_eq(reached(&w, 1), 0);

	/* one that never comes, and the one after it */
	commit_good(&w, 2, 2, &second.points);
	ck_assert_int_eq(submit(gate, queue, &second, 0), 0);
	commit_good(&w, 1, 3, &third.points);
	release_of(&first); /* displaced */
	ck_assert_int_eq(submit(gate, queue, &third, 0), 1);
	ck_assert_uint_eq(second.folded, 1);
	ck_assert_uint_eq(reached(&w, 1), 2);
	release_of(&third);

	waybuf_gate_queue_destroy(queue);
	waybuf_gate_destroy(gate);
	world_finish(&w);
}

TEST(a_point_that_never_comes)
{
	struct world w;
	struct waybuf_gate *gate;
	struct waybuf_gate_queue *queue;
	struct host_commit never = {0}, waiting = {0};
	world_init(&w);
	ck_assert_int_eq(waybuf_server_gate_create(w.server.server, &ops, &gate), 0);
	ck_assert_int_eq(waybuf_gate_queue_create(gate, &queue), 0);
	commit_good(&w, 1, 1, &never.points);
	ck_assert_int_eq(submit(gate, queue, &never, 50), 0);
	client_wait(&w.client, &never.ready, 1);
	ck_assert_uint_eq(never.discarded, 1);
	ck_assert_int_eq(never.error, -ETIME);
	ck_assert_uint_eq(reached(&w, 1), 1);
	/* the surface goes while one waits */
	commit_good(&w, 1, 2, &waiting.points);
	ck_assert_int_eq(submit(gate, queue, &waiting, 0), 0);
	waybuf_gate_queue_destroy(queue);
	ck_assert_uint_eq(reached(&w, 1), 2);
	waybuf_gate_destroy(gate);
	world_finish(&w);
}

TEST_MAIN("proto-release")
