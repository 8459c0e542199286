/* SPDX-License-Identifier: MIT */
#ifndef SERVER_DMABUF_REFUSALS_H
#define SERVER_DMABUF_REFUSALS_H

#include <stdint.h>

struct dmabuf_verdict;
struct waybuf_report;

/*
 * The last buffers that did not come to be, or could not be used, and why. `failed` has no words, so
 * the author of the client finds them here, by way of the monitor.
 */
struct dmabuf_refusal {
	char client[48];
	uint32_t width, height, format;
	uint64_t modifier;
	char reason[160];
	uint32_t times; /* alike, in a row */
	uint64_t at; /* ms, of the last of them */
};

#define DMABUF_MAX_REFUSALS 16

struct dmabuf_refusals {
	struct dmabuf_refusal entries[DMABUF_MAX_REFUSALS];
	uint32_t n, next;
};

/* Logs it, and keeps it; @refusal's `times` and `at` are not looked at. */
void dmabuf_refusals_add(struct dmabuf_refusals *refusals, const struct dmabuf_refusal *refusal);
/* As lines of an `info` report, the oldest first. */
void dmabuf_refusals_report(const struct dmabuf_refusals *refusals, struct waybuf_report *report);

#endif
