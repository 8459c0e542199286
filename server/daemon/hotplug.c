/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "card.h"
#include "cursor_image.h"
#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "planes.h"
#include "power.h"
#include "session.h"
#include "util/log.h"
#include "xdg.h"

/*
 * A display that is unplugged, and plugged in again.
 *
 * Unplugged: the wl_output goes, its windows go to another output, and once what is under way is over
 * the CRTC is turned off, which is when all that it showed is released, and the output goes. The last
 * output stays: clients are served in the dark, and the first display that is connected to the device,
 * which may be another one, is lit as at the start, and windows are told of its size. Each blocks for
 * a modeset, as the start does.
 */

/* So long a client may bind an output that it has not heard is gone. */
#define GRACE_MS 5000

/* A global that is removed, and still there for those who did not know. */
struct withdrawn {
	struct wl_global *global;
	struct waybuf_source *timer;
	struct wl_list link; // daemon.withdrawn
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
	/* who binds it yet binds nothing, and the output may be gone by then */
	wl_global_set_user_data(output->global, NULL);
	wl_global_remove(output->global);
	if (!withdrawn) {
		wl_global_destroy(output->global);
		return;
	}
	withdrawn->global = output->global;
	wl_list_insert(&output->daemon->withdrawn, &withdrawn->link);
	withdrawn->timer =
		waybuf_loop_add_timer(output->daemon->loop, handle_grace, withdrawn, &error);
	if (!withdrawn->timer || waybuf_source_arm(withdrawn->timer, GRACE_MS) < 0)
		forget(withdrawn);
}

static void send_all_leave(struct output *output)
{
	struct surface *surface;
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (surface->output == output)
			output_send_enter(output, surface, false);
}

/* What was bound stays with its clients, and means nothing any more. */
static void detach_all(struct wl_list *resources)
{
	struct wl_resource *resource, *tmp;
	wl_resource_for_each_safe(resource, tmp, resources) {
		resource_detach(resource);
		wl_resource_set_user_data(resource, NULL);
	}
}

void hotplug_withdraw(struct output *output)
{
	if (!output->global)
		return;
	send_all_leave(output);
	remove_global(output);
	output->global = NULL;
	detach_all(&output->resources);
	detach_all(&output->xdg_resources);
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
	output->asleep = false;
	return true;
}

/* ---- the last one is lit again ------------------------------------------------------------- */

static void tell_size(struct output *output)
{
	struct xdg_surface *xdg;
	wl_list_for_each(xdg, &output->daemon->xdg_surfaces, link)
		if (xdg->toplevel && xdg->toplevel->output == output && xdg->initialised)
			xdg_surface_configure(xdg);
}

/* Nobody has bound it yet: all that there is to say is how to draw for it. */
static void tell_preferred(struct output *output)
{
	struct surface *surface;
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (surface->output == output)
			output_send_enter(output, surface, true);
}

static int light_up(
	struct output *output, struct waybuf_kms_connector *connector, struct waybuf_kms_why *why)
{
	int ret = output_choose(output, connector, false, why);
	power_recall(output);
	if (ret == 0)
		ret = card_find_crtc(output->card, output, connector, why);
	return ret == 0 ? output_light_up(&output, 1, why) : ret;
}

/* False: it is tried again each second. */
static bool light(struct output *output, struct waybuf_kms_connector *connector)
{
	uint32_t width, height, old_width, old_height;
	const struct waybuf_kms_plane *plane = output->plane;
	struct waybuf_kms_why why = {.text = ""};
	output_logical_size(output, &old_width, &old_height);
	int ret = light_up(output, connector, &why);
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
	output->dark = power_dark(output);
	output->failing = false;
	output->refused = 0;
	waybuf_kms_assigner_forget(output->assigner);
	output->global = output_global_create(output);
	tell_preferred(output);
	capture_relit(output);
	if (output->plane != plane)
		planes_update(output);
	output_logical_size(output, &width, &height);
	if (width != old_width || height != old_height)
		tell_size(output);
	power_plugged(output);
	return true;
}

/* Those that were plugged in together with its own have waited for it. */
static bool relight(struct output *output)
{
	struct waybuf_kms_connector *connector = card_find_connector(output->card, output);
	if (!connector)
		return true;
	if (!light(output, connector))
		return false;
	outputs_arrange(output->daemon);
	card_connect(output->card);
	return true;
}

/* ---- the others go ------------------------------------------------------------------------- */

/* Flips of other displays may come yet, of commits that were for all of them. */
static void let_go(struct output *output)
{
	waybuf_kms_commits_hand_over(output->kms, output, outputs_first(output->daemon));
	output_destroy(output);
}

/* Not at once: this comes out of the middle of what the output does. */
static void handle_retiring(void *data)
{
	struct daemon *daemon = data;
	struct output *output, *tmp;
	daemon->retiring = NULL;
	wl_list_for_each_safe(output, tmp, &daemon->retired, link)
		if (output->crtc_off)
			let_go(output);
	/* its display may have been plugged in again */
	card_connect(daemon->card);
}

static void retire_later(struct daemon *daemon)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(daemon->display);
	if (!daemon->retiring)
		daemon->retiring = wl_event_loop_add_idle(loop, handle_retiring, daemon);
}

static void retire(struct output *output, struct output *heir)
{
	struct daemon *daemon = output->daemon;
	output->retired = true;
	wl_list_remove(&output->link);
	wl_list_insert(&daemon->retired, &output->link);
	outputs_move_all(output, heir);
	outputs_arrange(daemon);
}

void hotplug_unplug(struct output *output)
{
	struct output *heir = outputs_other(output);
	waybuf_info("%s was unplugged", output->connector->name);
	power_remember(output);
	output->dark = OUTPUT_UNPLUGGED;
	output->failing = true;
	watch_slow_down(output);
	hotplug_withdraw(output);
	if (heir)
		retire(output, heir);
	hotplug_settle(output);
}

void hotplug_settle(struct output *output)
{
	if (output->dark != OUTPUT_UNPLUGGED || !session_is_active(output->daemon->session))
		return;
	/* each of them comes back here, or the watch does */
	bool busy = output->composing || waybuf_kms_crtc_busy(output->crtc) ||
		capture_busy(output) || cursor_image_busy(output);
	bool done = !busy && (output->crtc_off || turn_off(output));
	if (done && output->retired)
		retire_later(output->daemon);
	else if (done)
		done = relight(output);
	if (!done)
		watch_arm(output);
}

void hotplug_finish(struct daemon *daemon)
{
	struct withdrawn *withdrawn, *tmp;
	wl_list_for_each_safe(withdrawn, tmp, &daemon->withdrawn, link)
		forget(withdrawn);
}
