/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake/sync.h"
#include "harness.h"
#include "output.h"
#include "renderer.h"
#include "slots.h"

/* A job is done when its GPU is. The GPU is a table of operations that draw white, and a fence. */

enum { SIZE = 4 };

struct world {
	struct renderer gpu;
	struct render_job job;
	uint32_t pixels[SIZE * SIZE];
	int fence_fd; /* for the next pass; -1: it is over at once */
	int result; /* of the next pass */
	int done, error;
	struct output output; /* of images that the job is drawn into, in some tests */
	bool no_memory; /* for another one */
};

static struct world *world_of(struct render_pass *pass)
{
	return pass->job->data;
}

static int begin(struct render_pass *pass)
{
	return 0;
}

static bool clear(struct render_pass *pass, const pixman_region32_t *region)
{
	struct world *w = world_of(pass);
	memset(w->pixels, 0xff, sizeof(w->pixels));
	return true;
}

static int end(struct render_pass *pass)
{
	struct world *w = world_of(pass);
	pass->job->fence_fd = w->fence_fd;
	return w->result;
}

static const struct renderer_ops ops = {
	.name = "test",
	.begin = begin,
	.clear = clear,
	.end = end,
};

static void handle_done(struct render_job *job, int error)
{
	struct world *w = job->data;
	w->done++;
	w->error = error;
}

/* The job has been drawn when this returns, but for what the GPU is at until @fence_fd says so. */
static void start(struct world *w, int fence_fd)
{
	struct waybuf_loop *loop;
	struct waybuf_worker *worker;
	memset(w, 0, sizeof(*w));
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	ck_assert_int_eq(waybuf_worker_create(loop, &worker), 0);
	ck_assert_int_eq(renderer_init(&w->gpu, &ops, loop, worker), 0);
	w->fence_fd = fence_fd;
	w->job = (struct render_job){
		.renderer = &w->gpu,
		.target = {.pixels = w->pixels,
			.width = SIZE,
			.height = SIZE,
			.stride = SIZE * 4,
			.format = DRM_FORMAT_XRGB8888},
		.done = handle_done,
		.data = w,
	};
	ck_assert_int_eq(render_start(worker, &w->job), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 5000), 1);
}

/* With an fd that is no sync_file, which stands for one that cannot be watched: the worker waits. */
static void world_init_unwatched(struct world *w, int fence_fd)
{
	fake_sync_init();
	start(w, fence_fd);
}

/* With a fence that has settled before, @status 0: that has not. The fence. */
static int world_init(struct world *w, int status)
{
	fake_sync_init();
	int fence = fake_fence();
	if (status)
		fake_fence_settle(fence, status, 1);
	start(w, fake_sync_file(&fence, 1));
	return fence;
}

static void wait_until_done(struct world *w)
{
	while (!w->done)
		ck_assert_int_ge(waybuf_loop_dispatch(w->gpu.loop, 5000), 1);
	ck_assert_int_eq(w->done, 1);
}

static void world_finish(struct world *w)
{
	struct waybuf_worker *worker = w->gpu.worker;
	render_stop(&w->gpu);
	waybuf_worker_destroy(worker);
	renderer_finish(&w->gpu);
	waybuf_loop_destroy(w->gpu.loop);
	fake_sync_finish();
	ck_assert_int_eq(w->done, 1);
}

TEST(done_when_the_gpu_is)
{
	struct world w;
	int fence = world_init(&w, 0);
	ck_assert_int_eq(waybuf_loop_dispatch(w.gpu.loop, 10), 0);
	ck_assert_int_eq(w.done, 0);
	fake_fence_settle(fence, 1, 1);
	wait_until_done(&w);
	ck_assert_int_eq(w.error, 0);
	ck_assert_uint_eq(w.pixels[0], UINT32_MAX);
	ck_assert(!render_lost(&w.gpu));
	world_finish(&w);
}

TEST(done_before_anybody_looks)
{
	struct world w;
	world_init(&w, 1);
	ck_assert_int_eq(w.done, 1);
	ck_assert_int_eq(w.error, 0);
	world_finish(&w);
}

/* Black is what pixman makes of nothing. */
static void check_drawn_again(struct world *w)
{
	wait_until_done(w);
	ck_assert_int_eq(w->error, 0);
	ck_assert_uint_eq(w->pixels[0] & 0xffffff, 0);
	ck_assert(render_lost(&w->gpu));
	ck_assert_str_eq(render_name(&w->gpu), "pixman");
	world_finish(w);
}

TEST(work_that_is_lost_is_drawn_again)
{
	struct world w;
	int fence = world_init(&w, 0);
	fake_fence_settle(fence, -EIO, 1);
	check_drawn_again(&w);
}

TEST(work_that_was_lost_before_anybody_looks)
{
	struct world w;
	world_init(&w, -EIO);
	check_drawn_again(&w);
}

TEST(a_fence_that_cannot_be_watched)
{
	struct world w;
	world_init_unwatched(&w, eventfd(1, EFD_CLOEXEC));
	wait_until_done(&w);
	ck_assert_int_eq(w.error, 0);
	ck_assert_uint_eq(w.pixels[0], UINT32_MAX);
	world_finish(&w);
}

/* ---- late ------------------------------------------------------------------------------------ */

/* The next picture, of a GPU that draws at once. */
static uint32_t draw_next(struct world *w)
{
	w->fence_fd = -1;
	w->done = 0;
	ck_assert_int_eq(render_start(w->gpu.worker, &w->job), 0);
	wait_until_done(w);
	ck_assert_int_eq(w->error, 0);
	return w->pixels[0] & 0xffffff;
}

/* The CPU draws, this picture and the next ones, and the GPU is not lost. */
static void check_late(struct world *w)
{
	wait_until_done(w);
	ck_assert_int_eq(w->error, 0);
	ck_assert_uint_eq(w->pixels[0] & 0xffffff, 0);
	ck_assert_uint_eq(draw_next(w), 0);
	ck_assert_uint_eq(w->gpu.n_late, 1);
	ck_assert(!render_lost(&w->gpu));
	ck_assert_str_eq(render_name(&w->gpu), "test");
}

/* It may wait for a fence that somebody has put on his buffer, and that he never signals. */
TEST(a_gpu_that_never_ends)
{
	struct world w;
	world_init(&w, 0);
	check_late(&w);
	world_finish(&w);
}

/* Or that he signals after a while. It is waited for on the worker first. */
TEST(a_gpu_that_comes_back)
{
	struct world w;
	int fence_fd = eventfd(0, EFD_CLOEXEC);
	world_init_unwatched(&w, dup(fence_fd));
	check_late(&w);
	ck_assert_int_eq(eventfd_write(fence_fd, 1), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(w.gpu.loop, 5000), 1);
	ck_assert_uint_eq(w.gpu.n_late, 0);
	ck_assert_uint_eq(draw_next(&w), 0xffffff);
	close(fence_fd);
	world_finish(&w);
}

TEST(a_gpu_that_is_late_and_then_fails)
{
	struct world w;
	int fence = world_init(&w, 0);
	check_late(&w);
	fake_fence_settle(fence, -EIO, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(w.gpu.loop, 5000), 1);
	ck_assert_uint_eq(w.gpu.n_late, 0);
	ck_assert(render_lost(&w.gpu));
	ck_assert_uint_eq(draw_next(&w), 0);
	world_finish(&w);
}

/* ---- images of displays ---------------------------------------------------------------------- */

static int make_image(struct output *output, struct slot *slot, struct waybuf_kms_why *why)
{
	struct world *w = waybuf_container_of(output, struct world, output);
	if (w->no_memory)
		return -ENOMEM;
	slot->stride = SIZE * 4;
	slot->pixels = slot->memory = calloc(SIZE, SIZE * 4);
	return 0;
}

static const struct output_backend backend = {.make_image = make_image};

static int replace(struct render_job *job, struct render_left *left)
{
	struct world *w = job->data;
	job->data = &w->output;
	int ret = slots_replace(job, left);
	job->data = w;
	return ret;
}

static const struct waybuf_layout layout = {.n_memory = 0};

static void make_slots(struct world *w)
{
	struct waybuf_kms_why why;
	w->output.backend = &backend;
	w->output.width = w->output.height = SIZE;
	make_image(&w->output, &w->output.slots[0], &why);
	make_image(&w->output, &w->output.slots[1], &why);
	w->job.target.layout = &layout;
	w->job.target.pixels = w->output.slots[1].pixels;
}

/* The CPU does not draw into what the GPU is at, which stays until that is over. */
TEST(another_image_takes_its_place)
{
	static const pixman_region32_t nothing;
	struct world w;
	int fence = world_init(&w, 0);
	make_slots(&w);
	w.job.replace = replace;
	w.job.region = &nothing;
	uint32_t *old = w.job.target.pixels;
	old[0] = 0x123456;
	wait_until_done(&w);
	ck_assert_int_eq(w.error, 0);
	ck_assert_ptr_eq(w.job.target.pixels, w.output.slots[1].pixels);
	ck_assert_ptr_ne(w.job.target.pixels, old);
	ck_assert_ptr_null(w.job.region);
	ck_assert_uint_eq(old[0], 0x123456);
	/* the sanitizer sees that it is freed, and once */
	fake_fence_settle(fence, 1, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(w.gpu.loop, 5000), 1);
	world_finish(&w);
	slots_finish(&w.output);
}

TEST(no_memory_for_another_image)
{
	struct world w;
	world_init(&w, 0);
	make_slots(&w);
	w.job.replace = replace;
	w.no_memory = true;
	wait_until_done(&w);
	ck_assert_int_eq(w.error, -ENOMEM);
	ck_assert_ptr_null(w.output.slots[1].pixels);
	world_finish(&w);
	slots_finish(&w.output);
}

/* A client's, say. */
TEST(there_is_no_other_image)
{
	struct world w;
	world_init(&w, 0);
	w.job.target.layout = &layout;
	wait_until_done(&w);
	ck_assert_int_eq(w.error, -ETIMEDOUT);
	world_finish(&w);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* waybufd ends meanwhile: the buffers that the GPU reads are not let go before it is done. */
TEST(the_end_waits)
{
	struct world w;
	int fence = world_init(&w, 0);
	ck_assert_int_eq(w.done, 0);
	fake_fence_settle(fence, 1, 1);
	world_finish(&w);
	ck_assert_int_eq(w.error, 0);
}

/* It never is, nobody can watch that, and the worker waits as the loop ends: no longer than ever. */
TEST(the_end_does_not_wait_for_ever)
{
	struct world w;
	world_init_unwatched(&w, eventfd(0, EFD_CLOEXEC));
	ck_assert_int_eq(w.done, 0);
	world_finish(&w);
	ck_assert_int_eq(w.error, -EIO);
	ck_assert(waybuf_list_empty(&w.gpu.late));
}

TEST_TIMEOUT(30)
TEST_MAIN("render-fence")
