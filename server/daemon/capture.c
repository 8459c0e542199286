/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "capture.h"
#include "capture_v1.h"
#include "daemon.h"
#include "kms/writeback.h"
#include "output.h"
#include "util/log.h"

/*
 * The mechanism of captures; capture_v1.c has the protocol. A capture goes
 *
 *	idle --a commit takes it along, or makes one for it--> writing --writeback is over--> copying
 *	     --the worker has copied for everybody--> idle
 *
 * and where the display has written into the client's own buffer that is all. Where there is no
 * writeback connector it goes straight to copying: what was composed as it is, and what is on planes
 * from its frames, over that. What is captured stays meanwhile: with a writeback because no commit
 * can be made before it is over, with a copy because it is a reader.
 */

/*
 * Frames that one capture serves. Each is a picture for the worker to copy, and what is shown waits
 * in line with it: somebody who asks a thousand times must not stop the display meanwhile.
 */
#define MOST_AT_ONCE 4

static bool waiting(const struct capture *capture)
{
	const struct capture_frame *frame;
	wl_list_for_each(frame, &capture->frames, link)
		if (capture_frame_due(frame))
			return true;
	return false;
}

/* Which frames this capture serves: those that have been due for longest when it begins. */
static void choose(struct capture *capture)
{
	struct capture_frame *frame, *tmp;
	unsigned n = 0;
	wl_list_for_each_safe(frame, tmp, &capture->frames, link) {
		if (n == MOST_AT_ONCE)
			break;
		if (!capture_frame_due(frame))
			continue;
		n++;
		wl_list_remove(&frame->link);
		wl_list_insert(capture->served.prev, &frame->link);
	}
}

static void unchoose(struct capture *capture)
{
	wl_list_insert_list(&capture->frames, &capture->served);
	wl_list_init(&capture->served);
}

static bool may_start(const struct output *output)
{
	const struct capture *capture = output->capture;
	return capture && !capture->writing && wl_list_empty(&capture->copies) && waiting(capture);
}

/* One copy is over; job->data is the capture. */
static void handle_copied(struct render_job *base, int error)
{
	struct capture_copy *copy = waybuf_container_of(base, struct capture_copy, job);
	struct capture *capture = base->data;
	capture_copy_finish(copy, error);
	scene_destroy(copy->scene);
	wl_list_remove(&copy->link);
	free(copy);
	capture_poke(capture->output);
}

/* False: no memory. */
static bool copy_layer(struct scene *scene, const struct scene_layer *from)
{
	struct scene_layer *layer = &scene->layers[scene->n_layers];
	struct frame *frame = frame_read(from->frame);
	if (!frame)
		return false;
	*layer = *from;
	layer->frame = frame;
	layer->frame_done = false;
	layer->plane = NULL;
	layer->image = NULL;
	wl_list_init(&layer->feedbacks);
	scene->n_layers++;
	return true;
}

/*
 * A scene of our own with the layers of what was committed last that are on planes: that one may be
 * replaced during the copy.
 */
static struct scene *copy_scene(const struct output *output)
{
	const struct scene *last = output->pending ? output->pending : output->shown;
	struct scene *scene = scene_create_empty(output);
	if (!scene)
		return NULL;
	for (uint32_t i = 0; last && i < last->n_layers; i++) {
		if (last->layers[i].plane && !copy_layer(scene, &last->layers[i])) {
			scene_destroy(scene);
			return NULL;
		}
	}
	return scene;
}

/* What the display has written. */
static struct render_image written_image(struct capture *capture)
{
	return (struct render_image){
		.pixels = capture->dumb->pixels,
		.width = capture->output->width,
		.height = capture->output->height,
		.stride = capture->dumb->layout.planes[0].stride,
		.format = DRM_FORMAT_XRGB8888,
		.layout = &capture->dumb->layout,
		.import = &capture->import,
	};
}

static void start_copy(struct capture *capture, struct capture_frame *frame, bool from_scene)
{
	struct capture_copy *copy = calloc(1, sizeof(*copy));
	if (!copy) {
		capture_frame_fail(frame);
		return;
	}
	capture_copy_init(copy, frame);
	const struct output *output = capture->output;
	copy->job.renderer = output->daemon->renderer;
	copy->job.done = handle_copied;
	copy->job.data = capture;
	int ret = 0;
	/* what was composed is there; the worker copies it before it composes over it */
	copy->job.source =
		from_scene ? slot_image(output, output->shown_slot) : written_image(capture);
	if (from_scene) {
		copy->scene = copy->job.scene = copy_scene(output);
		ret = copy->scene ? 0 : -ENOMEM;
	}
	if (ret == 0)
		ret = render_start(capture->output->daemon->worker, &copy->job);
	if (ret == 0) {
		wl_list_insert(&capture->copies, &copy->link);
		return;
	}
	capture_copy_finish(copy, ret);
	scene_destroy(copy->scene);
	free(copy);
}

static void start_copies(struct capture *capture, bool from_scene)
{
	struct capture_frame *frame, *tmp;
	wl_list_for_each_safe(frame, tmp, &capture->served, link)
		start_copy(capture, frame, from_scene);
}

/* ---- what is new --------------------------------------------------------------------------- */

void capture_miss(struct output *output, const struct scene *scene)
{
	struct capture *capture = output->capture;
	if (capture && capture->known)
		picture_miss(&capture->picture, scene);
}

void capture_watch(struct capture *capture)
{
	const struct output *output = capture->output;
	if (!wl_list_empty(&capture->sessions))
		return;
	/* what a scene on its way has brought is in no other one */
	capture->known = !output->pending && !output->composing;
	if (!capture->known)
		return;
	capture->picture.n = 0;
	if (output->shown)
		picture_describe(&capture->picture, output->shown, false);
}

/* What of the output is new. NULL: it is not known. */
static const pixman_region32_t *difference(struct capture *capture, const struct scene *scene)
{
	const struct output *output = capture->output;
	const bool known = capture->known;
	picture_describe(&capture->next, scene, false);
	const bool found = known &&
		picture_difference(&capture->picture, &capture->next, output->width, output->height,
			&capture->difference);
	capture->picture = capture->next;
	capture->known = true;
	return found ? &capture->difference : NULL;
}

static void add_region(struct damage *damage, const pixman_region32_t *region)
{
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	for (int i = 0; i < n; i++) {
		const struct geometry_box box = {boxes[i].x1, boxes[i].y1,
			boxes[i].x2 - boxes[i].x1, boxes[i].y2 - boxes[i].y1};
		damage_add(damage, &box);
	}
}

static void add_all(struct capture *capture)
{
	struct capture_session *session;
	capture->sequence++;
	wl_list_for_each(session, &capture->sessions, link)
		damage_add_all(&session->damage);
}

/* @scene is on the screen, or will be; to say so twice changes nothing. */
static void note(struct capture *capture, const struct scene *scene)
{
	struct capture_session *session;
	if (wl_list_empty(&capture->sessions)) {
		capture->known = false;
		capture->sequence++;
		return;
	}
	const pixman_region32_t *region = difference(capture, scene);
	if (!region) {
		add_all(capture);
		return;
	}
	if (!pixman_region32_not_empty((pixman_region32_t *)region))
		return;
	capture->sequence++;
	struct damage new = {.n = 0};
	add_region(&new, region);
	wl_list_for_each(session, &capture->sessions, link)
		damage_merge(&session->damage, &new);
}

/* ---- by the display ------------------------------------------------------------------------ */

static bool has_writeback(struct capture *capture)
{
	struct output *output = capture->output;
	if (!capture->no_writeback &&
		(output->headless || !waybuf_kms_writeback_find(output->kms, output->crtc))) {
		capture->no_writeback = true;
		waybuf_info("captures are composed: there is no writeback connector");
	}
	return !capture->no_writeback;
}

/* The buffer of whom this capture is for, if it is for one alone and the display takes that. */
static struct waybuf_kms_fb *direct_fb(struct capture *capture)
{
	struct capture_frame *frame;
	if (wl_list_length(&capture->served) != 1)
		return NULL;
	frame = wl_container_of(capture->served.next, frame, link);
	struct waybuf_kms_fb *fb = capture_target_fb(frame->target, capture->output);
	if (!fb)
		return NULL;
	capture->direct = frame;
	frame->direct = capture;
	capture->written = frame->target;
	capture->written->refs++;
	return fb;
}

/* One of our own, to be copied; NULL, once and for all, where there can be none. */
static struct waybuf_kms_fb *own_fb(struct capture *capture)
{
	const struct output *output = capture->output;
	struct waybuf_kms_why why = {.text = ""};
	if (!capture->dumb &&
		waybuf_kms_dumb_create(output->kms, output->width, output->height,
			DRM_FORMAT_XRGB8888, &capture->dumb, &why) < 0) {
		capture->no_writeback = true;
		waybuf_info("captures are composed: %s", why.text);
	}
	return capture->dumb ? capture->dumb->fb : NULL;
}

/* What the display is to write into, for those that wait. NULL: it does not write. */
static struct waybuf_kms_fb *begin(struct capture *capture)
{
	if (!has_writeback(capture))
		return NULL;
	choose(capture);
	struct waybuf_kms_fb *fb = direct_fb(capture);
	if (!fb)
		fb = own_fb(capture);
	capture->writing = fb != NULL;
	if (!fb)
		unchoose(capture);
	return fb;
}

static void forget_written(struct capture *capture)
{
	capture_target_unref(capture->written);
	capture->written = NULL;
	capture_frame_end_direct(capture->direct);
}

/* The display does not write into that, so it is not asked again. */
static void refuse(struct capture *capture)
{
	if (capture->written)
		capture_target_refuse(capture->written);
	else
		capture->no_writeback = true;
}

bool capture_join(struct output *output, struct waybuf_kms_state *state)
{
	struct capture *capture = output->capture;
	struct waybuf_kms_why why;
	struct waybuf_kms_fb *fb = may_start(output) ? begin(capture) : NULL;
	if (!fb)
		return false;
	if (waybuf_kms_state_capture(state, output->crtc, fb, &why) == 0)
		return true;
	capture_joined(output, -EINVAL);
	/* with an image of our own perhaps; one after the other is given up */
	return capture_join(output, state);
}

void capture_joined(struct output *output, int error)
{
	struct capture *capture = output->capture;
	if (error == 0)
		return;
	capture->writing = false;
	/* where the whole display is refused it is no fault of the writeback */
	if (!output_is_lost(error))
		refuse(capture);
	forget_written(capture);
	unchoose(capture);
}

void capture_written(struct output *output, int error)
{
	struct capture *capture = output->capture;
	if (!capture || !capture->writing)
		return;
	capture->writing = false;
	/* what was written is what it will be told of, whichever event comes first */
	if (output->pending)
		note(capture, output->pending);
	if (error < 0) {
		waybuf_error("the display's writeback failed: %s", strerror(-error));
		refuse(capture);
	} else if (capture->direct) {
		capture_frame_written(capture->direct);
	}
	forget_written(capture);
	start_copies(capture, error < 0);
	/* where nothing is copied nobody else looks after those who wait */
	capture_poke(output);
}

/* A commit that changes nothing but takes a picture. False: the device does not do that. */
static bool write_now(struct output *output)
{
	struct capture *capture = output->capture;
	struct waybuf_kms_why why = {.text = ""};
	const struct waybuf_kms_commit_options options = {
		.listener = &output_kms_listener,
		.data = output,
	};
	struct waybuf_kms_fb *fb = begin(capture);
	if (!fb)
		return false;
	const bool direct = capture->written;
	int ret = waybuf_kms_capture(output->crtc, fb, &options, NULL, &why);
	capture_joined(output, ret);
	if (ret == 0)
		watch_commit(output);
	else if (output_is_lost(ret))
		watch_lost(output, ret);
	if (ret == 0 || output->dark)
		return true;
	if (direct)
		return write_now(output);
	waybuf_info("captures are composed from now on: %s", why.text);
	return false;
}

void capture_poke(struct output *output)
{
	/* what is on its way to the screen takes the capture along, or its flip comes back here */
	if (!may_start(output) || output->pending || output->composing || output->dark ||
		output->asleep || output->backend->is_busy(output) || output->dirty)
		return;
	if (write_now(output))
		return;
	choose(output->capture);
	start_copies(output->capture, true);
}

void capture_flipped(struct output *output)
{
	struct capture *capture = output->capture;
	if (!capture)
		return;
	/* before that: flips that take a picture and change nothing have times, too */
	capture->shown_ns = output->flip_ns;
	note(capture, output->shown);
}

void capture_stop(struct output *output)
{
	struct capture *capture = output->capture;
	struct capture_session *session, *tmp;
	if (!capture)
		return;
	wl_list_for_each_safe(session, tmp, &capture->sessions, link)
		capture_session_stop(session);
}

/* A second picture waits for a change, and there is none while it is off. */
void capture_darken(struct output *output)
{
	struct capture_frame *frame, *tmp;
	if (!output->capture)
		return;
	wl_list_for_each_safe(frame, tmp, &output->capture->frames, link)
		if (capture_frame_is_first(frame))
			capture_frame_fail(frame);
}

static void drop_dumb(struct capture *capture)
{
	render_import_destroy(capture->import);
	waybuf_kms_dumb_destroy(capture->dumb);
	capture->import = NULL;
	capture->dumb = NULL;
}

void capture_relit(struct output *output)
{
	struct capture *capture = output->capture;
	if (!capture)
		return;
	drop_dumb(capture);
	capture->no_writeback = false;
	capture->known = false;
	add_all(capture);
}

bool capture_busy(const struct output *output)
{
	const struct capture *capture = output->capture;
	return capture && (capture->writing || !wl_list_empty(&capture->copies));
}

bool capture_create(struct output *output)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	if (!capture)
		return false;
	capture->output = output;
	wl_list_init(&capture->frames);
	wl_list_init(&capture->served);
	wl_list_init(&capture->copies);
	wl_list_init(&capture->sessions);
	pixman_region32_init(&capture->difference);
	wl_list_init(&capture->sources);
	output->capture = capture;
	return true;
}

void capture_destroy(struct output *output)
{
	if (!output->capture)
		return;
	capture_forget_sources(output->capture);
	drop_dumb(output->capture);
	forget_written(output->capture);
	pixman_region32_fini(&output->capture->difference);
	free(output->capture);
	output->capture = NULL;
}
