/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "dmabuf_kinds.h"

static bool same_layout(const struct dmabuf_kind *a, const struct dmabuf_kind *b)
{
	return a->format == b->format && a->modifier == b->modifier && a->flags == b->flags;
}

static bool same_device(const struct dmabuf_kind *a, const struct dmabuf_kind *b)
{
	return a->has_device == b->has_device && (!a->has_device || a->device == b->device);
}

static bool same_exporter(const struct dmabuf_kind *a, const struct dmabuf_kind *b)
{
	return strcmp(a->exporter, b->exporter) == 0;
}

bool dmabuf_kinds_any(const struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind)
{
	for (uint32_t i = 0; i < kinds->n; i++) {
		if (same_layout(&kinds->entries[i], kind) && same_device(&kinds->entries[i], kind))
			return true;
	}
	return false;
}

bool dmabuf_kinds_has(const struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind)
{
	for (uint32_t i = 0; i < kinds->n; i++) {
		const struct dmabuf_kind *known = &kinds->entries[i];
		if (same_layout(known, kind) && same_device(known, kind) &&
			same_exporter(known, kind))
			return true;
	}
	return false;
}

void dmabuf_kinds_add(struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind)
{
	if (dmabuf_kinds_has(kinds, kind))
		return;
	kinds->entries[kinds->next] = *kind;
	kinds->next = (kinds->next + 1) % DMABUF_MAX_KINDS;
	if (kinds->n < DMABUF_MAX_KINDS)
		kinds->n++;
}

bool dmabuf_kinds_forget(struct dmabuf_kinds *kinds, const struct dmabuf_kind *kind)
{
	uint32_t n = 0, before = kinds->n;
	for (uint32_t i = 0; i < before; i++) {
		const struct dmabuf_kind *known = &kinds->entries[i];
		if (!same_layout(known, kind) || !same_exporter(known, kind))
			kinds->entries[n++] = *known;
	}
	kinds->n = n;
	kinds->next = n % DMABUF_MAX_KINDS;
	return n < before;
}
