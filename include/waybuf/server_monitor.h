/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SERVER_MONITOR_H
#define WAYBUF_SERVER_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The monitor: what `waybufctl` shows of the server and switches, for the server's own user.
 *
 * The thread and the rules are those of waybuf/server.h, which includes this one.
 */

struct waybuf_server;

/** The global waybuf_monitor_v1. */
struct waybuf_server_monitor;
/** A report of the monitor, while it is made. */
struct waybuf_report;

/** What the host adds to reports. */
struct waybuf_server_monitor_options {
	/** passed to the callbacks, borrowed while the global exists */
	void *data;
	/**
	 * Adds lines to an `info` report, after those of the library: planes, outputs, whatever
	 * the host has. NULL: nothing.
	 */
	void (*info)(void *data, struct waybuf_report *report);
	/**
	 * Adds a line for each surface of this id (of its wl_surface) or with a buffer of this id,
	 * about what it waits for, to a `why` report. False: there is none. NULL: nothing is shown.
	 */
	bool (*why)(void *data, struct waybuf_report *report, uint32_t id);
	/**
	 * Switches the output @name (borrowed for the call; NULL: all that there are) off, or on
	 * again, at once or as soon as what is under way is over, and calls
	 * waybuf_server_monitor_tell_power() for each that it concerns, also if it was so already.
	 * 0, -ENOENT: there is none; -ENODEV: its device is gone; any other negative errno: it cannot
	 * be switched. On failure nothing was changed. NULL: this host switches none, which clients
	 * are told.
	 */
	int (*power)(void *data, const char *name, bool on);
};

/**
 * Offers waybuf_monitor_v1 to connections of our own user outside security contexts. @options may
 * be NULL. 0, -ENOTSUP (the server has no security_context callback), -EEXIST (it has a monitor),
 * -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_monitor_create(struct waybuf_server *server,
	const struct waybuf_server_monitor_options *options, struct waybuf_server_monitor **out);

/**
 * Tells every client of @monitor (NULL is a no-op) that the output @name (borrowed for the call, not
 * NULL) is to be on (@on), or off: whenever that changes, whoever has wanted it, and as an answer
 * within the callback `power`.
 */
WAYBUF_EXPORT void waybuf_server_monitor_tell_power(
	struct waybuf_server_monitor *monitor, const char *name, bool on);

/** Withdraws the global. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_monitor_destroy(struct waybuf_server_monitor *monitor);

/**
 * Adds one line: @json, the text of one JSON object without a newline, copied. By convention its
 * key "type" says what it describes. 0, -EINVAL (no JSON object), -ENOMEM; the report goes on
 * without the line.
 */
WAYBUF_EXPORT int waybuf_report_add(struct waybuf_report *report, const char *json);

#ifdef __cplusplus
}
#endif

#endif
