/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <drm_fourcc.h>

#include "core/cpu_access.h"
#include "draw.h"
#include "geometry.h"
#include "pixels.h"
#include "render.h"
#include "util/list.h"
#include "util/sigbus.h"

static void begin_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	if (shm && !shm_buffer_is_pixel(shm))
		sigbus_guard_begin(guard, shm->mapping->data, shm->mapping->size);
}

static bool end_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	return shm && !shm_buffer_is_pixel(shm) && sigbus_guard_end(guard);
}

static bool draw_shm(
	struct render_job *job, pixman_image_t *target, const pixman_box32_t *box, uint32_t index)
{
	const struct scene_layer *layer = &job->scene->layers[index];
	struct shm_buffer *shm = layer->frame->shm;
	struct render_image source = {
		.pixels = shm->mapping->data + shm->offset,
		.width = shm->width,
		.height = shm->height,
		.stride = shm->stride,
		.format = shm->format,
	};
	struct sigbus_guard guard;
	begin_guard(&guard, shm);
	bool drawn = draw_pixels(target, box, layer, &source);
	if (end_guard(&guard, shm))
		job->cut |= UINT64_C(1) << index;
	return drawn;
}

/*
 * All memories of a frame, bracketed, mapped, and guarded: drivers answer a read of what the client
 * has given back to them (MADVISE of its GEM object, for one) with SIGBUS, too.
 */
struct access {
	const struct waybuf_layout *layout;
	struct backing *backing;
	uint32_t n_begun, n_mapped;
	char *address[WAYBUF_MAX_PLANES];
	struct sigbus_guard guards[WAYBUF_MAX_PLANES];
};

/* False: some of it was not there, and what was read instead is worth nothing. */
static bool access_end(struct access *access)
{
	bool whole = true;
	for (uint32_t i = access->n_mapped; i-- > 0;) {
		bool cut = sigbus_guard_end(&access->guards[i]);
		waybuf_cpu_vunmap(access->backing->cpu[i]);
		whole &= !cut;
	}
	for (uint32_t i = 0; i < access->n_begun; i++)
		waybuf_cpu_end_bounded(access->backing->cpu[i], WAYBUF_READ);
	/* the next one maps it anew */
	for (uint32_t i = 0; i < access->n_mapped && !whole; i++)
		waybuf_cpu_trim(access->backing->cpu[i]);
	return whole;
}

/* False: somebody else is at it, or it cannot be mapped; access_end() is needed in any case. */
static bool access_begin(struct access *access, const struct frame *frame)
{
	*access = (struct access){.layout = frame->grant.layout, .backing = frame->backing};
	for (uint32_t i = 0; i < access->layout->n_memory; i++) {
		struct waybuf_cpu *cpu = access->backing->cpu[i];
		void *address;
		/*
		 * The frame's fence has signalled before the latch. What a client adds later is its
		 * own loss: to wait for that would cost the others their flip.
		 */
		if (waybuf_cpu_begin_bounded(cpu, WAYBUF_READ) < 0)
			return false;
		access->n_begun++;
		if (waybuf_cpu_vmap(cpu, &address) < 0)
			return false;
		sigbus_guard_begin(&access->guards[access->n_mapped], address,
			(size_t)access->layout->memory[i].size);
		access->address[access->n_mapped++] = address;
	}
	return true;
}

static char *plane_pixels(const struct access *access, uint32_t plane)
{
	const struct waybuf_plane *place = &access->layout->planes[plane];
	return access->address[place->slot] + place->offset;
}

static bool draw_dmabuf_yuv(pixman_image_t *target, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct access *access)
{
	const struct waybuf_layout *layout = access->layout;
	struct yuv_plane planes[3] = {{NULL, 0}};
	for (uint32_t i = 0; i < layout->n_planes && i < 3; i++)
		planes[i] = (struct yuv_plane){
			(uint8_t *)plane_pixels(access, i), layout->planes[i].stride};
	return draw_yuv(target, box, layer, layout->format, planes);
}

static bool draw_dmabuf_rgb(pixman_image_t *target, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct access *access)
{
	const struct waybuf_layout *layout = access->layout;
	const struct render_image source = {
		.pixels = plane_pixels(access, 0),
		.width = layout->width,
		.height = layout->height,
		.stride = layout->planes[0].stride,
		.format = layout->format,
	};
	return draw_pixels(target, box, layer, &source);
}

static bool draw_dmabuf(
	pixman_image_t *target, const pixman_box32_t *box, const struct scene_layer *layer)
{
	struct access access;
	bool drawn = access_begin(&access, layer->frame);
	if (drawn)
		drawn = pixels_readable(layer->frame->format)
			? draw_dmabuf_rgb(target, box, layer, &access)
			: draw_dmabuf_yuv(target, box, layer, &access);
	return access_end(&access) && drawn;
}

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

/* Restricts what is drawn from now on to @region. False: that is nothing, or memory is short. */
static bool restrict_to(struct render_job *job, pixman_image_t *target, pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
	for (int i = 0; i < n; i++)
		job->drawn += (uint64_t)(boxes[i].x2 - boxes[i].x1) *
			(uint64_t)(boxes[i].y2 - boxes[i].y1);
	return n > 0 && pixman_image_set_clip_region32(target, region);
}

/* All of it, whatever that was restricted to before. */
static void clear(pixman_image_t *target, bool transparent)
{
	const pixman_color_t black = {0, 0, 0, transparent ? 0 : 0xffff};
	const pixman_box32_t all = {
		0, 0, pixman_image_get_width(target), pixman_image_get_height(target)};
	pixman_image_fill_boxes(PIXMAN_OP_SRC, target, &black, 1, &all);
}

static bool draw_copy(struct render_job *job, pixman_image_t *target, const pixman_box32_t *box)
{
	const struct scene_layer layer = {
		.width = job->target.width,
		.height = job->target.height,
		.source = {.width = (int64_t)job->target.width * GEOMETRY_ONE,
			.height = (int64_t)job->target.height * GEOMETRY_ONE},
		.alpha = UINT16_MAX,
		.opaque = true,
	};
	return draw_pixels(target, box, &layer, &job->source);
}

static void draw_below(struct render_job *job, pixman_image_t *target, struct plan *plan)
{
	if (!pixman_region32_not_empty(&plan->left))
		return;
	if (!restrict_to(job, target, &plan->left))
		job->error = -ENOMEM;
	else if (!job->source.pixels)
		clear(target, job->transparent);
	else if (!draw_copy(job, target, pixman_region32_extents(&plan->left)))
		job->error = -ENOMEM;
}

static void draw_layer(
	struct render_job *job, pixman_image_t *target, pixman_region32_t *region, uint32_t index)
{
	const struct scene_layer *layer = &job->scene->layers[index];
	if (!pixman_region32_not_empty(region))
		return;
	const pixman_box32_t *box = pixman_region32_extents(region);
	bool drawn = restrict_to(job, target, region);
	if (drawn)
		drawn = layer->frame->shm ? draw_shm(job, target, box, index)
					  : draw_dmabuf(target, box, layer);
	if (!drawn)
		job->failed |= UINT64_C(1) << index;
}

/* What failed before is left out. */
static void draw_all(struct render_job *job, pixman_image_t *target)
{
	struct plan plan;
	plan_init(&plan, job);
	if (!plan.whole)
		job->error = -ENOMEM;
	else
		draw_below(job, target, &plan);
	for (uint32_t i = plan.n; i-- > 0 && job->error == 0;)
		draw_layer(job, target, &plan.regions[i], i);
	plan_finish(&plan);
}

static void refuse(struct render_job *job)
{
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++)
		if (!job->scene->layers[i].plane && render_refusal(job->scene->layers[i].frame))
			job->failed |= UINT64_C(1) << i;
}

/*
 * Where a layer could not be read after all there is nothing of those below it, so that they are
 * drawn once more. If others fail then it stays at that: nobody makes us start over for ever.
 */
static void draw(struct render_job *job)
{
	pixman_image_t *target = draw_wrap(&job->target);
	if (!target) {
		job->error = -EINVAL;
		return;
	}
	refuse(job);
	const uint64_t refused = job->failed;
	draw_all(job, target);
	if (job->error == 0 && job->failed != refused)
		draw_all(job, target);
	pixman_image_unref(target);
}

static void draw_guarded(struct render_job *job)
{
	struct sigbus_guard guard;
	begin_guard(&guard, job->target.shm);
	draw(job);
	if (end_guard(&guard, job->target.shm))
		job->error = -EIO;
}

/* Its fences have signalled before; what its client adds later is the client's own loss. */
static void draw_dmabuf_target(struct render_job *job)
{
	struct waybuf_cpu *cpu = job->target.cpu;
	struct sigbus_guard guard;
	void *address;
	/* to blend is to read */
	job->error = waybuf_cpu_begin_bounded(cpu, WAYBUF_READ_WRITE);
	if (job->error < 0)
		return;
	job->error = waybuf_cpu_vmap(cpu, &address);
	if (job->error == 0) {
		sigbus_guard_begin(&guard, address, (size_t)cpu->memory.size);
		job->target.pixels = (char *)address + job->target.offset;
		draw(job);
		if (sigbus_guard_end(&guard))
			job->error = -EIO;
		waybuf_cpu_vunmap(cpu);
	}
	waybuf_cpu_end_bounded(cpu, WAYBUF_READ_WRITE);
}

static void run(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	if (job->target.cpu)
		draw_dmabuf_target(job);
	else
		draw_guarded(job);
}

static void finish(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++)
		if (job->cut & UINT64_C(1) << i)
			shm_buffer_blame(job->scene->layers[i].frame->shm);
	job->done(job, job->error);
}

uint32_t render_format(size_t index)
{
	_Static_assert(PIXELS_FORMATS + YUV_FORMATS <= RENDER_FORMATS, "lists have room for all");
	return index < PIXELS_FORMATS ? pixels_format(index) : yuv_format(index - PIXELS_FORMATS);
}

bool render_readable(uint32_t format)
{
	return pixels_readable(format) || yuv_readable(format);
}

const char *render_refusal(const struct frame *frame)
{
	if (!render_readable(frame->format))
		return "its format cannot be composed";
	/* pixman's coordinates end there */
	if (frame->width > INT16_MAX || frame->height > INT16_MAX)
		return "it is too large to be composed";
	if (frame->shm)
		return NULL;
	if (frame->grant.layout->modifier != DRM_FORMAT_MOD_LINEAR)
		return "its modifier is not LINEAR";
	return frame->backing->n_memory < frame->grant.layout->n_memory ? "it cannot be mapped"
									: NULL;
}

int render_start(struct waybuf_worker *worker, struct render_job *job)
{
	job->base.run = run;
	job->base.done = finish;
	job->error = 0;
	job->failed = job->cut = job->drawn = 0;
	/* one that cannot be prepared is one that is left out */
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		const struct scene_layer *layer = &job->scene->layers[i];
		if (!layer->plane && layer->frame->backing)
			frame_prepare_cpu(layer->frame);
	}
	return waybuf_worker_submit(worker, &job->base);
}
