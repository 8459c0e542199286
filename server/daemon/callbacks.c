/* SPDX-License-Identifier: MIT */

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "presentation.h"
#include "util/clock.h"

/*
 * Frame callbacks are answered by the flip that shows a surface. Where none is coming they are
 * answered by time, so that no client hangs: after one refresh if the surface is visible but did
 * not change, or its scene failed; after a second if it is hidden, or the output is dark, which is
 * slow enough to cost nothing and fast enough not to look dead. While it is switched off, which may be
 * for a night, they wait: a client that draws for nobody is what to switch it off is to save.
 */
#define HIDDEN_MS 1000

static uint32_t now_ms(void)
{
	return (uint32_t)clock_now_ms();
}

static void answer_surface(const struct output *output, struct surface *surface, uint32_t now)
{
	surface_send_callbacks(&surface->current.callbacks, now);
	if (output->dark)
		presentation_discard(&surface->current.feedbacks);
}

static void answer(struct output *output, bool visible)
{
	uint32_t now = now_ms();
	struct surface *surface;
	/* a dirty one has a flip coming, if there are flips */
	wl_list_for_each(surface, &output->daemon->surfaces, link) {
		if (outputs_of(surface) != output)
			continue;
		if (output->dark || (surface->visible == visible && !(visible && surface->dirty)))
			answer_surface(output, surface, now);
	}
}

static void handle_tick(void *data)
{
	struct output *output = data;
	output->tick_armed = false;
	if (output->dark == OUTPUT_OFF)
		return;
	surface_send_callbacks(&output->orphans, now_ms());
	answer(output, true);
}

static void handle_hidden(void *data)
{
	struct output *output = data;
	output->hidden_armed = false;
	if (output->dark == OUTPUT_OFF)
		return;
	answer(output, false);
}

int callbacks_init(struct output *output)
{
	int error = 0;
	wl_list_init(&output->orphans);
	output->tick = waybuf_loop_add_timer(output->daemon->loop, handle_tick, output, &error);
	if (output->tick)
		output->hidden =
			waybuf_loop_add_timer(output->daemon->loop, handle_hidden, output, &error);
	return output->hidden ? 0 : error;
}

void callbacks_finish(struct output *output)
{
	waybuf_source_remove(output->tick);
	waybuf_source_remove(output->hidden);
}

static void arm_tick(struct output *output)
{
	if (output->dark == OUTPUT_OFF)
		return;
	uint32_t ms = output->dark ? HIDDEN_MS : (output_period_ns(output) + 999999) / 1000000;
	if (!output->tick_armed)
		output->tick_armed = waybuf_source_arm(output->tick, ms ? ms : 1) == 0;
}

void callbacks_arm(struct output *output, const struct surface *surface)
{
	if (wl_list_empty(&surface->current.callbacks) || output->dark == OUTPUT_OFF)
		return;
	if (surface->visible && !output->dark)
		arm_tick(output);
	else if (!output->hidden_armed)
		output->hidden_armed = waybuf_source_arm(output->hidden, HIDDEN_MS) == 0;
}

void callbacks_adopt(struct output *output, struct wl_list *callbacks)
{
	/* one that is about to go answers nobody */
	if (output->retired)
		output = outputs_first(output->daemon);
	wl_list_insert_list(output->orphans.prev, callbacks);
	wl_list_init(callbacks);
	if (!wl_list_empty(&output->orphans))
		arm_tick(output);
}

void callbacks_wake(struct output *output)
{
	const struct surface *surface;
	if (!wl_list_empty(&output->orphans))
		arm_tick(output);
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (outputs_of(surface) == output)
			callbacks_arm(output, surface);
}
