/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "core/format.h"
#include "kms/writeback.h"

/* To take one away from another display would mean a modeset of both. */
static bool is_free(const struct waybuf_kms_device *device,
	const struct waybuf_kms_connector *connector, const struct waybuf_kms_crtc *crtc)
{
	const struct waybuf_kms_state *now = device->current;
	uint32_t on = now && connector->index < now->n_connectors
		? now->connectors[connector->index]
		: WAYBUF_KMS_NO_CRTC;
	return on == WAYBUF_KMS_NO_CRTC || on == crtc->index || !now->crtcs[on].mode;
}

struct waybuf_kms_connector *waybuf_kms_writeback_find(
	struct waybuf_kms_device *device, const struct waybuf_kms_crtc *crtc)
{
	for (uint32_t i = 0; i < device->res.n_connectors; i++) {
		struct waybuf_kms_connector *connector = device->res.connectors[i];
		if (connector->writeback && !connector->gone &&
			(connector->possible_crtcs >> crtc->index & 1) &&
			is_free(device, connector, crtc))
			return connector;
	}
	return NULL;
}

static int check(const struct waybuf_kms_connector *connector,
	const struct waybuf_kms_crtc_state *crtc, const struct waybuf_kms_fb *fb,
	struct waybuf_kms_why *why)
{
	char fourcc[WAYBUF_FOURCC_LEN];
	if (!crtc->active) {
		waybuf_kms_why_set(why, "the output is off: there is nothing to capture");
		return -ENODATA;
	}
	if (fb->width != crtc->mode->info.hdisplay || fb->height != crtc->mode->info.vdisplay) {
		waybuf_kms_why_set(why, "a capture of %u x %u pixels does not fit into %u x %u",
			crtc->mode->info.hdisplay, crtc->mode->info.vdisplay, fb->width,
			fb->height);
		return -EINVAL;
	}
	if (!waybuf_kms_formats_have(&connector->formats, fb->format, fb->modifier)) {
		waybuf_kms_why_set(why, "%s does not write %s", connector->name,
			waybuf_fourcc_string(fb->format, fourcc));
		return -EINVAL;
	}
	return 0;
}

int waybuf_kms_state_capture(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc,
	struct waybuf_kms_fb *fb, struct waybuf_kms_why *why)
{
	struct waybuf_kms_crtc_state *crtc_state = &state->crtcs[crtc->index];
	struct waybuf_kms_connector *connector = waybuf_kms_writeback_find(state->device, crtc);
	if (!connector) {
		waybuf_kms_why_set(
			why, "%s cannot capture: no writeback connector", state->device->driver);
		return -ENOTSUP;
	}
	int error = check(connector, crtc_state, fb, why);
	if (error)
		return error;
	if (state->connectors[connector->index] != crtc->index) {
		state->connectors[connector->index] = crtc->index;
		state->modeset = true;
	}
	waybuf_kms_fb_ref(fb);
	waybuf_kms_fb_unref(crtc_state->writeback_fb);
	crtc_state->writeback_fb = fb;
	crtc_state->writeback_connector = connector->index;
	crtc_state->touched = true;
	return 0;
}

int waybuf_kms_capture(struct waybuf_kms_crtc *crtc, struct waybuf_kms_fb *fb,
	const struct waybuf_kms_commit_options *options, struct waybuf_kms_commit_result *result,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int error = waybuf_kms_state_duplicate(fb->device, &state);
	if (error)
		return error;
	error = waybuf_kms_state_capture(state, crtc, fb, why);
	if (!error)
		error = waybuf_kms_state_commit(state, options, result, why);
	if (error)
		waybuf_kms_state_destroy(state);
	return error;
}
