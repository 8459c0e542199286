/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/pending.h"
#include "util/fd.h"
#include "util/log.h"

/* An atomic request under way. The first failure sticks. */
struct request {
	const struct waybuf_kms_state *state;
	drmModeAtomicReq *req;
	uint32_t affected; /* CRTCs, a bit each */
	bool full; /* sets everything, because nothing is known */
	bool test;
	bool out_fences;
	struct waybuf_kms_commit_result *result;
	int error;
};

static void add(struct request *request, uint32_t object, const struct waybuf_kms_prop *prop,
	uint64_t value)
{
	if (!waybuf_kms_prop_known(prop) || prop->flags & DRM_MODE_PROP_IMMUTABLE)
		return;
	int n = drmModeAtomicAddProperty(request->req, object, prop->id, value);
	if (n < 0 && !request->error)
		request->error = n;
}

static uint32_t crtc_id(const struct request *request, uint32_t index)
{
	return index == WAYBUF_KMS_NO_CRTC ? 0 : request->state->device->res.crtcs[index]->id;
}

static void add_connectors(struct request *request)
{
	const struct waybuf_kms_state *state = request->state;
	const struct waybuf_kms_state *current = state->device->current;
	for (uint32_t i = 0; i < state->n_connectors; i++) {
		const struct waybuf_kms_connector *connector = state->device->res.connectors[i];
		bool same = state->connectors[i] == current->connectors[i];
		if (connector->gone || (same && !request->full))
			continue;
		add(request, connector->id, &connector->props[WAYBUF_KMS_CONNECTOR_CRTC_ID],
			crtc_id(request, state->connectors[i]));
	}
}

static void add_capture(struct request *request, uint32_t index)
{
	const struct waybuf_kms_crtc_state *crtc = &request->state->crtcs[index];
	const struct waybuf_kms_connector *connector =
		request->state->device->res.connectors[crtc->writeback_connector];
	add(request, connector->id, &connector->props[WAYBUF_KMS_CONNECTOR_WRITEBACK_FB_ID],
		crtc->writeback_fb->id);
	if (!request->test)
		add(request, connector->id,
			&connector->props[WAYBUF_KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR],
			(uintptr_t)&request->result->writeback_fences[index]);
}

static void add_crtc(struct request *request, const struct waybuf_kms_crtc *crtc)
{
	const struct waybuf_kms_crtc_state *now = &request->state->crtcs[crtc->index];
	const struct waybuf_kms_crtc_state *before =
		&request->state->device->current->crtcs[crtc->index];
	/* also when it is the same: it makes the CRTC part of the commit */
	add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_ACTIVE], now->active);
	if (now->mode != before->mode || request->full)
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_MODE_ID],
			now->mode ? now->mode->id : 0);
	if (request->full) {
		/* colours are as the buffers say, not as whoever was here before left them */
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_DEGAMMA_LUT], 0);
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_CTM], 0);
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_GAMMA_LUT], 0);
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_VRR_ENABLED], 0);
	}
	if (request->out_fences && (now->active || before->active))
		add(request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_OUT_FENCE_PTR],
			(uintptr_t)&request->result->out_fences[crtc->index]);
	if (now->writeback_fb)
		add_capture(request, crtc->index);
}

static void add_fence(struct request *request, const struct waybuf_kms_plane *plane, int own)
{
	int stub = request->state->device->stub_fence;
	if (!request->test && (own >= 0 || stub >= 0))
		add(request, plane->id, &plane->props[WAYBUF_KMS_PLANE_IN_FENCE_FD],
			(uint64_t)(own >= 0 ? own : stub));
}

static void add_geometry(struct request *request, const struct waybuf_kms_plane *plane,
	const struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_prop *props = plane->props;
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_SRC_X], layer->src_x);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_SRC_Y], layer->src_y);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_SRC_W], layer->src_w);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_SRC_H], layer->src_h);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_X], (uint64_t)(int64_t)layer->x);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_Y], (uint64_t)(int64_t)layer->y);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_W], layer->w);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_H], layer->h);
}

/* What nobody asked for is as the plane had it at first, so that no layer inherits another's. */
static void add_look(struct request *request, const struct waybuf_kms_plane *plane,
	const struct waybuf_kms_layer *layer)
{
	const struct waybuf_kms_prop *props = plane->props;
	const struct waybuf_kms_prop *encoding = &props[WAYBUF_KMS_PLANE_COLOR_ENCODING];
	const struct waybuf_kms_prop *range = &props[WAYBUF_KMS_PLANE_COLOR_RANGE];
	const struct waybuf_kms_prop *zpos = &props[WAYBUF_KMS_PLANE_ZPOS];
	const struct waybuf_kms_prop *blend = &props[WAYBUF_KMS_PLANE_BLEND_MODE];
	uint64_t mode;
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_ROTATION], layer->rotation);
	add(request, plane->id, &props[WAYBUF_KMS_PLANE_ALPHA], layer->alpha);
	add(request, plane->id, zpos, layer->has_zpos ? layer->zpos : zpos->value);
	add(request, plane->id, encoding,
		layer->has_color ? layer->color_encoding : encoding->value);
	add(request, plane->id, range, layer->has_color ? layer->color_range : range->value);
	if (waybuf_kms_prop_enum_value(
		    blend, layer->straight ? "Coverage" : "Pre-multiplied", &mode))
		add(request, plane->id, blend, mode);
}

static void add_plane(struct request *request, const struct waybuf_kms_plane *plane)
{
	const struct waybuf_kms_plane_state *now = &request->state->planes[plane->index];
	const struct waybuf_kms_layer *layer = &now->layer;
	if (!now->touched && !request->full) {
		if (layer->fb && (request->affected >> now->crtc & 1))
			add_fence(request, plane, layer->in_fence);
		return;
	}
	add(request, plane->id, &plane->props[WAYBUF_KMS_PLANE_FB_ID],
		layer->fb ? layer->fb->id : 0);
	add(request, plane->id, &plane->props[WAYBUF_KMS_PLANE_CRTC_ID],
		layer->fb ? crtc_id(request, now->crtc) : 0);
	if (!layer->fb)
		return;
	add_geometry(request, plane, layer);
	add_look(request, plane, layer);
	add_fence(request, plane, layer->in_fence);
	/* a hint for what is on the screen, of which nothing is known then */
	if (now->damage && !request->full)
		add(request, plane->id, &plane->props[WAYBUF_KMS_PLANE_FB_DAMAGE_CLIPS],
			now->damage);
}

int waybuf_kms_request_add(drmModeAtomicReq *req, struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_kms_layer *layer, int *out_fence)
{
	const struct waybuf_kms_state state = {.device = device};
	struct request request = {.state = &state, .req = req};
	add(&request, plane->id, &plane->props[WAYBUF_KMS_PLANE_FB_ID], layer->fb->id);
	add(&request, plane->id, &plane->props[WAYBUF_KMS_PLANE_CRTC_ID], crtc->id);
	add_geometry(&request, plane, layer);
	add_look(&request, plane, layer);
	add_fence(&request, plane, layer->in_fence);
	if (out_fence)
		add(&request, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_OUT_FENCE_PTR],
			(uintptr_t)out_fence);
	return request.error;
}

static int build(struct request *request)
{
	const struct waybuf_kms_resources *res = &request->state->device->res;
	request->req = drmModeAtomicAlloc();
	if (!request->req)
		return -ENOMEM;
	add_connectors(request);
	for (uint32_t i = 0; i < res->n_crtcs; i++) {
		if (request->affected >> i & 1)
			add_crtc(request, res->crtcs[i]);
	}
	for (uint32_t i = 0; i < res->n_planes; i++)
		add_plane(request, res->planes[i]);
	return request->error;
}

static int submit(struct request *request, uint32_t flags, void *user_data)
{
	struct waybuf_kms_device *device = request->state->device;
	int error = build(request);
	if (!error) {
		if (request->full || request->state->modeset)
			flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;
		error = drmModeAtomicCommit(device->fd, request->req, flags, user_data);
	}
	drmModeAtomicFree(request->req);
	return error;
}

static void explain(struct waybuf_kms_device *device, int error, struct waybuf_kms_why *why)
{
	if (error == -EACCES) {
		device->master = false;
		waybuf_kms_why_set(why, "%s: we are not DRM master (any more)", device->driver);
	} else if (error == -EBUSY) {
		waybuf_kms_why_set(why, "%s: the previous commit is not over", device->driver);
	} else {
		waybuf_kms_why_set(why, "%s refuses this combination of planes: %s", device->driver,
			strerror(-error));
	}
}

int waybuf_kms_state_test(struct waybuf_kms_state *state, struct waybuf_kms_why *why)
{
	struct request request = {
		.state = state,
		.affected = waybuf_kms_state_affected(state),
		.full = !state->device->known,
		.test = true,
	};
	int error = submit(&request, DRM_MODE_ATOMIC_TEST_ONLY, NULL);
	if (error)
		explain(state->device, error, why);
	return error;
}

static void result_init(struct waybuf_kms_commit_result *result)
{
	for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++)
		result->out_fences[i] = result->writeback_fences[i] = -1;
}

void waybuf_kms_commit_result_finish(struct waybuf_kms_commit_result *result)
{
	for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++) {
		fd_close(&result->out_fences[i]);
		fd_close(&result->writeback_fences[i]);
	}
}

static int check(struct waybuf_kms_state *state, const struct waybuf_kms_commit_options *options,
	uint32_t affected, struct waybuf_kms_why *why)
{
	struct waybuf_kms_device *device = state->device;
	assert(!options->listener || device->loop);
	if (state->serial != device->serial) {
		waybuf_kms_why_set(why, "the display changed since this state was made");
		return -ESTALE;
	}
	if (options->async && !device->caps.async_flip) {
		waybuf_kms_why_set(why, "%s cannot flip asynchronously", device->driver);
		return -EOPNOTSUPP;
	}
	for (uint32_t i = 0; i < device->res.n_crtcs; i++) {
		if ((affected >> i & 1) && waybuf_kms_crtc_busy(device->res.crtcs[i])) {
			explain(device, -EBUSY, why);
			return -EBUSY;
		}
	}
	return 0;
}

/* Also CRTCs that are off; for those the kernel refuses events. Captures are left out. */
static int set_all(struct waybuf_kms_state *state, struct waybuf_kms_why *why)
{
	struct waybuf_kms_fb *captures[WAYBUF_KMS_MAX_CRTCS];
	uint32_t n = state->device->res.n_crtcs;
	for (uint32_t i = 0; i < n; i++) {
		captures[i] = state->crtcs[i].writeback_fb;
		state->crtcs[i].writeback_fb = NULL;
	}
	struct request request = {.state = state,
		.full = true,
		.affected = n == WAYBUF_KMS_MAX_CRTCS ? UINT32_MAX : (UINT32_C(1) << n) - 1};
	int error = submit(&request, 0, NULL);
	for (uint32_t i = 0; i < n; i++)
		state->crtcs[i].writeback_fb = captures[i];
	if (error)
		explain(state->device, error, why);
	return error;
}

/* Whether what is marked in @state, and no modeset, makes it of the current one. */
static bool is_step(const struct waybuf_kms_state *state)
{
	const struct waybuf_kms_state *current = state->device->current;
	bool same = true;
	for (uint32_t i = 0; i < state->device->res.n_crtcs; i++)
		same &= state->crtcs[i].mode == current->crtcs[i].mode &&
			state->crtcs[i].active == current->crtcs[i].active;
	for (uint32_t i = 0; i < state->n_connectors; i++)
		same &= state->connectors[i] == current->connectors[i];
	for (uint32_t i = 0; i < state->device->res.n_planes; i++)
		same &= state->planes[i].touched ||
			state->planes[i].layer.fb == current->planes[i].layer.fb;
	return same;
}

/*
 * Nothing is known about the display, so all of it is set; what @state changes comes with a commit
 * of its own, which has the events. That one may fail, and then nothing may have been touched: what
 * is new must not be on the screen when its owner takes it back. So this sets what was shown before,
 * unless there has to be a modeset, and then take_back() undoes it.
 */
static int commit_full(struct waybuf_kms_state *state, struct waybuf_kms_why *why)
{
	return set_all(is_step(state) ? state->device->current : state, why);
}

static void take_back(struct waybuf_kms_state *state)
{
	if (!is_step(state) && set_all(state->device->current, NULL) < 0)
		waybuf_error("%s may show a commit that failed", state->device->driver);
}

/* The CRTCs that are on before or after: only those have events. */
static uint32_t lit(const struct waybuf_kms_state *state, uint32_t affected)
{
	uint32_t mask = 0;
	for (uint32_t i = 0; i < state->device->res.n_crtcs; i++) {
		if (state->crtcs[i].active || state->device->current->crtcs[i].active)
			mask |= UINT32_C(1) << i;
	}
	return mask & affected;
}

static void become_current(struct waybuf_kms_state *state)
{
	struct waybuf_kms_device *device = state->device;
	for (uint32_t i = 0; i < device->res.n_planes; i++) {
		fd_close(&state->planes[i].layer.in_fence);
		waybuf_kms_state_forget_damage(state, i);
		state->planes[i].touched = false;
	}
	for (uint32_t i = 0; i < device->res.n_crtcs; i++) {
		waybuf_kms_fb_unref(state->crtcs[i].writeback_fb);
		state->crtcs[i].writeback_fb = NULL;
		state->crtcs[i].touched = false;
	}
	state->modeset = false;
	waybuf_kms_state_destroy(device->current);
	device->current = state;
	device->serial++;
}

static uint32_t commit_flags(const struct waybuf_kms_commit_options *options)
{
	return (options->block ? 0 : (uint32_t)DRM_MODE_ATOMIC_NONBLOCK) |
		(options->async ? (uint32_t)DRM_MODE_PAGE_FLIP_ASYNC : 0) |
		(options->listener ? (uint32_t)DRM_MODE_PAGE_FLIP_EVENT : 0);
}

static void start_captures(
	struct waybuf_kms_commit *pending, struct waybuf_kms_commit_result *fences, bool keep)
{
	struct waybuf_kms_resources *res = &pending->device->res;
	for (uint32_t i = 0; i < res->n_crtcs; i++) {
		int fd = fences->writeback_fences[i];
		if (fd < 0)
			continue;
		/* that it is watched comes first */
		int own = keep ? fd_dup(fd) : fd;
		if (own < 0) {
			own = fd;
			fences->writeback_fences[i] = -1;
		}
		waybuf_kms_pending_capture(pending, res->crtcs[i], own);
	}
}

static int commit_affected(struct waybuf_kms_state *state, uint32_t affected,
	const struct waybuf_kms_commit_options *options, struct waybuf_kms_commit_result *result,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_commit_result unwanted;
	struct waybuf_kms_commit *pending = NULL;
	if (affected == 0) {
		become_current(state);
		return 0;
	}
	if (options->listener && !(pending = waybuf_kms_pending_create(state->device, options)))
		return -ENOMEM;
	struct waybuf_kms_commit_result *fences = result ? result : &unwanted;
	result_init(fences);
	struct request request = {
		.state = state,
		.affected = affected,
		.out_fences = result && options->out_fences,
		.result = fences,
	};
	uint32_t flips = lit(state, affected);
	int error = submit(&request, commit_flags(options), pending ? (void *)pending->id : NULL);
	if (error) {
		explain(state->device, error, why);
		waybuf_kms_pending_cancel(pending);
		return error;
	}
	become_current(state);
	if (pending) {
		waybuf_kms_pending_start(pending, flips);
		start_captures(pending, fences, result != NULL);
	} else if (!result) {
		waybuf_kms_commit_result_finish(fences);
	}
	return 0;
}

int waybuf_kms_state_commit(struct waybuf_kms_state *state,
	const struct waybuf_kms_commit_options *options, struct waybuf_kms_commit_result *result,
	struct waybuf_kms_why *why)
{
	static const struct waybuf_kms_commit_options blocking = {.block = true};
	struct waybuf_kms_device *device = state->device;
	if (!options)
		options = &blocking;
	if (result)
		result_init(result);
	uint32_t affected = waybuf_kms_state_affected(state);
	bool full = !device->known;
	int error = check(state, options, affected, why);
	if (!error && full) {
		error = commit_full(state, why);
		affected = lit(state, affected);
	}
	if (error)
		return error;
	error = commit_affected(state, affected, options, result, why);
	if (!error)
		device->known = true;
	else if (full)
		take_back(state);
	return error;
}
