/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <wayland-server-protocol.h>

#include "capture.h"
#include "daemon.h"
#include "fence/sync_file.h"
#include "kms/probe.h"
#include "output.h"

/*
 * Direct scanout: the display reads the client's buffer, and nobody copies. What can be told from
 * the scene alone is asked first, then the device, once for each kind of buffer
 * (waybuf_kms_probe()) and once for each storage (the framebuffer).
 */

static const char *place_refusal(const struct output *output, const struct scene *scene)
{
	if (scene->n_layers != 1)
		return scene->n_layers ? "other surfaces are visible too" : "nothing to show";
	const struct scene_layer *layer = &scene->layers[0];
	const struct frame *frame = layer->frame;
	if (layer->transform != WL_OUTPUT_TRANSFORM_NORMAL)
		return "its buffer is rotated or mirrored";
	if (frame->width != output->width || frame->height != output->height || layer->scale != 1)
		return "it is not as large as the output";
	if (layer->x || layer->y)
		return "it is not where the output begins";
	return NULL;
}

static const char *shm_refusal(struct scene *scene, bool could)
{
	scene->plane = could ? WAYBUF_PLANE_COULD : WAYBUF_PLANE_CANNOT;
	return "its memory is wl_shm, which no plane reads";
}

/* Another format, modifier or memory could do: those that a client chooses. */
static bool is_of_buffer(const struct frame *frame)
{
	switch (frame->backing->refusal) {
	case WAYBUF_KMS_BAD_FORMAT:
	case WAYBUF_KMS_NO_DMABUF:
	case WAYBUF_KMS_UNREACHABLE:
	case WAYBUF_KMS_BAD_PITCH:
	case WAYBUF_KMS_BAD_STATE:
		return true;
	default:
		return false;
	}
}

static const char *refused(struct frame *frame, enum waybuf_kms_refusal refusal,
	const struct waybuf_kms_why *detail, struct waybuf_kms_why *why)
{
	if (refusal == WAYBUF_KMS_ACCEPTED)
		refusal = WAYBUF_KMS_EXHAUSTED;
	frame->backing->refusal = refusal;
	*why = frame->backing->why = *detail;
	return waybuf_kms_refusal_name(refusal);
}

/* NULL, or why the plane does not take this frame. */
static const char *device_refusal(
	struct output *output, struct frame *frame, struct waybuf_kms_why *why)
{
	struct backing *backing = frame->backing;
	struct waybuf_kms_why detail = {.text = ""};
	enum waybuf_kms_refusal refusal = WAYBUF_KMS_ACCEPTED;
	if (backing->plane_ok)
		return NULL;
	if (backing->refusal != WAYBUF_KMS_ACCEPTED && backing->refusal != WAYBUF_KMS_EXHAUSTED)
		return refused(frame, backing->refusal, &backing->why, why);
	if (waybuf_kms_probe(output->kms, output->plane, output->crtc, frame->grant.layout,
		    &refusal, &detail) < 0)
		return refused(frame, refusal, &detail, why);
	if (!frame_fb(frame, output->kms))
		return refused(frame, backing->refusal, &backing->why, why);
	backing->plane_ok = true;
	return NULL;
}

const char *scanout_try(struct output *output, struct scene *scene, struct waybuf_kms_why *why)
{
	const char *reason = place_refusal(output, scene);
	struct frame *frame = scene->layers[0].frame;
	if (scene->n_layers == 1 && frame->shm)
		return shm_refusal(scene, !reason);
	if (reason)
		return reason;
	reason = device_refusal(output, frame, why);
	if (reason) {
		scene->plane = is_of_buffer(frame) ? WAYBUF_PLANE_COULD : WAYBUF_PLANE_CANNOT;
		return reason;
	}
	scene->direct = true;
	scene->plane = WAYBUF_PLANE_SHOWN;
	int ret = output_commit(output, scene, frame->backing->fb, why);
	if (ret == 0)
		return NULL;
	scene->direct = false;
	scene->plane = WAYBUF_PLANE_CANNOT;
	if (ret != -EINVAL && ret != -ENOSPC && ret != -ERANGE)
		return "the commit failed";
	/* the test was wrong about this one: do not try it again */
	frame->backing->plane_ok = false;
	return refused(frame, WAYBUF_KMS_BAD_STATE, why, why);
}

static int propose(struct output *output, struct waybuf_kms_fb *fb, struct waybuf_kms_state **out,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_layer layer;
	int ret = waybuf_kms_state_duplicate(output->kms, out);
	if (ret < 0)
		return ret;
	waybuf_kms_layer_init(&layer, fb);
	waybuf_kms_layer_set_color(&layer, output->plane);
	ret = waybuf_kms_state_set_plane(*out, output->plane, output->crtc, &layer, why);
	if (ret < 0) {
		waybuf_kms_state_destroy(*out);
		return ret;
	}
	/* to get a flip also for a framebuffer that is on the screen already */
	waybuf_kms_state_touch(*out, output->crtc);
	return 0;
}

/*
 * The commit was accepted, so from now on it is certain when the former scene is off the screen, and
 * the fence of that exists: the clients' next frames can be queued on it before the flip. Without
 * a fence they hear of it with the flip. Captures need no place in this, as the device takes no
 * commit before the writeback of the former scene is over. True: a buffer was released, at a time
 * that the trace has.
 */
static bool displace(
	struct output *output, const struct scene *next, struct waybuf_kms_commit_result *result)
{
	int *fd = &result->out_fences[output->crtc->index];
	if (*fd < 0)
		return false;
	int ret = waybuf_fence_from_kernel(
		*fd, output->flip_context, ++output->n_commits, &output->flip_fence);
	*fd = -1;
	return ret == 0 && scene_displaced(output->shown, next, output->flip_fence);
}

int output_commit(struct output *output, struct scene *scene, struct waybuf_kms_fb *fb,
	struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int ret = propose(output, fb, &state, why);
	if (ret < 0)
		return ret;
	struct waybuf_kms_commit_result result;
	bool capturing = capture_join(output, state);
	const struct waybuf_kms_commit_options options = {
		.listener = &output_kms_listener,
		.data = output,
		/* what was composed is read by nobody but us */
		.out_fences = output->shown && output->shown->direct,
	};
	ret = waybuf_kms_state_commit(state, &options, &result, why);
	if (capturing)
		capture_joined(output, ret);
	if (ret == 0) {
		/* first: a client's GPU may wait to be told */
		bool released = displace(output, scene, &result);
		scene_trace(scene, WAYBUF_TRACE_COMMIT, released ? WAYBUF_TRACE_AS_BEFORE : 0, 0);
		waybuf_kms_commit_result_finish(&result);
		output->pending = scene;
		return 0;
	}
	waybuf_kms_state_destroy(state);
	/* the capture may have been too much, and is not tried again */
	return capturing ? output_commit(output, scene, fb, why) : ret;
}
