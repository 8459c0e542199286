/* SPDX-License-Identifier: MIT */
#include "trace_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/manager.h"
#include "trace/trace.h"

struct trace_request {
	struct waybuf_server *server;
	struct wl_client *client;
	struct waybuf_report *report;
	struct wl_listener gone; /* of the report's resource */
	uint64_t from; /* number of the first event */
	struct waybuf_deadline deadline;
	struct wl_list link; // waybuf_server.trace_requests
};

void waybuf_server_trace(struct waybuf_server *server, const struct waybuf_trace_event *event)
{
	waybuf_trace_add(server->trace, event);
}

void server_trace(
	struct waybuf_server *server, struct wl_client *client, struct waybuf_trace_event event)
{
	pid_t pid = 0;
	wl_client_get_credentials(client, &pid, NULL, NULL);
	event.client = pid;
	waybuf_trace_add(server->trace, &event);
}

bool trace_request_pending(const struct waybuf_server *server, const struct wl_client *client)
{
	const struct trace_request *request;
	wl_list_for_each(request, &server->trace_requests, link)
		if (request->client == client)
			return true;
	return false;
}

/* The report is somebody else's from now on, or gone. */
static void destroy(struct trace_request *request)
{
	waybuf_trace_leave(request->server->trace);
	waybuf_deadline_cancel(&request->deadline);
	wl_list_remove(&request->gone.link);
	wl_list_remove(&request->link);
	free(request);
}

static void handle_gone(struct wl_listener *listener, void *data)
{
	struct trace_request *request = wl_container_of(listener, request, gone);
	report_abandon(request->report);
	destroy(request);
}

/* There can be thousands: printed, as building JSON objects of them would hold up the loop. */
static void add_event(struct waybuf_report *report, const struct waybuf_trace_event *event)
{
	char line[256];
	snprintf(line, sizeof(line),
		"{\"type\":\"event\",\"ns\":%" PRIu64 ",\"kind\":\"%s\",\"pid\":%d,\"surface\":%u,"
		"\"buffer\":%u,\"point\":%" PRIu64 "}",
		event->ns, waybuf_trace_kind_name(event->kind), (int)event->client, event->surface,
		event->buffer, event->point);
	report_add_line(report, line);
}

static void handle_over(struct waybuf_deadline *deadline)
{
	struct trace_request *request =
		waybuf_container_of(deadline, struct trace_request, deadline);
	const struct waybuf_trace *trace = request->server->trace;
	struct waybuf_report *report = request->report;
	uint64_t first = waybuf_trace_first(trace, request->from);
	char line[128];
	snprintf(line, sizeof(line),
		"{\"type\":\"trace\",\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
		trace->n - first, first - request->from);
	report_add_line(report, line);
	for (uint64_t i = first; i < trace->n; i++)
		add_event(report, waybuf_trace_get(trace, i));
	destroy(request);
	report_send(report);
}

void trace_request_start(struct waybuf_server *server, struct wl_client *client,
	struct waybuf_report *report, uint32_t seconds)
{
	struct trace_request *request = calloc(1, sizeof(*request));
	if (!request) {
		report_fail(report, WAYBUF_REASON_NO_MEMORY, "no memory for the trace");
		return;
	}
	*request = (struct trace_request){
		.server = server,
		.client = client,
		.report = report,
		.from = server->trace->n,
		.gone.notify = handle_gone,
	};
	wl_resource_add_destroy_listener(report_resource(report), &request->gone);
	wl_list_insert(&server->trace_requests, &request->link);
	waybuf_trace_listen(server->trace);
	waybuf_deadline_init(&request->deadline, handle_over);
	waybuf_deadline_arm(&server->manager->deadlines, &request->deadline, seconds * 1000);
}

void trace_requests_finish(struct waybuf_server *server)
{
	struct trace_request *request, *next;
	wl_list_for_each_safe(request, next, &server->trace_requests, link) {
		struct waybuf_report *report = request->report;
		destroy(request);
		report_fail(report, WAYBUF_REASON_CLOSED, "the server is shutting down");
	}
}
