/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* The explain report for people: what a pool is made of, who asked for what, why this and not that. */

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static const char *string(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

#define COLUMNS 80
#define INDENT 4

/* Words, indented, and more so where the line is broken. */
static void print_words(const char *text, FILE *out)
{
	size_t column = (size_t)fprintf(out, "%*s", INDENT - 1, "");
	while (*text) {
		char word[256];
		size_t length = strcspn(text, " ");
		snprintf(word, sizeof(word), "%.*s", (int)length, text);
		if (column >= INDENT && column + 1 + length > COLUMNS)
			column = (size_t)fprintf(out, "\n%*s", INDENT + 1, "") - 1;
		fputc(' ', out);
		ctl_print_clean(out, word);
		column += 1 + length;
		text += length + (text[length] == ' ');
	}
	fputc('\n', out);
}

static void print_lines(struct json_object *object, const char *key, FILE *out)
{
	struct json_object *lines = json_object_object_get(object, key);
	if (!json_object_is_type(lines, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(lines); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(lines, i));
		print_words(text ? text : "", out);
	}
}

static void print_text(FILE *out, const char *text)
{
	ctl_print_clean(out, text ? text : "?");
}

static void print_pool(struct json_object *pool, FILE *out)
{
	fprintf(out, "pool %" PRIu64, number(pool, "pool"));
	if (string(pool, "name")) {
		fputs(" \"", out);
		print_text(out, string(pool, "name"));
		fputc('"', out);
	}
	uint64_t count = number(pool, "count"), members = number(pool, "members");
	fprintf(out, ": %" PRIu64 " image%s of %" PRIu64 "x%" PRIu64 ", %" PRIu64 " member%s\n",
		count, count == 1 ? "" : "s", number(pool, "width"), number(pool, "height"),
		members, members == 1 ? "" : "s");
}

static void print_buffer(struct json_object *buffer, FILE *out)
{
	char size[16];
	fprintf(out, "  buffer %" PRIu64 ".%" PRIu64 ": ", number(buffer, "pool"),
		number(buffer, "index"));
	if (!string(buffer, "exporter")) {
		fputs("declared, no memory\n", out);
		return;
	}
	ctl_format_bytes(number(buffer, "bytes"), size);
	print_text(out, string(buffer, "format"));
	fputc(' ', out);
	print_text(out, string(buffer, "modifier"));
	fprintf(out, ", %s of ", size);
	print_text(out, string(buffer, "exporter"));
	fprintf(out, ", generation %" PRIu64 ", ", number(buffer, "generation"));
	print_text(out, string(buffer, "state"));
	if (number(buffer, "shown"))
		fputs(", shown", out);
	if (number(buffer, "fences"))
		fprintf(out, ", %" PRIu64 " fences pending", number(buffer, "fences"));
	fputc('\n', out);
}

static void print_attachment(struct json_object *attachment, FILE *out)
{
	fputs("  ", out);
	print_text(out, string(attachment, "who"));
	if (string(attachment, "client")) {
		fputs(" of ", out);
		print_text(out, string(attachment, "client"));
	}
	if (string(attachment, "device")) {
		fputs(" with device ", out);
		print_text(out, string(attachment, "device"));
	}
	fputs(" asks for\n", out);
	print_lines(attachment, "asks", out);
	if (json_object_object_get(attachment, "needs")) {
		fputs("    and its device\n", out);
		print_lines(attachment, "needs", out);
	}
}

static void print_choice(struct json_object *choice, FILE *out)
{
	const char *reason = string(choice, "reason");
	bool chosen = reason && strcmp(reason, "none") == 0;
	fputs(chosen ? "  therefore\n" : "  and so it cannot be met\n", out);
	print_lines(choice, "text", out);
}

static bool is_type(struct json_object *object, const char *type)
{
	const char *its = string(object, "type");
	return its && strcmp(its, type) == 0;
}

static bool has_buffer(struct json_object *objects, int64_t index)
{
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		if (is_type(object, "buffer") && number(object, "index") == (uint64_t)index)
			return true;
	}
	return false;
}

static void print_object(struct json_object *object, FILE *out)
{
	if (is_type(object, "pool"))
		print_pool(object, out);
	else if (is_type(object, "buffer"))
		print_buffer(object, out);
	else if (is_type(object, "attachment"))
		print_attachment(object, out);
	else if (is_type(object, "choice"))
		print_choice(object, out);
}

bool ctl_print_explain(struct json_object *document, int64_t index, FILE *out)
{
	struct json_object *objects = json_object_object_get(document, "objects");
	if (index >= 0 && !has_buffer(objects, index))
		return false;
	for (size_t i = 0; i < json_object_array_length(objects); i++) {
		struct json_object *object = json_object_array_get_idx(objects, i);
		bool other = index >= 0 && is_type(object, "buffer") &&
			number(object, "index") != (uint64_t)index;
		if (!other)
			print_object(object, out);
	}
	return true;
}

/* "3" or "3.1". */
static bool parse(const char *id, char pool[16], int64_t *index)
{
	size_t length = strspn(id, "0123456789");
	char *end;
	*index = -1;
	if (length == 0 || length > 10 || (id[length] && id[length] != '.'))
		return false;
	snprintf(pool, 16, "%.*s", (int)length, id);
	if (!id[length])
		return true;
	errno = 0;
	*index = strtol(id + length + 1, &end, 10);
	return id[length + 1] >= '0' && id[length + 1] <= '9' && !*end && !errno;
}

enum ctl_status ctl_explain(const char *display, const char *id, bool json)
{
	char pool[16];
	int64_t index;
	if (!parse(id, pool, &index)) {
		ctl_error("'%s' is neither a pool (3) nor a buffer (3.0); waybufctl top --buffers "
			  "lists them",
			id);
		return CTL_USAGE;
	}
	struct json_object *document = NULL;
	enum ctl_status status =
		ctl_collect_report(display, CTL_REPORT_EXPLAIN, pool, 0, &document);
	if (status != CTL_OK)
		return status;
	if (json)
		puts(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));
	else if (!ctl_print_explain(document, index, stdout)) {
		ctl_error("pool %s has no buffer %" PRId64, pool, index);
		status = CTL_FAILED;
	}
	json_object_put(document);
	return status;
}
