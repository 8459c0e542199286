/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "card.h"
#include "content_type.h"
#include "daemon.h"
#include "info.h"
#include "output.h"
#include "power.h"
#include "report.h"
#include "report/info.h"
#include "report/json.h"

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

static void report_renderer(const struct daemon *daemon, struct waybuf_report *report)
{
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "renderer");
	json_add_string(&builder, builder.root, "name", render_name(daemon->renderer));
	if (render_device(daemon->renderer))
		json_add_string(&builder, builder.root, "device", render_device(daemon->renderer));
	if (render_lost(daemon->renderer))
		json_add_bool(&builder, builder.root, "lost", true);
	report_add(report, json_finish(&builder));
}

/* NULL: it shows what it should. */
static const char *why_dark(const struct output *output)
{
	static const char *const reasons[] = {
		[OUTPUT_LIT] = NULL,
		[OUTPUT_STUCK] = "a flip does not come",
		[OUTPUT_REFUSED] = "the display is somebody else's, or in trouble",
		[OUTPUT_PAUSED] = "the session is paused",
		[OUTPUT_UNPLUGGED] = "unplugged",
		[OUTPUT_GONE] = "the device is gone",
		[OUTPUT_OFF] = "it is switched off",
	};
	if (output->dark == OUTPUT_OFF && !(output->off & POWER_COMMAND))
		return "it is switched off, as there was no input";
	return reasons[output->dark];
}

/* As one would write it. */
static double scale_of(const struct output *output)
{
	return round(10000.0 * output->scale / GEOMETRY_SCALE_ONE) / 10000;
}

static void report_output(const struct output *output, struct waybuf_report *report)
{
	const struct output_stats *stats = &output->stats;
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "output");
	json_add_string(&builder, builder.root, "name", output->name);
	json_add_number(&builder, builder.root, "x", (uint64_t)output->x);
	json_add_number(&builder, builder.root, "y", (uint64_t)output->y);
	json_add_number(&builder, builder.root, "width", output->width);
	json_add_number(&builder, builder.root, "height", output->height);
	json_add_number(&builder, builder.root, "refresh_mhz", output->refresh_mhz);
	json_add(&builder, builder.root, "scale", json_object_new_double(scale_of(output)));
	if (why_dark(output))
		json_add_string(&builder, builder.root, "dark", why_dark(output));
	json_add_number(&builder, builder.root, "direct", stats->direct);
	json_add_number(&builder, builder.root, "copied", stats->copied);
	json_add_number(&builder, builder.root, "drawn_pixels", stats->drawn);
	json_add_number(&builder, builder.root, "last_drawn_pixels", output->drawn);
	json_add_number(&builder, builder.root, "captures", stats->captures);
	json_add_number(&builder, builder.root, "captures_direct", stats->captures_direct);
	json_add_number(&builder, builder.root, "refused", stats->refused);
	json_add_number(&builder, builder.root, "waits", stats->waits);
	json_add_number(&builder, builder.root, "waits_in_vain", stats->waits_in_vain);
	json_add_number(&builder, builder.root, "waits_missed", stats->waits_missed);
	json_add_number(&builder, builder.root, "margin_us", pace_margin_ns(output) / 1000);
	json_add_number(&builder, builder.root, "discarded", stats->discarded);
	json_add_number(&builder, builder.root, "commits", stats->commits);
	report_add(report, json_finish(&builder));
}

/* NULL, or what a renderer that has a GPU says against its buffer. */
static const char *read_by_cpu(const struct surface *surface)
{
	const struct frame *frame = surface->current.frame;
	return frame && frame->backing && !render_lost(surface->daemon->renderer)
		? render_import_refusal(frame->backing->import)
		: NULL;
}

void info_add_place(struct json_builder *builder, const struct surface *surface)
{
	char text[320];
	const char *detail = surface->copied_detail.text;
	const char *by_cpu = read_by_cpu(surface);
	if (surface->plane_id)
		json_add_number(builder, builder->root, "plane", surface->plane_id);
	if (!surface->copied_because)
		return;
	snprintf(text, sizeof(text), "%s%s%s%s%s", surface->copied_because, detail[0] ? ": " : "",
		detail, by_cpu ? "; the CPU reads it for the GPU: " : "", by_cpu ? by_cpu : "");
	json_add_string(builder, builder->root, "why", text);
}

static void report_surface(const struct surface *surface, struct waybuf_report *report)
{
	const char *content_type = content_type_name(surface->current.content_type);
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
	if (surface->output)
		json_add_string(&builder, builder.root, "output", surface->output->name);
	if (content_type)
		json_add_string(&builder, builder.root, "content_type", content_type);
	json_add_number(&builder, builder.root, "direct", surface->frames_direct);
	json_add_number(&builder, builder.root, "copied", surface->frames_copied);
	info_add_place(&builder, surface);
	report_add(report, json_finish(&builder));
}

void info_report(void *data, struct waybuf_report *report)
{
	const struct daemon *daemon = data;
	const struct output *output;
	const struct surface *surface;
	report_process(report);
	if (daemon->card)
		report_add(report, report_kms_device(daemon->card->kms));
	if (!wl_list_empty(&daemon->outputs))
		report_renderer(daemon, report);
	wl_list_for_each(output, &daemon->outputs, link)
		report_output(output, report);
	wl_list_for_each(surface, &daemon->surfaces, link)
		report_surface(surface, report);
}
