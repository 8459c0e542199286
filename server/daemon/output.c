/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "capture.h"
#include "daemon.h"
#include "fence/sync_file.h"
#include "output.h"
#include "planes.h"
#include "presentation.h"
#include "subsurface.h"
#include "util/log.h"

/* The repaint loop; output.h has its states. */

static bool busy(const struct output *output)
{
	return output->pending || output->composing || waybuf_kms_crtc_busy(output->crtc);
}

static void repaint(struct output *output);

static void handle_idle(void *data)
{
	struct output *output = data;
	output->idle = NULL;
	if (!busy(output) && output->dirty)
		repaint(output);
}

/* At the end of this turn of the loop, so that all commits of the turn go into one scene. */
void output_schedule(struct output *output)
{
	if (output->idle || busy(output) || !output->dirty)
		return;
	struct wl_event_loop *loop = wl_display_get_event_loop(output->daemon->display);
	output->idle = wl_event_loop_add_idle(loop, handle_idle, output);
}

void output_damage(struct output *output)
{
	output->dirty = true;
	output_schedule(output);
}

/* Whatever becomes of it, the clients in it go on. */
static void drop_scene(struct output *output, struct scene *scene, const char *why)
{
	/* once, not sixty times a second */
	if (!output->failing)
		waybuf_error("frames cannot be shown: %s", why);
	output->failing = true;
	callbacks_adopt(output, scene);
	scene_destroy(scene);
}

static void note_direct(struct daemon *daemon, const struct scene *scene)
{
	struct surface *surface = scene->layers[0].surface;
	if (surface)
		planes_tell(daemon, surface, WAYBUF_PLANE_SHOWN);
	if (!surface || (surface->frames_direct && !surface->copied_because))
		return;
	surface->copied_because = NULL;
	surface_log(surface, "scanned out directly");
}

/* Only what is new is logged: the reason stays the same for thousands of frames. */
static void note_copied(struct daemon *daemon, const struct scene *scene, const char *reason,
	const struct waybuf_kms_why *why)
{
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct surface *surface = scene->layers[i].surface;
		if (scene->layers[i].frame->backing)
			daemon->stats.refused++;
		if (surface)
			planes_tell(daemon, surface, scene->plane);
		if (!surface || surface->copied_because == reason)
			continue;
		surface->copied_because = reason;
		surface->copied_detail = *why;
		surface_log(
			surface, "composed: %s%s%s", reason, why->text[0] ? ": " : "", why->text);
	}
}

/* The one that is not on the screen. */
static struct waybuf_kms_dumb *free_slot(struct output *output, struct waybuf_kms_why *why)
{
	unsigned i = output->slots[0] && output->shown_slot == output->slots[0];
	if (!output->slots[i])
		waybuf_kms_dumb_create(output->kms, output->width, output->height,
			DRM_FORMAT_XRGB8888, &output->slots[i], why);
	return output->slots[i];
}

/* Taken when it came, and refused now: neither the plane nor the CPU can have it. */
static void note_unreadable(struct daemon *daemon, const struct render_job *job)
{
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		struct frame *frame = job->scene->layers[i].frame;
		if (!(job->failed >> i & 1) || !frame->backing || frame->backing->unreadable ||
			frame->follows)
			continue;
		frame->backing->unreadable = true;
		waybuf_server_dmabuf_import_failed(daemon->dmabuf, frame->use, -EIO);
	}
}

static void handle_composed(struct render_job *job, int error)
{
	struct output *output = job->data;
	struct scene *scene = job->scene;
	struct waybuf_kms_dumb *slot = NULL;
	struct waybuf_kms_why why = {.text = "composition failed"};
	output->composing = false;
	note_unreadable(output->daemon, job);
	job->scene = NULL;
	scene_drop_frames(scene);
	if (error == 0) {
		slot = free_slot(output, &why);
		error = output_commit(output, scene, slot->fb, &why);
	}
	if (error < 0)
		drop_scene(output, scene, why.text);
	else
		output->shown_slot = slot;
	output_schedule(output);
}

static int compose(struct output *output, struct scene *scene, struct waybuf_kms_why *why)
{
	struct waybuf_kms_dumb *slot = free_slot(output, why);
	if (!slot)
		return -ENOMEM;
	output->compose = (struct render_job){
		.scene = scene,
		.target = {.pixels = slot->pixels,
			.width = output->width,
			.height = output->height,
			.stride = slot->layout.planes[0].stride,
			.format = DRM_FORMAT_XRGB8888},
		.done = handle_composed,
		.data = output,
	};
	int ret = render_start(output->daemon->worker, &output->compose);
	output->composing = ret == 0;
	return ret;
}

static void repaint(struct output *output)
{
	struct waybuf_kms_why why = {.text = ""};
	output->dirty = false;
	struct scene *scene = scene_create(output);
	if (!scene) {
		waybuf_error("a frame could not be shown: no memory");
		return;
	}
	const char *reason = scanout_try(output, scene, &why);
	if (!reason) {
		output->shown_slot = NULL;
		note_direct(output->daemon, scene);
		return;
	}
	note_copied(output->daemon, scene, reason, &why);
	if (compose(output, scene, &why) < 0)
		drop_scene(output, scene, why.text[0] ? why.text : "no worker");
}

static void count(struct daemon *daemon, const struct scene *scene)
{
	if (scene->n_layers && scene->direct)
		daemon->stats.direct++;
	else if (scene->n_layers)
		daemon->stats.copied++;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct surface *surface = scene->layers[i].surface;
		if (surface && scene->direct)
			surface->frames_direct++;
		else if (surface)
			surface->frames_copied++;
	}
}

/*
 * The scene that was shown is not read any more; captures of it were over before this commit. Now
 * wl_buffer.release is sent.
 */
static void scene_flipped(struct output *output)
{
	struct scene *scene = output->pending;
	output->pending = NULL;
	scene_destroy(output->shown);
	output->shown = scene;
	output->failing = false;
	scene_trace(scene, WAYBUF_TRACE_FLIP, output->flip_ns, output->flip_sequence);
	count(output->daemon, scene);
	surface_send_callbacks(&scene->callbacks, (uint32_t)(output->flip_ns / 1000000));
	presentation_show(
		&scene->feedbacks, output, output->flip_ns, output->flip_sequence, scene->direct);
}

/* The kernel signals the fence before it sends the event: nobody has to ask. */
static void settle_flip(struct output *output)
{
	struct waybuf_fence *fence = output->flip_fence;
	output->flip_fence = NULL;
	if (fence)
		waybuf_fence_from_kernel_signalled(fence, output->flip_ns);
	waybuf_fence_unref(fence);
}

static void handle_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct output *output = data;
	output->flip_ns = flip->time_ns;
	output->flip_sequence = flip->sequence;
	settle_flip(output);
	/* a capture of an unchanged picture flips, too */
	if (output->pending) {
		scene_flipped(output);
		capture_flipped(output);
	}
	/* at once, not at the end of the turn: there is a vblank to be met */
	if (output->dirty && !busy(output))
		repaint(output);
	capture_poke(output);
	waybuf_gate_hint(output->daemon->gate, output->flip_ns + output_period_ns(output));
}

static void handle_captured(void *data, struct waybuf_kms_crtc *crtc, int error)
{
	struct output *output = data;
	capture_written(output, error);
	output_schedule(output);
}

const struct waybuf_kms_listener output_kms_listener = {
	.flipped = handle_flipped,
	.captured = handle_captured,
};

void output_surface_applied(struct output *output, struct surface *surface)
{
	/* one that became visible with this commit has changed the stack */
	if (surface->dirty && subsurface_in_sight(surface))
		output_damage(output);
	if (!output->dirty || !surface->visible)
		callbacks_arm(output, surface);
}

static void forget_visible(struct output *output, const struct surface *surface)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < output->n_visible; i++)
		if (output->visible[i] != surface)
			output->visible[n++] = output->visible[i];
	output->n_visible = n;
}

void output_surface_gone(struct output *output, struct surface *surface)
{
	forget_visible(output, surface);
	scene_surface_gone(output->shown, surface);
	scene_surface_gone(output->pending, surface);
	if (output->composing)
		scene_surface_gone(output->compose.scene, surface);
}

void output_stack_changed(struct output *output)
{
	output_damage(output);
}

uint32_t output_period_ns(const struct output *output)
{
	return output->refresh_mhz ? (uint32_t)(UINT64_C(1000000000000) / output->refresh_mhz) : 0;
}
