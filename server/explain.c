/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "core/format.h"
#include "core/usage.h"
#include "report.h"
#include "report/json.h"
#include "wl_buffer.h"

/*
 * What there is to say about a pool, as lines of a report. Clients read about their own pools, and
 * see others by their role; the monitor sees names.
 */

static void begin(struct json_builder *builder, const char *type, const struct server_pool *pool)
{
	json_begin(builder);
	json_add_string(builder, builder->root, "type", type);
	json_add_number(builder, builder->root, "pool", pool->id);
}

static void add_text_lines(
	struct json_builder *builder, struct json_object *array, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		if (length)
			json_add(builder, array, NULL,
				json_object_new_string_len(text, (int)length));
		text += length + (text[length] == '\n');
	}
}

typedef void (*print_func_t)(const void *what, FILE *out);

static void print_set(const void *what, FILE *out)
{
	waybuf_constraints_print(what, out);
}

static void print_explanation(const void *what, FILE *out)
{
	waybuf_explanation_print(what, out);
}

/* The lines that @print writes, as an array of strings under @key. */
static void add_printed(
	struct json_builder *builder, const char *key, print_func_t print, const void *what)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out) {
		builder->failed = true;
		return;
	}
	print(what, out);
	if (fclose(out) == 0 && text)
		add_text_lines(builder, json_add_array(builder, builder->root, key), text);
	else
		builder->failed = true;
	free(text);
}

/* The creator pays. */
static void report_pool(struct server_pool *pool, struct waybuf_report *report, bool all)
{
	struct json_builder builder;
	begin(&builder, "pool", pool);
	if (all && !wl_list_empty(&pool->members)) {
		const struct pool_member *payer = wl_container_of(pool->members.next, payer, link);
		json_add_number(&builder, builder.root, "client", payer->client->id);
	}
	json_add_string(&builder, builder.root, "name", pool->name);
	json_add_number(&builder, builder.root, "width", pool->width);
	json_add_number(&builder, builder.root, "height", pool->height);
	json_add_number(&builder, builder.root, "count", pool->count);
	json_add_number(
		&builder, builder.root, "members", (uint64_t)wl_list_length(&pool->members));
	report_add(report, json_finish(&builder));
}

static void report_attachment(const struct attachment *attachment, const struct server_pool *pool,
	struct waybuf_report *report, bool all)
{
	struct json_builder builder;
	begin(&builder, "attachment", pool);
	json_add_string(&builder, builder.root, "who", attachment->who);
	if (all)
		json_add_string(&builder, builder.root, "client", attachment->client->name);
	if (attachment->device)
		json_add_string(&builder, builder.root, "device", attachment->device->name);
	if (attachment->in_force)
		add_printed(&builder, "asks", print_set, attachment->in_force);
	if (attachment->own_set)
		add_printed(&builder, "needs", print_set, attachment->own_set);
	report_add(report, json_finish(&builder));
}

static void add_layout(struct json_builder *builder, const struct waybuf_layout *layout)
{
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	json_add_number(builder, builder->root, "generation", layout->generation);
	json_add_string(builder, builder->root, "exporter", layout->exporter);
	json_add_string(
		builder, builder->root, "format", waybuf_fourcc_string(layout->format, fourcc));
	json_add_string(builder, builder->root, "modifier",
		waybuf_modifier_string(layout->modifier, modifier));
}

/* Who is at it. */
static void add_use(struct json_builder *builder, const struct waybuf_buffer_usage *usage)
{
	json_add_string(builder, builder->root, "state", usage->state);
	json_add_number(builder, builder->root, "writers", usage->writers);
	json_add_number(builder, builder->root, "readers", usage->readers);
	json_add_number(builder, builder->root, "shown", usage->shown);
	json_add_number(builder, builder->root, "fences", usage->fences);
}

static void report_storage(struct server_pool *pool, uint32_t index, struct waybuf_report *report)
{
	struct waybuf_buffer *buffer = waybuf_pool_buffer(pool->core, index);
	const struct waybuf_layout *layout = waybuf_buffer_layout(buffer);
	struct waybuf_buffer_usage usage;
	struct json_builder builder;
	waybuf_buffer_get_usage(buffer, &usage);
	begin(&builder, "buffer", pool);
	json_add_number(&builder, builder.root, "index", index);
	json_add_number(&builder, builder.root, "bytes", waybuf_buffer_size(buffer));
	if (layout)
		add_layout(&builder, layout);
	add_use(&builder, &usage);
	report_add(report, json_finish(&builder));
}

static void report_brought(const struct server_client *client, const struct server_buffer *brought,
	const struct waybuf_buffer_usage *usage, struct waybuf_report *report)
{
	const struct waybuf_layout *layout = waybuf_binding_layout(&brought->binding);
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "brought");
	json_add_number(&builder, builder.root, "client", client->id);
	json_add_number(&builder, builder.root, "wl_buffer", wl_resource_get_id(brought->resource));
	json_add_number(&builder, builder.root, "width", layout->width);
	json_add_number(&builder, builder.root, "height", layout->height);
	add_layout(&builder, layout);
	add_use(&builder, usage);
	report_add(report, json_finish(&builder));
}

/* Memory that clients have brought along, by way of linux-dmabuf. */
void explain_brought(const struct server_client *client, struct waybuf_report *report)
{
	const struct server_buffer *brought;
	wl_list_for_each(brought, &client->buffers, link) {
		struct waybuf_buffer_usage usage;
		if (!brought->buffer || !brought->resource)
			continue;
		waybuf_buffer_get_usage(brought->buffer, &usage);
		if (usage.foreign)
			report_brought(client, brought, &usage, report);
	}
}

static void report_choice(struct server_pool *pool, struct waybuf_report *report)
{
	const struct waybuf_explanation *why;
	int ret = waybuf_pool_explain(pool->core, &why);
	struct json_builder builder;
	begin(&builder, "choice", pool);
	if (ret == 0) {
		json_add_string(&builder, builder.root, "reason", waybuf_reason_name(why->reason));
		add_printed(&builder, "text", print_explanation, why);
		waybuf_explanation_unref(why);
	} else {
		json_add_string(&builder, builder.root, "reason",
			waybuf_reason_name(server_reason(ret, NULL)));
	}
	report_add(report, json_finish(&builder));
}

static void report_buffers(struct server_pool *pool, struct waybuf_report *report, bool all)
{
	report_pool(pool, report, all);
	for (uint32_t i = 0; i < pool->count; i++)
		report_storage(pool, i, report);
}

void explain_top(struct server_pool *pool, struct waybuf_report *report)
{
	report_buffers(pool, report, true);
}

void explain_pool(struct server_pool *pool, struct waybuf_report *report, bool all)
{
	report_buffers(pool, report, all);
	struct pool_member *member;
	wl_list_for_each(member, &pool->members, link) {
		struct attachment *attachment;
		wl_list_for_each(attachment, &member->attachments, link) {
			if (!attachment->reason)
				report_attachment(attachment, pool, report, all);
		}
	}
	report_choice(pool, report);
}
