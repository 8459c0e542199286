/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <xf86drmMode.h>

#include "capture.h"
#include "card.h"
#include "cursor_image.h"
#include "daemon.h"
#include "fence/impl.h"
#include "output.h"
#include "planes.h"
#include "util/log.h"

/* What an output is to be like, and lighting its display. */

static bool mode_matches(const struct _drmModeModeInfo *mode, const struct options_mode *wanted)
{
	if (mode->hdisplay != wanted->width || mode->vdisplay != wanted->height)
		return false;
	/* 59.94 is called 60 by everybody */
	int64_t off = (int64_t)waybuf_kms_mode_refresh(mode) - wanted->refresh_mhz;
	return !wanted->refresh_mhz || (off > -500 && off < 500);
}

/* NULL: @why. The list is short and the first match is the kernel's favourite. */
static const struct _drmModeModeInfo *find_mode(const struct waybuf_kms_connector *connector,
	const struct options_mode *wanted, struct waybuf_kms_why *why)
{
	if (!wanted->width)
		return waybuf_kms_connector_preferred_mode(connector);
	for (uint32_t i = 0; i < connector->n_modes; i++)
		if (mode_matches(&connector->modes[i], wanted))
			return &connector->modes[i];
	const struct _drmModeModeInfo *best = waybuf_kms_connector_preferred_mode(connector);
	waybuf_kms_why_set(why,
		"%s has no such mode %ux%u: leave out --mode for %ux%u, or choose another",
		connector->name, wanted->width, wanted->height, best->hdisplay, best->vdisplay);
	return NULL;
}

/* Its lines, and those of the picture, are all as long. */
static uint32_t find_blank(const struct output *output)
{
	const struct _drmModeModeInfo *mode = output->mode;
	if (mode->vtotal <= mode->vdisplay)
		return 0;
	return (uint32_t)((uint64_t)output_period_ns(output) *
		(uint32_t)(mode->vtotal - mode->vdisplay) / mode->vtotal);
}

int output_choose(struct output *output, struct waybuf_kms_connector *connector, bool strict,
	struct waybuf_kms_why *why)
{
	const struct options *options = output->daemon->options;
	const struct options_output *own = options_find_output(options, connector->name);
	const struct options_mode *wanted = own && own->mode.width ? &own->mode : &options->mode;
	const struct _drmModeModeInfo *mode = find_mode(connector, wanted, why);
	if (!mode && strict)
		return -EINVAL;
	if (!mode) {
		waybuf_info("%s", why->text);
		*why = (struct waybuf_kms_why){.text = ""};
		mode = waybuf_kms_connector_preferred_mode(connector);
	}
	output->connector = connector;
	output->mode = mode;
	output->name = connector->name;
	output->rank = card_rank(output->card, connector);
	output->transform = own && own->has_transform ? own->transform : options->transform;
	output->scale = options_scale(options, own ? own->scale : 0);
	output->width = mode->hdisplay;
	output->height = mode->vdisplay;
	output->refresh_mhz = waybuf_kms_mode_refresh(mode);
	output->blank_ns = find_blank(output);
	return 0;
}

static int propose(
	struct output *output, struct waybuf_kms_state *state, struct waybuf_kms_why *why)
{
	int ret = output->backend->make_image(output, &output->slots[0], why);
	if (ret == 0)
		ret = waybuf_kms_state_enable(
			state, output->connector, output->crtc, output->mode, why);
	if (ret < 0)
		return ret;
	output->plane = waybuf_kms_state_pick_plane(state, output->crtc, DRM_PLANE_TYPE_PRIMARY);
	if (!output->plane)
		return -ENODEV;
	if (output->off)
		waybuf_kms_state_set_active(state, output->crtc, false);
	struct waybuf_kms_layer layer;
	waybuf_kms_layer_init(&layer, output->slots[0].dumb->fb);
	return waybuf_kms_state_set_plane(state, output->plane, output->crtc, &layer, why);
}

static void note_lit(struct output *output)
{
	const struct waybuf_kms_device *kms = output->kms;
	output->shown_slot = &output->slots[0];
	/* it is black: that is an image of nothing */
	output->slots[0].valid = true;
	output->asleep = output->off != 0;
	waybuf_info("%s on %s (%s): %ux%u at %.2f Hz", output->name,
		kms->path ? kms->path : "a device", kms->driver, output->width, output->height,
		output->refresh_mhz / 1000.0);
}

int output_light_up(struct output *const outputs[], size_t n, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int ret = waybuf_kms_state_duplicate(outputs[0]->kms, &state);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < n && ret == 0; i++)
		ret = propose(outputs[i], state, why);
	if (ret == 0)
		ret = waybuf_kms_state_commit(state, NULL, NULL, why);
	if (ret < 0) {
		waybuf_kms_state_destroy(state);
		return ret;
	}
	for (size_t i = 0; i < n; i++)
		note_lit(outputs[i]);
	return 0;
}

struct output *output_create(struct daemon *daemon)
{
	struct output *output = calloc(1, sizeof(*output));
	if (!output)
		return NULL;
	output->daemon = daemon;
	output->transform = daemon->options->transform;
	output->scale = options_scale(daemon->options, 0);
	output->flip_context = waybuf_fence_context_alloc();
	wl_list_init(&output->link);
	wl_list_init(&output->resources);
	wl_list_init(&output->xdg_resources);
	pixman_region32_init(&output->difference);
	if (callbacks_init(output) < 0 || watch_init(output) < 0 || pace_init(output) < 0 ||
		!capture_create(output)) {
		output_destroy(output);
		return NULL;
	}
	return output;
}

void output_destroy(struct output *output)
{
	if (!output)
		return;
	wl_list_remove(&output->link);
	capture_destroy(output);
	if (output->idle)
		wl_event_source_remove(output->idle);
	waybuf_fence_unref(output->flip_fence);
	scene_destroy(output->pending);
	scene_destroy(output->shown);
	callbacks_finish(output);
	watch_finish(output);
	pace_finish(output);
	headless_finish(output);
	slots_finish(output);
	cursor_image_finish(output);
	pixman_region32_fini(&output->difference);
	planes_finish(output);
	waybuf_kms_assigner_destroy(output->assigner);
	free(output);
}
