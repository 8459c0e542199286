/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "daemon.h"
#include "kms/uevent.h"
#include "output.h"
#include "planes.h"
#include "util/log.h"
#include "xdg.h"

/*
 * A display that is unplugged, and plugged in again.
 *
 * Unplugged: the wl_output goes, clients are served in the dark, and once what is under way is over
 * the CRTC is turned off, which is when all that it showed is released. Plugged in: the first
 * display that is connected to the device, which may be another one, is lit as at the start, and
 * windows are told of its size. Both block for a modeset, as the start does.
 */

/* So long a client may bind an output that it has not heard is gone. */
#define GRACE_MS 5000

/* A global that is removed, and still there for those who did not know. */
struct withdrawn {
	struct wl_global *global;
	struct waybuf_source *timer;
	struct wl_list link; // output.withdrawn
};

static void forget(struct withdrawn *withdrawn)
{
	wl_list_remove(&withdrawn->link);
	waybuf_source_remove(withdrawn->timer);
	wl_global_destroy(withdrawn->global);
	free(withdrawn);
}

static void handle_grace(void *data)
{
	forget(data);
}

static void remove_global(struct output *output)
{
	int error = -ENOMEM;
	struct withdrawn *withdrawn = calloc(1, sizeof(*withdrawn));
	wl_global_remove(output->global);
	if (!withdrawn) {
		wl_global_destroy(output->global);
		return;
	}
	withdrawn->global = output->global;
	wl_list_insert(&output->withdrawn, &withdrawn->link);
	withdrawn->timer =
		waybuf_loop_add_timer(output->daemon->loop, handle_grace, withdrawn, &error);
	if (!withdrawn->timer || waybuf_source_arm(withdrawn->timer, GRACE_MS) < 0)
		forget(withdrawn);
}

static void send_all_enter(struct output *output, bool enter)
{
	struct surface *surface;
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (surface->mapped)
			output_send_enter(output, surface, enter);
}

void hotplug_withdraw(struct output *output)
{
	struct wl_resource *resource, *tmp;
	if (!output->global)
		return;
	send_all_enter(output, false);
	remove_global(output);
	output->global = NULL;
	/* what was bound stays with its clients, and means nothing any more */
	wl_resource_for_each_safe(resource, tmp, &output->resources)
		resource_detach(resource);
	capture_stop(output);
}

static bool turn_off(struct output *output)
{
	struct waybuf_kms_state *state;
	struct waybuf_kms_why why = {.text = ""};
	int ret = waybuf_kms_state_duplicate(output->kms, &state);
	if (ret < 0)
		return false;
	waybuf_kms_state_disable(state, output->crtc);
	ret = waybuf_kms_state_commit(state, NULL, NULL, &why);
	if (ret < 0) {
		waybuf_debug("the display that was unplugged cannot be turned off: %s", why.text);
		waybuf_kms_state_destroy(state);
		return false;
	}
	output_drop_scenes(output);
	slots_finish(output);
	output->crtc_off = true;
	return true;
}

static void tell_size(struct output *output)
{
	struct xdg_surface *xdg;
	wl_list_for_each(xdg, &output->daemon->xdg_surfaces, link)
		if (xdg->toplevel && xdg->initialised)
			xdg_surface_configure(xdg);
}

static bool light(struct output *output)
{
	uint32_t width = output->width, height = output->height;
	const struct waybuf_kms_plane *plane = output->plane;
	struct waybuf_kms_why why = {.text = ""};
	int ret = output_light_up(output, &why);
	if (ret < 0) {
		slots_finish(output);
		if (!output->unlit)
			waybuf_error("the display that was plugged in cannot be used: %s: it is"
				     " tried again each second",
				why.text[0] ? why.text : strerror(-ret));
		output->unlit = true;
		return false;
	}
	output->crtc_off = output->unlit = false;
	output->dark = OUTPUT_LIT;
	output->failing = false;
	output->refused = 0;
	waybuf_kms_assigner_forget(output->assigner);
	output->global = output_global_create(output);
	capture_relit(output);
	if (output->plane != plane)
		planes_update(output->daemon);
	if (output->width != width || output->height != height)
		tell_size(output);
	output_damage(output);
	return true;
}

void hotplug_settle(struct output *output)
{
	if (output->dark != OUTPUT_UNPLUGGED)
		return;
	/* each of them comes back here, or the watch does */
	bool busy = output->composing || waybuf_kms_crtc_busy(output->crtc) || capture_busy(output);
	bool done = !busy && (output->crtc_off || turn_off(output));
	if (done && output_find_connector(output))
		done = light(output);
	if (!done)
		watch_arm(output);
}

static bool is_plugged(const struct output *output)
{
	const struct waybuf_kms_connector *connector = output->connector;
	return connector->connected && !connector->gone && connector->n_modes;
}

static void handle_event(void *data, enum waybuf_kms_uevent what)
{
	struct output *output = data;
	bool changed = false;
	if (output->dark == OUTPUT_GONE)
		return;
	if (what == WAYBUF_KMS_UEVENT_REMOVED) {
		watch_lost(output, -ENODEV);
		return;
	}
	int ret = waybuf_kms_device_refresh(output->kms, true, &changed);
	if (ret < 0)
		waybuf_error("the displays cannot be listed: %s", strerror(-ret));
	if (output->dark != OUTPUT_UNPLUGGED && !is_plugged(output)) {
		waybuf_info("%s was unplugged", output->connector->name);
		output->dark = OUTPUT_UNPLUGGED;
		output->failing = true;
		watch_slow_down(output);
		hotplug_withdraw(output);
	}
	hotplug_settle(output);
}

int hotplug_init(struct output *output)
{
	int ret = waybuf_kms_uevents_create(
		output->daemon->loop, output->kms->rdev, handle_event, output, &output->uevents);
	/* in a sandbox without it, the display is the one of the start */
	if (ret < 0 && ret != -ENOMEM)
		waybuf_info("hotplug is not noticed: %s", strerror(-ret));
	return ret == -ENOMEM ? ret : 0;
}

void hotplug_finish(struct output *output)
{
	struct withdrawn *withdrawn, *tmp;
	waybuf_kms_uevents_destroy(output->uevents);
	wl_list_for_each_safe(withdrawn, tmp, &output->withdrawn, link)
		forget(withdrawn);
}
