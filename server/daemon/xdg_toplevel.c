/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <xdg-shell-server-protocol.h>

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "xdg.h"
#include "xdg_decoration.h"
#include "xdg_popup.h"

/* Requests come only while the xdg_surface is there: it may not be destroyed before its role. */
static struct xdg_toplevel *from_resource(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	return xdg->toplevel;
}

bool xdg_toplevel_is_top(const struct xdg_toplevel *toplevel)
{
	return toplevel->daemon->toplevels.next == &toplevel->link;
}

static void add_state(struct wl_array *states, uint32_t state)
{
	uint32_t *slot = wl_array_add(states, sizeof(*slot));
	if (slot)
		*slot = state;
}

/* Since version 5 clients hear that fullscreen is all there is. */
static void send_capabilities(struct wl_resource *resource)
{
	uint32_t fullscreen = XDG_TOPLEVEL_WM_CAPABILITIES_FULLSCREEN;
	struct wl_array capabilities = {.size = sizeof(fullscreen), .data = &fullscreen};
	if (wl_resource_get_version(resource) >= XDG_TOPLEVEL_WM_CAPABILITIES_SINCE_VERSION)
		xdg_toplevel_send_wm_capabilities(resource, &capabilities);
}

static void configure(struct xdg_surface *xdg)
{
	const struct output *output = xdg->toplevel->output;
	struct wl_array states;
	uint32_t width, height;
	wl_array_init(&states);
	/* first, as what it draws for this size depends on it */
	if (xdg->surface)
		output_prefer(output, xdg->surface);
	xdg_decoration_configure(xdg->toplevel);
	output_logical_size(output, &width, &height);
	add_state(&states, XDG_TOPLEVEL_STATE_FULLSCREEN);
	/* one that is not mapped yet is going to be on top */
	if (!xdg->mapped || xdg_toplevel_is_top(xdg->toplevel))
		add_state(&states, XDG_TOPLEVEL_STATE_ACTIVATED);
	if (output->suspended &&
		wl_resource_get_version(xdg->role_resource) >=
			XDG_TOPLEVEL_STATE_SUSPENDED_SINCE_VERSION)
		add_state(&states, XDG_TOPLEVEL_STATE_SUSPENDED);
	xdg_toplevel_send_configure(xdg->role_resource, (int32_t)width, (int32_t)height, &states);
	wl_array_release(&states);
}

/* Tells the one that is now on top, or was until now. */
static void configure_top(struct daemon *daemon)
{
	struct xdg_toplevel *top;
	if (wl_list_empty(&daemon->toplevels))
		return;
	top = wl_container_of(daemon->toplevels.next, top, link);
	xdg_surface_configure_later(top->xdg);
}

static void mapped(struct xdg_surface *xdg, bool now)
{
	struct daemon *daemon = xdg->wm_base->daemon;
	struct xdg_toplevel *toplevel = xdg->toplevel;
	bool was_top = !now && xdg_toplevel_is_top(toplevel);
	if (now) {
		struct xdg_toplevel *below = NULL;
		if (!wl_list_empty(&daemon->toplevels))
			below = wl_container_of(daemon->toplevels.next, below, link);
		wl_list_insert(&daemon->toplevels, &toplevel->link);
		if (below)
			xdg_surface_configure_later(below->xdg);
	} else {
		wl_list_remove(&toplevel->link);
		wl_list_init(&toplevel->link);
		if (was_top)
			configure_top(daemon);
	}
	if (xdg->surface && now)
		xdg->surface->output = toplevel->output;
	if (xdg->surface)
		subsurface_set_mapped(xdg->surface, now);
	output_stack_changed(toplevel->output);
}

void xdg_toplevel_move_to(struct xdg_toplevel *toplevel, struct output *output)
{
	struct daemon *daemon = toplevel->daemon;
	struct xdg_surface *xdg = toplevel->xdg;
	struct xdg_popup *popup;
	if (toplevel->output == output)
		return;
	toplevel->output = output;
	if (xdg->surface)
		outputs_move(xdg->surface, output);
	wl_list_for_each(popup, &daemon->popups, link)
		if (xdg_popup_toplevel(popup) == toplevel)
			outputs_move(popup->xdg->surface, output);
}

void xdg_toplevel_raise(struct xdg_toplevel *toplevel)
{
	struct xdg_toplevel *before;
	if (!toplevel->xdg->mapped || xdg_toplevel_is_top(toplevel))
		return;
	before = wl_container_of(toplevel->daemon->toplevels.next, before, link);
	wl_list_remove(&toplevel->link);
	wl_list_insert(&toplevel->daemon->toplevels, &toplevel->link);
	xdg_surface_configure_later(before->xdg);
	xdg_surface_configure_later(toplevel->xdg);
	output_stack_changed(toplevel->output);
}

/* They are set one after the other, so only together, at the commit, can they be wrong. */
static bool precommit(struct xdg_surface *xdg)
{
	const struct toplevel_size *least = &xdg->toplevel->least, *most = &xdg->toplevel->most;
	if ((!most->width || least->width <= most->width) &&
		(!most->height || least->height <= most->height))
		return true;
	wl_resource_post_error(xdg->role_resource, XDG_TOPLEVEL_ERROR_INVALID_SIZE,
		"%d x %d at least and %d x %d at most", least->width, least->height, most->width,
		most->height);
	return false;
}

static const struct xdg_role toplevel_role = {
	.configure = configure,
	.mapped = mapped,
	.precommit = precommit,
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	if (xdg_decoration_may_destroy(from_resource(resource)))
		wl_resource_destroy(resource);
}

/* Whether @toplevel is @ancestor or a descendant of it. */
static bool descends(const struct xdg_toplevel *toplevel, const struct xdg_toplevel *ancestor)
{
	while (toplevel && toplevel != ancestor)
		toplevel = toplevel->parent;
	return toplevel != NULL;
}

static void handle_set_parent(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *parent_resource)
{
	struct xdg_toplevel *toplevel = from_resource(resource);
	struct xdg_toplevel *parent = parent_resource ? from_resource(parent_resource) : NULL;
	if (parent && descends(parent, toplevel)) {
		wl_resource_post_error(resource, XDG_TOPLEVEL_ERROR_INVALID_PARENT,
			"a toplevel cannot descend from itself");
		return;
	}
	toplevel->parent = parent;
	/* a dialogue comes to where it was called from */
	if (parent && !toplevel->xdg->initialised)
		xdg_toplevel_move_to(toplevel, parent->output);
}

/* There is nowhere to show them. */
static void handle_set_title(
	struct wl_client *client, struct wl_resource *resource, const char *title)
{
}

static void handle_set_app_id(
	struct wl_client *client, struct wl_resource *resource, const char *app_id)
{
}

static void handle_show_window_menu(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial, int32_t x, int32_t y)
{
}

static void handle_move(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial)
{
}

static bool edge_valid(uint32_t edges)
{
	return edges <= XDG_TOPLEVEL_RESIZE_EDGE_BOTTOM_RIGHT && (edges & 3) != 3 &&
		(edges & 12) != 12;
}

static void handle_resize(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial, uint32_t edges)
{
	if (!edge_valid(edges))
		wl_resource_post_error(
			resource, XDG_TOPLEVEL_ERROR_INVALID_RESIZE_EDGE, "%u is no edge", edges);
}

static bool size_valid(struct wl_resource *resource, int32_t width, int32_t height)
{
	if (width >= 0 && height >= 0)
		return true;
	wl_resource_post_error(
		resource, XDG_TOPLEVEL_ERROR_INVALID_SIZE, "a size of %d x %d", width, height);
	return false;
}

static void handle_set_max_size(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
	if (size_valid(resource, width, height))
		from_resource(resource)->most = (struct toplevel_size){width, height};
}

static void handle_set_min_size(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
	if (size_valid(resource, width, height))
		from_resource(resource)->least = (struct toplevel_size){width, height};
}

/* Every wish for a state is answered with the one state there is, as the protocol wants. */
static void answer(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (xdg->initialised)
		xdg_surface_configure(xdg);
}

static void handle_set_maximized(struct wl_client *client, struct wl_resource *resource)
{
	answer(resource);
}

static void handle_unset_maximized(struct wl_client *client, struct wl_resource *resource)
{
	answer(resource);
}

static void handle_set_fullscreen(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *output)
{
	struct output *wanted = output ? output_from_resource(output) : NULL;
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (wanted)
		xdg_toplevel_move_to(xdg->toplevel, wanted);
	answer(resource);
}

static void handle_unset_fullscreen(struct wl_client *client, struct wl_resource *resource)
{
	answer(resource);
}

static void handle_set_minimized(struct wl_client *client, struct wl_resource *resource) {}

static const struct xdg_toplevel_interface toplevel_impl = {
	.destroy = handle_destroy,
	.set_parent = handle_set_parent,
	.set_title = handle_set_title,
	.set_app_id = handle_set_app_id,
	.show_window_menu = handle_show_window_menu,
	.move = handle_move,
	.resize = handle_resize,
	.set_max_size = handle_set_max_size,
	.set_min_size = handle_set_min_size,
	.set_maximized = handle_set_maximized,
	.unset_maximized = handle_unset_maximized,
	.set_fullscreen = handle_set_fullscreen,
	.unset_fullscreen = handle_unset_fullscreen,
	.set_minimized = handle_set_minimized,
};

/* Children go to the grandparent. */
static void orphan(struct xdg_toplevel *toplevel)
{
	struct xdg_surface *xdg;
	wl_list_for_each(xdg, &toplevel->daemon->xdg_surfaces, link)
		if (xdg->toplevel && xdg->toplevel->parent == toplevel)
			xdg->toplevel->parent = toplevel->parent;
}

void xdg_toplevel_free(struct xdg_toplevel *toplevel)
{
	if (!toplevel)
		return;
	orphan(toplevel);
	xdg_decoration_toplevel_gone(toplevel);
	wl_list_remove(&toplevel->link);
	free(toplevel);
}

static void toplevel_destroyed(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (xdg)
		xdg_surface_drop_role(xdg);
}

void xdg_toplevel_create(struct wl_client *client, struct xdg_surface *xdg, uint32_t id)
{
	struct xdg_toplevel *toplevel = calloc(1, sizeof(*toplevel));
	struct wl_resource *resource = NULL;
	if (toplevel)
		resource = wl_resource_create(client, &xdg_toplevel_interface,
			wl_resource_get_version(xdg->resource), id);
	if (!resource) {
		free(toplevel);
		wl_client_post_no_memory(client);
		return;
	}
	toplevel->daemon = xdg->wm_base->daemon;
	toplevel->output = outputs_default(toplevel->daemon);
	toplevel->xdg = xdg;
	wl_list_init(&toplevel->link);
	xdg->toplevel = toplevel;
	xdg->role = &toplevel_role;
	xdg->role_resource = resource;
	wl_resource_set_implementation(resource, &toplevel_impl, xdg, toplevel_destroyed);
	send_capabilities(resource);
}
