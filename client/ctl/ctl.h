/* SPDX-License-Identifier: MIT */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * waybufctl: main.c reads the command line, collect.c gathers one document, print.c shows it as
 * text, top.c counts it up by client, explain.c shows a pool, trace.c has what it asks about commits,
 * power.c switches outputs, screenshot.c captures one, image.c writes PNG files, session.c is the
 * connection.
 *
 * Every function that can fail prints one line that says what to do, and returns the exit status.
 */
struct json_object;
struct wl_display;
struct wl_interface;

/* What the manual page promises. */
enum ctl_status {
	CTL_OK = 0,
	/* it was tried and failed */
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	/* no server, or it went away */
	CTL_NO_SERVER = 3,
	/* the server does not offer what is needed */
	CTL_UNSUPPORTED = 4,
};

/* No wait takes longer. A server that is alive answers in milliseconds; a CI machine is slow. */
#define CTL_PATIENCE_MS 10000

/* Prints "waybufctl: ..." to stderr. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- session.c ----------------------------------------------------------------------------- */

struct ctl_global {
	char *interface;
	uint32_t name, version;
};

/* A connection and the globals that were there when it began. */
struct ctl_session {
	struct wl_display *display;
	struct wl_registry *registry;
	struct ctl_global *globals;
	uint32_t n_globals;
	int64_t deadline_ms;
};

/* @name as for wl_display_connect(). @quiet: prints nothing, for those who can do without. */
enum ctl_status ctl_session_open(struct ctl_session *session, const char *name, bool quiet);
void ctl_session_close(struct ctl_session *session);

/* Binds the first global of @interface. NULL if there is none of at least @min_version. */
void *ctl_session_bind(struct ctl_session *session, const struct wl_interface *interface,
	uint32_t min_version, uint32_t max_version);

/* The time that is left for an answer begins anew, with @ms more than usual. */
void ctl_session_extend(struct ctl_session *session, unsigned ms);

/* Dispatches until *@done is true or the time is over; prints what went wrong. */
enum ctl_status ctl_session_wait(struct ctl_session *session, const bool *done, const char *what);
/* Waits until the server has handled all requests so far. */
enum ctl_status ctl_session_sync(struct ctl_session *session, const char *what);

/* ---- collect.c and print.c ----------------------------------------------------------------- */

struct ctl_info_options {
	/* NULL: WAYLAND_DISPLAY, and do without a server if there is none */
	const char *display;
	/* look at the machine, not at a server */
	bool local;
};

/*
 * The document {"version", "source", "objects": [...]}, see src/report/info.h for the objects, in
 * *document, to be given back with json_object_put().
 */
enum ctl_status ctl_collect_info(
	const struct ctl_info_options *options, struct json_object **document);

/* For people, 80 columns. @document may come from a server of another version. */
void ctl_print_info(struct json_object *document, FILE *out);

enum ctl_report { CTL_REPORT_TOP, CTL_REPORT_EXPLAIN, CTL_REPORT_WHY, CTL_REPORT_TRACE };

/* The same with the lines of another report of the server, which takes @ms longer than others. */
enum ctl_status ctl_collect_report(const char *display, enum ctl_report what, const char *argument,
	unsigned ms, struct json_object **document);

/* The same on a connection that goes on. */
enum ctl_status ctl_ask_report(struct ctl_session *session, enum ctl_report what,
	const char *argument, unsigned ms, struct json_object **document);

/* Text of a server goes to a terminal: control characters do not. */
void ctl_print_clean(FILE *out, const char *text);
/* "6.0 MiB" */
void ctl_format_bytes(uint64_t bytes, char out[16]);

/* ---- top.c and explain.c ------------------------------------------------------------------- */

struct ctl_top_options {
	const char *display;
	/* NULL: memory; else a name that ctl_top_has_column() knows */
	const char *sort;
	/* buffer by buffer, not client by client */
	bool buffers;
	bool json;
	/* how often; 0: until q is pressed, on a terminal, and once elsewhere */
	unsigned count;
	/* between two */
	unsigned seconds;
};

enum ctl_status ctl_top(const struct ctl_top_options *options);
bool ctl_top_has_column(const char *name);
/* The table of a top report, 80 columns. */
void ctl_print_top(struct json_object *document, const struct ctl_top_options *options, FILE *out);

/* @id is a pool's, or POOL.INDEX of a buffer, as top shows it. */
enum ctl_status ctl_explain(const char *display, const char *id, bool json);
/* @index of a buffer, or -1: all. False: there is no such buffer. */
bool ctl_print_explain(struct json_object *document, int64_t index, FILE *out);

/* ---- trace.c ------------------------------------------------------------------------------- */

/* Writes the events of @seconds (1 to 60) from now on to @path; "-" is stdout. */
enum ctl_status ctl_trace(const char *display, unsigned seconds, const char *path);
/* The report in Chrome's format; NULL: out of memory. */
struct json_object *ctl_trace_convert(struct json_object *document);
/* Prints what surfaces with that id, or with a buffer of that id, wait for. */
enum ctl_status ctl_why(const char *display, const char *id, bool json);

/* ---- power.c ------------------------------------------------------------------------------- */

/* Switches @output ("all": all of them) on or off. */
enum ctl_status ctl_power(const char *display, const char *output, bool on);

/* ---- screenshot.c and image.c -------------------------------------------------------------- */

struct ctl_screenshot_options {
	const char *display, *output;
	/* "-" is stdout */
	const char *path;
};

enum ctl_status ctl_screenshot(const struct ctl_screenshot_options *options);

/* A file that comes into being as a whole or not at all. */
struct ctl_image_file {
	const char *path;
	char *temporary; /* NULL: stdout */
	FILE *stream;
};

enum ctl_status ctl_image_open(struct ctl_image_file *file, const char *path);
/*
 * Writes rows of 32-bit pixels of a DRM @format as RGB and puts the file in its place; or with
 * @pixels NULL drops it. The file is closed in any case.
 */
enum ctl_status ctl_image_finish(struct ctl_image_file *file, const void *pixels, uint32_t width,
	uint32_t height, uint32_t stride, uint32_t format);
/* Whether ctl_image_finish() takes that DRM format. */
bool ctl_image_supports(uint32_t format);

#endif
