/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <waybuf/buffer.h>
#include <wayland-client-protocol.h>

#include "kms/device.h"
#include "report/info.h"
#include "report/json.h"
#include "peer_file.h"
#include "util/fd.h"
#include "waybuf-allocator-v1-client-protocol.h"

/*
 * One document, whoever knows: a running server, which holds the display and has tried everything,
 * or else this process, which opens what it may.
 */

static enum ctl_status out_of_memory(void)
{
	ctl_error("out of memory");
	return CTL_FAILED;
}

/* @source says who looked; @note, if any, why it was not somebody better. */
static struct json_object *begin_document(
	struct json_builder *builder, const char *source, const char *note)
{
	json_begin(builder);
	json_add_string(builder, builder->root, "version", WAYBUF_VERSION_STRING);
	json_add_string(builder, builder->root, "source", source);
	json_add_string(builder, builder->root, "note", note);
	return json_add_array(builder, builder->root, "objects");
}

/* ---- this machine -------------------------------------------------------------------------- */

static void add_device(
	struct json_builder *builder, struct json_object *objects, const char *path, int *drm_fd)
{
	struct waybuf_kms_device *device = NULL;
	struct waybuf_kms_why why = {.text = "cannot be opened"};
	int ret = waybuf_kms_device_open(path, WAYBUF_KMS_INSPECT, &device, &why);
	/* A render-only GPU is no display controller: it is none of the machine's displays. */
	if (ret < 0) {
		json_add(builder, objects, NULL, report_kms_failure(path, why.text));
		return;
	}
	json_add(builder, objects, NULL, report_kms_device(device));
	if (*drm_fd < 0)
		*drm_fd = fd_dup(device->fd);
	waybuf_kms_device_destroy(device);
}

/* Adds the devices and leaves in *drm_fd a duplicate of the first that works, or -1. */
static void add_devices(struct json_builder *builder, struct json_object *objects, int *drm_fd)
{
	char **nodes = waybuf_kms_list_nodes();
	if (!nodes)
		builder->failed = true;
	for (char **node = nodes; node && *node; node++)
		add_device(builder, objects, *node, drm_fd);
	free(nodes);
}

static int add_exporters(struct json_builder *builder, struct json_object *objects, int drm_fd)
{
	struct waybuf_manager *manager = NULL;
	int ret = waybuf_manager_create(NULL, &manager);
	if (ret < 0)
		return ret;
	ret = waybuf_manager_add_default_exporters(manager, drm_fd);
	struct json_object *exporters = ret < 0 ? NULL : report_exporters(manager, drm_fd);
	for (size_t i = 0; exporters && i < json_object_array_length(exporters); i++)
		json_add(builder, objects, NULL,
			json_object_get(json_object_array_get_idx(exporters, i)));
	json_object_put(exporters);
	waybuf_manager_destroy(manager);
	return ret < 0 ? ret : 0;
}

static enum ctl_status collect_local(const char *note, struct json_object **document)
{
	struct json_builder builder;
	struct json_object *objects = begin_document(&builder, "this machine", note);
	json_add_bool(&builder, builder.root, "local", true);
	int drm_fd = -1;
	add_devices(&builder, objects, &drm_fd);
	int ret = add_exporters(&builder, objects, drm_fd);
	fd_close(&drm_fd);
	if (ret < 0) {
		builder.failed = true;
		json_object_put(json_finish(&builder));
		ctl_error("the exporters cannot be listed: %s; is WAYBUF_EXPORTERS right?",
			strerror(-ret));
		return CTL_FAILED;
	}
	*document = json_finish(&builder);
	return *document ? CTL_OK : out_of_memory();
}

/* ---- a server ------------------------------------------------------------------------------ */

struct answer {
	bool arrived;
	int fd;
	uint32_t size;
	char why[256];
};

static void handle_ready(void *data, struct waybuf_report_v1 *report, int32_t fd, uint32_t size)
{
	struct answer *answer = data;
	/* there is one answer; a server that gives more must not cost us fds */
	if (answer->arrived) {
		fd_close(&fd);
		return;
	}
	answer->arrived = true;
	answer->fd = fd;
	answer->size = size;
}

static void handle_failed(
	void *data, struct waybuf_report_v1 *report, uint32_t reason, const char *message)
{
	struct answer *answer = data;
	if (answer->arrived)
		return;
	answer->arrived = true;
	snprintf(answer->why, sizeof(answer->why), "%s%s%s", waybuf_reason_name(reason),
		message[0] ? ": " : "", message);
}

static const struct waybuf_report_v1_listener report_listener = {
	.ready = handle_ready,
	.failed = handle_failed,
};

/* Adds each line that is a JSON object; others are of no use to anybody. */
static void add_lines(struct json_builder *builder, struct json_object *objects, char *text)
{
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n"))) {
		struct json_object *object = json_tokener_parse(line);
		if (json_object_is_type(object, json_type_object))
			json_add(builder, objects, NULL, object);
		else
			json_object_put(object);
	}
}

static enum ctl_status read_report(
	const struct answer *answer, const char *source, struct json_object **document)
{
	char *text = NULL;
	int ret = peer_file_read(answer->fd, answer->size, &text);
	if (ret < 0) {
		ctl_error("the report of the server cannot be read: %s", strerror(-ret));
		return CTL_FAILED;
	}
	struct json_builder builder;
	struct json_object *objects = begin_document(&builder, source, NULL);
	add_lines(&builder, objects, text);
	free(text);
	*document = json_finish(&builder);
	return *document ? CTL_OK : out_of_memory();
}

/* Asks the monitor, and keeps its refusal in answer->why. */
static enum ctl_status ask_monitor(struct ctl_session *session, struct waybuf_monitor_v1 *monitor,
	uint32_t what, const char *argument, struct answer *answer)
{
	struct waybuf_report_v1 *report = waybuf_monitor_v1_snapshot(monitor, what, argument);
	waybuf_report_v1_add_listener(report, &report_listener, answer);
	enum ctl_status status = ctl_session_wait(session, &answer->arrived, "the report");
	waybuf_report_v1_destroy(report);
	return status;
}

/* CTL_UNSUPPORTED and a text in @why when the server cannot tell. */
static enum ctl_status collect_from(struct ctl_session *session, const char *source, char *why,
	size_t size, struct json_object **document)
{
	struct waybuf_monitor_v1 *monitor =
		ctl_session_bind(session, &waybuf_monitor_v1_interface, 1, 1);
	if (!monitor) {
		snprintf(why, size, "the server at %s has no waybuf_monitor_v1", source);
		return CTL_UNSUPPORTED;
	}
	struct answer answer = {.fd = -1};
	enum ctl_status status =
		ask_monitor(session, monitor, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, "", &answer);
	waybuf_monitor_v1_destroy(monitor);
	if (status != CTL_OK)
		return status;
	if (answer.why[0]) {
		snprintf(why, size, "the server at %s gives no report: %s", source, answer.why);
		return CTL_UNSUPPORTED;
	}
	status = read_report(&answer, source, document);
	fd_close(&answer.fd);
	return status;
}

static enum ctl_status collect_server(const struct ctl_info_options *options, char *why,
	size_t size, struct json_object **document)
{
	const char *source = options->display ? options->display : getenv("WAYLAND_DISPLAY");
	if (!source)
		source = "wayland-0";
	snprintf(why, size, "no server at %s", source);
	struct ctl_session session;
	enum ctl_status status = ctl_session_open(&session, options->display, !options->display);
	if (status != CTL_OK)
		return status;
	status = collect_from(&session, source, why, size, document);
	ctl_session_close(&session);
	return status;
}

enum ctl_status ctl_collect_info(
	const struct ctl_info_options *options, struct json_object **document)
{
	if (options->local)
		return collect_local(NULL, document);
	char why[512];
	enum ctl_status status = collect_server(options, why, sizeof(why), document);
	if (status == CTL_OK || status == CTL_FAILED)
		return status;
	/* Whoever named a server wants that one. */
	if (options->display) {
		if (status == CTL_UNSUPPORTED)
			ctl_error("%s; waybufctl info --local looks at the machine", why);
		return status;
	}
	return collect_local(why, document);
}

/* ---- other reports ------------------------------------------------------------------------- */

enum ctl_status ctl_ask_report(struct ctl_session *session, enum ctl_report what,
	const char *argument, unsigned ms, struct json_object **document)
{
	static const uint32_t whats[] = {
		[CTL_REPORT_TOP] = WAYBUF_MONITOR_V1_SNAPSHOT_TOP,
		[CTL_REPORT_EXPLAIN] = WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN,
		[CTL_REPORT_WHY] = WAYBUF_MONITOR_V1_SNAPSHOT_WHY,
		[CTL_REPORT_TRACE] = WAYBUF_MONITOR_V1_SNAPSHOT_TRACE,
	};
	struct waybuf_monitor_v1 *monitor =
		ctl_session_bind(session, &waybuf_monitor_v1_interface, 1, 1);
	if (!monitor) {
		ctl_error("the server has no waybuf_monitor_v1");
		return CTL_UNSUPPORTED;
	}
	struct answer answer = {.fd = -1};
	ctl_session_extend(session, ms);
	enum ctl_status status = ask_monitor(session, monitor, whats[what], argument, &answer);
	waybuf_monitor_v1_destroy(monitor);
	if (status != CTL_OK)
		return status;
	if (answer.why[0]) {
		ctl_error("the server gives no report: %s", answer.why);
		return CTL_FAILED;
	}
	status = read_report(&answer, "server", document);
	fd_close(&answer.fd);
	return status;
}

enum ctl_status ctl_collect_report(const char *display, enum ctl_report what, const char *argument,
	unsigned ms, struct json_object **document)
{
	struct ctl_session session;
	enum ctl_status status = ctl_session_open(&session, display, false);
	if (status != CTL_OK)
		return status;
	status = ctl_ask_report(&session, what, argument, ms, document);
	ctl_session_close(&session);
	return status;
}
