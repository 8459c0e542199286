/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "capture.h"
#include "daemon.h"
#include "fence/sync_file.h"
#include "input/seat.h"
#include "output.h"
#include "planes.h"
#include "power.h"
#include "presentation.h"
#include "subsurface.h"
#include "util/log.h"

/* The repaint loop; output.h has its states. */

static bool busy(const struct output *output)
{
	return output->pending || output->composing || output->dark ||
		output->backend->is_busy(output);
}

static void repaint(struct output *output);

static void handle_idle(void *data)
{
	struct output *output = data;
	output->idle = NULL;
	if (!busy(output) && output->dirty && !pace_waits(output))
		repaint(output);
}

/* At the end of this turn of the loop, so that all commits of the turn go into one scene. */
void output_schedule(struct output *output)
{
	/* what cannot be lit is tried each second, not whenever a client commits */
	if (!output->unlit || !output->watch_armed)
		hotplug_settle(output);
	/* nor is what cannot be switched off */
	if (!output->failing || !output->watch_armed)
		power_settle(output);
	/* nor what does not wake up */
	if (output->asleep && output->failing && output->watch_armed)
		return;
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
	/* once, not sixty times a second; that it is switched off is no failure */
	bool failed = output->dark != OUTPUT_OFF;
	if (failed && !output->failing)
		waybuf_error("frames cannot be shown: %s", why);
	output->failing |= failed;
	callbacks_adopt(output, &scene->callbacks);
	scene_destroy(scene);
}

/* Only what is new is logged: a plane or a reason stays the same for thousands of frames. */
static void note_plane(struct surface *surface, const struct scene_layer *layer)
{
	if (surface->plane_id == layer->plane->id)
		return;
	surface->plane_id = layer->plane->id;
	surface->copied_because = NULL;
	surface_log(surface, "%s plane %u",
		layer->image ? "a copy of it is on" : "scanned out directly, on", layer->plane->id);
}

static void note_composed(struct surface *surface, const struct waybuf_kms_place *place)
{
	if (surface->copied_because == place->reason)
		return;
	surface->plane_id = 0;
	surface->copied_because = place->reason;
	surface->copied_detail = place->why;
	surface_log(surface, "composed: %s%s%s", place->reason, place->why.text[0] ? ": " : "",
		place->why.text);
}

static void note(struct output *output, const struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		if (!layer->surface)
			continue;
		planes_tell(output, layer->surface, scanout_result(output, scene, i));
		if (layer->plane)
			note_plane(layer->surface, layer);
		else
			note_composed(layer->surface, &output->places[i]);
	}
}

/* Without planes there is always a way: the next repaint goes it. */
static void retry(struct output *output, struct scene *scene, const struct waybuf_kms_why *why)
{
	waybuf_info("the display refuses planes that it had agreed to: %s", why->text);
	scanout_refused(output, scene, why);
	callbacks_adopt(output, &scene->callbacks);
	scene_destroy(scene);
	output->dirty = true;
}

static int commit(
	struct output *output, struct scene *scene, struct slot *slot, struct waybuf_kms_why *why)
{
	int ret = output->backend->commit(output, scene, slot, why);
	if (ret == 0)
		pace_committed(output);
	return ret;
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
		if (!daemon->dmabuf)
			continue;
		waybuf_server_dmabuf_import_failed(daemon->dmabuf, frame->use, -EIO);
	}
}

/* @whole: nothing was left out of the picture. */
static void commit_composed(struct output *output, struct scene *scene, bool whole)
{
	struct waybuf_kms_why why = {.text = "the commit failed"};
	struct slot *slot = slots_free(output, &why);
	/* one that could not be read may be readable the next time */
	if (whole)
		slot_note(slot, scene);
	if (commit(output, scene, slot, &why) == 0)
		output->shown_slot = slot;
	else if (scene_has_planes(scene) && !output->dark)
		retry(output, scene, &why);
	else
		drop_scene(output, scene, why.text);
}

static void handle_composed(struct render_job *job, int error)
{
	struct output *output = job->data;
	struct scene *scene = job->scene;
	output->composing = false;
	output->drawn = job->drawn;
	output->stats.drawn += job->drawn;
	note_unreadable(output->daemon, job);
	job->scene = NULL;
	scene_drop_composed(scene);
	/* unplugged meanwhile, say: what is dark takes no commit */
	if (error < 0 || output->dark)
		drop_scene(output, scene, "composition failed");
	else
		commit_composed(output, scene, !job->failed);
	output_schedule(output);
}

static void count_refused(struct output *output, const struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		if (!scene->layers[i].plane && scene->layers[i].frame->backing)
			output->stats.refused++;
}

static int start_composing(struct output *output, struct scene *scene, struct waybuf_kms_why *why)
{
	struct slot *slot = slots_free(output, why);
	if (!slot)
		return -ENOMEM;
	const pixman_region32_t *region = slot_difference(output, slot, scene);
	slot->valid = false;
	output->compose = (struct render_job){
		.renderer = output->daemon->renderer,
		.scene = scene,
		.region = region,
		.target = slot_image(output, slot),
		.done = handle_composed,
		.replace = slots_replace,
		.data = output,
	};
	int ret = render_start(output->daemon->worker, &output->compose);
	output->composing = ret == 0;
	return ret;
}

static void compose(struct output *output, struct scene *scene)
{
	struct waybuf_kms_why why = {.text = ""};
	count_refused(output, scene);
	if (start_composing(output, scene, &why) < 0)
		drop_scene(output, scene, why.text[0] ? why.text : "no worker");
}

/* What needs no composition. False: something does, or the display refuses it. */
static bool show(struct output *output, struct scene *scene)
{
	struct waybuf_kms_why why = {.text = ""};
	bool needed = scanout_needs_image(output, scene);
	struct slot *slot = needed ? slots_find(output, scene) : NULL;
	if (needed && !slot)
		return false;
	if (commit(output, scene, slot, &why) < 0) {
		if (scene_has_planes(scene) && !output->dark)
			scanout_refused(output, scene, &why);
		return false;
	}
	scene->reused = needed;
	output->shown_slot = slot;
	output->drawn = 0;
	return true;
}

static void repaint(struct output *output)
{
	output->dirty = false;
	struct scene *scene = scene_create(output);
	if (!scene) {
		waybuf_error("a frame could not be shown: no memory");
		return;
	}
	slots_miss(output, scene);
	capture_miss(output, scene);
	output->backend->assign(output, scene);
	bool shown = show(output, scene);
	if (!shown && output->dark) {
		drop_scene(output, scene, "the display is dark");
		return;
	}
	note(output, scene);
	if (shown)
		scene_drop_composed(scene);
	else
		compose(output, scene);
}

static void count(struct output *output, const struct scene *scene)
{
	bool composed = !scene->reused && scene_count_composed(scene) > 0;
	if (scene->n_layers && !composed)
		output->stats.direct++;
	else if (scene->n_layers)
		output->stats.copied++;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		struct surface *surface = scene->layers[i].surface;
		if (surface && scene->layers[i].plane)
			surface->frames_direct++;
		else if (surface && composed)
			surface->frames_copied++;
	}
}

static void show_feedbacks(struct output *output, struct scene *scene)
{
	for (uint32_t i = 0; i < scene->n_layers; i++)
		presentation_show(&scene->layers[i].feedbacks, output, output->flip_ns,
			output->flip_sequence, scene->layers[i].plane && !scene->layers[i].image);
}

/*
 * The scene that was shown is not read any more; captures of it were over before this commit. Now
 * wl_buffer.release is sent.
 */
static void scene_flipped(struct output *output)
{
	struct scene *scene = output->pending;
	output->pending = NULL;
	scene_destroy_at(output->shown, output->flip_ns);
	output->shown = scene;
	output->failing = output->overdue = false;
	scene_trace(scene, WAYBUF_TRACE_FLIP, output->flip_ns, output->flip_sequence);
	count(output, scene);
	surface_send_callbacks(&scene->callbacks, (uint32_t)(output->flip_ns / 1000000));
	pace_flipped(output);
	show_feedbacks(output, scene);
	seat_scene_changed(output->daemon->seat);
}

/* The kernel signals the fence before it sends the event: nobody has to ask. */
void output_settle_flip(struct output *output)
{
	struct waybuf_fence *fence = output->flip_fence;
	output->flip_fence = NULL;
	if (fence)
		waybuf_fence_from_kernel_signalled(fence, output->flip_ns);
	waybuf_fence_unref(fence);
}

void output_drop_scenes(struct output *output)
{
	struct scene *shown = output->shown, *pending = output->pending;
	output_settle_flip(output);
	output->shown = output->pending = NULL;
	if (pending)
		callbacks_adopt(output, &pending->callbacks);
	scene_destroy(shown);
	scene_destroy(pending);
}

/*
 * A commit that set the whole device has flips of all CRTCs, and while one is under way no other can
 * be made that does.
 */
static void schedule_others(const struct output *output)
{
	struct output *other;
	wl_list_for_each(other, &output->daemon->outputs, link)
		if (other != output)
			output_schedule(other);
}

static void handle_flipped(void *data, const struct waybuf_kms_flip *flip)
{
	struct output *output = data;
	if (flip->crtc != output->crtc) {
		schedule_others(output);
		return;
	}
	output->flip_ns = flip->time_ns;
	output->flip_sequence = flip->sequence;
	output_settle_flip(output);
	/* a capture of an unchanged picture flips, too */
	if (output->pending) {
		scene_flipped(output);
		capture_flipped(output);
	}
	/* not at the end of the turn: there is a vblank to be met */
	if (output->dirty && !busy(output) && !pace_waits(output))
		repaint(output);
	hotplug_settle(output);
	power_settle(output);
	capture_poke(output);
	schedule_others(output);
	waybuf_gate_hint(output->daemon->gate, pace_due_ns(output));
}

/* Of what was committed last: until the capture was over, or given up, no other could be. */
static void handle_captured(
	void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing)
{
	struct output *output = data;
	struct scene *scene = output->pending ? output->pending : output->shown;
	if (writing && scene)
		scene_read_until(scene, writing);
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
	if (output->dark == OUTPUT_OFF)
		presentation_discard(&surface->current.feedbacks);
	else if (!output->dirty || output->dark || !surface->visible)
		callbacks_arm(output, surface);
}

void output_forget_visible(struct output *output, const struct surface *surface)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < output->n_visible; i++)
		if (output->visible[i] != surface)
			output->visible[n++] = output->visible[i];
	output->n_visible = n;
}

void output_surface_gone(struct output *output, struct surface *surface)
{
	output_forget_visible(output, surface);
	scene_surface_gone(output->shown, surface);
	scene_surface_gone(output->pending, surface);
	if (output->composing)
		scene_surface_gone(output->compose.scene, surface);
	pace_forget(output);
}

void output_stack_changed(struct output *output)
{
	output_damage(output);
	seat_scene_changed(output->daemon->seat);
}

static uint32_t logical(uint32_t pixels, uint32_t scale)
{
	const uint32_t whole = (uint32_t)((uint64_t)pixels * GEOMETRY_SCALE_ONE / scale);
	return whole ? whole : 1;
}

void output_logical_size(const struct output *output, uint32_t *width, uint32_t *height)
{
	output_upright_size(output, width, height);
	*width = logical(*width, output->scale);
	*height = logical(*height, output->scale);
}

uint32_t output_period_ns(const struct output *output)
{
	return output->refresh_mhz ? (uint32_t)(UINT64_C(1000000000000) / output->refresh_mhz) : 0;
}
