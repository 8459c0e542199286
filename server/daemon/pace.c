/* SPDX-License-Identifier: MIT */
#include "pace.h"

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "util/clock.h"

/*
 * One commit can be made for each vblank. Made as soon as anybody has drawn, it leaves out whoever
 * draws a moment later, and shows that one refresh late; made always at a fixed time before the
 * vblank, it makes all wait for nothing, and misses the vblank when composition takes longer than
 * somebody has guessed. Clients say themselves when they draw: who is asked, by a frame callback, and
 * draws each time, will do so now. So
 *
 * - a repaint waits while a surface that is seen was asked with the last flip and has no new state
 *   since. With the last of them it goes, and if there is none, at once: the only client of a display
 *   never waits, and costs neither a timer nor a look at the clock;
 * - it waits until the next vblank less a margin and no longer, so that who is late makes nobody miss
 *   a vblank that would have been met;
 * - it waits only for those that can be relied on, whose state was there in time for TRUSTED refreshes
 *   in a row. Who is waited for in vain, or draws at another rate, has to show that anew: with it all
 *   surfaces of its client, or one could be late after the other. Once in a while any program is late,
 *   by a scheduler's doing, and nobody that draws beside others and is not waited for has more than each
 *   second refresh: so with twice as many in a row it may be late once before that.
 *
 * So what a client can do to its neighbours is to have them committed as late as is safe: if it draws
 * that late itself, or if it does not draw, for two refreshes in 2 * TRUSTED + 2. What is released with the
 * commit, by a fence or because it was composed, is released that much later; frame callbacks come with
 * the flip in any case. All are shown by the same vblank as without it, as long as composition takes no
 * longer than it did lately. Who is cheap for long, and then expensive just before the deadline, makes
 * them miss a vblank: a few times, as each of these adds to the margin until there is room for that, or
 * nobody waits any more, and then once in some hundred refreshes.
 *
 * A commit is an answer when the gate lets it become current, whatever is left of it then: a repaint
 * that goes with the commit itself would be without all who draw by a GPU, beside one who does not. A
 * GPU that is late is late as its client would be, and so is a fence that never signals. What was
 * committed before the flip is an answer, too, if it comes out of the gate after it; what has come out
 * since the scene was made, but before its flip, has answered before it is asked. A synchronised
 * subsurface is drawn for with the commit of whom it is synchronised with, and so it is that one who
 * was asked.
 *
 * The margin has what is known, the time in which the display sends no lines, as drivers want to be
 * told before that; what was measured lately, from the beginning of a repaint to its commit, on the
 * worker as well, and how late the timer came, unless that was once: it was the machine's doing then,
 * and comes again whatever the margin is; what missed vblanks have taught; and something for all that is
 * different the next time. It is measured where it may be needed: where several are asked, or
 * somebody is expected. Before the first time nobody knows, and nobody waits; nor if it is more than
 * half of a refresh, as then the display has other worries than latency.
 */
#define TRUSTED 8
#define FORGIVEN (2 * TRUSTED)
#define SLACK_NS 1000000

/* Timers count whole milliseconds: a wait ends before its deadline, by less than that. */
#define TIMER_NS 1000000

/* What was the longest is forgotten by this part of it with each repaint: half of it in 44. */
#define FORGET 64
/* What was learned by a miss more slowly, or it would be learned again each second. */
#define FORGET_MISS 1024

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Up to @most: one stall of the loop is not to keep all from waiting for long. */
static void measure(struct pace_measure *measure, uint64_t ns, uint64_t most)
{
	const uint64_t again_ns = least(least(ns, measure->last_ns), most);
	measure->last_ns = ns;
	if (again_ns > measure->ns)
		measure->ns = again_ns;
}

uint64_t pace_margin_ns(const struct output *output)
{
	const struct pace *pace = &output->pace;
	if (!pace->measured)
		return 0;
	return output->blank_ns + pace->cost.ns + pace->late.ns + pace->missed_ns + SLACK_NS;
}

/* When the repaint is to begin, that it may meet the vblank. 0: nobody knows, or there is no room. */
static uint64_t deadline_of(const struct output *output)
{
	const uint64_t period = output_period_ns(output), margin = pace_margin_ns(output);
	if (!margin || margin > period / 2)
		return 0;
	return output->pace.flip_ns + period - margin;
}

uint64_t pace_due_ns(const struct output *output)
{
	const uint64_t deadline = deadline_of(output);
	return deadline ? deadline - TIMER_NS : output->flip_ns + output_period_ns(output);
}

/* ---- who is expected ----------------------------------------------------------------------- */

/* Not yet shown, or not any more, is not seen; nor is what was unmapped since the last scene. */
static struct surface *expected(const struct output *output, uint32_t i)
{
	struct surface *surface = output->visible[i];
	struct surface *leader = subsurface_leader(surface);
	if (!surface->mapped || leader->asked_in != output->pace.refresh ||
		leader->timely < TRUSTED)
		return NULL;
	return leader;
}

static bool anybody(const struct output *output)
{
	for (uint32_t i = 0; i < output->n_visible && output->pace.refresh; i++)
		if (expected(output, i))
			return true;
	return false;
}

/* All that its client has not drawn for this refresh is late with it, and once. */
static void distrust(struct surface *late)
{
	const struct wl_client *client = wl_resource_get_client(late->resource);
	const uint64_t refresh = late->asked_in;
	const unsigned left = late->timely == FORGIVEN ? TRUSTED : 0;
	struct surface *surface;
	wl_list_for_each(surface, &late->daemon->surfaces, link) {
		if (wl_resource_get_client(surface->resource) != client)
			continue;
		if (surface->asked_in == refresh)
			surface->asked_in = 0;
		if (surface->timely > left)
			surface->timely = left;
	}
}

/*
 * The wait is over, and all that had come until then was read: timers come before sockets in a turn of
 * the loop, so that only at its end it is known who was late, and not the server.
 */
static void distrust_late(struct output *output)
{
	output->stats.waits_in_vain++;
	for (uint32_t i = 0; i < output->n_visible; i++) {
		struct surface *late = expected(output, i);
		if (late)
			distrust(late);
	}
}

/*
 * Whether it is early enough for any repaint that waits, or would; or for one that is due in this turn.
 * Who draws when a wait may be over would else be relied on and waited for in vain by turns.
 */
static bool in_time(const struct output *output)
{
	const uint64_t period = output_period_ns(output), deadline = deadline_of(output);
	const uint64_t until = deadline ? deadline : output->pace.flip_ns + period / 2;
	return output->pace.waited || clock_now_ns() + TIMER_NS <= until;
}

bool pace_asks(struct surface *surface)
{
	if (wl_list_empty(&surface->current.callbacks))
		return false;
	subsurface_leader(surface)->ahead = false;
	return true;
}

/* Who is relied on was late only if somebody has waited. */
static void count(struct surface *surface, bool was_in_time)
{
	if (was_in_time)
		surface->timely++;
	else if (surface->timely < TRUSTED)
		surface->timely = 0;
}

void pace_answered(struct surface *surface)
{
	struct output *output = outputs_of(surface);
	const uint64_t asked_in = surface->asked_in;
	surface->asked_in = 0;
	surface->ahead = true;
	if (!asked_in || surface->timely == FORGIVEN)
		;
	else if (asked_in != output->pace.refresh)
		count(surface, false);
	else if (output->n_visible > 1)
		count(surface, in_time(output));
	/* it may change nothing */
	pace_forget(output);
}

void pace_forget(struct output *output)
{
	if (output->pace.waiting)
		output_schedule(output);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static void stop(struct pace *pace)
{
	if (pace->waiting)
		waybuf_source_arm(pace->timer, 0);
	pace->waiting = false;
}

static void handle_deadline(void *data)
{
	struct output *output = data;
	struct pace *pace = &output->pace;
	const uint64_t now = clock_now_ns();
	const uint64_t late_ns = now > pace->deadline_ns ? now - pace->deadline_ns : 0;
	if (!pace->waiting)
		return;
	pace->waiting = false;
	pace->waited = true;
	measure(&pace->late, late_ns, output_period_ns(output) / 4);
	output_schedule(output);
}

int pace_init(struct output *output)
{
	int error = 0;
	output->pace.timer =
		waybuf_loop_add_timer(output->daemon->loop, handle_deadline, output, &error);
	return output->pace.timer ? 0 : error;
}

void pace_finish(struct output *output)
{
	waybuf_source_remove(output->pace.timer);
}

/*
 * A commit that sets more than planes is made when it can be: there may be no vblank to be met, and how
 * long it takes says nothing of others.
 */
static bool may_wait(const struct output *output)
{
	return !output->asleep && (!output->kms || output->kms->known);
}

/* False: it is too late for that. */
static bool wait_for(struct output *output, uint64_t now)
{
	struct pace *pace = &output->pace;
	const uint64_t deadline = deadline_of(output);
	const uint64_t left_ms = deadline > now ? (deadline - now) / TIMER_NS : 0;
	/* a flip that is said to be in the future leaves more than there is */
	if (!left_ms || deadline - now > output_period_ns(output))
		return false;
	pace->deadline_ns = now + left_ms * TIMER_NS;
	pace->waiting = waybuf_source_arm(pace->timer, (uint32_t)left_ms) == 0;
	output->stats.waits += pace->waiting;
	return pace->waiting;
}

/* A repaint begins that may have waited: the vblank that it is to meet. */
static void aim(struct output *output)
{
	struct pace *pace = &output->pace;
	const uint64_t vblank_ns = pace->flip_ns + output_period_ns(output);
	/* whatever came in between, dark or a timer that was late, what begins later cannot meet it */
	const bool meets = pace->waited && pace->begun_ns && pace->begun_ns < vblank_ns;
	pace->vblank_ns = meets ? vblank_ns : 0;
	pace->waited = false;
}

bool pace_waits(struct output *output)
{
	struct pace *pace = &output->pace;
	const bool is_expected = anybody(output);
	if (is_expected && pace->waiting)
		return true;
	if (is_expected && pace->waited)
		distrust_late(output);
	pace->waited |= pace->waiting;
	stop(pace);
	const bool measures = may_wait(output) && (is_expected || pace->waited || pace->several);
	pace->begun_ns = measures ? clock_now_ns() : 0;
	if (measures && is_expected && !pace->waited && wait_for(output, pace->begun_ns))
		return true;
	aim(output);
	return false;
}

/* ---- the margin ---------------------------------------------------------------------------- */

/* With each repaint, not with each wait: a margin that leaves no room to wait would last for ever. */
static void forget(struct pace *pace)
{
	pace->cost.ns -= pace->cost.ns / FORGET;
	pace->late.ns -= pace->late.ns / FORGET;
	pace->missed_ns -= pace->missed_ns / FORGET_MISS;
}

void pace_committed(struct output *output)
{
	struct pace *pace = &output->pace;
	if (!pace->begun_ns)
		return;
	forget(pace);
	measure(&pace->cost, clock_now_ns() - pace->begun_ns, output_period_ns(output) / 2);
	pace->begun_ns = 0;
	pace->measured = true;
}

/* Twice as much each time, up to where nobody waits any more. */
static void note_missed(struct output *output)
{
	struct pace *pace = &output->pace;
	const uint64_t period = output_period_ns(output), next = pace->missed_ns * 2;
	if (!pace->vblank_ns || pace->flip_ns <= pace->vblank_ns + period / 2)
		return;
	output->stats.waits_missed++;
	pace->missed_ns = next < SLACK_NS ? SLACK_NS : next < period / 2 ? next : period / 2;
}

/* False: it was asked already, or has answered. */
static bool ask(struct surface *surface, uint64_t refresh)
{
	if (surface->asked_in == refresh || surface->ahead)
		return false;
	surface->asked_in = refresh;
	return true;
}

void pace_flipped(struct output *output)
{
	struct pace *pace = &output->pace;
	const struct scene *scene = output->shown;
	unsigned n = 0;
	stop(pace);
	pace->waited = false;
	pace->flip_ns = output->flip_ns;
	pace->refresh = ++output->daemon->n_refreshes;
	note_missed(output);
	pace->vblank_ns = 0;
	for (uint32_t i = 0; i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		if (layer->asked && layer->surface)
			n += ask(subsurface_leader(layer->surface), pace->refresh);
	}
	pace->several = n > 1;
}
