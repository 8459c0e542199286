/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "info.h"
#include "output.h"
#include "report.h"
#include "report/info.h"
#include "report/json.h"
#include "surface_state.h"

/* What the server itself costs: two reports, a while apart, give its CPU time per frame. */
static void report_process(struct waybuf_report *report)
{
	struct timespec cpu = {0};
	struct json_builder builder;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "process");
	json_add_number(&builder, builder.root, "pid", (uint64_t)getpid());
	json_add_number(&builder, builder.root, "cpu_us",
		(uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000);
	report_add(report, json_finish(&builder));
}

static void report_output(const struct daemon *daemon, struct waybuf_report *report)
{
	const struct output *output = daemon->output;
	const struct daemon_stats *stats = &daemon->stats;
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "output");
	json_add_string(&builder, builder.root, "name", output->connector->name);
	json_add_number(&builder, builder.root, "width", output->width);
	json_add_number(&builder, builder.root, "height", output->height);
	json_add_number(&builder, builder.root, "refresh_mhz", output->refresh_mhz);
	json_add_number(&builder, builder.root, "direct", stats->direct);
	json_add_number(&builder, builder.root, "copied", stats->copied);
	json_add_number(&builder, builder.root, "refused", stats->refused);
	json_add_number(&builder, builder.root, "discarded", stats->discarded);
	json_add_number(&builder, builder.root, "commits", stats->commits);
	report_add(report, json_finish(&builder));
}

/* Where its last frame was shown; neither: nowhere so far. */
static void add_place(struct json_builder *builder, const struct surface *surface)
{
	char text[256];
	const char *detail = surface->copied_detail.text;
	if (surface->plane_id)
		json_add_number(builder, builder->root, "plane", surface->plane_id);
	if (!surface->copied_because)
		return;
	snprintf(text, sizeof(text), "%s%s%s", surface->copied_because, detail[0] ? ": " : "",
		detail);
	json_add_string(builder, builder->root, "why", text);
}

static void report_surface(const struct surface *surface, struct waybuf_report *report)
{
	pid_t pid = 0;
	struct json_builder builder;
	wl_client_get_credentials(wl_resource_get_client(surface->resource), &pid, NULL, NULL);
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "surface");
	json_add_number(&builder, builder.root, "pid", (uint64_t)pid);
	json_add_number(&builder, builder.root, "id", wl_resource_get_id(surface->resource));
	json_add_number(&builder, builder.root, "width", surface->width);
	json_add_number(&builder, builder.root, "height", surface->height);
	json_add_bool(&builder, builder.root, "visible", surface->visible);
	json_add_number(&builder, builder.root, "direct", surface->frames_direct);
	json_add_number(&builder, builder.root, "copied", surface->frames_copied);
	add_place(&builder, surface);
	report_add(report, json_finish(&builder));
}

void info_report(void *data, struct waybuf_report *report)
{
	const struct daemon *daemon = data;
	const struct surface *surface;
	report_process(report);
	if (!daemon->output)
		return;
	report_add(report, report_kms_device(daemon->output->kms));
	report_output(daemon, report);
	wl_list_for_each(surface, &daemon->surfaces, link)
		report_surface(surface, report);
}

static bool frame_is(const struct frame *frame, uint32_t buffer)
{
	return frame && frame->who.buffer == buffer;
}

static bool concerns(const struct surface *surface, uint32_t id)
{
	const struct surface_part *part;
	wl_list_for_each(part, &surface->parts, link)
		if (frame_is(part->state.frame, id))
			return true;
	return wl_resource_get_id(surface->resource) == id || frame_is(surface->current.frame, id);
}

/* Who has to do something before the surface changes. */
static const char *debtor(const struct surface *surface, bool waits)
{
	if (waits)
		return "the client, whose work is not over or was never submitted";
	if (surface_waits_for_parent(surface))
		return "the client, by the commit of a parent surface";
	if (surface->dirty && surface->visible)
		return "the display, by its next flip";
	return surface->current.frame ? "the client, by its next commit" : "nobody";
}

static void report_why(const struct surface *surface, struct waybuf_report *report)
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
	add_place(&builder, surface);
	report_add(report, json_finish(&builder));
}

bool info_why(void *data, struct waybuf_report *report, uint32_t id)
{
	const struct daemon *daemon = data;
	const struct surface *surface;
	bool found = false;
	wl_list_for_each(surface, &daemon->surfaces, link) {
		if (!concerns(surface, id))
			continue;
		report_why(surface, report);
		found = true;
	}
	return found;
}
