/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Conformance of a Wayland server to linux-drm-syncobj-v1, seen from a client. It knows nothing of the
 * server: what it needs is a socket, a DRM device that has timelines, and a source of dma-bufs.
 *
 * A case is a function that runs in a process of its own, on a connection of its own, for LIMIT_S at
 * most. It returns if all is well, and leaves by FAIL() or SKIP() otherwise; both print why. What the
 * protocol leaves open is no verdict: a case reports it by INFO().
 *
 * How a case may look at the server. Errors, and that there is none, show at a round trip: the server
 * has then done with all that was sent before. That something happens is waited for, patiently. That
 * something does not happen is seen by waiting a moment in vain: a slow machine may hide a fault from
 * us, and can never make one up.
 */

/* A case that takes longer hangs. */
#define LIMIT_S 20
/* What has not happened by then will not happen. */
#define PATIENCE_MS 5000
/*
 * What has not happened by then is taken for not happening. A server may give a commit up whose point
 * does not come; none is known that does so in less than a second.
 */
#define MOMENT_MS 50

struct conformance_case {
	const char *name; /* group/name */
	const char *says; /* a line for people: what must hold */
	void (*run)(void);
};

/* Each ends with an entry without a name. */
extern const struct conformance_case error_cases[];
extern const struct conformance_case import_cases[];
extern const struct conformance_case object_cases[];
extern const struct conformance_case end_cases[];
extern const struct conformance_case state_cases[];
extern const struct conformance_case acquire_cases[];
extern const struct conformance_case queue_cases[];
extern const struct conformance_case release_cases[];
extern const struct conformance_case subsurface_cases[];
extern const struct conformance_case open_cases[];

/* The server releases buffers that it shows. That is no fault: it may have a copy. */
extern bool conformance_copies;

/* From --device; NULL: the one that the server names, or any. */
extern const char *conformance_device;

#define FAIL(...) conformance_fail(__FILE__, __LINE__, __VA_ARGS__)
#define EXPECT(what, ...) \
	do { \
		if (!(what)) \
			FAIL(__VA_ARGS__); \
	} while (0)
#define SKIP(...) conformance_skip(__VA_ARGS__)
#define INFO(...) conformance_info(__VA_ARGS__)

void conformance_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void conformance_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void conformance_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What is being waited for, for the message of a case that hangs. NULL: nothing. */
void conformance_waits(const char *what);

#endif
