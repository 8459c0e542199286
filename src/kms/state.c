/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/format.h"
#include "kms/commit.h"
#include "kms/state.h"
#include "kms/writeback.h"
#include "util/fd.h"

static struct waybuf_kms_mode_blob *blob_ref(struct waybuf_kms_mode_blob *blob)
{
	if (blob)
		blob->refs++;
	return blob;
}

void waybuf_kms_mode_blob_unref(struct waybuf_kms_mode_blob *blob)
{
	if (!blob || --blob->refs > 0)
		return;
	drmModeDestroyPropertyBlob(blob->fd, blob->id);
	free(blob);
}

static int blob_create(int fd, const drmModeModeInfo *info, struct waybuf_kms_mode_blob **out)
{
	struct waybuf_kms_mode_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return -ENOMEM;
	*blob = (struct waybuf_kms_mode_blob){.refs = 1, .fd = fd, .info = *info};
	int error = drmModeCreatePropertyBlob(fd, info, sizeof(*info), &blob->id);
	if (error) {
		free(blob);
		return error;
	}
	*out = blob;
	return 0;
}

void waybuf_kms_layer_init(struct waybuf_kms_layer *layer, struct waybuf_kms_fb *fb)
{
	*layer = (struct waybuf_kms_layer){
		.fb = fb,
		.rotation = DRM_MODE_ROTATE_0,
		.alpha = UINT16_MAX,
		.in_fence = -1,
	};
	if (!fb)
		return;
	/* framebuffers are at most 65535 wide and high, or the kernel's 16.16 would not do */
	layer->src_w = fb->width << 16;
	layer->src_h = fb->height << 16;
	layer->w = fb->width;
	layer->h = fb->height;
}

bool waybuf_kms_layer_set_color(
	struct waybuf_kms_layer *layer, const struct waybuf_kms_plane *plane)
{
	static const char *const encodings[] = {
		[WAYBUF_KMS_BT601] = "ITU-R BT.601 YCbCr",
		[WAYBUF_KMS_BT709] = "ITU-R BT.709 YCbCr",
		[WAYBUF_KMS_BT2020] = "ITU-R BT.2020 YCbCr",
	};
	const struct waybuf_format *format = waybuf_format_get(layer->fb->format);
	if (!format || !format->is_yuv)
		return true;
	layer->has_color =
		waybuf_kms_prop_enum_value(&plane->props[WAYBUF_KMS_PLANE_COLOR_ENCODING],
			encodings[layer->encoding], &layer->color_encoding) &&
		waybuf_kms_prop_enum_value(&plane->props[WAYBUF_KMS_PLANE_COLOR_RANGE],
			layer->full_range ? "YCbCr full range" : "YCbCr limited range",
			&layer->color_range);
	return layer->has_color;
}

int waybuf_kms_state_set_mode(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc,
	const struct _drmModeModeInfo *mode)
{
	struct waybuf_kms_mode_blob *blob = NULL;
	int error = mode ? blob_create(state->device->fd, mode, &blob) : 0;
	if (error)
		return error;
	struct waybuf_kms_crtc_state *now = &state->crtcs[crtc->index];
	waybuf_kms_mode_blob_unref(now->mode);
	now->mode = blob;
	now->active = mode != NULL;
	return 0;
}

int waybuf_kms_state_create(struct waybuf_kms_device *device, struct waybuf_kms_state **out)
{
	struct waybuf_kms_state *state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->device = device;
	state->serial = device->serial;
	/* one more each, as a device may have no connector at all */
	state->crtcs = calloc((size_t)device->res.n_crtcs + 1, sizeof(*state->crtcs));
	state->planes = calloc((size_t)device->res.n_planes + 1, sizeof(*state->planes));
	if (!state->crtcs || !state->planes || waybuf_kms_state_grow(state) < 0) {
		free(state->crtcs);
		free(state->planes);
		free(state);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < device->res.n_planes; i++)
		waybuf_kms_layer_init(&state->planes[i].layer, NULL);
	*out = state;
	return 0;
}

int waybuf_kms_state_grow(struct waybuf_kms_state *state)
{
	uint32_t n = state->device->res.n_connectors;
	if (state->connectors && n == state->n_connectors)
		return 0;
	uint32_t *connectors = reallocarray(state->connectors, (size_t)n + 1, sizeof(*connectors));
	if (!connectors)
		return -ENOMEM;
	for (uint32_t i = state->n_connectors; i < n; i++)
		connectors[i] = WAYBUF_KMS_NO_CRTC;
	state->connectors = connectors;
	state->n_connectors = n;
	return 0;
}

int waybuf_kms_state_duplicate(struct waybuf_kms_device *device, struct waybuf_kms_state **out)
{
	const struct waybuf_kms_state *current = device->current;
	struct waybuf_kms_state *state;
	int error = waybuf_kms_state_create(device, &state);
	if (error)
		return error;
	assert(state->n_connectors == current->n_connectors);
	memcpy(state->connectors, current->connectors,
		state->n_connectors * sizeof(*state->connectors));
	for (uint32_t i = 0; i < device->res.n_crtcs; i++) {
		state->crtcs[i].active = current->crtcs[i].active;
		state->crtcs[i].mode = blob_ref(current->crtcs[i].mode);
	}
	for (uint32_t i = 0; i < device->res.n_planes; i++) {
		state->planes[i] = current->planes[i];
		state->planes[i].touched = false;
		state->planes[i].damage = 0;
		/* it was for that commit, and signalled before its flip */
		state->planes[i].layer.in_fence = -1;
		state->planes[i].layer.in_fence_bounded = false;
		waybuf_kms_fb_ref(state->planes[i].layer.fb);
	}
	*out = state;
	return 0;
}

void waybuf_kms_state_forget_damage(struct waybuf_kms_state *state, uint32_t plane)
{
	if (state->planes[plane].damage)
		drmModeDestroyPropertyBlob(state->device->fd, state->planes[plane].damage);
	state->planes[plane].damage = 0;
}

static void clear_plane(struct waybuf_kms_state *state, uint32_t index)
{
	struct waybuf_kms_plane_state *plane = &state->planes[index];
	waybuf_kms_state_forget_damage(state, index);
	waybuf_kms_fb_unref(plane->layer.fb);
	fd_close(&plane->layer.in_fence);
	waybuf_kms_layer_init(&plane->layer, NULL);
}

void waybuf_kms_state_destroy(struct waybuf_kms_state *state)
{
	if (!state)
		return;
	for (uint32_t i = 0; i < state->device->res.n_planes; i++)
		clear_plane(state, i);
	for (uint32_t i = 0; i < state->device->res.n_crtcs; i++) {
		waybuf_kms_mode_blob_unref(state->crtcs[i].mode);
		waybuf_kms_fb_unref(state->crtcs[i].writeback_fb);
	}
	free(state->planes);
	free(state->crtcs);
	free(state->connectors);
	free(state);
}

/* Connectors come along with ALLOW_MODESET only, so one that is free of cost now is taken now. */
static void take_writeback(struct waybuf_kms_state *state, const struct waybuf_kms_crtc *crtc)
{
	struct waybuf_kms_connector *writeback = waybuf_kms_writeback_find(state->device, crtc);
	if (!writeback || state->connectors[writeback->index] != WAYBUF_KMS_NO_CRTC)
		return;
	state->connectors[writeback->index] = crtc->index;
	if (waybuf_kms_state_test(state, NULL) < 0)
		state->connectors[writeback->index] = WAYBUF_KMS_NO_CRTC;
}

int waybuf_kms_state_enable(struct waybuf_kms_state *state, struct waybuf_kms_connector *connector,
	struct waybuf_kms_crtc *crtc, const struct _drmModeModeInfo *mode,
	struct waybuf_kms_why *why)
{
	if (!(connector->possible_crtcs >> crtc->index & 1)) {
		waybuf_kms_why_set(
			why, "%s cannot be driven by CRTC %u", connector->name, crtc->id);
		return -EINVAL;
	}
	if (!mode)
		mode = waybuf_kms_connector_preferred_mode(connector);
	if (!mode) {
		waybuf_kms_why_set(why, "%s has no mode", connector->name);
		return -EINVAL;
	}
	struct waybuf_kms_crtc_state *crtc_state = &state->crtcs[crtc->index];
	bool same = crtc_state->mode && memcmp(&crtc_state->mode->info, mode, sizeof(*mode)) == 0;
	if (!same) {
		struct waybuf_kms_mode_blob *blob;
		int error = blob_create(state->device->fd, mode, &blob);
		if (error)
			return error;
		waybuf_kms_mode_blob_unref(crtc_state->mode);
		crtc_state->mode = blob;
	}
	crtc_state->active = true;
	crtc_state->touched = true;
	state->connectors[connector->index] = crtc->index;
	state->modeset = true;
	take_writeback(state, crtc);
	return 0;
}

void waybuf_kms_state_set_active(
	struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc, bool active)
{
	struct waybuf_kms_crtc_state *crtc_state = &state->crtcs[crtc->index];
	assert(crtc_state->mode);
	/* the device may have been set by somebody else: then it is named though it is the same */
	crtc_state->touched = true;
	state->modeset |= crtc_state->active != active;
	crtc_state->active = active;
}

void waybuf_kms_state_disable(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc)
{
	struct waybuf_kms_crtc_state *crtc_state = &state->crtcs[crtc->index];
	for (uint32_t i = 0; i < state->device->res.n_planes; i++) {
		struct waybuf_kms_plane_state *plane = &state->planes[i];
		if (!plane->layer.fb || plane->crtc != crtc->index)
			continue;
		clear_plane(state, i);
		plane->touched = true;
	}
	for (uint32_t i = 0; i < state->n_connectors; i++) {
		if (state->connectors[i] == crtc->index)
			state->connectors[i] = WAYBUF_KMS_NO_CRTC;
	}
	waybuf_kms_mode_blob_unref(crtc_state->mode);
	crtc_state->mode = NULL;
	crtc_state->active = false;
	crtc_state->touched = true;
	state->modeset = true;
}

static int check_features(const struct waybuf_kms_plane *plane,
	const struct waybuf_kms_layer *layer, struct waybuf_kms_why *why)
{
	const struct waybuf_kms_prop *props = plane->props;
	const struct waybuf_kms_prop *rotation = &props[WAYBUF_KMS_PLANE_ROTATION];
	const struct waybuf_kms_prop *zpos = &props[WAYBUF_KMS_PLANE_ZPOS];
	const char *lacking = NULL;
	uint64_t coverage;
	if (layer->rotation != DRM_MODE_ROTATE_0 &&
		!waybuf_kms_prop_has_bits(rotation, layer->rotation))
		lacking = "that rotation";
	else if (layer->alpha != UINT16_MAX &&
		!waybuf_kms_prop_known(&props[WAYBUF_KMS_PLANE_ALPHA]))
		lacking = "alpha";
	else if (layer->straight &&
		!waybuf_kms_prop_enum_value(
			&props[WAYBUF_KMS_PLANE_BLEND_MODE], "Coverage", &coverage))
		lacking = "straight alpha";
	else if (layer->has_zpos && (layer->zpos < zpos->min || layer->zpos > zpos->max))
		lacking = "that zpos";
	else if (layer->in_fence >= 0 &&
		!waybuf_kms_prop_known(&props[WAYBUF_KMS_PLANE_IN_FENCE_FD]))
		lacking = "fences";
	if (!lacking)
		return 0;
	waybuf_kms_why_set(why, "plane %u has not got %s", plane->id, lacking);
	return -EOPNOTSUPP;
}

static int check_fence(const struct waybuf_kms_plane *plane, const struct waybuf_kms_layer *layer,
	struct waybuf_kms_why *why)
{
	struct pollfd poll_fd = {.fd = layer->in_fence, .events = POLLIN};
	if (layer->in_fence < 0 || layer->in_fence_bounded || poll(&poll_fd, 1, 0) > 0)
		return 0;
	waybuf_kms_why_set(why, "the fence for plane %u is pending, and not known to signal at all",
		plane->id);
	return -EPERM;
}

static int check_layer(const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_kms_layer *layer, struct waybuf_kms_why *why)
{
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	if (!(plane->possible_crtcs >> crtc->index & 1)) {
		waybuf_kms_why_set(why, "plane %u cannot be on CRTC %u", plane->id, crtc->id);
		return -EINVAL;
	}
	if (!waybuf_kms_formats_have(&plane->formats, layer->fb->format, layer->fb->modifier)) {
		waybuf_kms_why_set(why, "plane %u does not take %s with modifier %s", plane->id,
			waybuf_fourcc_string(layer->fb->format, fourcc),
			waybuf_modifier_string(layer->fb->modifier, modifier));
		return -EINVAL;
	}
	int error = check_features(plane, layer, why);
	return error ? error : check_fence(plane, layer, why);
}

int waybuf_kms_state_set_plane(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, const struct waybuf_kms_layer *layer,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_plane_state *plane_state = &state->planes[plane->index];
	if (!layer || !layer->fb) {
		plane_state->touched |= plane_state->layer.fb != NULL;
		clear_plane(state, plane->index);
		return 0;
	}
	int error = check_layer(plane, crtc, layer, why);
	if (error)
		return error;
	int fence = -1;
	if (layer->in_fence >= 0) {
		fence = fd_dup(layer->in_fence);
		if (fence < 0)
			return fence;
	}
	waybuf_kms_fb_ref(layer->fb); /* before the old one goes: it may be the same */
	clear_plane(state, plane->index);
	plane_state->layer = *layer;
	plane_state->layer.in_fence = fence;
	plane_state->crtc = crtc->index;
	plane_state->touched = true;
	return 0;
}

void waybuf_kms_state_set_damage(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	const struct drm_mode_rect rects[], uint32_t n)
{
	if (!waybuf_kms_prop_known(&plane->props[WAYBUF_KMS_PLANE_FB_DAMAGE_CLIPS]))
		return;
	waybuf_kms_state_forget_damage(state, plane->index);
	if (drmModeCreatePropertyBlob(state->device->fd, rects, n * sizeof(*rects),
		    &state->planes[plane->index].damage) < 0)
		state->planes[plane->index].damage = 0;
}

void waybuf_kms_state_touch(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc)
{
	state->crtcs[crtc->index].touched = true;
}

static bool crtc_in_use(const struct waybuf_kms_state *state, uint32_t crtc)
{
	for (uint32_t i = 0; i < state->n_connectors; i++) {
		if (state->connectors[i] == crtc)
			return true;
	}
	return false;
}

struct waybuf_kms_crtc *waybuf_kms_state_pick_crtc(
	struct waybuf_kms_state *state, const struct waybuf_kms_connector *connector)
{
	struct waybuf_kms_resources *res = &state->device->res;
	if (state->connectors[connector->index] != WAYBUF_KMS_NO_CRTC)
		return res->crtcs[state->connectors[connector->index]];
	for (uint32_t i = 0; i < res->n_crtcs; i++) {
		if ((connector->possible_crtcs >> i & 1) && !crtc_in_use(state, i))
			return res->crtcs[i];
	}
	return NULL;
}

struct waybuf_kms_plane *waybuf_kms_state_pick_plane(
	struct waybuf_kms_state *state, const struct waybuf_kms_crtc *crtc, uint32_t type)
{
	struct waybuf_kms_resources *res = &state->device->res;
	for (uint32_t i = 0; i < res->n_planes; i++) {
		const struct waybuf_kms_plane_state *plane = &state->planes[i];
		bool free_here = !plane->layer.fb || plane->crtc == crtc->index;
		if (res->planes[i]->type == type && free_here &&
			(res->planes[i]->possible_crtcs >> crtc->index & 1))
			return res->planes[i];
	}
	return NULL;
}

uint32_t waybuf_kms_state_affected(const struct waybuf_kms_state *state)
{
	const struct waybuf_kms_state *current = state->device->current;
	struct waybuf_kms_resources *res = &state->device->res;
	uint32_t mask = 0;
	for (uint32_t i = 0; i < res->n_crtcs; i++) {
		if (state->crtcs[i].touched || !state->device->known)
			mask |= UINT32_C(1) << i;
	}
	for (uint32_t i = 0; i < res->n_planes; i++) {
		const struct waybuf_kms_plane_state *now = &state->planes[i];
		const struct waybuf_kms_plane_state *before = &current->planes[i];
		if (now->touched && now->layer.fb)
			mask |= UINT32_C(1) << now->crtc;
		if (now->touched && before->layer.fb)
			mask |= UINT32_C(1) << before->crtc;
	}
	for (uint32_t i = 0; i < state->n_connectors; i++) {
		if (state->connectors[i] == current->connectors[i])
			continue;
		if (state->connectors[i] != WAYBUF_KMS_NO_CRTC)
			mask |= UINT32_C(1) << state->connectors[i];
		if (current->connectors[i] != WAYBUF_KMS_NO_CRTC)
			mask |= UINT32_C(1) << current->connectors[i];
	}
	return mask;
}
