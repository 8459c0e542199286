/* SPDX-License-Identifier: MIT */
#include "idle_v1.h"

#include <stdlib.h>

#include <ext-idle-notify-v1-server-protocol.h>
#include <idle-inhibit-unstable-v1-server-protocol.h>

#include "daemon.h"
#include "output.h"
#include "subsurface.h"

/*
 * Who wants to know when the user has done nothing for a while, and who does not want that to count
 * because the user looks on. There is one seat, which all notifications are of.
 */

/* All of them are looked at when somebody comes back, or another picture is shown. */
#define MOST_PER_CLIENT 64

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- notifications ------------------------------------------------------------------------- */

static const struct ext_idle_notification_v1_interface notification_impl = {
	.destroy = handle_destroy};

static void notification_changed(struct idle_watch *watch)
{
	struct wl_resource *resource = watch->data;
	if (watch->is_idle)
		ext_idle_notification_v1_send_idled(resource);
	else
		ext_idle_notification_v1_send_resumed(resource);
}

static void notification_destroyed(struct wl_resource *resource)
{
	struct idle_watch *watch = wl_resource_get_user_data(resource);
	idle_watch_finish(watch);
	free(watch);
}

static unsigned count_notifications(const struct wl_list *watches, const struct wl_client *client)
{
	const struct idle_watch *watch;
	unsigned n = 0;
	wl_list_for_each(watch, watches, link)
		n += watch->changed == notification_changed &&
			wl_resource_get_client(watch->data) == client;
	return n;
}

static bool is_notified_enough(const struct idle *idle, const struct wl_client *client)
{
	return count_notifications(&idle->watches, client) +
		count_notifications(&idle->asleep, client) >=
		MOST_PER_CLIENT;
}

static void create_notification(struct wl_client *client, struct wl_resource *notifier, uint32_t id,
	uint32_t timeout_ms, bool input_only)
{
	struct daemon *daemon = wl_resource_get_user_data(notifier);
	struct idle_watch *watch =
		is_notified_enough(&daemon->idle, client) ? NULL : calloc(1, sizeof(*watch));
	struct wl_resource *resource = NULL;
	if (watch)
		resource = wl_resource_create(client, &ext_idle_notification_v1_interface,
			wl_resource_get_version(notifier), id);
	if (!resource) {
		free(watch);
		wl_client_post_no_memory(client);
		return;
	}
	watch->daemon = daemon;
	watch->timeout_ms = timeout_ms;
	watch->input_only = input_only;
	watch->changed = notification_changed;
	watch->data = resource;
	wl_resource_set_implementation(resource, &notification_impl, watch, notification_destroyed);
	if (idle_watch_init(watch) < 0)
		wl_client_post_no_memory(client);
}

static void handle_get_notification(struct wl_client *client, struct wl_resource *notifier,
	uint32_t id, uint32_t timeout_ms, struct wl_resource *seat)
{
	create_notification(client, notifier, id, timeout_ms, false);
}

static void handle_get_input_notification(struct wl_client *client, struct wl_resource *notifier,
	uint32_t id, uint32_t timeout_ms, struct wl_resource *seat)
{
	create_notification(client, notifier, id, timeout_ms, true);
}

static const struct ext_idle_notifier_v1_interface notifier_impl = {
	.destroy = handle_destroy,
	.get_idle_notification = handle_get_notification,
	.get_input_idle_notification = handle_get_input_notification,
};

static void bind_notifier(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &ext_idle_notifier_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &notifier_impl, data, NULL);
}

/* ---- inhibitors ---------------------------------------------------------------------------- */

/* In idle.inhibitors while its surface is there. */
struct inhibitor {
	struct daemon *daemon;
	struct surface *surface;
	struct wl_listener surface_destroyed;
};

/*
 * What is on a display that is off, or beyond another session, is not looked at. A window whose video
 * is a subsurface that covers all of it is.
 */
static bool is_seen(const struct surface *surface)
{
	const struct output *output = surface->output;
	return output && !output->dark && subsurface_shows(surface);
}

bool idle_is_inhibited(const struct daemon *daemon)
{
	struct wl_resource *resource;
	wl_resource_for_each(resource, &daemon->idle.inhibitors) {
		const struct inhibitor *inhibitor = wl_resource_get_user_data(resource);
		if (inhibitor->surface && is_seen(inhibitor->surface))
			return true;
	}
	return false;
}

static void forget_surface(struct inhibitor *inhibitor)
{
	if (inhibitor->surface)
		wl_list_remove(&inhibitor->surface_destroyed.link);
	inhibitor->surface = NULL;
	/* else it was none of those that do, and there may be many */
	if (inhibitor->daemon->idle.inhibited)
		idle_inhibitors_changed(inhibitor->daemon);
}

static void handle_surface_destroyed(struct wl_listener *listener, void *data)
{
	struct inhibitor *inhibitor = wl_container_of(listener, inhibitor, surface_destroyed);
	forget_surface(inhibitor);
}

static void inhibitor_destroyed(struct wl_resource *resource)
{
	struct inhibitor *inhibitor = wl_resource_get_user_data(resource);
	resource_unlink(resource);
	forget_surface(inhibitor);
	free(inhibitor);
}

static const struct zwp_idle_inhibitor_v1_interface inhibitor_impl = {.destroy = handle_destroy};

static bool has_inhibited_enough(const struct daemon *daemon, const struct wl_client *client)
{
	struct wl_resource *resource;
	unsigned n = 0;
	wl_resource_for_each(resource, &daemon->idle.inhibitors)
		n += wl_resource_get_client(resource) == client;
	return n >= MOST_PER_CLIENT;
}

static void handle_create_inhibitor(struct wl_client *client, struct wl_resource *manager,
	uint32_t id, struct wl_resource *surface)
{
	struct daemon *daemon = wl_resource_get_user_data(manager);
	struct inhibitor *inhibitor =
		has_inhibited_enough(daemon, client) ? NULL : calloc(1, sizeof(*inhibitor));
	struct wl_resource *resource = NULL;
	if (inhibitor)
		resource = wl_resource_create(client, &zwp_idle_inhibitor_v1_interface,
			wl_resource_get_version(manager), id);
	if (!resource) {
		free(inhibitor);
		wl_client_post_no_memory(client);
		return;
	}
	inhibitor->daemon = daemon;
	inhibitor->surface = surface_from_resource(surface);
	inhibitor->surface_destroyed.notify = handle_surface_destroyed;
	wl_resource_add_destroy_listener(surface, &inhibitor->surface_destroyed);
	wl_resource_set_implementation(resource, &inhibitor_impl, inhibitor, inhibitor_destroyed);
	wl_list_insert(&daemon->idle.inhibitors, wl_resource_get_link(resource));
	if (is_seen(inhibitor->surface))
		idle_inhibit(daemon);
}

static const struct zwp_idle_inhibit_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.create_inhibitor = handle_create_inhibitor,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &zwp_idle_inhibit_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

bool idle_create_globals(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &ext_idle_notifier_v1_interface, 2, daemon,
		       bind_notifier) &&
		wl_global_create(daemon->display, &zwp_idle_inhibit_manager_v1_interface, 1, daemon,
			bind_manager);
}
