/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <xdg-shell-server-protocol.h>

#include "daemon.h"
#include "input/seat.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "xdg.h"
#include "xdg_popup.h"

/* A chain of menus is not so long, and nobody opens so many. */
enum { MOST_DEEP = 16, MOST_PER_CLIENT = 64 };

/* NULL: its xdg_surface is gone, which happens only while the client goes. */
static struct xdg_popup *from_resource(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	return xdg ? xdg->popup : NULL;
}

static struct wl_resource *error_resource(const struct xdg_surface *xdg)
{
	return xdg->wm_base->resource ? xdg->wm_base->resource : xdg->resource;
}

static void post_incomplete(const struct xdg_surface *xdg)
{
	wl_resource_post_error(error_resource(xdg), XDG_WM_BASE_ERROR_INVALID_POSITIONER,
		"the positioner has no size or no anchor");
}

/* ---- where it is --------------------------------------------------------------------------- */

/* Where its surface is, relative to that of its parent. */
static void add_place(const struct xdg_popup *popup, uint32_t scale, int64_t *x, int64_t *y)
{
	const struct placement_rect *from = &popup->parent->geometry, *to = &popup->xdg->geometry;
	*x += geometry_scale(scale, (int64_t)from->x + popup->place.x - to->x);
	*y += geometry_scale(scale, (int64_t)from->y + popup->place.y - to->y);
}

/*
 * Where the surface is, relative to that of its toplevel, in pixels. Each menu is counted from the
 * whole pixel that its parent begins at, so that one that touches its parent does so on the display.
 */
static const struct xdg_surface *find_root(
	const struct xdg_surface *xdg, uint32_t scale, int64_t *x, int64_t *y)
{
	*x = *y = 0;
	for (int i = 0; xdg && xdg->popup && xdg->popup->parent && i < MOST_DEEP; i++) {
		add_place(xdg->popup, scale, x, y);
		xdg = xdg->popup->parent;
	}
	return xdg && xdg->toplevel && xdg->surface ? xdg : NULL;
}

bool xdg_popup_find(const struct xdg_popup *popup, const struct xdg_toplevel *toplevel,
	uint32_t scale, int64_t *x, int64_t *y)
{
	const struct xdg_surface *root = find_root(popup->xdg, scale, x, y);
	return root && root->toplevel == toplevel;
}

struct xdg_toplevel *xdg_popup_toplevel(const struct xdg_popup *popup)
{
	int64_t x, y;
	const struct xdg_surface *root = find_root(popup->xdg, GEOMETRY_SCALE_ONE, &x, &y);
	return root ? root->toplevel : NULL;
}

/* Whose toplevel is gone is nowhere, and that is the first one. */
static struct output *output_of(const struct xdg_popup *popup)
{
	const struct xdg_toplevel *toplevel = xdg_popup_toplevel(popup);
	return toplevel ? toplevel->output : outputs_first(popup->xdg->wm_base->daemon);
}

/* Whole surface coordinates of what @output shows, where @x, @y is a pixel of its. */
static struct geometry_box box_of(const struct output *output, int64_t x, int64_t y)
{
	uint32_t width, height;
	output_upright_size(output, &width, &height);
	const struct geometry_box all = {-x, -y, width, height};
	return geometry_stretch(
		&all, output->scale, output->scale, GEOMETRY_SCALE_ONE, GEOMETRY_SCALE_ONE, true);
}

static struct placement_rect rect_of(const struct geometry_box *box)
{
	return (struct placement_rect){geometry_clip(box->x, INT32_MIN, INT32_MAX),
		geometry_clip(box->y, INT32_MIN, INT32_MAX), (int32_t)box->width,
		(int32_t)box->height};
}

/* The output, relative to the geometry of the parent. */
static struct placement_rect bounds_of(const struct xdg_popup *popup)
{
	const struct output *output = output_of(popup);
	int64_t x, y, left, top;
	const struct xdg_surface *root = find_root(popup->parent, output->scale, &x, &y);
	if (root) {
		const struct placement_rect *geometry = &popup->parent->geometry;
		scene_place_toplevel(output, root->surface, &left, &top);
		x += left + geometry_scale(output->scale, geometry->x);
		y += top + geometry_scale(output->scale, geometry->y);
	}
	const struct geometry_box box = box_of(output, x, y);
	return rect_of(&box);
}

static void configure(struct xdg_surface *xdg)
{
	struct xdg_popup *popup = xdg->popup;
	if (xdg->surface)
		output_prefer(output_of(popup), xdg->surface);
	struct placement_rect bounds = bounds_of(popup);
	struct placement_rect *next = &popup->next;
	*next = placement_solve(&popup->position, &bounds);
	xdg_popup_send_configure(xdg->role_resource, next->x, next->y, next->width, next->height);
}

static void applied(struct xdg_surface *xdg)
{
	xdg->popup->place = xdg->popup->next;
}

/* ---- who is there -------------------------------------------------------------------------- */

static struct xdg_popup *child_of(const struct xdg_surface *parent)
{
	struct xdg_surface *xdg;
	wl_list_for_each(xdg, &parent->wm_base->daemon->xdg_surfaces, link)
		if (xdg->popup && xdg->popup->parent == parent)
			return xdg->popup;
	return NULL;
}

static void unlink_popup(struct xdg_popup *popup)
{
	wl_list_remove(&popup->link);
	wl_list_init(&popup->link);
	/* also the one that it was on, if its toplevel is gone */
	if (popup->xdg->surface)
		output_stack_changed(outputs_of(popup->xdg->surface));
	output_stack_changed(output_of(popup));
}

/* Children first, as they are to be destroyed in that order. Their parent is not asked again. */
void xdg_popup_dismiss(struct xdg_popup *popup)
{
	xdg_popup_dismiss_children(popup->xdg);
	if (popup->dismissed)
		return;
	popup->dismissed = true;
	unlink_popup(popup);
	if (popup->xdg->surface)
		subsurface_set_mapped(popup->xdg->surface, false);
	xdg_popup_send_popup_done(popup->xdg->role_resource);
}

void xdg_popup_dismiss_children(struct xdg_surface *parent)
{
	struct xdg_surface *xdg;
	wl_list_for_each(xdg, &parent->wm_base->daemon->xdg_surfaces, link)
		if (xdg->popup && xdg->popup->parent == parent && !xdg->popup->dismissed)
			xdg_popup_dismiss(xdg->popup);
}

static void mapped(struct xdg_surface *xdg, bool now)
{
	struct xdg_popup *popup = xdg->popup;
	if (now && !popup->dismissed) {
		wl_list_insert(&xdg->wm_base->daemon->popups, &popup->link);
		xdg->surface->output = output_of(popup);
		output_stack_changed(xdg->surface->output);
	} else if (!now) {
		popup->grabs = false;
		unlink_popup(popup);
	}
	if (xdg->surface)
		subsurface_set_mapped(xdg->surface, now && !popup->dismissed);
}

static bool precommit(struct xdg_surface *xdg)
{
	if (xdg->popup->parent || xdg->popup->dismissed)
		return true;
	wl_resource_post_error(error_resource(xdg), XDG_WM_BASE_ERROR_INVALID_POPUP_PARENT,
		"the popup has no parent");
	return false;
}

static const struct xdg_role popup_role = {
	.configure = configure,
	.mapped = mapped,
	.precommit = precommit,
	.applied = applied,
};

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct xdg_popup *popup = from_resource(resource);
	if (popup && child_of(popup->xdg)) {
		wl_resource_post_error(error_resource(popup->xdg),
			XDG_WM_BASE_ERROR_NOT_THE_TOPMOST_POPUP,
			"a popup that has this one as its parent must be destroyed first");
		return;
	}
	wl_resource_destroy(resource);
}

/* NULL, or what is wrong. */
static const char *grab_mistake(const struct xdg_popup *popup)
{
	const struct xdg_surface *parent = popup->parent;
	if (popup->xdg->mapped)
		return "the popup is seen already";
	if (parent && parent->popup && !parent->popup->grabs && !parent->popup->dismissed)
		return "its parent is a popup that has no grab";
	return NULL;
}

/* A grab that is denied, because the user did nothing that asks for it, is a popup dismissed. */
static void handle_grab(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial)
{
	struct xdg_popup *popup = from_resource(resource);
	const char *mistake = grab_mistake(popup);
	if (mistake) {
		wl_resource_post_error(resource, XDG_POPUP_ERROR_INVALID_GRAB, "%s", mistake);
		return;
	}
	popup->grabs = seat_had_action(wl_resource_get_user_data(seat), client, serial);
	if (!popup->grabs)
		xdg_popup_dismiss(popup);
}

static void handle_reposition(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *positioner, uint32_t token)
{
	struct xdg_popup *popup = from_resource(resource);
	if (!xdg_positioner_complete(positioner)) {
		post_incomplete(popup->xdg);
		return;
	}
	if (popup->dismissed)
		return;
	popup->position = *xdg_positioner_get(positioner);
	xdg_popup_send_repositioned(resource, token);
	if (popup->xdg->initialised)
		xdg_surface_configure(popup->xdg);
}

static const struct xdg_popup_interface popup_impl = {
	.destroy = handle_destroy,
	.grab = handle_grab,
	.reposition = handle_reposition,
};

static void popup_destroyed(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (xdg)
		xdg_surface_drop_role(xdg);
}

void xdg_popup_free(struct xdg_popup *popup)
{
	if (!popup)
		return;
	wl_list_remove(&popup->link);
	free(popup);
}

/* Whoever has it as a parent has none from now on. */
void xdg_popup_parent_gone(struct xdg_surface *parent)
{
	struct xdg_surface *xdg;
	xdg_popup_dismiss_children(parent);
	wl_list_for_each(xdg, &parent->wm_base->daemon->xdg_surfaces, link)
		if (xdg->popup && xdg->popup->parent == parent)
			xdg->popup->parent = NULL;
}

static unsigned depth_of(const struct xdg_surface *xdg)
{
	unsigned n = 0;
	for (; xdg && xdg->popup; xdg = xdg->popup->parent)
		n++;
	return n;
}

static bool has_too_many(const struct xdg_surface *xdg, const struct xdg_surface *parent)
{
	const struct xdg_surface *other;
	unsigned n = 0;
	wl_list_for_each(other, &xdg->wm_base->daemon->xdg_surfaces, link)
		n += other->popup &&
			wl_resource_get_client(other->resource) ==
				wl_resource_get_client(xdg->resource);
	return n >= MOST_PER_CLIENT || depth_of(parent) >= MOST_DEEP - 1;
}

/* False: an error was posted. */
static bool check(
	struct xdg_surface *xdg, struct xdg_surface *parent, struct wl_resource *positioner)
{
	if (!xdg_positioner_complete(positioner)) {
		post_incomplete(xdg);
		return false;
	}
	if (parent && !parent->role_resource) {
		wl_resource_post_error(error_resource(xdg), XDG_WM_BASE_ERROR_INVALID_POPUP_PARENT,
			"the parent is neither a toplevel nor a popup");
		return false;
	}
	return true;
}

void xdg_popup_create(struct wl_client *client, struct xdg_surface *xdg, uint32_t id,
	struct wl_resource *parent_resource, struct wl_resource *positioner)
{
	struct xdg_surface *parent =
		parent_resource ? wl_resource_get_user_data(parent_resource) : NULL;
	if (!check(xdg, parent, positioner))
		return;
	struct xdg_popup *popup = has_too_many(xdg, parent) ? NULL : calloc(1, sizeof(*popup));
	struct wl_resource *resource = NULL;
	if (popup)
		resource = wl_resource_create(
			client, &xdg_popup_interface, wl_resource_get_version(xdg->resource), id);
	if (!resource) {
		free(popup);
		wl_client_post_no_memory(client);
		return;
	}
	popup->xdg = xdg;
	popup->parent = parent;
	popup->position = *xdg_positioner_get(positioner);
	wl_list_init(&popup->link);
	xdg->popup = popup;
	xdg->role = &popup_role;
	xdg->role_resource = resource;
	wl_resource_set_implementation(resource, &popup_impl, xdg, popup_destroyed);
	if (parent && parent->popup && parent->popup->dismissed)
		xdg_popup_dismiss(popup);
}
