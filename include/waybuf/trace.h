/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_TRACE_H
#define WAYBUF_TRACE_H

#include <stdint.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The fence trace: what happened to each commit, and when. A server keeps the last 16384 events,
 * always, for a few stores each, and a clock_gettime() while somebody listens. waybuf_server_trace()
 * in waybuf/server.h adds one, and `waybufctl trace` reads them.
 */

/** What happened. */
enum waybuf_trace_kind {
	/** a commit brought a buffer; point: of its acquire point, 0 without one */
	WAYBUF_TRACE_ACQUIRE = 0,
	/** its fences have not signalled, and it waits */
	WAYBUF_TRACE_WAIT = 1,
	/** it may be read from now on, and is what the surface shows */
	WAYBUF_TRACE_LATCH = 2,
	/** it will never be shown; point: enum waybuf_gate_reason, 0 when a newer one came */
	WAYBUF_TRACE_DISCARD = 3,
	/** an atomic commit that shows it was accepted */
	WAYBUF_TRACE_COMMIT = 4,
	/** and is on the screen; point: sequence number of the vblank */
	WAYBUF_TRACE_FLIP = 5,
	/**
	 * every reader has said with which fence it is done, and whoever writes next has been told;
	 * point: of its release point, 0 without one
	 */
	WAYBUF_TRACE_RELEASE = 6,
	/** the buffer is in other memory; point: its new generation */
	WAYBUF_TRACE_MIGRATE = 7,
};

/** A word for it: "acquire", ...; "unknown" for other numbers. Static. */
WAYBUF_EXPORT const char *waybuf_trace_kind_name(enum waybuf_trace_kind kind);

/** With the last event that was added with 0, which was a moment ago: the clock is not read. */
#define WAYBUF_TRACE_AS_BEFORE UINT64_MAX

/** One event. */
struct waybuf_trace_event {
	/**
	 * CLOCK_MONOTONIC, nanoseconds; to be added, also 0 (now) and WAYBUF_TRACE_AS_BEFORE. While
	 * nobody listens, these two are the newest time that was given, as that of a flip
	 */
	uint64_t ns;
	/** enum waybuf_trace_kind */
	uint32_t kind;
	/** process of the client; 0: nobody's */
	int32_t client;
	/** ids of the wl_surface and of the buffer's object; 0: none */
	uint32_t surface, buffer;
	/** a point, or what the kind says */
	uint64_t point;
};

#ifdef __cplusplus
}
#endif

#endif
