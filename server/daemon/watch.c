/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <xf86drm.h>

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "planes.h"
#include "power.h"
#include "presentation.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * What an output does when the display does not do what it should.
 *
 * A flip whose event does not come: a driver's bug, a lost interrupt, or somebody else who reads the
 * device's events. Once a second it is looked whether the newest commit is still the one of a second
 * ago. If so the kernel is asked: by the commit's out-fence, which signals with the flip, and where
 * there is none by a further commit, which it takes only when those before it are over. What the
 * display may still read stays: the frames on the screen, and those of the commit in question. They
 * go as ever, with a flip.
 *
 * A commit that is refused because the display is not ours at the moment (EACCES), or is in trouble
 * (EIO): it is tried again each second, and what was shown last stays, because it may still be seen.
 * A device that is gone (ENODEV) shows nothing: all is let go, for good.
 *
 * While the session is paused nothing is tried, and when it goes on the first commit sets all.
 *
 * What is switched off meanwhile (power.c) is so when the trouble is over.
 *
 * Meanwhile the output is dark: no scenes are made, and frame callbacks come slowly.
 */
#define LIMIT_MS 1000

bool output_is_lost(int error)
{
	return error == -EACCES || error == -EIO || error == -ENODEV;
}

void watch_arm(struct output *output)
{
	/* if it cannot be armed now, the next commit tries again */
	if (!output->watch_armed)
		output->watch_armed = waybuf_source_arm(output->watch,
					      LIMIT_MS + output_period_ns(output) / 1000000) == 0;
}

void watch_commit(struct output *output)
{
	output->n_watched++;
	if (output->watch_armed)
		return;
	output->looked_at = output->n_watched;
	watch_arm(output);
}

static const char *describe(int error)
{
	if (error == -EACCES)
		return "the display is somebody else's now: nothing is shown until it is ours again";
	if (error == -ENODEV)
		return "the display's device is gone";
	return "the display's device is in trouble: it is tried again each second";
}

void watch_slow_down(struct output *output)
{
	struct surface *surface;
	if (output->pending)
		callbacks_adopt(output, &output->pending->callbacks);
	wl_list_for_each(surface, &output->daemon->surfaces, link) {
		if (outputs_of(surface) != output)
			continue;
		presentation_discard(&surface->current.feedbacks);
		planes_tell(output, surface, WAYBUF_PLANE_CANNOT);
	}
	/* also of those that waited as it was switched off */
	callbacks_wake(output);
	idle_inhibitors_changed(output->daemon);
}

void watch_lost(struct output *output, int error)
{
	if (output->dark == OUTPUT_GONE)
		return;
	if (!output->failing)
		waybuf_error("%s (%s)", describe(error), strerror(-error));
	output->failing = true;
	output->dark = error == -ENODEV ? OUTPUT_GONE : OUTPUT_REFUSED;
	if (output->dark == OUTPUT_GONE) {
		/* nothing is read any more, by a device that does not exist */
		waybuf_kms_flip_forget(output->crtc);
		output_drop_scenes(output);
		hotplug_withdraw(output);
	} else {
		watch_arm(output);
	}
	watch_slow_down(output);
}

/* What was committed last, once more. A flip of this is one of that. */
static int commit_again(struct output *output, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	const struct waybuf_kms_commit_options options = {
		.listener = &output_kms_listener,
		.data = output,
	};
	int ret = waybuf_kms_state_duplicate(output->kms, &state);
	if (ret < 0)
		return ret;
	waybuf_kms_state_touch(state, output->crtc);
	/* it is a display that has failed: the driver may start it again */
	state->modeset = true;
	ret = waybuf_kms_state_commit(state, &options, NULL, why);
	if (ret < 0)
		waybuf_kms_state_destroy(state);
	return ret;
}

static void recover(struct output *output)
{
	struct waybuf_kms_why why = {.text = ""};
	int ret = commit_again(output, &why);
	if (output_is_lost(ret)) {
		watch_lost(output, ret);
	} else if (ret < 0) {
		if (output->dark != OUTPUT_STUCK)
			waybuf_error(
				"the display takes no commit: %s: it is tried again each second",
				why.text[0] ? why.text : strerror(-ret));
		output->dark = OUTPUT_STUCK;
		output->failing = true;
		watch_slow_down(output);
		watch_arm(output);
	} else {
		/* what was made for it in the dark has been dropped */
		output->dirty |= output->dark != OUTPUT_LIT;
		power_lift(output);
		watch_commit(output);
	}
}

/* The event has been delivered, and only we are late. */
static bool event_waits(const struct output *output)
{
	struct pollfd fd = {.fd = output->kms->fd, .events = POLLIN};
	return poll(&fd, 1, 0) == 1;
}

/* The vblank counter, to be logged and to stand for the one that the event did not tell. */
static uint64_t read_vblank(const struct output *output)
{
	uint64_t sequence = 0, ns = 0;
	if (drmCrtcGetSequence(output->kms->fd, output->crtc->id, &sequence, &ns) < 0)
		return output->flip_sequence;
	return sequence;
}

static void overdue(struct output *output)
{
	uint64_t vblank = read_vblank(output);
	bool over = output->flip_fence && waybuf_fence_status(output->flip_fence) != 0;
	if (!output->overdue)
		waybuf_error("no flip event for a second, at vblank %u: %s", (unsigned)vblank,
			over ? "the commit's fence says that it was shown"
			     : "committing once more");
	waybuf_kms_flip_forget(output->crtc);
	const struct waybuf_kms_flip flip = {
		.crtc = output->crtc, .sequence = (uint32_t)vblank, .time_ns = clock_now_ns()};
	if (over)
		output_kms_listener.flipped(output, &flip);
	else
		recover(output);
	/* until an event comes */
	output->overdue = true;
}

/* Whatever happened to the display meanwhile, the next commit sets all of it. */
static void try_again(struct output *output)
{
	if (!waybuf_kms_device_check_master(output->kms)) {
		watch_slow_down(output);
		watch_arm(output);
		return;
	}
	waybuf_kms_device_invalidate(output->kms);
	if (output->pending) {
		recover(output);
		return;
	}
	power_resume(output);
}

void watch_pause(struct output *output)
{
	if (output->dark == OUTPUT_UNPLUGGED || output->dark == OUTPUT_GONE)
		return;
	output->dark = OUTPUT_PAUSED;
	output->failing = true;
	watch_slow_down(output);
}

/* A flip that has not come by now is looked for as ever. */
void watch_resume(struct output *output)
{
	if (output->dark != OUTPUT_PAUSED)
		return;
	output->failing = false;
	output->refused = 0;
	waybuf_kms_assigner_forget(output->assigner);
	power_resume(output);
	if (output->pending)
		watch_arm(output);
}

/* The commit that turns it off waits for the flip, whether we hear of that or not. */
static void unplugged(struct output *output)
{
	if (output->looked_at == output->n_watched)
		waybuf_kms_flip_forget(output->crtc);
	hotplug_settle(output);
}

static void handle_watch(void *data)
{
	struct output *output = data;
	output->watch_armed = false;
	if (output->dark == OUTPUT_REFUSED)
		try_again(output);
	else if (output->dark == OUTPUT_UNPLUGGED)
		unplugged(output);
	else if (output->dark == OUTPUT_STUCK)
		recover(output);
	else if (output->dark && output->dark != OUTPUT_OFF)
		return;
	else if (!waybuf_kms_flip_pending(output->crtc))
		power_retry(output);
	else if (output->looked_at == output->n_watched && !event_waits(output))
		overdue(output);
	else
		watch_arm(output);
	output->looked_at = output->n_watched;
}

int watch_init(struct output *output)
{
	int error = 0;
	output->watch = waybuf_loop_add_timer(output->daemon->loop, handle_watch, output, &error);
	return output->watch ? 0 : error;
}

void watch_finish(struct output *output)
{
	waybuf_source_remove(output->watch);
}
