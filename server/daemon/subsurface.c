/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "daemon.h"
#include "outputs.h"
#include "pace.h"
#include "subsurface.h"
#include "surface_state.h"

/* ---- trees ----------------------------------------------------------------------------------- */

static struct surface *parent_of(const struct surface *surface)
{
	return surface->subsurface ? surface->subsurface->parent : NULL;
}

bool subsurface_is_synchronised(const struct surface *surface)
{
	for (; parent_of(surface); surface = parent_of(surface))
		if (surface->subsurface->synchronised)
			return true;
	return false;
}

struct surface *subsurface_leader(struct surface *surface)
{
	struct surface *leader = surface;
	for (; parent_of(surface); surface = parent_of(surface))
		if (surface->subsurface->synchronised)
			leader = parent_of(surface);
	return leader;
}

bool subsurface_descends(const struct surface *surface, const struct surface *ancestor)
{
	while (surface && surface != ancestor)
		surface = parent_of(surface);
	return surface != NULL;
}

static unsigned depth(const struct surface *surface)
{
	unsigned n = 0;
	while ((surface = parent_of(surface)))
		n++;
	return n;
}

/* Levels below it. */
static unsigned height(const struct surface *surface)
{
	const struct subsurface *child;
	unsigned most = 0;
	wl_list_for_each(child, &surface->children, link) {
		unsigned n = height(child->surface) + 1;
		most = n > most ? n : most;
	}
	return most;
}

/*
 * Nobody above it is synchronised. What its children have kept since it was committed waits for its
 * next commit, if they are synchronised themselves.
 */
static void release_kept(struct surface *surface)
{
	struct subsurface *child;
	surface_send_kept(surface);
	wl_list_for_each(child, &surface->children, link)
		if (!child->synchronised)
			release_kept(child->surface);
}

/* Takes effect at once; what was kept for the parent's commit is not lost. */
static void detach(struct subsurface *subsurface)
{
	struct surface *surface = subsurface->surface;
	if (!subsurface->parent)
		return;
	surface_take_back_kept(surface);
	subsurface_stack_remove(subsurface);
	wl_list_remove(&subsurface->link);
	wl_list_init(&subsurface->link);
	subsurface->parent = NULL;
	subsurface_set_mapped(surface, false);
	release_kept(surface);
}

static void forget_surface(struct subsurface *subsurface)
{
	detach(subsurface);
	if (subsurface->surface) {
		subsurface->surface->subsurface = NULL;
		subsurface->surface->role_object = NULL;
	}
	subsurface->surface = NULL;
}

void subsurface_surface_gone(struct surface *surface)
{
	struct subsurface *child, *tmp;
	wl_list_for_each_safe(child, tmp, &surface->children, link)
		detach(child);
	if (surface->subsurface)
		forget_surface(surface->subsurface);
}

/* ---- wl_subsurface --------------------------------------------------------------------------- */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_set_position(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y)
{
	struct subsurface *subsurface = wl_resource_get_user_data(resource);
	if (subsurface->parent)
		subsurface_stack_move(subsurface, x, y);
}

static void place(struct subsurface *subsurface, struct wl_resource *sibling_resource, bool above)
{
	const struct surface *sibling = surface_from_resource(sibling_resource);
	bool is_parent = sibling == subsurface->parent;
	if (!subsurface->parent)
		return;
	if ((is_parent || (sibling->subsurface && parent_of(sibling) == subsurface->parent)) &&
		subsurface_stack_place(subsurface, is_parent ? NULL : sibling->subsurface, above))
		return;
	wl_resource_post_error(subsurface->resource, WL_SUBSURFACE_ERROR_BAD_SURFACE,
		"surface %u is neither a sibling nor the parent",
		wl_resource_get_id(sibling_resource));
}

static void handle_place_above(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *sibling)
{
	place(wl_resource_get_user_data(resource), sibling, true);
}

static void handle_place_below(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *sibling)
{
	place(wl_resource_get_user_data(resource), sibling, false);
}

/* Whose commit is waited for may be another surface now. */
static void set_synchronised(struct subsurface *subsurface, bool synchronised)
{
	subsurface->synchronised = synchronised;
	if (subsurface->surface)
		pace_forget(outputs_of(subsurface->surface));
}

static void handle_set_sync(struct wl_client *client, struct wl_resource *resource)
{
	set_synchronised(wl_resource_get_user_data(resource), true);
}

static void handle_set_desync(struct wl_client *client, struct wl_resource *resource)
{
	struct subsurface *subsurface = wl_resource_get_user_data(resource);
	set_synchronised(subsurface, false);
	if (subsurface->parent && !subsurface_is_synchronised(subsurface->surface))
		release_kept(subsurface->surface);
}

static const struct wl_subsurface_interface subsurface_impl = {
	.destroy = handle_destroy,
	.set_position = handle_set_position,
	.place_above = handle_place_above,
	.place_below = handle_place_below,
	.set_sync = handle_set_sync,
	.set_desync = handle_set_desync,
};

static void subsurface_destroyed(struct wl_resource *resource)
{
	struct subsurface *subsurface = wl_resource_get_user_data(resource);
	forget_surface(subsurface);
	wl_list_remove(&subsurface->daemon_link);
	free(subsurface);
}

static const struct surface_role subsurface_role = {
	.name = "wl_subsurface",
	.applied = subsurface_update_mapped,
};

/* ---- wl_subcompositor ------------------------------------------------------------------------ */

static bool has_too_many(const struct daemon *daemon, const struct wl_client *client)
{
	const struct subsurface *subsurface;
	unsigned n = 0;
	wl_list_for_each(subsurface, &daemon->subsurfaces, daemon_link)
		n += wl_resource_get_client(subsurface->resource) == client;
	return n >= SUBSURFACE_MOST_PER_CLIENT;
}

/* False: an error was posted. */
static bool check(
	struct wl_resource *resource, const struct surface *surface, const struct surface *parent)
{
	if (surface->subsurface || (surface->role && surface->role != &subsurface_role)) {
		wl_resource_post_error(resource, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE,
			"the surface is a %s already", surface->role->name);
		return false;
	}
	if (subsurface_descends(parent, surface)) {
		wl_resource_post_error(resource, WL_SUBCOMPOSITOR_ERROR_BAD_PARENT,
			"a surface cannot descend from itself");
		return false;
	}
	return true;
}

/* NULL: no memory, or too many, or too deep. */
static struct subsurface *create(
	struct wl_client *client, uint32_t id, struct surface *surface, struct surface *parent)
{
	struct daemon *daemon = surface->daemon;
	if (has_too_many(daemon, client) ||
		depth(parent) + 1 + height(surface) > SUBSURFACE_MOST_DEEP)
		return NULL;
	struct subsurface *subsurface = calloc(1, sizeof(*subsurface));
	if (!subsurface)
		return NULL;
	subsurface->parent = parent;
	subsurface->resource = wl_resource_create(client, &wl_subsurface_interface, 1, id);
	if (!subsurface->resource || !subsurface_stack_add(subsurface)) {
		if (subsurface->resource)
			wl_resource_destroy(subsurface->resource);
		free(subsurface);
		return NULL;
	}
	subsurface->daemon = daemon;
	subsurface->surface = surface;
	subsurface->synchronised = true;
	wl_list_insert(&daemon->subsurfaces, &subsurface->daemon_link);
	wl_list_insert(&parent->children, &subsurface->link);
	wl_resource_set_implementation(
		subsurface->resource, &subsurface_impl, subsurface, subsurface_destroyed);
	return subsurface;
}

static void handle_get_subsurface(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface_resource, struct wl_resource *parent_resource)
{
	struct surface *surface = surface_from_resource(surface_resource);
	struct surface *parent = surface_from_resource(parent_resource);
	if (!check(resource, surface, parent))
		return;
	struct subsurface *subsurface = create(client, id, surface, parent);
	if (!subsurface) {
		wl_client_post_no_memory(client);
		return;
	}
	surface->subsurface = subsurface;
	surface_set_role(surface, &subsurface_role, subsurface);
}

static const struct wl_subcompositor_interface subcompositor_impl = {
	.destroy = handle_destroy,
	.get_subsurface = handle_get_subsurface,
};

static void bind_subcompositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_subcompositor_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &subcompositor_impl, data, NULL);
}

struct wl_global *subsurface_compositor_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wl_subcompositor_interface, 1, daemon, bind_subcompositor);
}
