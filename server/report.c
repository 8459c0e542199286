/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report.h"
#include "util/checked.h"
#include "waybuf-allocator-v1-server-protocol.h"

/* More than any honest document; a bound on what one request can make us write. */
#define REPORT_MAX_SIZE (16u * 1024 * 1024)

struct waybuf_report {
	struct wl_resource *resource;
	char *text;
	size_t size, room;
	bool spoiled;
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct waybuf_report_v1_interface report_impl = {.destroy = handle_destroy};

struct waybuf_report *report_create(struct wl_client *client, uint32_t version, uint32_t id)
{
	struct waybuf_report *report = calloc(1, sizeof(*report));
	if (!report)
		return NULL;
	report->resource =
		wl_resource_create(client, &waybuf_report_v1_interface, (int)version, id);
	if (!report->resource) {
		free(report);
		return NULL;
	}
	wl_resource_set_implementation(report->resource, &report_impl, NULL, NULL);
	return report;
}

static int make_room(struct waybuf_report *report, size_t size)
{
	uint64_t needed;
	if (!checked_add(report->size, size, &needed) || needed > REPORT_MAX_SIZE)
		return -ENOMEM;
	if (needed <= report->room)
		return 0;
	size_t room = report->room ? report->room : 4096;
	while (room < needed)
		room *= 2;
	char *text = realloc(report->text, room);
	if (!text)
		return -ENOMEM;
	report->text = text;
	report->room = room;
	return 0;
}

static int add_line(struct waybuf_report *report, const char *line)
{
	size_t length = strlen(line);
	if (make_room(report, length + 1) < 0)
		return -ENOMEM;
	memcpy(report->text + report->size, line, length);
	report->text[report->size + length] = '\n';
	report->size += length + 1;
	return 0;
}

void report_add(struct waybuf_report *report, struct json_object *object)
{
	const char *line =
		object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
	if (!line || add_line(report, line) < 0)
		report->spoiled = true;
	json_object_put(object);
}

int waybuf_report_add(struct waybuf_report *report, const char *json)
{
	struct json_object *object = json_tokener_parse(json);
	if (!object)
		return -EINVAL;
	int ret = -EINVAL;
	if (json_object_is_type(object, json_type_object) && !strchr(json, '\n'))
		ret = add_line(report, json);
	json_object_put(object);
	return ret;
}

static void report_free(struct waybuf_report *report)
{
	free(report->text);
	free(report);
}

void report_add_line(struct waybuf_report *report, const char *line)
{
	if (add_line(report, line) < 0)
		report->spoiled = true;
}

struct wl_resource *report_resource(const struct waybuf_report *report)
{
	return report->resource;
}

void report_abandon(struct waybuf_report *report)
{
	report_free(report);
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

/* The client gets an fd that it cannot write through, of a file that nobody can. */
static int make_file(const char *text, size_t size)
{
	int fd = memfd_create("waybuf-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int ret = write_all(fd, text, size);
	if (ret == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
			0)
		ret = -errno;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

void report_fail(struct waybuf_report *report, enum waybuf_reason reason, const char *message)
{
	waybuf_report_v1_send_failed(report->resource, reason, message);
	report_free(report);
}

void report_send(struct waybuf_report *report)
{
	if (report->spoiled) {
		report_fail(report, WAYBUF_REASON_NO_MEMORY, "the report does not fit into memory");
		return;
	}
	if (!server_has_fds(2)) {
		report_fail(report, WAYBUF_REASON_NO_FDS, "no file descriptor for the report");
		return;
	}
	int fd = make_file(report->text, report->size);
	if (fd < 0) {
		report_fail(report, server_reason(fd, NULL), "the report cannot be written");
		return;
	}
	waybuf_report_v1_send_ready(report->resource, fd, (uint32_t)report->size);
	close(fd);
	report_free(report);
}
