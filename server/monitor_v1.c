/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "allocator.h"
#include "core/account.h"
#include "core/manager.h"
#include "dmabuf.h"
#include "group.h"
#include "monitor.h"
#include "report.h"
#include "report/info.h"
#include "report/json.h"
#include "syncobj.h"
#include "trace_report.h"
#include "util/clock.h"

/*
 * waybuf_monitor_v1: what the server knows, for tools. The registry filter of the host hides it
 * from those whom it does not concern; whoever binds it all the same gets reports that all fail.
 *
 * Reports are made at once, but for traces, so that only of these a second one could be under way.
 * What is commanded is answered at once, too.
 */
#define MONITOR_VERSION 2

struct waybuf_server_monitor {
	struct waybuf_server *server;
	struct wl_global *global;
	struct waybuf_server_monitor_options options;
	struct wl_list resources;
};

bool monitor_owns(const struct waybuf_server_monitor *monitor, const struct wl_global *global)
{
	return monitor && monitor->global == global;
}

/* ---- accounts ------------------------------------------------------------------------------ */

static const char *const resource_names[WAYBUF_RESOURCE_COUNT] = {
	[WAYBUF_RESOURCE_KIB] = "kib",
	[WAYBUF_RESOURCE_BUFFERS] = "buffers",
	[WAYBUF_RESOURCE_FDS] = "fds",
	[WAYBUF_RESOURCE_POOLS] = "pools",
	[WAYBUF_RESOURCE_ATTACHMENTS] = "attachments",
	[WAYBUF_RESOURCE_MAPS] = "maps",
	[WAYBUF_RESOURCE_POINTS] = "points",
};

static void add_account(struct json_builder *builder, const struct waybuf_account *account)
{
	struct json_object *used = json_add_object(builder, builder->root, "used");
	struct json_object *limit = json_add_object(builder, builder->root, "limit");
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++) {
		enum waybuf_resource what = (enum waybuf_resource)i;
		json_add_number(
			builder, used, resource_names[i], waybuf_account_used(account, what));
		json_add_number(
			builder, limit, resource_names[i], waybuf_account_limit(account, what));
	}
	struct json_object *kept = json_add_object(builder, builder->root, "kept");
	json_add_number(builder, kept, "kib", account->kept_bytes / 1024);
	json_add_number(builder, kept, "memories", account->kept_count);
}

/* Connections that could be one program, and what they hold together. */
static void report_groups(const struct waybuf_server *server, struct waybuf_report *report)
{
	const struct server_group *group;
	wl_list_for_each(group, &server->groups, link) {
		struct json_builder builder;
		json_begin(&builder);
		json_add_string(&builder, builder.root, "type", "group");
		json_add_string(
			&builder, builder.root, "name", waybuf_account_name(group->account));
		json_add_number(
			&builder, builder.root, "clients", server_group_count(server, group));
		add_account(&builder, group->account);
		report_add(report, json_finish(&builder));
	}
}

/* ---- info ---------------------------------------------------------------------------------- */

static void report_exporters_of(struct waybuf_server *server, struct waybuf_report *report)
{
	struct json_object *exporters = report_exporters(server->manager, server->drm_fd);
	if (!exporters) {
		report_add(report, NULL);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(exporters); i++)
		report_add(report, json_object_get(json_object_array_get_idx(exporters, i)));
	json_object_put(exporters);
}

static void report_device(const struct server_device *device, struct waybuf_report *report)
{
	static const char *const kinds[] = {"kms", "render", "codec", "other"};
	char dev[32];
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "attachable");
	json_add_number(&builder, builder.root, "id", device->base.id);
	json_add_string(&builder, builder.root, "kind", kinds[device->base.kind & 3]);
	json_add_string(&builder, builder.root, "name", device->name);
	if (device->has_dev) {
		snprintf(dev, sizeof(dev), "%u:%u", major(device->base.devnum),
			minor(device->base.devnum));
		json_add_string(&builder, builder.root, "dev", dev);
	}
	report_add(report, json_finish(&builder));
}

/* Memory between two owners that are the same. */
static void report_recycling(const struct waybuf_manager *manager, struct waybuf_report *report)
{
	const struct waybuf_recycler *recycler = &manager->recycler;
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "recycling");
	json_add_number(&builder, builder.root, "kib", recycler->bytes / 1024);
	json_add_number(&builder, builder.root, "memories", recycler->count);
	json_add_number(&builder, builder.root, "reused", recycler->reused);
	json_add_number(&builder, builder.root, "cleared", recycler->cleaned);
	json_add_number(&builder, builder.root, "dropped", recycler->dropped);
	report_add(report, json_finish(&builder));
}

static void report_info(struct waybuf_server_monitor *monitor, struct waybuf_report *report)
{
	struct waybuf_server *server = monitor->server;
	report_exporters_of(server, report);
	struct server_device *device;
	wl_list_for_each(device, &server->devices, link)
		report_device(device, report);
	report_recycling(server->manager, report);
	report_groups(server, report);
	if (server->dmabuf)
		dmabuf_report(server->dmabuf, report);
	if (monitor->options.info)
		monitor->options.info(monitor->options.data, report);
}

/* ---- top ----------------------------------------------------------------------------------- */

static void report_client(
	const struct server_client *client, uint64_t now_ms, struct waybuf_report *report)
{
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "client");
	json_add_number(&builder, builder.root, "id", client->id);
	json_add_string(&builder, builder.root, "name", client->name);
	json_add_number(&builder, builder.root, "age_ms", now_ms - client->since_ms);
	if (client->account->group)
		json_add_string(&builder, builder.root, "group",
			waybuf_account_name(client->account->group));
	add_account(&builder, client->account);
	report_add(report, json_finish(&builder));
}

static void report_top(struct waybuf_server *server, struct waybuf_report *report)
{
	report_groups(server, report);
	const uint64_t now_ms = clock_now_ms();
	const struct server_client *client;
	wl_list_for_each(client, &server->clients, link) {
		report_client(client, now_ms, report);
		explain_brought(client, report);
	}
	struct server_pool *pool;
	wl_list_for_each(pool, &server->pools, link)
		explain_top(pool, report);
}

/* ---- requests ------------------------------------------------------------------------------ */

/* A decimal number and nothing else. */
static bool parse_id(const char *text, uint32_t *id)
{
	char *end;
	errno = 0;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long value = strtoul(text, &end, 10);
	if (errno || *end || value > UINT32_MAX)
		return false;
	*id = (uint32_t)value;
	return true;
}

static void snapshot_explain(
	struct waybuf_server *server, struct waybuf_report *report, const char *argument)
{
	uint32_t id;
	if (!parse_id(argument, &id)) {
		report_fail(report, WAYBUF_REASON_UNSUPPORTED, "the argument is the id of a pool");
		return;
	}
	struct server_pool *pool;
	wl_list_for_each(pool, &server->pools, link) {
		if (pool->id == id) {
			explain_pool(pool, report, true);
			report_send(report);
			return;
		}
	}
	report_fail(report, WAYBUF_REASON_CLOSED, "there is no such pool");
}

static void snapshot_why(
	struct waybuf_server_monitor *monitor, struct waybuf_report *report, const char *argument)
{
	uint32_t id;
	if (!monitor->options.why) {
		report_fail(report, WAYBUF_REASON_UNSUPPORTED, "this server shows nothing");
		return;
	}
	if (!parse_id(argument, &id)) {
		report_fail(report, WAYBUF_REASON_UNSUPPORTED, "the argument is an id");
		return;
	}
	bool found = monitor->options.why(monitor->options.data, report, id);
	found |= release_points_report(monitor->server, report, id);
	if (found)
		report_send(report);
	else
		report_fail(report, WAYBUF_REASON_CLOSED, "there is no such surface or buffer");
}

static void snapshot_trace(struct waybuf_server *server, struct wl_client *client,
	struct waybuf_report *report, const char *argument)
{
	uint32_t seconds;
	if (!parse_id(argument, &seconds) || seconds < 1 || seconds > 60)
		report_fail(report, WAYBUF_REASON_UNSUPPORTED,
			"the argument is a number of seconds, 1 to 60");
	else
		trace_request_start(server, client, report, seconds);
}

static void snapshot(struct waybuf_server_monitor *monitor, struct wl_client *client,
	struct waybuf_report *report, uint32_t what, const char *argument)
{
	/* so that nobody is shown to hold what has ended */
	token_expire(&monitor->server->tokens, clock_now_ms());
	switch (what) {
	case WAYBUF_MONITOR_V1_SNAPSHOT_INFO:
		report_info(monitor, report);
		report_send(report);
		break;
	case WAYBUF_MONITOR_V1_SNAPSHOT_TOP:
		report_top(monitor->server, report);
		report_send(report);
		break;
	case WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN:
		snapshot_explain(monitor->server, report, argument);
		break;
	case WAYBUF_MONITOR_V1_SNAPSHOT_WHY:
		snapshot_why(monitor, report, argument);
		break;
	case WAYBUF_MONITOR_V1_SNAPSHOT_TRACE:
		snapshot_trace(monitor->server, client, report, argument);
		break;
	default:
		report_fail(report, WAYBUF_REASON_UNSUPPORTED, "no such report here");
		break;
	}
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_snapshot(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	uint32_t what, const char *argument)
{
	struct waybuf_server_monitor *monitor = wl_resource_get_user_data(resource);
	struct waybuf_report *report =
		report_create(client, (uint32_t)wl_resource_get_version(resource), id);
	if (!report)
		wl_resource_post_no_memory(resource);
	else if (!monitor)
		report_fail(report, WAYBUF_REASON_CLOSED, "the server is shutting down");
	else if (!server_client_trusted(monitor->server, client))
		report_fail(report, WAYBUF_REASON_DENIED, "not for this connection");
	else if (trace_request_pending(monitor->server, client))
		report_fail(report, WAYBUF_REASON_QUOTA, "a trace of this client is under way");
	else
		snapshot(monitor, client, report, what, argument);
}

/* ---- power --------------------------------------------------------------------------------- */

void waybuf_server_monitor_tell_power(
	struct waybuf_server_monitor *monitor, const char *output, bool on)
{
	struct wl_resource *resource;
	if (!monitor)
		return;
	wl_resource_for_each(resource, &monitor->resources)
		if (wl_resource_get_version(resource) >= WAYBUF_MONITOR_V1_POWER_SINCE_VERSION &&
			server_client_trusted(monitor->server, wl_resource_get_client(resource)))
			waybuf_monitor_v1_send_power(resource, output,
				on ? WAYBUF_MONITOR_V1_POWER_STATE_ON
				   : WAYBUF_MONITOR_V1_POWER_STATE_OFF);
}

/* A name of whatever length comes back as far as an event can carry it. */
static void refuse_power(struct wl_resource *resource, const char *output,
	enum waybuf_reason reason, const char *message)
{
	char name[64];
	snprintf(name, sizeof(name), "%s", output);
	waybuf_monitor_v1_send_power_failed(resource, name, reason, message);
}

static void set_power(struct waybuf_server_monitor *monitor, struct wl_resource *resource,
	const char *output, bool on)
{
	const struct waybuf_server_monitor_options *options = &monitor->options;
	int ret = options->power ? options->power(options->data, output[0] ? output : NULL, on)
				 : -EOPNOTSUPP;
	if (ret == -ENOENT)
		refuse_power(resource, output, WAYBUF_REASON_CLOSED,
			output[0] ? "there is no such output" : "there is no output");
	else if (ret == -ENODEV)
		refuse_power(resource, output, WAYBUF_REASON_DEVICE_LOST,
			"the device of the output is gone");
	else if (ret < 0)
		refuse_power(resource, output, WAYBUF_REASON_UNSUPPORTED,
			"this server switches no outputs");
}

static void handle_set_power(
	struct wl_client *client, struct wl_resource *resource, const char *output, uint32_t state)
{
	struct waybuf_server_monitor *monitor = wl_resource_get_user_data(resource);
	if (!monitor)
		refuse_power(resource, output, WAYBUF_REASON_CLOSED, "the server is shutting down");
	else if (!server_client_trusted(monitor->server, client))
		refuse_power(resource, output, WAYBUF_REASON_DENIED, "not for this connection");
	else if (state > WAYBUF_MONITOR_V1_POWER_STATE_ON)
		refuse_power(resource, output, WAYBUF_REASON_UNSUPPORTED, "there is no such state");
	else
		set_power(monitor, resource, output, state == WAYBUF_MONITOR_V1_POWER_STATE_ON);
}

static const struct waybuf_monitor_v1_interface monitor_impl = {
	.destroy = handle_destroy,
	.snapshot = handle_snapshot,
	.set_power = handle_set_power,
};

/* ---- life ---------------------------------------------------------------------------------- */

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void bind_monitor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct waybuf_server_monitor *monitor = data;
	struct wl_resource *resource =
		wl_resource_create(client, &waybuf_monitor_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &monitor_impl, monitor, unlink_resource);
	wl_list_insert(&monitor->resources, wl_resource_get_link(resource));
}

int waybuf_server_monitor_create(struct waybuf_server *server,
	const struct waybuf_server_monitor_options *options, struct waybuf_server_monitor **out)
{
	if (!server->options.security_context)
		return -ENOTSUP;
	if (server->monitor)
		return -EEXIST;
	struct waybuf_server_monitor *monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	monitor->server = server;
	if (options)
		monitor->options = *options;
	wl_list_init(&monitor->resources);
	monitor->global = wl_global_create(server->display, &waybuf_monitor_v1_interface,
		MONITOR_VERSION, monitor, bind_monitor);
	if (!monitor->global) {
		free(monitor);
		return -ENOMEM;
	}
	server->monitor = monitor;
	if (out)
		*out = monitor;
	return 0;
}

void waybuf_server_monitor_destroy(struct waybuf_server_monitor *monitor)
{
	if (!monitor)
		return;
	trace_requests_finish(monitor->server);
	struct wl_resource *resource, *next;
	wl_resource_for_each_safe(resource, next, &monitor->resources) {
		wl_resource_set_user_data(resource, NULL);
		wl_list_remove(wl_resource_get_link(resource));
		wl_list_init(wl_resource_get_link(resource));
	}
	wl_global_destroy(monitor->global);
	monitor->server->monitor = NULL;
	free(monitor);
}
