/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "color-representation-v1-server-protocol.h"
#include "core/format.h"
#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "pace.h"
#include "presentation.h"
#include "subsurface.h"
#include "surface_state.h"
#include "viewporter-server-protocol.h"

void surface_state_init(struct surface_state *state)
{
	*state = (struct surface_state){.scale = 1, .alpha = UINT32_MAX, .input_everywhere = true};
	pixman_region32_init(&state->opaque);
	pixman_region32_init(&state->input);
	wl_array_init(&state->stack);
	wl_list_init(&state->callbacks);
	wl_list_init(&state->feedbacks);
}

void surface_state_finish(struct surface_state *state)
{
	frame_drop(state->frame);
	state->frame = NULL;
	surface_drop_callbacks(&state->callbacks);
	presentation_discard(&state->feedbacks);
	pixman_region32_fini(&state->opaque);
	pixman_region32_fini(&state->input);
	wl_array_release(&state->stack);
}

static bool is_same_box(const struct geometry_box *a, const struct geometry_box *b)
{
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

static bool is_same_viewport(const struct surface_viewport *a, const struct surface_viewport *b)
{
	return a->has_source == b->has_source && a->has_size == b->has_size &&
		(!a->has_source || is_same_box(&a->source, &b->source)) &&
		(!a->has_size || (a->width == b->width && a->height == b->height));
}

/* Whether @src shows its buffer in another way than @dst, whose damage then says nothing of it. */
static bool changes_view(const struct surface_state *dst, const struct surface_state *src)
{
	const struct frame *old = dst->frame, *new = src->frame;
	if ((src->changes & SURFACE_BUFFER) && old && new &&
		(old->width != new->width || old->height != new->height))
		return true;
	return ((src->changes & SURFACE_SCALE) && dst->scale != src->scale) ||
		((src->changes & SURFACE_TRANSFORM) && dst->transform != src->transform) ||
		((src->changes & SURFACE_VIEWPORT) &&
			!is_same_viewport(&dst->viewport, &src->viewport));
}

/* Before the rest. Nobody asks where a content is new that brings no damage: all of it may be. */
static void fold_damage(struct surface_state *dst, struct surface_state *src)
{
	if ((dst->changes & SURFACE_DAMAGE) && changes_view(dst, src))
		damage_add_all(&dst->damage);
	if ((src->changes & (SURFACE_BUFFER | SURFACE_DAMAGE)) == SURFACE_BUFFER) {
		damage_add_all(&src->damage);
		src->changes |= SURFACE_DAMAGE;
	}
	damage_merge(&dst->damage, &src->damage);
	damage_merge(&dst->buffer_damage, &src->buffer_damage);
	damage_clear(&src->damage);
	damage_clear(&src->buffer_damage);
}

void surface_state_fold(struct surface_state *dst, struct surface_state *src)
{
	fold_damage(dst, src);
	if (src->changes & SURFACE_BUFFER) {
		frame_drop(dst->frame);
		dst->frame = src->frame;
		src->frame = NULL;
		presentation_discard(&dst->feedbacks);
	}
	if (src->changes & SURFACE_SCALE)
		dst->scale = src->scale;
	if (src->changes & SURFACE_TRANSFORM)
		dst->transform = src->transform;
	if (src->changes & SURFACE_VIEWPORT)
		dst->viewport = src->viewport;
	if (src->changes & SURFACE_COLOR)
		dst->color = src->color;
	if (src->changes & SURFACE_CONTENT_TYPE)
		dst->content_type = src->content_type;
	if (src->changes & SURFACE_ALPHA)
		dst->alpha = src->alpha;
	if (src->changes & SURFACE_OPAQUE)
		pixman_region32_copy(&dst->opaque, &src->opaque);
	if (src->changes & SURFACE_INPUT) {
		dst->input_everywhere = src->input_everywhere;
		pixman_region32_copy(&dst->input, &src->input);
	}
	if (src->changes & SURFACE_STACK) {
		wl_array_release(&dst->stack);
		dst->stack = src->stack;
		wl_array_init(&src->stack);
	}
	dst->dx += src->dx;
	dst->dy += src->dy;
	src->dx = src->dy = 0;
	wl_list_insert_list(dst->callbacks.prev, &src->callbacks);
	wl_list_init(&src->callbacks);
	wl_list_insert_list(dst->feedbacks.prev, &src->feedbacks);
	wl_list_init(&src->feedbacks);
	dst->changes |= src->changes;
	src->changes = 0;
}

void surface_state_fold_older(struct surface_state *dst, struct surface_state *src)
{
	struct surface_state both;
	surface_state_init(&both);
	surface_state_fold(&both, src);
	surface_state_fold(&both, dst);
	surface_state_fold(dst, &both);
	surface_state_finish(&both);
}

/* What a surface shows of its buffer, and how large; of a state that is, or will be. */
struct view {
	const struct frame *frame; /* NULL: nothing */
	int32_t scale, transform;
	struct surface_viewport viewport;
	struct surface_color color;
};

static void view_add(struct view *view, const struct surface_state *state, uint32_t changes)
{
	if (changes & SURFACE_BUFFER)
		view->frame = state->frame;
	if (changes & SURFACE_SCALE)
		view->scale = state->scale;
	if (changes & SURFACE_TRANSFORM)
		view->transform = state->transform;
	if (changes & SURFACE_VIEWPORT)
		view->viewport = state->viewport;
	if (changes & SURFACE_COLOR)
		view->color = state->color;
}

/* The content before crop and scale; surface coordinates, in parts. */
static struct geometry_box content_of(const struct view *view)
{
	bool turned = geometry_turned(view->transform);
	int64_t width = turned ? view->frame->height : view->frame->width;
	int64_t height = turned ? view->frame->width : view->frame->height;
	return (struct geometry_box){
		.width = width * GEOMETRY_ONE / view->scale,
		.height = height * GEOMETRY_ONE / view->scale,
	};
}

static bool is_inside(const struct geometry_box *box, const struct geometry_box *content)
{
	return box->x + box->width <= content->width && box->y + box->height <= content->height;
}

/* A source that is no size for a surface, with nothing else to give it one. */
static bool size_is_bad(const struct surface_viewport *viewport)
{
	return viewport->has_source && !viewport->has_size &&
		(viewport->source.width % GEOMETRY_ONE || viewport->source.height % GEOMETRY_ONE);
}

static bool scale_valid(struct surface *surface, const struct view *view)
{
	const struct frame *frame = view->frame;
	const uint32_t scale = (uint32_t)view->scale;
	if (frame->width % scale == 0 && frame->height % scale == 0)
		return true;
	wl_resource_post_error(surface->resource, WL_SURFACE_ERROR_INVALID_SIZE,
		"%u x %u is not divisible by the scale %u", frame->width, frame->height, scale);
	return false;
}

/* If there is a source there is an object, but for one that was destroyed with this commit. */
static bool viewport_valid(struct surface *surface, const struct view *view)
{
	struct wl_resource *object = surface->extensions[SURFACE_EXT_VIEWPORT];
	if (!object || !view->viewport.has_source)
		return true;
	if (size_is_bad(&view->viewport)) {
		wl_resource_post_error(object, WP_VIEWPORT_ERROR_BAD_SIZE,
			"without a destination the source must have whole pixels");
		return false;
	}
	if (!view->frame)
		return true;
	const struct geometry_box content = content_of(view);
	if (is_inside(&view->viewport.source, &content))
		return true;
	wl_resource_post_error(object, WP_VIEWPORT_ERROR_OUT_OF_BUFFER,
		"the source ends outside of the content, which is %.2f x %.2f",
		(double)content.width / GEOMETRY_ONE, (double)content.height / GEOMETRY_ONE);
	return false;
}

/* Whether what was said of the pixels can be true of @format. */
static bool color_fits(const struct surface_color *color, const struct waybuf_format *format)
{
	if (!format)
		return color->model == SURFACE_ANY && !color->subsampled;
	if (color->subsampled && !(format->is_yuv && format->hsub == 2 && format->vsub == 2))
		return false;
	return color->model == SURFACE_ANY || format->is_yuv == (color->model == SURFACE_YUV);
}

static bool color_valid(struct surface *surface, const struct view *view)
{
	struct wl_resource *object = surface->extensions[SURFACE_EXT_COLOR];
	if (!object || color_fits(&view->color, waybuf_format_get(view->frame->format)))
		return true;
	wl_resource_post_error(object, WP_COLOR_REPRESENTATION_SURFACE_V1_ERROR_PIXEL_FORMAT,
		"the buffer's format has not got what was said of it");
	return false;
}

bool surface_view_valid(struct surface *surface)
{
	struct view view = {.scale = 1};
	const struct surface_part *part;
	view_add(&view, &surface->current, ~UINT32_C(0));
	wl_list_for_each(part, &surface->parts, link)
		view_add(&view, &part->state, part->state.changes);
	view_add(&view, &surface->pending, surface->pending.changes);
	return (!view.frame || (scale_valid(surface, &view) && color_valid(surface, &view))) &&
		viewport_valid(surface, &view);
}

/*
 * A commit may have lost its buffer since it was checked, when that was given up: if the older one
 * does not go with the rest there is nothing to show, and nobody to blame.
 */
static void update_size(struct surface *surface)
{
	struct view view = {.scale = 1};
	const struct surface_viewport *viewport = &view.viewport;
	view_add(&view, &surface->current, ~UINT32_C(0));
	surface->width = surface->height = 0;
	if (!view.frame)
		return;
	const struct geometry_box content = content_of(&view);
	struct geometry_box source = viewport->has_source ? viewport->source : content;
	if (!is_inside(&source, &content) || size_is_bad(viewport))
		return;
	surface->width = viewport->has_size ? (uint32_t)viewport->width
					    : (uint32_t)(source.width / GEOMETRY_ONE);
	surface->height = viewport->has_size ? (uint32_t)viewport->height
					     : (uint32_t)(source.height / GEOMETRY_ONE);
	source.x *= view.scale;
	source.y *= view.scale;
	source.width *= view.scale;
	source.height *= view.scale;
	surface->source = geometry_turn(
		view.transform, source, content.width * view.scale, content.height * view.scale);
}

/* How the surface shows its buffer now. */
static struct damage_view describe_view(const struct surface *surface)
{
	const struct frame *frame = surface->current.frame;
	const struct waybuf_format *format = frame ? waybuf_format_get(frame->format) : NULL;
	return (struct damage_view){
		.source = surface->source,
		.transform = surface->current.transform,
		.width = surface->width,
		.height = surface->height,
		.hsub = format && format->is_yuv ? format->hsub : 1,
		.vsub = format && format->is_yuv ? format->vsub : 1,
	};
}

/* A format's name and a place in a buffer mean something only beside others of the same kind. */
static bool is_same_view(
	const struct damage_view *a, uint32_t format, const struct damage_view *b, uint32_t next)
{
	return a->width == b->width && a->height == b->height && a->transform == b->transform &&
		is_same_box(&a->source, &b->source) && format == next;
}

static uint32_t format_of(const struct surface *surface)
{
	return surface->current.frame ? surface->current.frame->format : 0;
}

/* What is new of @surface, with @changes, which has shown its buffer as in @old and @format. */
static void apply_damage(
	struct surface *surface, uint32_t changes, const struct damage_view *old, uint32_t format)
{
	struct surface_state *now = &surface->current;
	const struct damage_view view = describe_view(surface);
	if (!is_same_view(old, format, &view, format_of(surface)) ||
		((changes & SURFACE_BUFFER) && surface->lost))
		damage_add_all(&surface->damage);
	else
		damage_add_content(&surface->damage, &view, &now->damage, &now->buffer_damage);
	surface->lost &= !(changes & SURFACE_BUFFER);
	damage_clear(&now->damage);
	damage_clear(&now->buffer_damage);
}

void surface_apply(struct surface *surface, struct surface_state *state)
{
	const struct damage_view view = describe_view(surface);
	const uint32_t format = format_of(surface);
	uint32_t changes = state->changes;
	struct surface_state *now = &surface->current;
	/* first: unmapped, it would be on no output */
	pace_answered(surface);
	surface_state_fold(now, state);
	now->changes = 0;
	update_size(surface);
	surface->lost |= (changes & SURFACE_LOST) != 0;
	apply_damage(surface, changes, &view, format);
	surface->dirty |= changes != 0;
	if (surface->role && surface->role->applied)
		surface->role->applied(surface);
	if (changes & SURFACE_STACK)
		subsurface_stack_applied(surface);
	output_surface_applied(outputs_of(surface), surface);
}
