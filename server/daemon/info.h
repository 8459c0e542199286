/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INFO_H
#define DAEMON_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct waybuf_report;

/*
 * Adds to an `info` report what the daemon knows beyond the library; @data is the daemon.
 *
 *	{"type": "device", ...}, see report/info.h
 *	{"type": "renderer", "name": "gles", "device": "AMD Radeon ..."}
 * with "lost": true if the device was, and then the name is pixman's; no device: there is none
 *	{"type": "output", "name": "Virtual-1", "x": 0, "y": 0, "width": 1024, "height": 768,
 *	 "refresh_mhz": 60000, "direct": 180, "copied": 0, "refused": 0, "discarded": 0, "commits": 181}
 *	{"type": "surface", "pid": 12, "id": 7, "width": 1024, "height": 768, "visible": true,
 *	 "output": "Virtual-1", "direct": 180, "copied": 0, "plane": 31}
 * with "why" instead of "plane" if the last frame was composed
 */
void info_report(void *data, struct waybuf_report *report);

struct json_builder;
struct surface;
/* "plane" or "why": where its last frame was shown; neither: nowhere so far. */
void info_add_place(struct json_builder *builder, const struct surface *surface);

/*
 * why.c: a `why` report, about surfaces with this id or with a buffer of this id, and about whoever
 * has not let go of such a buffer. False: there are none.
 *
 *	{"type": "why", "pid": 12, "surface": 7, "shows": 9, "state": "waits for ...",
 *	 "owed_by": "the client, ...", "why": "its memory is wl_shm, and no memfd"}
 * with "plane", the number of a plane, instead of "why" if it is on one; and
 *	{"type": "why", "pid": 12, "buffer": 9, "state": "is shown on plane 33",
 *	 "owed_by": "the display, by its next flip"}
 */
bool info_why(void *data, struct waybuf_report *report, uint32_t id);

#endif
