/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <xf86drmMode.h>

#include "capture.h"
#include "cursor_image.h"
#include "daemon.h"
#include "fence/impl.h"
#include "output.h"
#include "util/log.h"

/* Taking the display, and giving it back. */

static const char advice[] = "use --device PATH for another one, --headless, or --no-display";

static bool open_device(struct output *output, const struct options *options)
{
	struct waybuf_kms_why why = {.text = ""};
	int ret = waybuf_kms_device_open(options->device, WAYBUF_KMS_MASTER, &output->kms, &why);
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

static bool can_be_shown_on(const struct waybuf_kms_connector *connector)
{
	return connector->connected && !connector->gone && !connector->writeback &&
		connector->n_modes;
}

struct waybuf_kms_connector *output_find_connector(const struct output *output)
{
	const struct waybuf_kms_device *kms = output->kms;
	const char *name = output->daemon->options->output;
	for (uint32_t i = 0; i < kms->res.n_connectors; i++) {
		struct waybuf_kms_connector *connector = kms->res.connectors[i];
		if (can_be_shown_on(connector) && (!name || strcmp(name, connector->name) == 0))
			return connector;
	}
	return NULL;
}

/* Why there is none, with those that there are. */
static void refuse_connectors(const struct output *output)
{
	const struct waybuf_kms_device *kms = output->kms;
	const char *path = kms->path ? kms->path : "the device";
	const char *name = output->daemon->options->output;
	char list[160] = "";
	for (uint32_t i = 0, n = 0; i < kms->res.n_connectors && n < sizeof(list); i++)
		if (can_be_shown_on(kms->res.connectors[i]))
			n += (uint32_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
				kms->res.connectors[i]->name);
	if (list[0])
		fprintf(stderr, "waybufd: no display %s is connected to %s: there is %s\n", name,
			path, list);
	else
		fprintf(stderr, "waybufd: no display is connected to %s: %s\n", path, advice);
}

static bool mode_matches(const struct _drmModeModeInfo *mode, const struct options *options)
{
	if (mode->hdisplay != options->mode_width || mode->vdisplay != options->mode_height)
		return false;
	/* 59.94 is called 60 by everybody */
	int64_t off = (int64_t)waybuf_kms_mode_refresh(mode) - options->mode_refresh_mhz;
	return !options->mode_refresh_mhz || (off > -500 && off < 500);
}

/* NULL: @why. The list is short and the first match is the kernel's favourite. */
static const struct _drmModeModeInfo *find_mode(const struct waybuf_kms_connector *connector,
	const struct options *options, struct waybuf_kms_why *why)
{
	if (!options->mode_width)
		return waybuf_kms_connector_preferred_mode(connector);
	for (uint32_t i = 0; i < connector->n_modes; i++)
		if (mode_matches(&connector->modes[i], options))
			return &connector->modes[i];
	const struct _drmModeModeInfo *best = waybuf_kms_connector_preferred_mode(connector);
	waybuf_kms_why_set(why,
		"%s has no such mode %ux%u: leave out --mode for %ux%u, or choose another",
		connector->name, options->mode_width, options->mode_height, best->hdisplay,
		best->vdisplay);
	return NULL;
}

static int propose(struct output *output, const struct _drmModeModeInfo *mode,
	struct waybuf_kms_state *state, struct waybuf_kms_why *why)
{
	output->crtc = waybuf_kms_state_pick_crtc(state, output->connector);
	if (!output->crtc)
		return -ENODEV;
	int ret = waybuf_kms_state_enable(state, output->connector, output->crtc, mode, why);
	if (ret < 0)
		return ret;
	output->plane = waybuf_kms_state_pick_plane(state, output->crtc, DRM_PLANE_TYPE_PRIMARY);
	if (!output->plane)
		return -ENODEV;
	struct waybuf_kms_layer layer;
	waybuf_kms_layer_init(&layer, output->slots[0].dumb->fb);
	return waybuf_kms_state_set_plane(state, output->plane, output->crtc, &layer, why);
}

/* Everything off but our connector, which is black. */
static int light_up(
	struct output *output, const struct _drmModeModeInfo *mode, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int ret = output->backend->make_image(output, &output->slots[0], why);
	if (ret < 0)
		return ret;
	ret = waybuf_kms_state_create(output->kms, &state);
	if (ret < 0)
		return ret;
	ret = propose(output, mode, state, why);
	if (ret == 0)
		ret = waybuf_kms_state_commit(state, NULL, NULL, why);
	if (ret < 0)
		waybuf_kms_state_destroy(state);
	else
		output->shown_slot = &output->slots[0];
	/* it is black: that is an image of nothing */
	output->slots[0].valid = ret == 0;
	return ret;
}

int output_light_up(struct output *output, struct waybuf_kms_why *why)
{
	struct waybuf_kms_connector *connector = output_find_connector(output);
	const struct _drmModeModeInfo *mode = find_mode(connector, output->daemon->options, why);
	/* what is plugged in later is lit in any case */
	if (!mode && output->crtc_off)
		mode = waybuf_kms_connector_preferred_mode(connector);
	if (!mode)
		return -EINVAL;
	output->connector = connector;
	output->name = connector->name;
	output->width = mode->hdisplay;
	output->height = mode->vdisplay;
	output->refresh_mhz = waybuf_kms_mode_refresh(mode);
	int ret = light_up(output, mode, why);
	if (ret == 0)
		waybuf_info("%s on %s (%s): %ux%u at %.2f Hz", connector->name,
			output->kms->path ? output->kms->path : "a device", output->kms->driver,
			output->width, output->height, output->refresh_mhz / 1000.0);
	return ret;
}

static bool start(struct output *output)
{
	struct waybuf_kms_why why = {.text = ""};
	if (!output_find_connector(output)) {
		refuse_connectors(output);
		return false;
	}
	int ret = waybuf_kms_restore_save(output->kms, &output->restore);
	if (ret == 0)
		ret = waybuf_kms_device_watch(output->kms, output->daemon->loop);
	if (ret == 0)
		ret = hotplug_init(output);
	if (ret == 0)
		ret = output_light_up(output, &why);
	if (ret < 0)
		fprintf(stderr, "waybufd: the display cannot be used: %s\n",
			why.text[0] ? why.text : strerror(-ret));
	return ret == 0;
}

static bool take_display(struct output *output)
{
	output->backend = &scanout_backend;
	if (waybuf_kms_assigner_create(&scanout_assigner_ops, output, &output->assigner) < 0 ||
		!open_device(output, output->daemon->options))
		return false;
	output->make = output->kms->driver;
	return start(output);
}

struct output *output_create(struct daemon *daemon)
{
	struct output *output = calloc(1, sizeof(*output));
	if (!output)
		return NULL;
	output->daemon = daemon;
	output->transform = daemon->options->transform;
	output->flip_context = waybuf_fence_context_alloc();
	wl_list_init(&output->resources);
	wl_list_init(&output->withdrawn);
	pixman_region32_init(&output->difference);
	if (callbacks_init(output) < 0 || watch_init(output) < 0 ||
		!(daemon->options->headless ? headless_init(output) : take_display(output))) {
		output_destroy(output);
		return NULL;
	}
	return output;
}

/* The scenes go after the restore, so that nothing is released that is still on the screen. */
static void restore(struct output *output)
{
	struct waybuf_kms_why why = {.text = ""};
	if (!output->restore)
		return;
	waybuf_kms_commits_abandon(output->kms);
	int ret = waybuf_kms_restore_apply(output->restore, &why);
	if (ret < 0)
		waybuf_error("the display could not be restored: %s",
			why.text[0] ? why.text : strerror(-ret));
	waybuf_kms_restore_destroy(output->restore);
}

void output_destroy(struct output *output)
{
	if (!output)
		return;
	capture_destroy(output);
	restore(output);
	if (output->idle)
		wl_event_source_remove(output->idle);
	waybuf_fence_unref(output->flip_fence);
	scene_destroy(output->pending);
	scene_destroy(output->shown);
	callbacks_finish(output);
	watch_finish(output);
	hotplug_finish(output);
	headless_finish(output);
	slots_finish(output);
	cursor_image_finish(output);
	pixman_region32_fini(&output->difference);
	waybuf_kms_assigner_destroy(output->assigner);
	waybuf_kms_device_destroy(output->kms);
	free(output);
}
