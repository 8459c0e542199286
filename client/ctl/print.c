/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/*
 * Text from the document alone, never from the machine. The document may come from a server of
 * another version: a key that is missing is not printed, and an object of a type that is not known
 * is printed key by key.
 */

#define COLUMNS 80
#define LABEL 12

/* ---- lines --------------------------------------------------------------------------------- */

/* A labelled line that is continued, indented, where it would become too long. */
struct line {
	FILE *out;
	size_t column;
	bool empty; /* no word since the last line break */
};

static void begin_line(struct line *line, FILE *out, const char *label)
{
	*line = (struct line){.out = out, .empty = true};
	line->column = (size_t)fprintf(out, "  %-*s ", LABEL, label);
}

static void break_line(struct line *line)
{
	fprintf(line->out, "\n  %-*s ", LABEL, "");
	line->column = LABEL + 3;
	line->empty = true;
}

void ctl_print_clean(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static void add_word(struct line *line, const char *word)
{
	size_t length = strlen(word);
	if (!line->empty && line->column + 1 + length > COLUMNS)
		break_line(line);
	if (!line->empty) {
		fputc(' ', line->out);
		line->column++;
	}
	ctl_print_clean(line->out, word);
	line->column += length;
	line->empty = false;
}

/* Words of a text that may be broken between them. */
__attribute__((format(printf, 2, 3))) static void add_text(
	struct line *line, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	char *rest = text, *word;
	while ((word = strsep(&rest, " "))) {
		if (word[0])
			add_word(line, word);
	}
}

static void end_line(struct line *line)
{
	fputc('\n', line->out);
}

/* ---- reading the document ------------------------------------------------------------------ */

static const char *get_string(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* As above, for printing. */
static const char *get_text(struct json_object *object, const char *key)
{
	const char *text = get_string(object, key);
	return text ? text : "?";
}

static uint64_t get_number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static bool get_bool(struct json_object *object, const char *key)
{
	return json_object_get_boolean(json_object_object_get(object, key));
}

static size_t get_length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static struct json_object *get_element(struct json_object *object, const char *key, size_t index)
{
	struct json_object *array = json_object_object_get(object, key);
	return index < get_length(array) ? json_object_array_get_idx(array, index) : NULL;
}

/* A simple value; json-c has no object, and so no text, for a null. */
static const char *get_word(struct json_object *value)
{
	const char *text = json_object_get_string(value);
	return text ? text : "null";
}

/* All elements of the array @key as words. */
static void add_list(struct line *line, struct json_object *object, const char *key)
{
	struct json_object *array = json_object_object_get(object, key);
	for (size_t i = 0; i < get_length(array); i++)
		add_word(line, get_word(json_object_array_get_idx(array, i)));
}

/* ---- exporters ----------------------------------------------------------------------------- */

static void print_exporter(struct json_object *object, FILE *out)
{
	struct line line;
	begin_line(&line, out, get_text(object, "name"));
	if (!get_bool(object, "works")) {
		add_text(&line, "not here: %s", get_text(object, "why"));
		end_line(&line);
		return;
	}
	add_text(&line, "%s,", get_bool(object, "dmabuf") ? "dma-buf" : "shared memory");
	if (get_bool(object, "contiguous"))
		add_text(&line, "contiguous,");
	if (get_bool(object, "cpu"))
		add_text(&line, "CPU caching %s,", get_text(object, "cache"));
	else
		add_text(&line, "not for the CPU,");
	add_text(&line, "cost %" PRIu64, get_number(object, "cost"));
	size_t n_pairs = get_length(json_object_object_get(object, "pairs"));
	if (n_pairs)
		add_text(&line, "(%zu pairs of format and modifier)", n_pairs);
	end_line(&line);
}

/* ---- devices ------------------------------------------------------------------------------- */

/* "LINEAR: XR24 AR24 ...", a line for each group. */
static void add_formats(struct line *line, struct json_object *object)
{
	struct json_object *groups = json_object_object_get(object, "formats");
	for (size_t i = 0; i < get_length(groups); i++) {
		struct json_object *group = json_object_array_get_idx(groups, i);
		break_line(line);
		add_list(line, group, "modifiers");
		add_word(line, "with");
		add_list(line, group, "formats");
	}
}

static void add_crtcs(struct line *line, struct json_object *object)
{
	add_word(line, get_length(json_object_object_get(object, "crtcs")) == 1 ? "crtc" : "crtcs");
	add_list(line, object, "crtcs");
}

/* Before a compositor has run nobody has asked the hardware what is plugged in. */
static const char *connector_state(struct json_object *object)
{
	if (get_bool(object, "writeback"))
		return "captures";
	if (!json_object_object_get_ex(object, "connected", NULL))
		return "not probed yet";
	return get_bool(object, "connected") ? "connected" : "empty";
}

static void print_connector(struct json_object *object, FILE *out)
{
	struct line line;
	begin_line(&line, out, "connector");
	add_word(&line, get_text(object, "name"));
	struct json_object *modes = json_object_object_get(object, "modes");
	struct json_object *mode = get_element(object, "modes", 0);
	add_text(&line, "%s,", connector_state(object));
	if (mode) {
		uint64_t refresh = get_number(mode, "refresh_mhz");
		add_text(&line,
			"%" PRIu64 "x%" PRIu64 " at %" PRIu64 ".%02" PRIu64 " Hz, %zu modes,",
			get_number(mode, "width"), get_number(mode, "height"), refresh / 1000,
			refresh % 1000 / 10, get_length(modes));
	}
	add_crtcs(&line, object);
	if (get_bool(object, "writeback"))
		add_formats(&line, object);
	end_line(&line);
}

/* Planes that differ in their id only share an entry: vkms has eight alike, and others more. */
static bool same_plane(struct json_object *a, struct json_object *b)
{
	static const char *const keys[] = {"kind", "crtcs", "props", "formats", "implicit"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!json_object_equal(
			    json_object_object_get(a, keys[i]), json_object_object_get(b, keys[i])))
			return false;
	}
	return true;
}

static void print_plane(struct json_object *planes, size_t first, FILE *out)
{
	struct json_object *object = json_object_array_get_idx(planes, first);
	struct line line;
	begin_line(&line, out, "plane");
	add_text(&line, "%s, id", get_text(object, "kind"));
	for (size_t i = first; i < get_length(planes); i++) {
		struct json_object *other = json_object_array_get_idx(planes, i);
		if (same_plane(object, other))
			add_text(&line, "%" PRIu64, get_number(other, "id"));
	}
	add_word(&line, "on");
	add_crtcs(&line, object);
	if (get_length(json_object_object_get(object, "props"))) {
		add_word(&line, "with");
		add_list(&line, object, "props");
	}
	add_formats(&line, object);
	end_line(&line);
}

static void print_planes(struct json_object *planes, FILE *out)
{
	for (size_t i = 0; i < get_length(planes); i++) {
		bool printed = false;
		for (size_t j = 0; j < i && !printed; j++)
			printed = same_plane(json_object_array_get_idx(planes, i),
				json_object_array_get_idx(planes, j));
		if (!printed)
			print_plane(planes, i, out);
	}
}

static void print_size(struct json_object *device, FILE *out)
{
	struct line line;
	begin_line(&line, out, "size");
	static const char *const keys[] = {"min_size", "max_size", "cursor"};
	static const char *const words[] = {"from", "to", "cursor"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		add_text(&line, "%s %" PRIu64 "x%" PRIu64, words[i],
			json_object_get_uint64(get_element(device, keys[i], 0)),
			json_object_get_uint64(get_element(device, keys[i], 1)));
	}
	end_line(&line);
}

static void print_list(struct json_object *object, const char *key, const char *label, FILE *out)
{
	struct line line;
	begin_line(&line, out, label);
	add_list(&line, object, key);
	end_line(&line);
}

static void print_device(struct json_object *device, FILE *out)
{
	const char *path = get_text(device, "path"), *why = get_string(device, "why");
	fputs("\ndevice ", out);
	/* A reason that names the device needs no second name before it. */
	if (!why || strncmp(why, path, strlen(path)) != 0)
		fprintf(out, "%s: ", path);
	if (why) {
		ctl_print_clean(out, why);
		fputc('\n', out);
		return;
	}
	ctl_print_clean(out, get_text(device, "driver"));
	fputc(' ', out);
	ctl_print_clean(out, get_text(device, "version"));
	fputc('\n', out);
	print_list(device, "caps", "caps", out);
	print_size(device, out);
	struct json_object *connectors = json_object_object_get(device, "connectors");
	for (size_t i = 0; i < get_length(connectors); i++)
		print_connector(json_object_array_get_idx(connectors, i), out);
	print_planes(json_object_object_get(device, "planes"), out);
}

/* ---- the rest ------------------------------------------------------------------------------ */

/* A value of whatever kind. A list of simple ones is printed word by word. */
static void add_value(struct line *line, struct json_object *value)
{
	for (size_t i = 0; i < get_length(value); i++) {
		struct json_object *element = json_object_array_get_idx(value, i);
		if (json_object_is_type(element, json_type_object) ||
			json_object_is_type(element, json_type_array))
			add_text(line, "%s",
				json_object_to_json_string_ext(
					element, JSON_C_TO_STRING_NOSLASHESCAPE));
		else
			add_text(line, "%s", get_word(element));
	}
	if (json_object_is_type(value, json_type_string))
		add_text(line, "%s", get_word(value));
	else if (!json_object_is_type(value, json_type_array))
		add_text(line, "%s",
			json_object_to_json_string_ext(
				value, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static bool ends_in(const char *key, const char *unit)
{
	size_t length = strlen(key), tail = strlen(unit);
	return length > tail && strcmp(key + length - tail, unit) == 0;
}

/* A number whose key ends in its unit, as people write it. */
static bool print_quantity(struct json_object *value, const char *key, FILE *out)
{
	static const struct {
		const char *ending, *unit;
		double scale;
	} units[] = {{"_us", " s", 1e6}, {"_ns", " ms", 1e6}, {"_mhz", " Hz", 1e3}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!json_object_is_type(value, json_type_int) || !ends_in(key, units[i].ending))
			continue;
		char name[32];
		struct line line;
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(key) - strlen(units[i].ending)),
			key);
		begin_line(&line, out, name);
		add_text(&line, "%.3f%s", json_object_get_double(value) / units[i].scale,
			units[i].unit);
		end_line(&line);
		return true;
	}
	return false;
}

static void print_value(FILE *out, const char *label, uint64_t value, const uint64_t *most)
{
	struct line line;
	begin_line(&line, out, label);
	add_text(&line, "%" PRIu64, value);
	if (most)
		add_text(&line, "of %" PRIu64, *most);
	end_line(&line);
}

/* What all connections of a user, or of a sandbox, hold together. */
static void print_group(struct json_object *group, FILE *out)
{
	struct json_object *used = json_object_object_get(group, "used");
	struct json_object *limit = json_object_object_get(group, "limit");
	fputs("\ngroup ", out);
	ctl_print_clean(out, get_text(group, "name"));
	fputc('\n', out);
	print_value(out, "clients", get_number(group, "clients"), NULL);
	if (!json_object_is_type(used, json_type_object))
		return;
	json_object_object_foreach(used, key, value)
	{
		uint64_t most = get_number(limit, key);
		if (json_object_get_uint64(value))
			print_value(out, key, json_object_get_uint64(value), &most);
	}
}

/* An object that this version does not know. */
static void print_other(struct json_object *object, FILE *out)
{
	fputc('\n', out);
	ctl_print_clean(out, get_text(object, "type"));
	fputc('\n', out);
	json_object_object_foreach(object, key, value)
	{
		if (strcmp(key, "type") == 0 || print_quantity(value, key, out))
			continue;
		struct line line;
		begin_line(&line, out, key);
		add_value(&line, value);
		end_line(&line);
	}
}

/* Prints all objects of @type with @print; with a NULL @type those that nobody else prints. */
static void print_all(struct json_object *objects, const char *type,
	void (*print)(struct json_object *object, FILE *out), FILE *out)
{
	for (size_t i = 0; i < get_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		const char *its = get_text(object, "type");
		bool known = strcmp(its, "exporter") == 0 || strcmp(its, "device") == 0 ||
			strcmp(its, "group") == 0;
		if (!json_object_is_type(object, json_type_object))
			continue;
		if (type ? strcmp(its, type) == 0 : !known)
			print(object, out);
	}
}

static bool has_type(struct json_object *objects, const char *type)
{
	for (size_t i = 0; i < get_length(objects); i++) {
		if (strcmp(get_text(json_object_array_get_idx(objects, i), "type"), type) == 0)
			return true;
	}
	return false;
}

void ctl_print_info(struct json_object *document, FILE *out)
{
	fputs("waybuf ", out);
	ctl_print_clean(out, get_text(document, "version"));
	fputs(", as seen by ", out);
	ctl_print_clean(out, get_text(document, "source"));
	const char *note = get_string(document, "note");
	if (note) {
		fputs("\n(", out);
		ctl_print_clean(out, note);
		fputc(')', out);
	}
	fputs("\n\nexporters\n", out);
	struct json_object *objects = json_object_object_get(document, "objects");
	print_all(objects, "exporter", print_exporter, out);
	print_all(objects, "device", print_device, out);
	if (!has_type(objects, "device"))
		fprintf(out, "\nno display controller: %s\n",
			get_bool(document, "local") ? "/dev/dri has no node that can be opened"
						    : "the server runs without one");
	print_all(objects, "group", print_group, out);
	print_all(objects, NULL, print_other, out);
}
