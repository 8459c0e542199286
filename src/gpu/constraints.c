/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gpu/egl.h"
#include "gpu/software.h"

#define MAX_MODIFIERS 64

/* Runs of one format are a scope each, with its modifiers. */
static void add_scopes(struct waybuf_constraints_builder *builder, const struct waybuf_gpu *gpu)
{
	uint64_t modifiers[MAX_MODIFIERS];
	for (size_t i = 0; i < gpu->n_pairs;) {
		uint32_t format = gpu->pairs[i].format;
		size_t n = 0;
		for (; i < gpu->n_pairs && gpu->pairs[i].format == format; i++) {
			if (n < MAX_MODIFIERS)
				modifiers[n++] = gpu->pairs[i].modifier;
		}
		waybuf_constraints_builder_set(builder, &format, 1, modifiers, n);
	}
}

int waybuf_gpu_constraints(
	const struct waybuf_gpu *gpu, uint64_t access, struct waybuf_constraints **out)
{
	const uint64_t able = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_SAMPLE |
		WAYBUF_ACCESS_RENDER;
	const uint64_t yes = 1;
	if (access & ~able)
		return -EOPNOTSUPP;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_add(builder, WAYBUF_FIELD_DMABUF, WAYBUF_PLANE_ALL, &yes, 1);
	if (gpu->software && access & (WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_RENDER))
		gpu_software_constrain(builder);
	add_scopes(builder, gpu);
	int error = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return error;
}
