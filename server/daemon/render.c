/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "core/cpu_access.h"
#include "pixels.h"
#include "render.h"
#include "util/list.h"
#include "util/sigbus.h"
#include "yuv.h"

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

static bool is_aligned(const struct render_image *image)
{
	return image->stride % 4 == 0 && (uintptr_t)image->pixels % 4 == 0;
}

static pixman_image_t *wrap(const struct render_image *image)
{
	pixman_format_code_t code;
	if (!is_aligned(image) || !pixels_to_pixman(image->format, &code))
		return NULL;
	return pixman_image_create_bits(
		code, (int)image->width, (int)image->height, image->pixels, (int)image->stride);
}

static pixman_op_t operator_of(const struct scene_layer *layer)
{
	return layer->opaque ? PIXMAN_OP_SRC : PIXMAN_OP_OVER;
}

/* Lets @image go. */
static void composite(
	pixman_image_t *target, const struct scene_layer *layer, pixman_image_t *image)
{
	set_transform(image, layer);
	pixman_image_composite32(operator_of(layer), image, NULL, target, 0, 0, 0, 0, layer->x,
		layer->y, (int32_t)layer->width, (int32_t)layer->height);
	pixman_image_unref(image);
}

/* What of a layer is inside of the output, in the layer's own coordinates. False: nothing. */
static bool visible_part(
	pixman_image_t *target, const struct scene_layer *layer, pixman_box32_t *box)
{
	const int32_t right = pixman_image_get_width(target) - layer->x;
	const int32_t bottom = pixman_image_get_height(target) - layer->y;
	*box = (pixman_box32_t){
		.x1 = layer->x < 0 ? -layer->x : 0,
		.y1 = layer->y < 0 ? -layer->y : 0,
		.x2 = right < (int32_t)layer->width ? right : (int32_t)layer->width,
		.y2 = bottom < (int32_t)layer->height ? bottom : (int32_t)layer->height,
	};
	return box->x1 < box->x2 && box->y1 < box->y2;
}

/* What set_transform() and NEAREST come to: where the centre of a pixel is, in halves. */
static const char *find_pixel(const struct scene_layer *layer, const struct render_image *source,
	int32_t x, int32_t y, size_t bytes)
{
	const int64_t w = 2 * (int64_t)layer->width, h = 2 * (int64_t)layer->height;
	const int64_t cx = 2 * (int64_t)x + 1, cy = 2 * (int64_t)y + 1;
	const __typeof__(turns[0]) t = turns[layer->transform];
	int64_t bx = layer->scale * (t.xx * cx + t.xy * cy + t.xw * w + t.xh * h);
	int64_t by = layer->scale * (t.yx * cx + t.yy * cy + t.yw * w + t.yh * h);
	return (const char *)source->pixels + (size_t)((by - 1) / 2) * source->stride +
		(size_t)((bx - 1) / 2) * bytes;
}

static void gather_row(char *to, const struct scene_layer *layer, const struct render_image *source,
	const pixman_box32_t *box, int32_t y, size_t bytes)
{
	if (layer->transform == WL_OUTPUT_TRANSFORM_NORMAL && layer->scale == 1) {
		memcpy(to, find_pixel(layer, source, box->x1, y, bytes),
			(size_t)(box->x2 - box->x1) * bytes);
		return;
	}
	for (int32_t x = box->x1; x < box->x2; x++, to += bytes)
		memcpy(to, find_pixel(layer, source, x, y, bytes), bytes);
}

/*
 * pixman wants rows at multiples of four bytes; a client's need not be. Only the pixels that will be
 * seen are copied, turned and scaled already: a file with holes costs a client nothing, and all of
 * it would cost us gigabytes.
 */
static bool draw_gathered(
	pixman_image_t *target, const struct scene_layer *layer, const struct render_image *source)
{
	pixman_format_code_t code;
	pixman_box32_t box;
	if (!pixels_to_pixman(source->format, &code))
		return false;
	if (!visible_part(target, layer, &box))
		return true;
	pixman_image_t *image =
		pixman_image_create_bits_no_clear(code, box.x2 - box.x1, box.y2 - box.y1, NULL, 0);
	if (!image)
		return false;
	char *to = (char *)pixman_image_get_data(image);
	for (int32_t y = box.y1; y < box.y2; y++, to += pixman_image_get_stride(image))
		gather_row(to, layer, source, &box, y, PIXMAN_FORMAT_BPP(code) / 8);
	pixman_image_composite32(operator_of(layer), image, NULL, target, 0, 0, 0, 0,
		layer->x + box.x1, layer->y + box.y1, box.x2 - box.x1, box.y2 - box.y1);
	pixman_image_unref(image);
	return true;
}

static bool draw(
	pixman_image_t *target, const struct scene_layer *layer, const struct render_image *source)
{
	if (!is_aligned(source))
		return draw_gathered(target, layer, source);
	pixman_image_t *image = wrap(source);
	if (image)
		composite(target, layer, image);
	return image != NULL;
}

static void begin_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	if (shm)
		sigbus_guard_begin(guard, shm->mapping->data, shm->mapping->size);
}

static bool end_guard(struct sigbus_guard *guard, struct shm_buffer *shm)
{
	return shm && sigbus_guard_end(guard);
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
	return access_end(&access) && drawn;
}

static void clear(pixman_image_t *target)
{
	const pixman_color_t black = {0, 0, 0, 0xffff};
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
		.scale = 1,
		.opaque = true,
	};
	return draw(target, &layer, &job->source);
}

static void run(struct waybuf_job *base)
{
	struct render_job *job = waybuf_container_of(base, struct render_job, base);
	pixman_image_t *target = wrap(&job->target);
	if (!target) {
		job->error = -EINVAL;
		return;
	}
	struct sigbus_guard guard;
	begin_guard(&guard, job->target.shm);
	if (job->source.pixels && !draw_copy(job, target))
		job->error = -ENOMEM;
	else if (!job->source.pixels && !hides_background(job->scene))
		clear(target);
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
