/* SPDX-License-Identifier: MIT */
#include "power.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "daemon.h"
#include "outputs.h"
#include "presentation.h"
#include "session.h"
#include "util/log.h"
#include "xdg.h"

/* Clients need not find out by themselves that no frame callback comes. */
static void suspend_windows(struct output *output)
{
	struct xdg_surface *xdg;
	bool off = output->dark == OUTPUT_OFF;
	if (output->suspended == off)
		return;
	output->suspended = off;
	wl_list_for_each(xdg, &output->daemon->xdg_surfaces, link)
		if (xdg->toplevel && xdg->toplevel->output == output && xdg->initialised)
			xdg_surface_configure_later(xdg);
}

/* ---- the hardware -------------------------------------------------------------------------- */

static int commit_sleep(struct output *output, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int ret = waybuf_kms_state_duplicate(output->kms, &state);
	if (ret < 0)
		return ret;
	waybuf_kms_state_set_active(state, output->crtc, false);
	ret = waybuf_kms_state_commit(state, NULL, NULL, why);
	if (ret < 0)
		waybuf_kms_state_destroy(state);
	return ret;
}

static void fall_asleep(struct output *output)
{
	struct waybuf_kms_why why = {.text = ""};
	int ret = commit_sleep(output, &why);
	if (ret == 0) {
		output->asleep = true;
		output->failing = false;
		/* it may have been dark for another reason when it was switched off */
		capture_darken(output);
		suspend_windows(output);
	} else if (output_is_lost(ret)) {
		watch_lost(output, ret);
	} else {
		if (!output->failing)
			waybuf_error("%s cannot be switched off: %s: it is tried again each second",
				output->name, why.text[0] ? why.text : strerror(-ret));
		output->failing = true;
		watch_arm(output);
	}
}

/* What was shown by others meanwhile is to go off, too. */
void power_settle(struct output *output)
{
	if (output->dark != OUTPUT_OFF || output->headless ||
		(output->asleep && output->kms->known))
		return;
	/* each of them comes back here */
	if (output->pending || output->backend->is_busy(output) ||
		!session_is_active(output->daemon->session))
		return;
	fall_asleep(output);
}

void power_retry(struct output *output)
{
	if (output->dark == OUTPUT_OFF)
		power_settle(output);
	else if (output->asleep)
		output_damage(output);
}

enum output_dark power_dark(const struct output *output)
{
	return output->off ? OUTPUT_OFF : OUTPUT_LIT;
}

/* It may have been switched off when the other trouble began, and nothing is told of it since. */
void power_lift(struct output *output)
{
	output->dark = power_dark(output);
	suspend_windows(output);
	if (!output->dark)
		callbacks_wake(output);
}

void power_resume(struct output *output)
{
	power_lift(output);
	if (output->dark)
		power_settle(output);
	else
		output_damage(output);
}

/* ---- what is to be ------------------------------------------------------------------------- */

static void tell(const struct output *output)
{
	waybuf_server_monitor_tell_power(output->daemon->monitor, output->name, output->off == 0);
}

/* Nobody waits for what is not going to be. */
static void darken(struct output *output)
{
	struct surface *surface;
	waybuf_info("%s is switched off", output->name);
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (outputs_of(surface) == output)
			presentation_discard(&surface->current.feedbacks);
	capture_darken(output);
	suspend_windows(output);
	idle_inhibitors_changed(output->daemon);
}

/* What has been drawn for it meanwhile is there; what was on its planes may be on others now. */
static void lighten(struct output *output)
{
	waybuf_info("%s is switched on", output->name);
	output->failing = false;
	output->refused = 0;
	if (output->assigner)
		waybuf_kms_assigner_forget(output->assigner);
	suspend_windows(output);
	callbacks_wake(output);
}

void power_off(struct output *output, enum power_reason reason)
{
	bool was_on = output->off == 0;
	output->off |= reason;
	if (!was_on)
		return;
	tell(output);
	/* in any other dark it is a wish, for the time after that */
	if (output->dark)
		return;
	output->dark = OUTPUT_OFF;
	darken(output);
	power_settle(output);
}

void power_on(struct output *output, uint32_t reasons)
{
	bool was_on = output->off == 0;
	output->off &= ~reasons;
	if (was_on || output->off)
		return;
	tell(output);
	if (output->dark != OUTPUT_OFF)
		return;
	output->dark = OUTPUT_LIT;
	lighten(output);
	output_damage(output);
}

/* ---- displays that are not there ----------------------------------------------------------- */

static struct power_wish *find_wish(struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < POWER_WISHES; i++)
		if (strcmp(daemon->wishes[i].name, name) == 0)
			return &daemon->wishes[i];
	return NULL;
}

/* Where there is no room it is lit when it comes back: names of so many come from a hub of hubs. */
void power_remember(struct output *output)
{
	struct power_wish *wish = find_wish(output->daemon, output->name);
	if (!wish)
		wish = find_wish(output->daemon, "");
	if (!wish)
		return;
	*wish = (struct power_wish){.off = output->off};
	if (output->off)
		snprintf(wish->name, sizeof(wish->name), "%s", output->name);
}

/* It is remembered anew when it goes. */
void power_recall(struct output *output)
{
	const struct power_wish *wish = find_wish(output->daemon, output->name);
	output->off = wish ? wish->off : 0;
}

/* Who plugs in a display that was not off is there, and wants to see something. */
void power_plugged(struct output *output)
{
	if (!output->off)
		idle_activity(output->daemon);
	power_resume(output);
}

/* @name NULL: of all. False: there were none. */
static bool forget_wishes(struct daemon *daemon, const char *name, uint32_t reasons)
{
	bool any = false;
	for (size_t i = 0; i < POWER_WISHES; i++) {
		struct power_wish *wish = &daemon->wishes[i];
		if (!wish->off || (name && strcmp(wish->name, name) != 0))
			continue;
		any = true;
		wish->off &= ~reasons;
		if (!wish->off)
			wish->name[0] = '\0';
	}
	return any;
}

/* ---- for whom ------------------------------------------------------------------------------ */

void power_off_idle(struct daemon *daemon)
{
	struct output *output;
	wl_list_for_each(output, &daemon->outputs, link)
		power_off(output, POWER_IDLE);
}

bool power_on_idle(struct daemon *daemon)
{
	struct output *output;
	bool woken = false;
	forget_wishes(daemon, NULL, POWER_IDLE);
	wl_list_for_each(output, &daemon->outputs, link) {
		woken |= output->off == POWER_IDLE;
		power_on(output, POWER_IDLE);
	}
	return woken;
}

/* Who has it switched on wants to see it, if nobody has touched anything or not. */
static void command(struct output *output, bool on)
{
	bool was_on = output->off == 0;
	if (on)
		power_on(output, POWER_COMMAND | POWER_IDLE);
	else
		power_off(output, POWER_COMMAND);
	/* who has asked is answered, if that changes something or not */
	if (was_on == (output->off == 0))
		tell(output);
}

static int command_all(struct daemon *daemon, const char *name, bool on)
{
	struct output *output;
	bool found = false, gone = false;
	wl_list_for_each(output, &daemon->outputs, link) {
		if ((name && strcmp(output->name, name) != 0) || output->dark == OUTPUT_UNPLUGGED)
			continue;
		if (output->dark == OUTPUT_GONE) {
			gone = true;
			continue;
		}
		command(output, on);
		found = true;
	}
	if (found)
		return 0;
	return gone ? -ENODEV : -ENOENT;
}

int power_command(void *data, const char *name, bool on)
{
	struct daemon *daemon = data;
	bool kept = on && forget_wishes(daemon, name, POWER_COMMAND | POWER_IDLE);
	if (on)
		idle_restart_displays(daemon);
	int ret = command_all(daemon, name, on);
	if (ret != -ENOENT || !name || !kept)
		return ret;
	/* it has disconnected, and is on when it is back */
	waybuf_server_monitor_tell_power(daemon->monitor, name, true);
	return 0;
}
