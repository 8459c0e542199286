/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "capture_v1.h"
#include "daemon.h"
#include "fence/impl.h"
#include "info.h"
#include "output.h"
#include "outputs.h"
#include "report.h"
#include "report/json.h"
#include "surface_state.h"

/* What a surface waits for, who has a buffer, and who has to do something about it. */

static const char by_switch[] = "whoever switches the output on";
static const char by_commit[] = "the client, by its next commit";
static const char by_flip[] = "the display, by its next flip";
static const char by_worker[] = "the server, whose worker reads it";

static bool frame_is(const struct frame *frame, uint32_t buffer)
{
	return frame && frame->who.buffer == buffer;
}

/* ---- surfaces -------------------------------------------------------------------------------- */

static bool concerns(const struct surface *surface, uint32_t id)
{
	const struct surface_part *part;
	wl_list_for_each(part, &surface->parts, link)
		if (frame_is(part->state.frame, id))
			return true;
	return wl_resource_get_id(surface->resource) == id || frame_is(surface->current.frame, id);
}

static bool is_active(struct waybuf_fence *fence)
{
	return fence && waybuf_fence_status(fence) == 0;
}

/* Of the commit that has waited longest: the client's own fence, or one that came with the memory. */
static const char *fence_debtor(const struct surface *surface)
{
	const struct surface_part *part;
	wl_list_for_each(part, &surface->parts, link) {
		if (!part->commit->sent)
			continue;
		if (is_active(part->fences.fence[0]))
			return "the client, whose work is not over or was never submitted";
		if (is_active(part->fences.fence[1]))
			return "whoever wrote the buffer last, or the copy that moves it";
	}
	return "the client, by the work of other surfaces in the same commit";
}

/* Who has to do something before the surface changes. */
static const char *debtor(const struct surface *surface, bool waits)
{
	if (waits)
		return fence_debtor(surface);
	if (surface_waits_for_parent(surface))
		return "the client, by the commit of a parent surface";
	if (surface->dirty && outputs_of(surface)->dark == OUTPUT_OFF)
		return by_switch;
	if (surface->dirty && surface->visible)
		return by_flip;
	return surface->current.frame ? by_commit : "nobody";
}

static void report_surface(const struct surface *surface, struct waybuf_report *report)
{
	char text[192];
	pid_t pid = 0;
	struct json_builder builder;
	const struct frame *shown = surface->current.frame;
	bool waits = waybuf_gate_queue_describe(surface->queue, text, sizeof(text));
	wl_client_get_credentials(wl_resource_get_client(surface->resource), &pid, NULL, NULL);
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "why");
	json_add_number(&builder, builder.root, "pid", (uint64_t)pid);
	json_add_number(&builder, builder.root, "surface", wl_resource_get_id(surface->resource));
	if (shown)
		json_add_number(&builder, builder.root, "shows", shown->who.buffer);
	if (!waits)
		snprintf(text, sizeof(text), "%s",
			surface_waits_for_parent(surface) ? "waits for the commit of its parent"
							  : "waits for no fence");
	json_add_string(&builder, builder.root, "state", text);
	json_add_string(&builder, builder.root, "owed_by", debtor(surface, waits));
	info_add_place(&builder, surface);
	report_add(report, json_finish(&builder));
}

/* ---- whoever has a buffer -------------------------------------------------------------------- */

static void report_reader(const struct frame *frame, struct waybuf_report *report,
	const char *state, const char *owed_by)
{
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "why");
	json_add_number(&builder, builder.root, "pid", (uint64_t)frame->who.client);
	json_add_number(&builder, builder.root, "buffer", frame->who.buffer);
	json_add_string(&builder, builder.root, "state", state);
	json_add_string(&builder, builder.root, "owed_by", owed_by);
	report_add(report, json_finish(&builder));
}

/* A frame stays on its plane until the client has something newer, and then until that is there. */
static const char *plane_debtor(const struct output *output, const struct scene_layer *layer)
{
	const struct surface *surface = layer->surface;
	bool newest = surface && surface->current.frame == layer->frame;
	if (newest && !output->pending)
		return by_commit;
	return output->dark == OUTPUT_OFF && !output->pending ? by_switch : by_flip;
}

static bool report_planes(const struct output *output, const struct scene *scene,
	struct waybuf_report *report, uint32_t id)
{
	bool found = false;
	for (uint32_t i = 0; scene && i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		char state[64];
		if (!layer->plane || !frame_is(layer->frame, id))
			continue;
		snprintf(state, sizeof(state), "is %s plane %u",
			scene == output->shown ? "shown on" : "on its way to", layer->plane->id);
		report_reader(layer->frame, report, state,
			scene == output->shown ? plane_debtor(output, layer) : by_flip);
		found = true;
	}
	return found;
}

static bool report_worker(
	const struct scene *scene, struct waybuf_report *report, const char *state, uint32_t id)
{
	bool found = false;
	for (uint32_t i = 0; scene && i < scene->n_layers; i++) {
		const struct frame *frame = scene->layers[i].frame;
		if (!frame_is(frame, id))
			continue;
		report_reader(frame, report, state, by_worker);
		found = true;
	}
	return found;
}

static bool report_captures(const struct output *output, struct waybuf_report *report, uint32_t id)
{
	const struct capture_copy *copy;
	bool found = false;
	if (!output->capture)
		return false;
	wl_list_for_each(copy, &output->capture->copies, link)
		found |= report_worker(copy->scene, report, "is copied for a screenshot", id);
	return found;
}

static bool report_readers(const struct output *output, struct waybuf_report *report, uint32_t id)
{
	bool found = report_planes(output, output->shown, report, id);
	found |= report_planes(output, output->pending, report, id);
	if (output->composing)
		found |= report_worker(output->compose.scene, report, "is being composed", id);
	return report_captures(output, report, id) || found;
}

bool info_why(void *data, struct waybuf_report *report, uint32_t id)
{
	const struct daemon *daemon = data;
	const struct surface *surface;
	bool found = false;
	wl_list_for_each(surface, &daemon->surfaces, link) {
		if (!concerns(surface, id))
			continue;
		report_surface(surface, report);
		found = true;
	}
	const struct output *output;
	wl_list_for_each(output, &daemon->outputs, link)
		found |= report_readers(output, report, id);
	wl_list_for_each(output, &daemon->retired, link)
		found |= report_readers(output, report, id);
	return found;
}
