/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "report/json.h"

/*
 * The trace as Chrome's about:tracing and Perfetto read it: a process for each client, a thread for
 * each surface, an instant for each event, and a bar from `wait` until what ended it. Times are in
 * microseconds.
 */

static uint64_t number(struct json_object *event, const char *key)
{
	return json_object_get_uint64(json_object_object_get(event, key));
}

static const char *kind_of(struct json_object *event)
{
	const char *kind = json_object_get_string(json_object_object_get(event, "kind"));
	return kind ? kind : "unknown";
}

static struct json_object *add_event(struct json_builder *builder, struct json_object *events,
	struct json_object *event, const char *phase)
{
	struct json_object *out = json_add_object(builder, events, NULL);
	json_add(builder, out, "ts", json_object_new_double((double)number(event, "ns") / 1000));
	json_add_string(builder, out, "ph", phase);
	json_add_number(builder, out, "pid", number(event, "pid"));
	json_add_number(builder, out, "tid", number(event, "surface"));
	json_add_string(builder, out, "cat", "waybuf");
	return out;
}

static void add_instant(
	struct json_builder *builder, struct json_object *events, struct json_object *event)
{
	struct json_object *out = add_event(builder, events, event, "i");
	json_add_string(builder, out, "name", kind_of(event));
	json_add_string(builder, out, "s", "t");
	struct json_object *args = json_add_object(builder, out, "args");
	json_add_number(builder, args, "buffer", number(event, "buffer"));
	json_add_number(builder, args, "point", number(event, "point"));
}

static bool is_same(struct json_object *a, struct json_object *b)
{
	return number(a, "pid") == number(b, "pid") &&
		number(a, "surface") == number(b, "surface") &&
		number(a, "buffer") == number(b, "buffer");
}

static bool ends_wait(struct json_object *event)
{
	const char *kind = kind_of(event);
	return strcmp(kind, "latch") == 0 || strcmp(kind, "discard") == 0;
}

/* What ends the wait that began with event @i; NULL if that is not in the trace any more. */
static struct json_object *find_end(struct json_object *objects, size_t i)
{
	struct json_object *wait = json_object_array_get_idx(objects, i);
	for (size_t n = json_object_array_length(objects); i < n; i++) {
		struct json_object *event = json_object_array_get_idx(objects, i);
		if (ends_wait(event) && is_same(event, wait))
			return event;
	}
	return NULL;
}

static void add_wait(struct json_builder *builder, struct json_object *events,
	struct json_object *wait, struct json_object *end)
{
	struct json_object *out = add_event(builder, events, wait, "X");
	json_add_string(builder, out, "name", "waits for its fences");
	json_add(builder, out, "dur",
		json_object_new_double((double)(number(end, "ns") - number(wait, "ns")) / 1000));
	struct json_object *args = json_add_object(builder, out, "args");
	json_add_number(builder, args, "buffer", number(wait, "buffer"));
	json_add_string(builder, args, "ended_by", kind_of(end));
}

static void add_all(
	struct json_builder *builder, struct json_object *events, struct json_object *objects)
{
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *event = json_object_array_get_idx(objects, i);
		const char *type = json_object_get_string(json_object_object_get(event, "type"));
		if (!type || strcmp(type, "event") != 0)
			continue;
		add_instant(builder, events, event);
		struct json_object *end =
			strcmp(kind_of(event), "wait") == 0 ? find_end(objects, i) : NULL;
		if (end)
			add_wait(builder, events, event, end);
	}
}

static uint64_t count_lost(struct json_object *objects)
{
	struct json_object *first = json_object_array_get_idx(objects, 0);
	return number(first, "lost");
}

struct json_object *ctl_trace_convert(struct json_object *document)
{
	struct json_object *objects = json_object_object_get(document, "objects");
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "displayTimeUnit", "ms");
	struct json_object *events = json_add_array(&builder, builder.root, "traceEvents");
	add_all(&builder, events, objects);
	struct json_object *other = json_add_object(&builder, builder.root, "otherData");
	json_add_number(&builder, other, "lost", count_lost(objects));
	return json_finish(&builder);
}

enum ctl_status ctl_trace(const char *display, unsigned seconds, const char *path)
{
	char argument[16];
	snprintf(argument, sizeof(argument), "%u", seconds);
	struct json_object *document = NULL;
	enum ctl_status status =
		ctl_collect_report(display, CTL_REPORT_TRACE, argument, seconds * 1000, &document);
	if (status != CTL_OK)
		return status;
	struct json_object *trace = ctl_trace_convert(document);
	json_object_put(document);
	if (!trace) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	bool to_stdout = strcmp(path, "-") == 0;
	int ret = to_stdout ? json_object_to_fd(1, trace, JSON_C_TO_STRING_PLAIN)
			    : json_object_to_file_ext(path, trace, JSON_C_TO_STRING_PLAIN);
	json_object_put(trace);
	if (ret < 0)
		ctl_error("%s cannot be written; is there room, and a folder?", path);
	return ret < 0 ? CTL_FAILED : CTL_OK;
}

/* A server of another kind or version may say neither. */
static void print_place(struct json_object *why)
{
	struct json_object *reason = json_object_object_get(why, "why");
	if (json_object_object_get(why, "plane"))
		printf("  shown on plane %u, without a copy\n", (unsigned)number(why, "plane"));
	else if (reason)
		printf("  composed: %s\n", json_object_get_string(reason));
}

enum ctl_status ctl_why(const char *display, const char *id, bool json)
{
	struct json_object *document = NULL;
	enum ctl_status status = ctl_collect_report(display, CTL_REPORT_WHY, id, 0, &document);
	if (status != CTL_OK)
		return status;
	struct json_object *objects = json_object_object_get(document, "objects");
	if (json)
		puts(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));
	for (size_t i = 0; !json && i < json_object_array_length(objects); i++) {
		struct json_object *why = json_object_array_get_idx(objects, i);
		const char *what = json_object_object_get(why, "buffer") ? "buffer" : "surface";
		printf("%s %u of process %u", what, (unsigned)number(why, what),
			(unsigned)number(why, "pid"));
		if (json_object_object_get(why, "shows"))
			printf(", shows buffer %u", (unsigned)number(why, "shows"));
		printf(": %s\n  owed by %s\n",
			json_object_get_string(json_object_object_get(why, "state")),
			json_object_get_string(json_object_object_get(why, "owed_by")));
		print_place(why);
	}
	json_object_put(document);
	return CTL_OK;
}
