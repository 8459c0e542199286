/* SPDX-License-Identifier: MIT */
#ifndef SERVER_TRACE_REPORT_H
#define SERVER_TRACE_REPORT_H

#include "report.h"

/*
 * The monitor's `trace`: events from the request on, sent as a report when the time is over. One at a
 * time for each client.
 */
struct trace_request;

/* Whether @client has one under way. */
bool trace_request_pending(const struct waybuf_server *server, const struct wl_client *client);
/* Takes @report in any case. @seconds 1 to 60. */
void trace_request_start(struct waybuf_server *server, struct wl_client *client,
	struct waybuf_report *report, uint32_t seconds);
/* The monitor goes: what is under way is refused. */
void trace_requests_finish(struct waybuf_server *server);

/* What happened to a buffer of @client, for the library itself. */
void server_trace(
	struct waybuf_server *server, struct wl_client *client, struct waybuf_trace_event event);

#endif
