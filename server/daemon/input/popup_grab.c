/* SPDX-License-Identifier: MIT */
#include "popup_grab.h"
#include "../daemon.h"
#include "../xdg_popup.h"
#include "seat.h"

/* One of a window that is hidden, or not there, waits until that is on top. */
static struct xdg_popup *find_owner(const struct daemon *daemon)
{
	struct xdg_popup *popup;
	wl_list_for_each(popup, &daemon->popups, link) {
		const struct xdg_toplevel *toplevel = xdg_popup_toplevel(popup);
		if (popup->grabs && toplevel && xdg_toplevel_is_top(toplevel))
			return popup;
	}
	return NULL;
}

static bool is_of(const struct surface *surface, const struct wl_client *client)
{
	return surface && wl_resource_get_client(surface->resource) == client;
}

struct surface *popup_grab_owner(const struct daemon *daemon)
{
	const struct xdg_popup *popup = find_owner(daemon);
	return popup ? popup->xdg->surface : NULL;
}

bool popup_grab_excludes(const struct daemon *daemon, const struct surface *surface)
{
	const struct xdg_popup *popup = find_owner(daemon);
	return popup && !is_of(surface, wl_resource_get_client(popup->xdg->resource));
}

bool popup_grab_press(struct daemon *daemon, const struct surface *surface)
{
	struct xdg_popup *popup;
	if (!popup_grab_excludes(daemon, surface))
		return false;
	while ((popup = find_owner(daemon)))
		xdg_popup_dismiss(popup);
	return true;
}
