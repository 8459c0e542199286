/* SPDX-License-Identifier: MIT */
#ifndef CORE_PROBE_PAIRS_H
#define CORE_PROBE_PAIRS_H

#include <waybuf/buffer.h>

/* A format and a modifier, and what came of them. */
struct waybuf_probed_pair {
	uint32_t format;
	uint64_t modifier;
	bool taken;
};

/*
 * Finds out of which pairs a real image can be imported: one of @width x @height is made by one
 * exporter of this machine after the other, until @test (0: imported, and let go again) takes it.
 * Exporters are made for this alone, whatever WAYBUF_EXPORTERS says, with @drm_fd (borrowed; -1:
 * none) as in waybuf_manager_add_default_exporters(). The image is not drawn, and gone afterwards.
 * Blocks while memory is made. 0, or what waybuf_manager_create() says.
 */
int waybuf_probe_pairs(int drm_fd, uint32_t width, uint32_t height,
	struct waybuf_probed_pair *pairs, size_t n,
	int (*test)(void *data, const struct waybuf_layout *layout), void *data);

#endif
