/* SPDX-License-Identifier: MIT */
#include <drm_mode.h>
#include <errno.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "capture.h"
#include "cursor_image.h"
#include "daemon.h"
#include "fence/sync_file.h"
#include "output.h"

/*
 * Direct scanout: the display reads the client's buffer, and nobody copies. What can be told from
 * the layer alone is asked first, then the device, once for each storage (the framebuffer); then
 * kms/assign.h finds planes for those that are left.
 */

/* So long nothing is tried after a commit that the device refused against its own test. */
#define REFUSED_REPAINTS 60

static const char refused_lately[] = "the display refused its planes a moment ago";

/* NULL with *fb, borrowed from the layer's frame, or why no plane can show this layer. */
static const char *layer_refusal(struct output *output, const struct scene_layer *layer,
	struct waybuf_kms_fb **fb, struct waybuf_kms_why *why)
{
	struct frame *frame = layer->frame;
	if (frame->shm && shm_buffer_is_pixel(frame->shm))
		return "it is a single pixel, and no plane reads that";
	if (frame->shm && layer->is_cursor)
		return "its memory is wl_shm, and of cursors the display is given copies";
	/* drivers may ignore them, and then it is not what composition makes of it */
	if (!geometry_is_whole(&layer->source))
		return "it shows parts of pixels";
	if (output->refused)
		return refused_lately;
	if (frame->shm)
		return shm_plane_refusal(frame, output, fb, why);
	*fb = frame_fb(frame, output->kms);
	if (*fb)
		return NULL;
	*why = frame->backing->why;
	return waybuf_kms_refusal_name(frame->backing->refusal);
}

/*
 * How a plane has to turn a buffer that was turned by @transform: the way back. Both mirror first,
 * which makes the mirrored ones their own way back.
 */
static uint32_t rotation_of(int32_t transform)
{
	static const uint32_t rotations[8] = {
		[WL_OUTPUT_TRANSFORM_NORMAL] = DRM_MODE_ROTATE_0,
		[WL_OUTPUT_TRANSFORM_90] = DRM_MODE_ROTATE_270,
		[WL_OUTPUT_TRANSFORM_180] = DRM_MODE_ROTATE_180,
		[WL_OUTPUT_TRANSFORM_270] = DRM_MODE_ROTATE_90,
		[WL_OUTPUT_TRANSFORM_FLIPPED] = DRM_MODE_REFLECT_X | DRM_MODE_ROTATE_0,
		[WL_OUTPUT_TRANSFORM_FLIPPED_90] = DRM_MODE_REFLECT_X | DRM_MODE_ROTATE_90,
		[WL_OUTPUT_TRANSFORM_FLIPPED_180] = DRM_MODE_REFLECT_X | DRM_MODE_ROTATE_180,
		[WL_OUTPUT_TRANSFORM_FLIPPED_270] = DRM_MODE_REFLECT_X | DRM_MODE_ROTATE_270,
	};
	return rotations[transform];
}

/* Framebuffers are at most 65535 wide and high, so that 16.16 is enough. */
static void crop(struct waybuf_kms_layer *out, const struct geometry_box *source)
{
	const int64_t factor = 65536 / GEOMETRY_ONE;
	out->src_x = (uint32_t)(source->x * factor);
	out->src_y = (uint32_t)(source->y * factor);
	out->src_w = (uint32_t)(source->width * factor);
	out->src_h = (uint32_t)(source->height * factor);
}

/* The copy of a cursor is as composition would draw it: nothing is left to be done with it. */
static void describe_copy(const struct scene_layer *layer, struct waybuf_kms_place *place)
{
	const struct cursor_image *image = layer->image;
	*place = (struct waybuf_kms_place){.reason = NULL};
	waybuf_kms_layer_init(&place->layer, image->dumb->fb);
	place->layer.x = layer->x;
	place->layer.y = layer->y;
	place->layer.w = place->layer.h = image->size;
}

static void describe(
	struct output *output, struct scene_layer *layer, struct waybuf_kms_place *place)
{
	struct waybuf_kms_why why = {.text = ""};
	struct waybuf_kms_fb *fb = NULL;
	const char *reason = layer_refusal(output, layer, &fb, &why);
	struct cursor_image *image = NULL;
	if (reason && layer->is_cursor && layer->frame->shm && !output->refused)
		image = cursor_image_find(output, layer);
	if (image) {
		layer->image = cursor_image_ref(image);
		describe_copy(layer, place);
		return;
	}
	*place = (struct waybuf_kms_place){.opaque = layer->opaque, .reason = reason, .why = why};
	waybuf_kms_layer_init(&place->layer, fb);
	crop(&place->layer, &layer->source);
	place->layer.rotation = rotation_of(layer->transform);
	place->layer.alpha = layer->alpha;
	place->layer.straight = layer->color.straight && !layer->opaque;
	place->layer.encoding = layer->color.encoding;
	place->layer.full_range = layer->color.full_range;
	place->layer.color_asked = layer->color.model == SURFACE_YUV;
	place->layer.x = layer->x;
	place->layer.y = layer->y;
	place->layer.w = layer->width;
	place->layer.h = layer->height;
}

static struct waybuf_kms_picture picture_of(struct output *output, uint32_t n_places)
{
	return (struct waybuf_kms_picture){
		.device = output->kms,
		.crtc = output->crtc,
		.primary = output->plane,
		.width = output->width,
		.height = output->height,
		.places = output->places,
		.n_places = n_places,
	};
}

static void assign(struct output *output, struct scene *scene)
{
	struct waybuf_kms_picture picture = picture_of(output, scene->n_layers);
	for (uint32_t i = 0; i < scene->n_layers; i++)
		describe(output, &scene->layers[i], &output->places[i]);
	waybuf_kms_assign(output->assigner, &picture);
	for (uint32_t i = 0; i < scene->n_layers; i++)
		scene->layers[i].plane = output->places[i].plane;
	if (output->refused)
		output->refused--;
}

/* Another format, modifier or memory could do: those that a client chooses. */
static bool is_of_buffer(enum waybuf_kms_refusal refusal)
{
	switch (refusal) {
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

/*
 * Only one that has the output for itself is told that another buffer would do: it cannot lose the
 * plane to a neighbour.
 */
static bool could_do(
	const struct output *output, const struct scene *scene, const struct scene_layer *layer)
{
	const struct frame *frame = layer->frame;
	if (output->headless || scene->n_layers != 1 ||
		layer->transform != WL_OUTPUT_TRANSFORM_NORMAL || layer->x || layer->y ||
		layer->width != output->width || layer->height != output->height ||
		!geometry_is_exact(layer->transform, &layer->source, layer->width, layer->height) ||
		output->refused)
		return false;
	return frame->shm || frame->backing->fb || is_of_buffer(frame->backing->refusal);
}

enum waybuf_plane_result scanout_result(
	const struct output *output, const struct scene *scene, uint32_t index)
{
	const struct scene_layer *layer = &scene->layers[index];
	if (layer->plane)
		return layer->image ? WAYBUF_PLANE_CANNOT : WAYBUF_PLANE_SHOWN;
	return could_do(output, scene, layer) ? WAYBUF_PLANE_COULD : WAYBUF_PLANE_CANNOT;
}

bool scanout_needs_image(const struct output *output, const struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (output->plane && scene->layers[i].plane == output->plane)
			return false;
	return true;
}

/* The device takes no planes at all for a while, or it would be asked sixty times a second. */
void scanout_refused(struct output *output, struct scene *scene, const struct waybuf_kms_why *why)
{
	output->refused = REFUSED_REPAINTS;
	waybuf_kms_assigner_forget(output->assigner);
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		if (!scene->layers[i].plane)
			continue;
		scene->layers[i].plane = output->places[i].plane = NULL;
		output->places[i].reason = refused_lately;
		output->places[i].why = *why;
	}
}

static int test_picture(
	void *data, const struct waybuf_kms_picture *picture, struct waybuf_kms_why *why)
{
	struct output *output = data;
	struct waybuf_kms_state *state;
	int ret = waybuf_kms_state_duplicate(output->kms, &state);
	if (ret < 0)
		return ret;
	/* any image of that size stands for the one that will be composed */
	ret = waybuf_kms_picture_set(state, picture, output->slots[0].dumb->fb, why);
	if (ret == 0 && output->asleep)
		waybuf_kms_state_set_active(state, output->crtc, true);
	if (ret == 0)
		ret = waybuf_kms_state_test(state, why);
	waybuf_kms_state_destroy(state);
	return ret;
}

const struct waybuf_kms_assigner_ops scanout_assigner_ops = {.test = test_picture};

/* So many boxes, or one around them all. */
#define MOST_CLIPS 32

/* Displays that are sent their pictures need not be sent all of one that is new in a corner. */
static void tell_damage(
	struct output *output, const struct slot *slot, struct waybuf_kms_state *state)
{
	const pixman_region32_t *region = slots_compare(output, output->shown_slot, slot);
	struct drm_mode_rect rects[MOST_CLIPS];
	int n;
	if (!region)
		return;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	if (n == 0 || n > MOST_CLIPS) {
		boxes = pixman_region32_extents((pixman_region32_t *)region);
		n = 1;
	}
	for (int i = 0; i < n; i++)
		rects[i] =
			(struct drm_mode_rect){boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2};
	/* none would mean all */
	if (rects[0].x1 == rects[0].x2)
		rects[0] = (struct drm_mode_rect){0, 0, 1, 1};
	waybuf_kms_state_set_damage(state, output->plane, rects, (uint32_t)n);
}

static int propose(struct output *output, const struct scene *scene, const struct slot *slot,
	struct waybuf_kms_state **out, struct waybuf_kms_why *why)
{
	struct waybuf_kms_fb *image = slot ? slot->dumb->fb : NULL;
	const struct waybuf_kms_picture picture = picture_of(output, scene->n_layers);
	int ret = waybuf_kms_state_duplicate(output->kms, out);
	if (ret < 0)
		return ret;
	ret = waybuf_kms_picture_set(*out, &picture, image, why);
	if (ret < 0) {
		waybuf_kms_state_destroy(*out);
		return ret;
	}
	if (slot)
		tell_damage(output, slot, *out);
	/* to get a flip also for framebuffers that are on the screen already */
	waybuf_kms_state_touch(*out, output->crtc);
	if (output->asleep)
		waybuf_kms_state_set_active(*out, output->crtc, true);
	return 0;
}

/*
 * The commit was accepted, so from now on it is certain when the former scene is off the screen, and
 * the fence of that exists: the clients' next frames can be queued on it before the flip. Without
 * a fence they hear of it with the flip, and none is asked for if nobody could queue on it. All
 * planes of the CRTC change at the same vblank, so it is the same fence for every layer. Captures
 * need no place in this, as the device takes no commit before the writeback of the former scene is
 * over, and one that was given up is a reader of its own (scene_read_until()). True: a buffer was
 * released, at a time that the trace has.
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

/* A commit that sets the whole device has a flip on each CRTC. */
static void watch_accepted(struct output *output, bool whole)
{
	struct output *other;
	watch_commit(output);
	wl_list_for_each(other, &output->daemon->outputs, link)
		if (whole && other != output)
			watch_commit(other);
}

static int commit(
	struct output *output, struct scene *scene, struct slot *slot, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	bool whole = !output->kms->known;
	int ret = propose(output, scene, slot, &state, why);
	if (ret < 0)
		return ret;
	struct waybuf_kms_commit_result result;
	bool capturing = capture_join(output, state);
	const struct waybuf_kms_commit_options options = {
		/* as every modeset: what it needs of other CRTCs would be refused to them meanwhile */
		.block = output->asleep,
		.listener = &output_kms_listener,
		.data = output,
		/* what was composed is read by nobody but us */
		.out_fences = output->shown && scene_wants_fence(output->shown),
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
		output->asleep = false;
		watch_accepted(output, whole);
		return 0;
	}
	waybuf_kms_state_destroy(state);
	if (output_is_lost(ret)) {
		watch_lost(output, ret);
		return ret;
	}
	if (output->asleep)
		watch_arm(output);
	/* the capture may have been too much, and is not tried again */
	return capturing ? commit(output, scene, slot, why) : ret;
}

/* A commit that sets the whole device waits for all of its CRTCs. */
static bool is_busy(const struct output *output)
{
	const struct waybuf_kms_resources *res = &output->kms->res;
	bool busy = waybuf_kms_crtc_busy(output->crtc);
	for (uint32_t i = 0; i < res->n_crtcs && !output->kms->known; i++)
		busy |= waybuf_kms_crtc_busy(res->crtcs[i]);
	return busy;
}

static int make_image(struct output *output, struct slot *slot, struct waybuf_kms_why *why)
{
	int ret = waybuf_kms_dumb_create(
		output->kms, output->width, output->height, DRM_FORMAT_XRGB8888, &slot->dumb, why);
	if (ret < 0)
		return ret;
	slot->pixels = slot->dumb->pixels;
	slot->stride = slot->dumb->layout.planes[0].stride;
	return 0;
}

const struct output_backend scanout_backend = {
	.commit = commit, .is_busy = is_busy, .make_image = make_image, .assign = assign};
