/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "daemon.h"
#include "kms/open.h"
#include "kms/route.h"
#include "kms/uevent.h"
#include "output.h"
#include "outputs.h"
#include "planes.h"
#include "power.h"
#include "session.h"
#include "util/log.h"

static const char advice[] = "use --device PATH for another one, --headless, or --no-display";

/* ---- which displays ------------------------------------------------------------------------ */

/* Connectors to be shown on, as many as there are CRTCs at most, from left to right. */
struct displays {
	struct waybuf_kms_connector *connectors[WAYBUF_KMS_MOST_ROUTES];
	size_t n;
};

static bool can_be_shown_on(const struct waybuf_kms_connector *connector)
{
	return connector->connected && !connector->gone && !connector->writeback &&
		connector->n_modes;
}

static bool is_wanted(const struct options *options, const struct waybuf_kms_connector *connector)
{
	const struct options_output *own = options_find_output(options, connector->name);
	return own ? !own->off : !options->only_named;
}

uint32_t card_rank(const struct card *card, const struct waybuf_kms_connector *connector)
{
	const struct options *options = card->daemon->options;
	const struct options_output *own = options_find_output(options, connector->name);
	return own ? (uint32_t)(own - options->outputs) : OPTIONS_MOST_OUTPUTS + connector->index;
}

/* Whether another output than @own (NULL: any) is on it, or not off it yet. */
static bool is_used(const struct card *card, const struct waybuf_kms_connector *connector,
	const struct output *own)
{
	const struct output *output;
	wl_list_for_each(output, &card->daemon->outputs, link)
		if (output != own && output->connector == connector)
			return true;
	wl_list_for_each(output, &card->daemon->retired, link)
		if (output != own && output->connector == connector)
			return true;
	return false;
}

static void insert(
	const struct card *card, struct displays *displays, struct waybuf_kms_connector *connector)
{
	size_t at = displays->n;
	if (displays->n == WAYBUF_KMS_MOST_ROUTES)
		return;
	for (; at > 0; at--) {
		struct waybuf_kms_connector *before = displays->connectors[at - 1];
		if (card_rank(card, before) <= card_rank(card, connector))
			break;
		displays->connectors[at] = before;
	}
	displays->connectors[at] = connector;
	displays->n++;
}

static struct displays list_free(const struct card *card, const struct output *own)
{
	const struct waybuf_kms_resources *res = &card->kms->res;
	struct displays displays = {.n = 0};
	for (uint32_t i = 0; i < res->n_connectors; i++)
		if (can_be_shown_on(res->connectors[i]) &&
			is_wanted(card->daemon->options, res->connectors[i]) &&
			!is_used(card, res->connectors[i], own))
			insert(card, &displays, res->connectors[i]);
	return displays;
}

struct waybuf_kms_connector *card_find_connector(struct card *card, const struct output *output)
{
	struct displays displays = list_free(card, output);
	return displays.n ? displays.connectors[0] : NULL;
}

/* Why there is none, with those that there are. */
static void refuse_displays(const struct card *card)
{
	const struct waybuf_kms_device *kms = card->kms;
	const char *path = kms->path ? kms->path : "the device";
	const char *name = card->daemon->options->outputs[0].name;
	char list[160] = "";
	for (uint32_t i = 0, n = 0; i < kms->res.n_connectors && n < sizeof(list); i++)
		if (can_be_shown_on(kms->res.connectors[i]))
			n += (uint32_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
				kms->res.connectors[i]->name);
	if (list[0] && card->daemon->options->only_named)
		fprintf(stderr, "waybufd: no display %s is connected to %s: there is %s\n", name,
			path, list);
	else if (list[0])
		fprintf(stderr, "waybufd: --output leaves no display of %s on: there is %s\n", path,
			list);
	else
		fprintf(stderr, "waybufd: no display is connected to %s: %s\n", path, advice);
}

/* ---- CRTCs --------------------------------------------------------------------------------- */

static uint32_t taken_crtcs(const struct card *card, const struct output *own)
{
	const struct output *output;
	uint32_t mask = 0;
	wl_list_for_each(output, &card->daemon->outputs, link)
		if (output != own)
			mask |= UINT32_C(1) << output->crtc->index;
	wl_list_for_each(output, &card->daemon->retired, link)
		if (output != own)
			mask |= UINT32_C(1) << output->crtc->index;
	return mask;
}

int card_find_crtc(struct card *card, struct output *output,
	const struct waybuf_kms_connector *connector, struct waybuf_kms_why *why)
{
	uint32_t possible = connector->possible_crtcs, crtc;
	if (waybuf_kms_route(&possible, 1, taken_crtcs(card, output), &crtc) == 0) {
		waybuf_kms_why_set(why, "no CRTC is left for %s", connector->name);
		return -ENOSPC;
	}
	output->crtc = card->kms->res.crtcs[crtc];
	return 0;
}

/* ---- the start ----------------------------------------------------------------------------- */

/* NULL: @why, or no memory. */
static struct output *prepare(struct card *card, struct waybuf_kms_connector *connector,
	bool strict, struct waybuf_kms_why *why)
{
	struct output *output = output_create(card->daemon);
	if (!output)
		return NULL;
	output->backend = &scanout_backend;
	output->card = card;
	output->kms = card->kms;
	output->make = card->kms->driver;
	if (waybuf_kms_assigner_create(&scanout_assigner_ops, output, &output->assigner) < 0 ||
		output_choose(output, connector, strict, why) < 0) {
		output_destroy(output);
		return NULL;
	}
	return output;
}

static void say_unused(const struct output *output, const char *why)
{
	waybuf_error("%s is not used: %s", output->name, why);
}

/* Those without a CRTC are let go; the others move up. How many are left. */
static size_t route(struct card *card, struct output *outputs[], size_t n)
{
	uint32_t possible[WAYBUF_KMS_MOST_ROUTES], crtcs[WAYBUF_KMS_MOST_ROUTES];
	size_t left = 0;
	for (size_t i = 0; i < n; i++)
		possible[i] = outputs[i]->connector->possible_crtcs;
	waybuf_kms_route(possible, n, 0, crtcs);
	for (size_t i = 0; i < n; i++) {
		if (crtcs[i] == WAYBUF_KMS_NO_ROUTE) {
			say_unused(outputs[i], "no CRTC is left for it");
			output_destroy(outputs[i]);
			continue;
		}
		outputs[i]->crtc = card->kms->res.crtcs[crtcs[i]];
		outputs[left++] = outputs[i];
	}
	return left;
}

/*
 * All of them at once, and if the device refuses that (bandwidth, say), one less, from the right.
 * How many are lit, or a negative errno.
 */
static int light(struct output *outputs[], size_t n, struct waybuf_kms_why *why)
{
	int ret;
	while ((ret = output_light_up(outputs, n, why)) < 0 && n > 1) {
		say_unused(outputs[n - 1], why->text[0] ? why->text : strerror(-ret));
		output_destroy(outputs[--n]);
		for (size_t i = 0; i < n; i++)
			slots_finish(outputs[i]);
	}
	if (ret < 0)
		output_destroy(outputs[0]);
	return ret < 0 ? ret : (int)n;
}

static bool has_own_mode(const struct card *card, const struct waybuf_kms_connector *connector)
{
	const struct options_output *own =
		options_find_output(card->daemon->options, connector->name);
	return own && own->mode.width;
}

static int light_all(struct card *card, const struct displays *displays, struct waybuf_kms_why *why)
{
	struct output *outputs[WAYBUF_KMS_MOST_ROUTES];
	size_t n;
	for (n = 0; n < displays->n; n++) {
		/* --mode is meant for all, and the others may be smaller */
		outputs[n] = prepare(card, displays->connectors[n],
			n == 0 || has_own_mode(card, displays->connectors[n]), why);
		if (outputs[n])
			continue;
		while (n > 0)
			output_destroy(outputs[--n]);
		return why->text[0] ? -EINVAL : -ENOMEM;
	}
	n = route(card, outputs, n);
	if (n == 0)
		return -ENODEV;
	int ret = light(outputs, n, why);
	for (int i = 0; i < ret; i++)
		outputs_insert(outputs[i]);
	outputs_arrange(card->daemon);
	return ret < 0 ? ret : 0;
}

static void handle_event(void *data, enum waybuf_kms_uevent what);

static int listen(struct card *card)
{
	int ret = waybuf_kms_uevents_create(
		card->daemon->loop, card->kms->rdev, handle_event, card, &card->uevents);
	/* in a sandbox without it, the displays are those of the start */
	if (ret < 0 && ret != -ENOMEM)
		waybuf_info("hotplug is not noticed: %s", strerror(-ret));
	return ret == -ENOMEM ? ret : 0;
}

static bool start(struct card *card)
{
	struct waybuf_kms_why why = {.text = ""};
	struct displays displays = list_free(card, NULL);
	if (displays.n == 0) {
		refuse_displays(card);
		return false;
	}
	int ret = waybuf_kms_restore_save(card->kms, &card->restore);
	if (ret == 0)
		ret = waybuf_kms_device_watch(card->kms, card->daemon->loop);
	if (ret == 0)
		ret = listen(card);
	if (ret == 0)
		ret = light_all(card, &displays, &why);
	if (ret < 0)
		fprintf(stderr, "waybufd: the display cannot be used: %s\n",
			why.text[0] ? why.text : strerror(-ret));
	return ret == 0;
}

static int open_node(void *data, const char *path)
{
	return session_open(data, path, O_RDWR | O_NONBLOCK);
}

static void close_node(void *data, int fd)
{
	session_close(data, fd);
}

static bool open_device(struct card *card, const struct options *options)
{
	struct waybuf_kms_why why = {.text = ""};
	struct waybuf_kms_opener opener = {
		.open = open_node, .close = close_node, .data = card->daemon->session};
	int ret = waybuf_kms_device_open_by(
		&opener, options->device, WAYBUF_KMS_MASTER, &card->kms, &why);
	if (ret == 0)
		return true;
	const char *name = options->device ? options->device : "the display";
	if (ret == -EBUSY)
		fprintf(stderr, "waybufd: %s is in use by another program: end that one, %s\n",
			name, advice);
	else if (ret == -ENODEV)
		fprintf(stderr, "waybufd: there is no display controller (KMS device): %s\n",
			advice);
	else
		fprintf(stderr, "waybufd: %s: %s\n", why.text[0] ? why.text : strerror(-ret),
			advice);
	return false;
}

bool card_start(struct daemon *daemon)
{
	struct card *card = calloc(1, sizeof(*card));
	if (!card)
		return false;
	card->daemon = daemon;
	daemon->session = session_create(daemon);
	if (!open_device(card, daemon->options)) {
		free(card);
		return false;
	}
	/* what comes of the rest, the end of the daemon tidies up */
	daemon->card = card;
	return start(card);
}

/* ---- what changes -------------------------------------------------------------------------- */

static void connect_one(struct card *card, struct waybuf_kms_connector *connector)
{
	struct waybuf_kms_why why = {.text = ""};
	struct output *output = prepare(card, connector, false, &why);
	int ret = output ? card_find_crtc(card, output, connector, &why) : -ENOMEM;
	if (ret == 0) {
		power_recall(output);
		ret = output_light_up(&output, 1, &why);
	}
	if (ret < 0) {
		waybuf_error("%s is not used: %s", connector->name,
			why.text[0] ? why.text : strerror(-ret));
		output_destroy(output);
		return;
	}
	planes_update(output);
	output->global = output_global_create(output);
	outputs_insert(output);
	outputs_arrange(card->daemon);
	power_plugged(output);
}

static bool one_waits(const struct card *card)
{
	const struct output *output;
	wl_list_for_each(output, &card->daemon->outputs, link)
		if (output->dark == OUTPUT_UNPLUGGED)
			return true;
	return false;
}

void card_connect(struct card *card)
{
	struct displays displays = list_free(card, NULL);
	if (one_waits(card) || !session_is_active(card->daemon->session))
		return;
	for (size_t i = 0; i < displays.n; i++)
		connect_one(card, displays.connectors[i]);
}

static bool is_plugged(const struct output *output)
{
	const struct waybuf_kms_connector *connector = output->connector;
	return connector->connected && !connector->gone && connector->n_modes;
}

static void lose(struct card *card)
{
	struct output *output;
	wl_list_for_each(output, &card->daemon->outputs, link)
		watch_lost(output, -ENODEV);
	wl_list_for_each(output, &card->daemon->retired, link)
		watch_lost(output, -ENODEV);
}

static void handle_event(void *data, enum waybuf_kms_uevent what)
{
	struct card *card = data;
	struct output *output, *tmp;
	bool changed = false;
	if (outputs_first(card->daemon)->dark == OUTPUT_GONE)
		return;
	if (what == WAYBUF_KMS_UEVENT_REMOVED) {
		lose(card);
		return;
	}
	int ret = waybuf_kms_device_refresh(card->kms, true, &changed);
	if (ret < 0)
		waybuf_error("the displays cannot be listed: %s", strerror(-ret));
	wl_list_for_each_safe(output, tmp, &card->daemon->outputs, link)
		if (output->dark != OUTPUT_UNPLUGGED && !is_plugged(output))
			hotplug_unplug(output);
	hotplug_settle(outputs_first(card->daemon));
	card_connect(card);
}

/* What was committed before is shown yet, and read, until somebody else has the display. */
void card_pause(struct card *card)
{
	struct output *output;
	wl_list_for_each(output, &card->daemon->outputs, link)
		watch_pause(output);
}

/* Whatever was plugged in the meantime, and whatever others have set. */
void card_resume(struct card *card)
{
	const struct output *first = outputs_first(card->daemon);
	struct output *output;
	if (!first || first->dark == OUTPUT_GONE)
		return;
	waybuf_kms_device_check_master(card->kms);
	waybuf_kms_device_invalidate(card->kms);
	wl_list_for_each(output, &card->daemon->outputs, link)
		watch_resume(output);
	wl_list_for_each(output, &card->daemon->retired, link)
		hotplug_settle(output);
	handle_event(card, WAYBUF_KMS_UEVENT_HOTPLUG);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* The scenes go after the restore, so that nothing is released that is still on the screen. */
void card_restore(struct card *card)
{
	struct waybuf_kms_why why = {.text = ""};
	if (!card->restore)
		return;
	waybuf_kms_commits_abandon(card->kms);
	int ret = waybuf_kms_restore_apply(card->restore, &why);
	if (ret < 0)
		waybuf_error("the display could not be restored: %s",
			why.text[0] ? why.text : strerror(-ret));
	waybuf_kms_restore_destroy(card->restore);
}

void card_destroy(struct card *card)
{
	if (!card)
		return;
	waybuf_kms_uevents_destroy(card->uevents);
	/* which closes it */
	session_release(card->daemon->session, card->kms->fd);
	waybuf_kms_device_destroy(card->kms);
	free(card);
}
