/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <drm_fourcc.h>

#include "core/cpu_access.h"
#include "draw.h"
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

static bool draw_shm(struct render_job *job, pixman_image_t *target,
	const struct scene_layer *layer, uint32_t index)
{
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
	bool drawn = draw_pixels(target, layer, &source);
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

static bool draw_dmabuf_yuv(
	pixman_image_t *target, const struct scene_layer *layer, const struct access *access)
{
	const struct waybuf_layout *layout = access->layout;
	struct yuv_plane planes[3] = {{NULL, 0}};
	for (uint32_t i = 0; i < layout->n_planes && i < 3; i++)
		planes[i] = (struct yuv_plane){
			(uint8_t *)plane_pixels(access, i), layout->planes[i].stride};
	return draw_yuv(target, layer, layout->format, planes);
}

static bool draw_dmabuf_rgb(
	pixman_image_t *target, const struct scene_layer *layer, const struct access *access)
{
	const struct waybuf_layout *layout = access->layout;
	const struct render_image source = {
		.pixels = plane_pixels(access, 0),
		.width = layout->width,
		.height = layout->height,
		.stride = layout->planes[0].stride,
		.format = layout->format,
	};
	return draw_pixels(target, layer, &source);
}

static bool draw_dmabuf(pixman_image_t *target, const struct scene_layer *layer)
{
	struct access access;
	bool drawn = access_begin(&access, layer->frame);
	if (drawn)
		drawn = pixels_readable(layer->frame->format)
			? draw_dmabuf_rgb(target, layer, &access)
			: draw_dmabuf_yuv(target, layer, &access);
	return access_end(&access) && drawn;
}

static void clear(pixman_image_t *target, bool transparent)
{
	const pixman_color_t black = {0, 0, 0, transparent ? 0 : 0xffff};
	const pixman_box32_t all = {
		0, 0, pixman_image_get_width(target), pixman_image_get_height(target)};
	pixman_image_fill_boxes(PIXMAN_OP_SRC, target, &black, 1, &all);
}

static void draw_scene(struct render_job *job, pixman_image_t *target)
{
	const struct scene *scene = job->scene;
	for (uint32_t i = scene->n_layers; i-- > 0;) {
		const struct scene_layer *layer = &scene->layers[i];
		bool drawn = false;
		if (layer->plane)
			continue;
		if (!render_refusal(layer->frame))
			drawn = layer->frame->shm ? draw_shm(job, target, layer, i)
						  : draw_dmabuf(target, layer);
		if (!drawn)
			job->failed |= UINT64_C(1) << i;
	}
}

/* Whether the lowest layer that is drawn leaves nothing of what is below it. */
static bool hides_background(const struct scene *scene)
{
	for (uint32_t i = scene ? scene->n_layers : 0; i-- > 0;)
		if (!scene->layers[i].plane)
			return scene_layer_covers(scene, &scene->layers[i]);
	return false;
}

static bool draw_copy(struct render_job *job, pixman_image_t *target)
{
	const struct scene_layer layer = {
		.width = job->target.width,
		.height = job->target.height,
		.source = {.width = (int64_t)job->target.width * GEOMETRY_ONE,
			.height = (int64_t)job->target.height * GEOMETRY_ONE},
		.alpha = UINT16_MAX,
		.opaque = true,
	};
	return draw_pixels(target, &layer, &job->source);
}

static void run(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	pixman_image_t *target = draw_wrap(&job->target);
	if (!target) {
		job->error = -EINVAL;
		return;
	}
	struct sigbus_guard guard;
	begin_guard(&guard, job->target.shm);
	if (job->source.pixels && !draw_copy(job, target))
		job->error = -ENOMEM;
	else if (!job->source.pixels && !hides_background(job->scene))
		clear(target, job->transparent);
	if (job->scene && job->error == 0)
		draw_scene(job, target);
	if (end_guard(&guard, job->target.shm))
		job->error = -EIO;
	pixman_image_unref(target);
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
	job->failed = job->cut = 0;
	/* one that cannot be prepared is one that is left out */
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		const struct scene_layer *layer = &job->scene->layers[i];
		if (!layer->plane && layer->frame->backing)
			frame_prepare_cpu(layer->frame);
	}
	return waybuf_worker_submit(worker, &job->base);
}
