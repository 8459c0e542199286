/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <drm_fourcc.h>

#include "draw.h"
#include "pixels.h"
#include "renderer.h"

/* ---- reading layers ------------------------------------------------------------------------ */

static bool draw_shm(struct render_job *job, const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, uint32_t index)
{
	struct shm_buffer *shm = layer->frame->shm;
	const struct render_image source = render_image_of_shm(shm);
	struct sigbus_guard guard;
	access_guard(&guard, shm);
	bool drawn = draw_pixels(canvas, box, layer, &source);
	if (access_unguard(&guard, shm))
		job->cut |= UINT64_C(1) << index;
	return drawn;
}

static bool draw_dmabuf_yuv(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct frame_access *access)
{
	const struct waybuf_layout *layout = access->layout;
	struct yuv_plane planes[3] = {{NULL, 0}};
	for (uint32_t i = 0; i < layout->n_planes && i < 3; i++)
		planes[i] = (struct yuv_plane){
			(uint8_t *)frame_access_plane(access, i), layout->planes[i].stride};
	return draw_yuv(canvas, box, layer, layout->format, planes);
}

static bool draw_dmabuf_rgb(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct frame_access *access)
{
	const struct waybuf_layout *layout = access->layout;
	const struct render_image source = {
		.pixels = frame_access_plane(access, 0),
		.width = layout->width,
		.height = layout->height,
		.stride = layout->planes[0].stride,
		.format = layout->format,
	};
	return draw_pixels(canvas, box, layer, &source);
}

static bool draw_dmabuf(
	const struct canvas *canvas, const pixman_box32_t *box, const struct scene_layer *layer)
{
	struct frame_access access;
	bool drawn = frame_access_begin(&access, layer->frame);
	if (drawn)
		drawn = pixels_readable(layer->frame->format)
			? draw_dmabuf_rgb(canvas, box, layer, &access)
			: draw_dmabuf_yuv(canvas, box, layer, &access);
	return frame_access_end(&access) && drawn;
}

bool renderer_pixman_draw(struct render_job *job, const struct canvas *canvas,
	const pixman_box32_t *box, const struct scene_layer *layer, uint32_t index)
{
	return layer->frame->shm ? draw_shm(job, canvas, box, layer, index)
				 : draw_dmabuf(canvas, box, layer);
}

/* ---- the renderer -------------------------------------------------------------------------- */

static const char *refusal(const struct frame *frame)
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

static int begin(struct render_pass *pass)
{
	struct render_image image = pass->job->target;
	int ret = image_access_begin(&pass->access, &pass->job->target);
	if (ret < 0)
		return ret;
	image.pixels = pass->access.pixels;
	pass->target = draw_wrap(&image);
	if (pass->target)
		return 0;
	image_access_end(&pass->access);
	return -EINVAL;
}

/* Restricts what is drawn from now on to @region. */
static bool restrict_to(struct render_pass *pass, const pixman_region32_t *region)
{
	return pixman_image_set_clip_region32(pass->target, (pixman_region32_t *)region);
}

static bool clear(struct render_pass *pass, const pixman_region32_t *region)
{
	const pixman_color_t color = {0, 0, 0, pass->job->transparent ? 0 : 0xffff};
	const struct render_image *target = &pass->job->target;
	const pixman_box32_t all = {0, 0, (int32_t)target->width, (int32_t)target->height};
	return restrict_to(pass, region) &&
		pixman_image_fill_boxes(PIXMAN_OP_SRC, pass->target, &color, 1, &all);
}

static bool copy(struct render_pass *pass, const pixman_region32_t *region)
{
	const struct render_image *target = &pass->job->target;
	const struct scene_layer layer = renderer_plain_layer(0, 0, target->width, target->height);
	const pixman_box32_t *box = pixman_region32_extents((pixman_region32_t *)region);
	const struct canvas canvas = draw_canvas(pass->target);
	return restrict_to(pass, region) && draw_pixels(&canvas, box, &layer, &pass->job->source);
}

static bool draw(struct render_pass *pass, const pixman_region32_t *region, uint32_t index)
{
	const struct scene_layer *layer = &pass->job->scene->layers[index];
	const pixman_box32_t *box = pixman_region32_extents((pixman_region32_t *)region);
	const struct canvas canvas = draw_canvas(pass->target);
	return restrict_to(pass, region) &&
		renderer_pixman_draw(pass->job, &canvas, box, layer, index);
}

static int end(struct render_pass *pass)
{
	pixman_image_unref(pass->target);
	return image_access_end(&pass->access);
}

const struct renderer_ops renderer_pixman = {
	.name = "pixman",
	.refusal = refusal,
	.begin = begin,
	.clear = clear,
	.copy = copy,
	.draw = draw,
	.end = end,
};
