/* SPDX-License-Identifier: MIT */
#ifndef SERVER_REPORT_H
#define SERVER_REPORT_H

#include "server.h"

/*
 * One answer of JSON lines in a sealed memfd. A report is made with its resource, filled, and sent
 * or failed, after which it must not be touched.
 */
struct json_object;
struct waybuf_report;

/* NULL: out of memory. */
struct waybuf_report *report_create(struct wl_client *client, uint32_t version, uint32_t id);

/* A line. @object is taken; NULL, which says that memory was short, spoils the report. */
void report_add(struct waybuf_report *report, struct json_object *object);

/* A line that is a JSON object and has no newline. */
void report_add_line(struct waybuf_report *report, const char *line);

/* For reports that are not filled within their request: whoever keeps one watches its resource. */
struct wl_resource *report_resource(const struct waybuf_report *report);
/* The resource goes, and with it the report. */
void report_abandon(struct waybuf_report *report);

void report_send(struct waybuf_report *report);
void report_fail(struct waybuf_report *report, enum waybuf_reason reason, const char *message);

#endif
