/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "fence/sync_file.h"
#include "geometry.h"
#include "pixels.h"
#include "renderer.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "yuv.h"

/* ---- what is drawn where ------------------------------------------------------------------- */

struct plan {
	pixman_region32_t left; /* what nothing opaque is above */
	pixman_region32_t regions[SCENE_MAX_LAYERS]; /* of each layer; empty: it is not drawn */
	uint32_t n;
	bool whole; /* memory was there for all of it */
};

/* A box of @layer on the target. False: nothing of it is there. */
static bool place(const struct render_job *job, const struct scene_layer *layer,
	const pixman_box32_t *box, pixman_region32_t *out)
{
	const struct render_image *target = &job->target;
	const int32_t x1 = geometry_clip((int64_t)layer->x + box->x1, 0, target->width);
	const int32_t y1 = geometry_clip((int64_t)layer->y + box->y1, 0, target->height);
	const int32_t x2 = geometry_clip((int64_t)layer->x + box->x2, 0, target->width);
	const int32_t y2 = geometry_clip((int64_t)layer->y + box->y2, 0, target->height);
	if (x1 >= x2 || y1 >= y2)
		return false;
	pixman_region32_init_rect(out, x1, y1, (unsigned)(x2 - x1), (unsigned)(y2 - y1));
	return true;
}

/* What of @layer is drawn; and what it hides is not drawn of those below. */
static void plan_layer(struct plan *plan, const struct render_job *job,
	const struct scene_layer *layer, pixman_region32_t *region)
{
	const pixman_box32_t all = {0, 0, (int32_t)layer->width, (int32_t)layer->height};
	pixman_region32_t box;
	if (!place(job, layer, &all, &box))
		return;
	plan->whole &= pixman_region32_intersect(region, &plan->left, &box);
	pixman_region32_fini(&box);
	for (uint32_t i = 0; i < layer->n_hides; i++) {
		if (!place(job, layer, &layer->hides[i], &box))
			continue;
		plan->whole &= pixman_region32_subtract(&plan->left, &plan->left, &box);
		pixman_region32_fini(&box);
	}
}

static void plan_init(struct plan *plan, const struct render_job *job)
{
	const struct scene *scene = job->scene;
	plan->n = scene ? scene->n_layers : 0;
	plan->whole = true;
	pixman_region32_init_rect(&plan->left, 0, 0, job->target.width, job->target.height);
	if (job->region)
		plan->whole &= pixman_region32_copy(&plan->left, job->region);
	for (uint32_t i = 0; i < plan->n; i++) {
		pixman_region32_init(&plan->regions[i]);
		if (!scene->layers[i].plane && !(job->failed >> i & 1))
			plan_layer(plan, job, &scene->layers[i], &plan->regions[i]);
	}
}

static void plan_finish(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->n; i++)
		pixman_region32_fini(&plan->regions[i]);
	pixman_region32_fini(&plan->left);
}

/* ---- drawing ------------------------------------------------------------------------------- */

/* False: that is nothing. */
static bool count_pixels(struct render_job *job, const pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	for (int i = 0; i < n; i++)
		job->drawn += (uint64_t)(boxes[i].x2 - boxes[i].x1) *
			(uint64_t)(boxes[i].y2 - boxes[i].y1);
	return n > 0;
}

static void draw_below(
	const struct renderer_ops *ops, struct render_pass *pass, const pixman_region32_t *region)
{
	struct render_job *job = pass->job;
	if (!count_pixels(job, region))
		return;
	const bool source = job->source.pixels;
	if (!(source ? ops->copy(pass, region) : ops->clear(pass, region)))
		job->error = -ENOMEM;
}

/* What failed before is left out. */
static void draw_all(const struct renderer_ops *ops, struct render_pass *pass)
{
	struct render_job *job = pass->job;
	struct plan plan;
	plan_init(&plan, job);
	if (!plan.whole)
		job->error = -ENOMEM;
	else
		draw_below(ops, pass, &plan.left);
	for (uint32_t i = plan.n; i-- > 0 && job->error == 0;)
		if (count_pixels(job, &plan.regions[i]) && !ops->draw(pass, &plan.regions[i], i))
			job->failed |= UINT64_C(1) << i;
	plan_finish(&plan);
}

static void refuse(const struct renderer_ops *ops, struct render_job *job)
{
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++)
		if (!job->scene->layers[i].plane && ops->refusal(job->scene->layers[i].frame))
			job->failed |= UINT64_C(1) << i;
}

/*
 * Where a layer could not be read after all there is nothing of those below it, so that they are
 * drawn once more. If others fail then it stays at that: nobody makes us start over for ever.
 */
static int draw(const struct renderer_ops *ops, struct render_job *job)
{
	struct render_pass pass = {.renderer = job->renderer, .job = job};
	job->error = 0;
	job->failed = job->cut = job->drawn = 0;
	int ret = ops->begin(&pass);
	if (ret != 0)
		return ret;
	refuse(ops, job);
	const uint64_t refused = job->failed;
	draw_all(ops, &pass);
	if (job->error == 0 && job->failed != refused)
		draw_all(ops, &pass);
	ret = ops->end(&pass);
	return ret != 0 ? ret : job->error;
}

static void run(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	struct renderer *renderer = job->renderer;
	int ret = RENDER_LATE;
	if (renderer && !renderer->lost && renderer->n_late == 0) {
		ret = draw(renderer->ops, job);
		job->late = ret == RENDER_LATE;
		renderer->n_late += job->late;
		if (ret == RENDER_LOST)
			renderer->lost = true;
	}
	if (ret == RENDER_LOST || ret == RENDER_LATE)
		ret = draw(&renderer_pixman, job);
	job->error = ret;
}

/* ---- images and layers --------------------------------------------------------------------- */

uint32_t render_format(size_t index)
{
	_Static_assert(PIXELS_FORMATS + YUV_FORMATS <= RENDER_FORMATS, "lists have room for all");
	return index < PIXELS_FORMATS ? pixels_format(index) : yuv_format(index - PIXELS_FORMATS);
}

bool render_readable(uint32_t format)
{
	return pixels_readable(format) || yuv_readable(format);
}

struct render_image render_image_of_shm(struct shm_buffer *shm)
{
	return (struct render_image){
		.pixels = shm->mapping->data + shm->offset,
		.width = shm->width,
		.height = shm->height,
		.stride = shm->stride,
		.format = shm->format,
		.shm = shm,
	};
}

struct scene_layer renderer_plain_layer(int32_t x, int32_t y, uint32_t width, uint32_t height)
{
	return (struct scene_layer){
		.x = x,
		.y = y,
		.width = width,
		.height = height,
		.source = {.width = (int64_t)width * GEOMETRY_ONE,
			.height = (int64_t)height * GEOMETRY_ONE},
		.alpha = UINT16_MAX,
		.opaque = true,
	};
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void end(struct render_job *job, int error)
{
	fd_close(&job->fence_fd);
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++)
		if (job->cut & UINT64_C(1) << i)
			shm_buffer_blame(job->scene->layers[i].frame->shm);
	job->done(job, error);
}

/* Once, not with each picture. */
static void tell_lost(struct renderer *renderer)
{
	if (renderer->lost && !renderer->told)
		waybuf_error("the GPU was reset or is in trouble: pixman composes from now on");
	renderer->told = renderer->lost;
}

static void finish(struct waybuf_job *base);

/* Nothing is known of the picture, so that it is drawn again, by the CPU. */
static void draw_again(struct render_job *job)
{
	job->base.run = run;
	job->base.done = finish;
	job->late = false;
	fd_close(&job->fence_fd);
	if (waybuf_worker_submit(job->renderer->worker, &job->base) < 0)
		end(job, -EIO);
}

/* The GPU may be at it for as long as it likes. */
static void give_up(struct render_job *job)
{
	/* in the end nobody is there to see it settle */
	if (!job->renderer->worker) {
		end(job, -EIO);
		return;
	}
	job->renderer->n_late++;
	int ret = render_leave(job, true);
	if (ret < 0)
		end(job, ret);
	else
		draw_again(job);
}

/* How long a GPU is waited for: drivers give up work that takes longer, but what it waits for. */
#define PATIENCE_MS 2000

/* Not for each job: it may come early, and look again. */
static void arm_patience(struct renderer *renderer)
{
	if (renderer->impatient || waybuf_list_empty(&renderer->waiting))
		return;
	const struct render_job *oldest =
		waybuf_list_first(&renderer->waiting, struct render_job, waiting);
	const uint64_t now = clock_now_ns();
	const uint64_t left = oldest->given_up_ns > now ? oldest->given_up_ns - now : 0;
	renderer->impatient =
		waybuf_source_arm(renderer->patience, (uint32_t)(left / 1000000) + 1) == 0;
}

static void handle_impatience(void *data)
{
	struct renderer *renderer = data;
	struct render_job *job, *tmp;
	const uint64_t now = clock_now_ns();
	renderer->impatient = false;
	waybuf_list_for_each_safe(job, tmp, &renderer->waiting, waiting) {
		if (job->given_up_ns > now)
			break;
		waybuf_fence_wait_finish(&job->wait);
		waybuf_list_remove(&job->waiting);
		give_up(job);
	}
	arm_patience(renderer);
}

/* What it has come to. */
static void settle(struct render_job *job, int status)
{
	if (status >= 0) {
		end(job, job->error);
		return;
	}
	job->renderer->lost = true;
	draw_again(job);
}

static void handle_settled(struct waybuf_fence_wait *wait, int status)
{
	struct render_job *job = waybuf_container_of(wait, struct render_job, wait);
	waybuf_list_remove(&job->waiting);
	settle(job, status);
}

static bool is_over(const struct render_job *job)
{
	struct pollfd poll_fd = {.fd = job->fence_fd, .events = POLLIN};
	return poll(&poll_fd, 1, PATIENCE_MS) == 1;
}

/* A fence that cannot be watched is waited for by the worker. */
static void run_wait(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	job->late = !is_over(job);
}

static void handle_waited(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	if (job->late)
		give_up(job);
	else
		end(job, job->error);
}

static int wait_on_worker(struct render_job *job)
{
	job->base.run = run_wait;
	job->base.done = handle_waited;
	return waybuf_worker_submit(job->renderer->worker, &job->base);
}

/* What the GPU reads is not given back before it is done, whatever has become of the picture. */
static void wait_for_gpu(struct render_job *job)
{
	if (!job->renderer->worker) {
		end(job, is_over(job) ? job->error : -EIO);
		return;
	}
	int status;
	waybuf_fence_wait_init(&job->wait);
	int ret = waybuf_fence_wait_add_sync_file(
		&job->wait, job->fence_fd, job->renderer->loop, handle_settled, &status);
	if (ret == 0) {
		job->given_up_ns = clock_now_ns() + PATIENCE_MS * UINT64_C(1000000);
		waybuf_list_append(&job->renderer->waiting, &job->waiting);
		arm_patience(job->renderer);
	} else if (ret == 1) {
		settle(job, status);
	} else if (wait_on_worker(job) < 0) {
		give_up(job);
	}
}

/* What it was to read back the CPU has drawn meanwhile. */
static void leave(struct render_job *job)
{
	job->late = false;
	if (job->renderer->worker)
		render_leave(job, false);
	fd_close(&job->fence_fd);
}

static void finish(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	if (job->renderer)
		tell_lost(job->renderer);
	if (job->late)
		leave(job);
	if (job->fence_fd >= 0)
		wait_for_gpu(job);
	else
		end(job, job->error);
}

int render_start(struct waybuf_worker *worker, struct render_job *job)
{
	struct renderer *renderer = job->renderer;
	job->base.run = run;
	job->base.done = finish;
	job->fence_fd = -1;
	job->late = false;
	/* one that cannot be prepared is one that is left out */
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		const struct scene_layer *layer = &job->scene->layers[i];
		if (!layer->plane && layer->frame->backing)
			frame_prepare_cpu(layer->frame);
	}
	if (renderer && !renderer->lost && renderer->ops->prepare)
		renderer->ops->prepare(renderer, job);
	return waybuf_worker_submit(worker, &job->base);
}

/* ---- renderers ----------------------------------------------------------------------------- */

int renderer_init(struct renderer *renderer, const struct renderer_ops *ops,
	struct waybuf_loop *loop, struct waybuf_worker *worker)
{
	int error = 0;
	*renderer = (struct renderer){.ops = ops, .loop = loop, .worker = worker};
	waybuf_list_init(&renderer->waiting);
	waybuf_list_init(&renderer->late);
	renderer->patience = waybuf_loop_add_timer(loop, handle_impatience, renderer, &error);
	return error;
}

void renderer_finish(struct renderer *renderer)
{
	waybuf_source_remove(renderer->patience);
}

void render_stop(struct renderer *renderer)
{
	struct render_job *job, *tmp;
	if (!renderer)
		return;
	renderer->worker = NULL;
	waybuf_list_for_each_safe(job, tmp, &renderer->waiting, waiting) {
		waybuf_fence_wait_finish(&job->wait);
		waybuf_list_remove(&job->waiting);
		end(job, is_over(job) ? job->error : -EIO);
	}
	render_leave_all(renderer);
}

void render_finish(struct renderer *renderer)
{
	if (renderer)
		renderer->ops->destroy(renderer);
}

const char *render_name(const struct renderer *renderer)
{
	return renderer && !renderer->lost ? renderer->ops->name : renderer_pixman.name;
}

const char *render_device(const struct renderer *renderer)
{
	return renderer ? renderer->device : NULL;
}

bool render_lost(const struct renderer *renderer)
{
	return renderer && renderer->lost;
}

void render_import_destroy(struct render_import *import)
{
	if (import)
		import->destroy(import);
}

const char *render_import_refusal(const struct render_import *import)
{
	return import ? import->refusal : NULL;
}
