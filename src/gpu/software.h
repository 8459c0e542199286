/* SPDX-License-Identifier: MIT */
#ifndef GPU_SOFTWARE_H
#define GPU_SOFTWARE_H

#include <stdbool.h>

#include <waybuf/buffer.h>
#include <waybuf/constraints.h>

/*
 * Mesa's software renderer writes whole blocks of 4 x 4 pixels, past the right and lower edge as
 * well, with instructions that want their memory aligned, and takes any layout without a look at
 * it: memory that would not do must not get that far. Its own images begin their rows in cache
 * lines.
 */
#define GPU_SOFTWARE_BLOCK 4
#define GPU_SOFTWARE_ALIGN 64

/* Whether it can render to @layout. */
static inline bool gpu_software_takes_target(const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_planes && i < WAYBUF_MAX_PLANES; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		if (plane->stride % GPU_SOFTWARE_ALIGN || plane->offset % GPU_SOFTWARE_ALIGN ||
			plane->rows % GPU_SOFTWARE_BLOCK)
			return false;
	}
	return true;
}

/* The same as constraints. */
static inline void gpu_software_constrain(struct waybuf_constraints_builder *builder)
{
	waybuf_constraints_builder_stride(
		builder, WAYBUF_PLANE_ALL, GPU_SOFTWARE_ALIGN, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_offset(builder, WAYBUF_PLANE_ALL, GPU_SOFTWARE_ALIGN);
	waybuf_constraints_builder_rows(builder, WAYBUF_PLANE_ALL, GPU_SOFTWARE_BLOCK, 0);
}

#endif
