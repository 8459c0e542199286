/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "allocator.h"
#include "core/format.h"
#include "dmabuf_refusals.h"
#include "report.h"
#include "report/json.h"
#include "util/clock.h"
#include "util/log.h"

static bool alike(const struct dmabuf_refusal *a, const struct dmabuf_refusal *b)
{
	return a->width == b->width && a->height == b->height && a->format == b->format &&
		a->modifier == b->modifier && strcmp(a->client, b->client) == 0 &&
		strcmp(a->reason, b->reason) == 0;
}

/* "64x64 XR24:LINEAR" */
static void describe(const struct dmabuf_refusal *refusal, char *text, size_t size)
{
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	snprintf(text, size, "%dx%d %s:%s", (int)refusal->width, (int)refusal->height,
		waybuf_fourcc_string(refusal->format, fourcc),
		waybuf_modifier_string(refusal->modifier, modifier));
}

/* A client that tries in a loop would drive out what others were told. */
static struct dmabuf_refusal *find_slot(
	struct dmabuf_refusals *refusals, const struct dmabuf_refusal *refusal)
{
	for (uint32_t i = 0; i < refusals->n; i++) {
		if (alike(&refusals->entries[i], refusal))
			return &refusals->entries[i];
	}
	struct dmabuf_refusal *slot = &refusals->entries[refusals->next];
	refusals->next = (refusals->next + 1) % DMABUF_MAX_REFUSALS;
	if (refusals->n < DMABUF_MAX_REFUSALS)
		refusals->n++;
	*slot = *refusal;
	slot->times = 0;
	return slot;
}

void dmabuf_refusals_add(struct dmabuf_refusals *refusals, const struct dmabuf_refusal *refusal)
{
	char text[64];
	describe(refusal, text, sizeof(text));
	waybuf_info(
		"%s: linux-dmabuf buffer %s refused: %s", refusal->client, text, refusal->reason);
	struct dmabuf_refusal *slot = find_slot(refusals, refusal);
	slot->times++;
	slot->at = clock_now_ms();
}

static void report_one(const struct dmabuf_refusal *refusal, struct waybuf_report *report)
{
	char text[64];
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "dmabuf refusal");
	json_add_string(&builder, builder.root, "client", refusal->client);
	describe(refusal, text, sizeof(text));
	json_add_string(&builder, builder.root, "buffer", text);
	json_add_string(&builder, builder.root, "reason", refusal->reason);
	json_add_number(&builder, builder.root, "times", refusal->times);
	json_add_number(&builder, builder.root, "age_us", (clock_now_ms() - refusal->at) * 1000);
	report_add(report, json_finish(&builder));
}

void dmabuf_refusals_report(const struct dmabuf_refusals *refusals, struct waybuf_report *report)
{
	/* until it is full the first entry is the oldest, then the next one to go */
	uint32_t first = refusals->n < DMABUF_MAX_REFUSALS ? 0 : refusals->next;
	for (uint32_t i = 0; i < refusals->n; i++)
		report_one(&refusals->entries[(first + i) % DMABUF_MAX_REFUSALS], report);
}
