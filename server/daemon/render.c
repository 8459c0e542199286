/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "pixels.h"
#include "render.h"
#include "sigbus.h"
#include "util/list.h"
#include "yuv.h"

/* A frame's fence has signalled before the latch; what a client adds later is its own loss. */
#define READ_TIMEOUT_MS 20

/*
 * Where a pixel of the output is found in the buffer. pixman wants this direction, in 16.16 fixed
 * point. The buffer's content was turned by the client, anticlockwise, after it was mirrored around
 * its vertical axis if it is a flipped transform; each entry is (bx, by) as a function of a point
 * (x, y) in the surface of w x h.
 */
static const struct {
	int8_t xx, xy, xw, xh; /* bx = xx * x + xy * y + xw * w + xh * h */
	int8_t yx, yy, yw, yh;
} turns[8] = {
	[WL_OUTPUT_TRANSFORM_NORMAL] = {1, 0, 0, 0, 0, 1, 0, 0},
	[WL_OUTPUT_TRANSFORM_90] = {0, 1, 0, 0, -1, 0, 1, 0},
	[WL_OUTPUT_TRANSFORM_180] = {-1, 0, 1, 0, 0, -1, 0, 1},
	[WL_OUTPUT_TRANSFORM_270] = {0, -1, 0, 1, 1, 0, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED] = {-1, 0, 1, 0, 0, 1, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED_90] = {0, 1, 0, 0, 1, 0, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED_180] = {1, 0, 0, 0, 0, -1, 0, 1},
	[WL_OUTPUT_TRANSFORM_FLIPPED_270] = {0, -1, 0, 1, -1, 0, 1, 0},
};

static void set_transform(pixman_image_t *image, const struct scene_layer *layer)
{
	if (layer->transform == WL_OUTPUT_TRANSFORM_NORMAL && layer->scale == 1)
		return;
	const pixman_fixed_t one = pixman_int_to_fixed(layer->scale);
	const int32_t w = (int32_t)layer->width, h = (int32_t)layer->height;
	__typeof__(turns[0]) t = turns[layer->transform];
	pixman_transform_t matrix = {{
		{one * t.xx, one * t.xy, one * (t.xw * w + t.xh * h)},
		{one * t.yx, one * t.yy, one * (t.yw * w + t.yh * h)},
		{0, 0, pixman_fixed_1},
	}};
	pixman_image_set_transform(image, &matrix);
	pixman_image_set_filter(image, PIXMAN_FILTER_NEAREST, NULL, 0);
}

/* pixman wants rows at multiples of four bytes; a client's need not be. */
static pixman_image_t *repack(pixman_format_code_t code, const struct render_image *source)
{
	pixman_image_t *image =
		pixman_image_create_bits(code, (int)source->width, (int)source->height, NULL, 0);
	if (!image)
		return NULL;
	size_t bytes = (size_t)source->width * PIXMAN_FORMAT_BPP(code) / 8;
	size_t stride = (size_t)pixman_image_get_stride(image);
	char *to = (char *)pixman_image_get_data(image);
	const char *from = source->pixels;
	for (uint32_t y = 0; y < source->height; y++)
		memcpy(to + y * stride, from + (size_t)y * source->stride, bytes);
	return image;
}

static pixman_image_t *wrap(const struct render_image *image, bool may_copy)
{
	pixman_format_code_t code;
	if (!pixels_to_pixman(image->format, &code))
		return NULL;
	if (image->stride % 4 || (uintptr_t)image->pixels % 4)
		return may_copy ? repack(code, image) : NULL;
	return pixman_image_create_bits(
		code, (int)image->width, (int)image->height, image->pixels, (int)image->stride);
}

/* Lets @image go. */
static void composite(
	pixman_image_t *target, const struct scene_layer *layer, pixman_image_t *image)
{
	set_transform(image, layer);
	pixman_image_composite32(layer->opaque ? PIXMAN_OP_SRC : PIXMAN_OP_OVER, image, NULL,
		target, 0, 0, 0, 0, layer->x, layer->y, (int32_t)layer->width,
		(int32_t)layer->height);
	pixman_image_unref(image);
}

static bool draw(
	pixman_image_t *target, const struct scene_layer *layer, const struct render_image *source)
{
	pixman_image_t *image = wrap(source, true);
	if (image)
		composite(target, layer, image);
	return image != NULL;
}

static void begin_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	if (shm && !shm->mapping->sealed)
		sigbus_guard_begin(guard, shm->mapping->data, shm->mapping->size);
}

static bool end_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	return shm && !shm->mapping->sealed && sigbus_guard_end(guard);
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
	bool drawn = draw(target, layer, &source);
	if (end_guard(&guard, shm))
		job->cut |= UINT64_C(1) << index;
	return drawn;
}

/* All memories of a frame, bracketed and mapped. */
struct access {
	const struct waybuf_layout *layout;
	struct backing *backing;
	uint32_t n_begun, n_mapped;
	char *address[WAYBUF_MAX_PLANES];
};

static void access_end(struct access *access)
{
	for (uint32_t i = 0; i < access->n_mapped; i++)
		waybuf_cpu_vunmap(access->backing->cpu[i]);
	for (uint32_t i = 0; i < access->n_begun; i++)
		waybuf_cpu_end_access(access->backing->cpu[i], WAYBUF_READ);
}

/* False: somebody else is at it, or it cannot be mapped; access_end() is needed in any case. */
static bool access_begin(struct access *access, const struct frame *frame)
{
	*access = (struct access){.layout = frame->grant.layout, .backing = frame->backing};
	for (uint32_t i = 0; i < access->layout->n_memory; i++) {
		struct waybuf_cpu *cpu = access->backing->cpu[i];
		void *address;
		if (waybuf_cpu_wait(cpu, WAYBUF_READ, READ_TIMEOUT_MS) < 0 ||
			waybuf_cpu_begin_access(cpu, WAYBUF_READ) < 0)
			return false;
		access->n_begun++;
		if (waybuf_cpu_vmap(cpu, &address) < 0)
			return false;
		access->address[access->n_mapped++] = address;
	}
	return true;
}

static char *plane_pixels(const struct access *access, uint32_t plane)
{
	const struct waybuf_plane *place = &access->layout->planes[plane];
	return access->address[place->slot] + place->offset;
}

static bool draw_yuv(
	pixman_image_t *target, const struct scene_layer *layer, const struct access *access)
{
	const struct waybuf_layout *layout = access->layout;
	struct yuv_plane planes[3] = {{NULL, 0}};
	for (uint32_t i = 0; i < layout->n_planes && i < 3; i++)
		planes[i] = (struct yuv_plane){
			(uint8_t *)plane_pixels(access, i), layout->planes[i].stride};
	pixman_image_t *image = yuv_convert(layout->format, layout->width, layout->height, planes);
	if (!image)
		return false;
	composite(target, layer, image);
	return true;
}

static bool draw_rgb(
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
	return draw(target, layer, &source);
}

static bool draw_dmabuf(pixman_image_t *target, const struct scene_layer *layer)
{
	struct access access;
	bool drawn = access_begin(&access, layer->frame);
	if (drawn)
		drawn = pixels_readable(layer->frame->format) ? draw_rgb(target, layer, &access)
							      : draw_yuv(target, layer, &access);
	access_end(&access);
	return drawn;
}

static void draw_scene(struct render_job *job, pixman_image_t *target)
{
	const struct scene *scene = job->scene;
	if (!scene_is_covered(scene)) {
		const pixman_color_t black = {0, 0, 0, 0xffff};
		const pixman_box32_t all = {0, 0, (int)scene->width, (int)scene->height};
		pixman_image_fill_boxes(PIXMAN_OP_SRC, target, &black, 1, &all);
	}
	for (uint32_t i = scene->n_layers; i-- > 0;) {
		const struct scene_layer *layer = &scene->layers[i];
		bool drawn = false;
		if (!render_refusal(layer->frame))
			drawn = layer->frame->shm ? draw_shm(job, target, layer, i)
						  : draw_dmabuf(target, layer);
		if (!drawn)
			job->failed |= UINT64_C(1) << i;
	}
}

static bool draw_copy(struct render_job *job, pixman_image_t *target)
{
	const struct scene_layer layer = {
		.width = job->target.width,
		.height = job->target.height,
		.scale = 1,
		.opaque = true,
	};
	return draw(target, &layer, &job->source);
}

static void run(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	pixman_image_t *target = wrap(&job->target, false);
	if (!target) {
		job->error = -EINVAL;
		return;
	}
	struct sigbus_guard guard;
	begin_guard(&guard, job->target.shm);
	if (job->scene)
		draw_scene(job, target);
	else if (!draw_copy(job, target))
		job->error = -ENOMEM;
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
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++)
		if (job->scene->layers[i].frame->backing)
			frame_prepare_cpu(job->scene->layers[i].frame);
	return waybuf_worker_submit(worker, &job->base);
}
