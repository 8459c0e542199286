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

void report_send(struct waybuf_report *report);
void report_fail(struct waybuf_report *report, enum waybuf_reason reason, const char *message);

#endif
