/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "daemon.h"
#include "output.h"
#include "presentation.h"
#include "subsurface.h"
#include "surface_state.h"

void surface_state_init(struct surface_state *state)
{
	*state = (struct surface_state){.scale = 1};
	pixman_region32_init(&state->opaque);
	wl_array_init(&state->stack);
	wl_list_init(&state->callbacks);
	wl_list_init(&state->feedbacks);
}

static void destroy_callbacks(struct wl_list *list)
{
	struct wl_resource *resource, *tmp;
	wl_resource_for_each_safe(resource, tmp, list)
		wl_resource_destroy(resource);
}

void surface_state_finish(struct surface_state *state)
{
	frame_drop(state->frame);
	state->frame = NULL;
	destroy_callbacks(&state->callbacks);
	presentation_discard(&state->feedbacks);
	pixman_region32_fini(&state->opaque);
	wl_array_release(&state->stack);
}

void surface_state_fold(struct surface_state *dst, struct surface_state *src)
{
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
	if (src->changes & SURFACE_OPAQUE)
		pixman_region32_copy(&dst->opaque, &src->opaque);
	if (src->changes & SURFACE_STACK) {
		wl_array_release(&dst->stack);
		dst->stack = src->stack;
		wl_array_init(&src->stack);
	}
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

static void update_size(struct surface *surface)
{
	const struct surface_state *now = &surface->current;
	surface->width = surface->height = 0;
	if (!now->frame)
		return;
	bool turned = now->transform & WL_OUTPUT_TRANSFORM_90;
	uint32_t width = turned ? now->frame->height : now->frame->width;
	uint32_t height = turned ? now->frame->width : now->frame->height;
	surface->width = width / (uint32_t)now->scale;
	surface->height = height / (uint32_t)now->scale;
}

void surface_apply(struct surface *surface, struct surface_state *state)
{
	uint32_t changes = state->changes;
	struct surface_state *now = &surface->current;
	surface_state_fold(now, state);
	now->changes = 0;
	update_size(surface);
	surface->dirty |= changes != 0;
	if (surface->role && surface->role->applied)
		surface->role->applied(surface);
	if (changes & SURFACE_STACK)
		subsurface_stack_applied(surface);
	output_surface_applied(surface->daemon->output, surface);
}
