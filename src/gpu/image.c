/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "gpu/egl.h"

/* EGL_EXT_image_dma_buf_import and its _modifiers: dma-bufs as EGL images. */

#define MAX_ATTRIBS (7 + 10 * WAYBUF_MAX_PLANES)
#define MAX_MODIFIERS 64

static const EGLint plane_attribs[WAYBUF_MAX_PLANES][5] = {
	{EGL_DMA_BUF_PLANE0_FD_EXT, EGL_DMA_BUF_PLANE0_OFFSET_EXT, EGL_DMA_BUF_PLANE0_PITCH_EXT,
		EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT},
	{EGL_DMA_BUF_PLANE1_FD_EXT, EGL_DMA_BUF_PLANE1_OFFSET_EXT, EGL_DMA_BUF_PLANE1_PITCH_EXT,
		EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT},
	{EGL_DMA_BUF_PLANE2_FD_EXT, EGL_DMA_BUF_PLANE2_OFFSET_EXT, EGL_DMA_BUF_PLANE2_PITCH_EXT,
		EGL_DMA_BUF_PLANE2_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE2_MODIFIER_HI_EXT},
	{EGL_DMA_BUF_PLANE3_FD_EXT, EGL_DMA_BUF_PLANE3_OFFSET_EXT, EGL_DMA_BUF_PLANE3_PITCH_EXT,
		EGL_DMA_BUF_PLANE3_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE3_MODIFIER_HI_EXT},
};

static EGLint *put(EGLint *at, EGLint name, uint64_t value)
{
	*at++ = name;
	*at++ = (EGLint)value;
	return at;
}

/* EGL's numbers have 31 bits. */
static bool fits(const struct waybuf_layout *layout, const struct waybuf_plane *plane)
{
	const struct waybuf_memory *memory = &layout->memory[plane->slot];
	return memory->kind == WAYBUF_MEMORY_DMABUF && plane->offset <= INT32_MAX &&
		plane->stride <= INT32_MAX;
}

static EGLint *put_plane(EGLint *at, const EGLint names[5], const struct waybuf_layout *layout,
	const struct waybuf_plane *plane, bool modifier)
{
	at = put(at, names[0], (uint64_t)layout->memory[plane->slot].fd);
	at = put(at, names[1], plane->offset);
	at = put(at, names[2], plane->stride);
	if (!modifier)
		return at;
	at = put(at, names[3], layout->modifier & 0xffffffff);
	return put(at, names[4], layout->modifier >> 32);
}

EGLImageKHR gpu_image_create(const struct waybuf_gpu *gpu, const struct waybuf_layout *layout,
	uint32_t format, uint32_t first, uint32_t n, uint32_t width, uint32_t height)
{
	EGLint attribs[MAX_ATTRIBS], *at = attribs;
	bool modifier = gpu->has_modifiers && layout->modifier != DRM_FORMAT_MOD_INVALID;
	if (width > INT32_MAX || height > INT32_MAX || n > WAYBUF_MAX_PLANES - first)
		return EGL_NO_IMAGE_KHR;
	at = put(at, EGL_WIDTH, width);
	at = put(at, EGL_HEIGHT, height);
	at = put(at, EGL_LINUX_DRM_FOURCC_EXT, format);
	for (uint32_t i = 0; i < n; i++) {
		const struct waybuf_plane *plane = &layout->planes[first + i];
		if (!fits(layout, plane))
			return EGL_NO_IMAGE_KHR;
		at = put_plane(at, plane_attribs[i], layout, plane, modifier);
	}
	*at = EGL_NONE;
	return gpu->egl.create_image(
		gpu->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attribs);
}

int waybuf_gpu_import_test(const struct waybuf_gpu *gpu, const struct waybuf_layout *layout)
{
	EGLImageKHR image = gpu_image_create(
		gpu, layout, layout->format, 0, layout->n_planes, layout->width, layout->height);
	if (image == EGL_NO_IMAGE_KHR)
		return -EINVAL;
	gpu->egl.destroy_image(gpu->display, image);
	return 0;
}

/* ---- what there is to choose from ------------------------------------------------------------ */

/* What the driver calls external can be sampled only. */
struct modifiers {
	EGLuint64KHR modifier[MAX_MODIFIERS];
	EGLBoolean external[MAX_MODIFIERS];
	EGLint n;
};

static void query(const struct waybuf_gpu *gpu, uint32_t format, struct modifiers *out)
{
	/* Mesa's llvmpipe fills external's first only, of formats that are not external */
	memset(out, 0, sizeof(*out));
	if (!gpu->egl.query_modifiers(gpu->display, (EGLint)format, MAX_MODIFIERS, out->modifier,
		    out->external, &out->n))
		out->n = 0;
}

static int add_modifiers(struct waybuf_gpu *gpu, uint32_t format, size_t *max)
{
	struct modifiers known;
	query(gpu, format, &known);
	for (EGLint i = 0; i < known.n; i++) {
		if (known.external[i])
			continue;
		if (gpu->n_pairs == *max) {
			size_t grown = *max ? 2 * *max : 64;
			void *pairs = realloc(gpu->pairs, grown * sizeof(*gpu->pairs));
			if (!pairs)
				return -ENOMEM;
			gpu->pairs = pairs;
			*max = grown;
		}
		gpu->pairs[gpu->n_pairs++] = (struct waybuf_format_modifier){
			.format = format, .modifier = known.modifier[i]};
	}
	return 0;
}

bool gpu_is_external(const struct waybuf_gpu *gpu, uint32_t format, uint64_t modifier)
{
	struct modifiers known;
	query(gpu, format, &known);
	for (EGLint i = 0; i < known.n; i++)
		if (known.external[i] && known.modifier[i] == modifier)
			return true;
	return false;
}

int gpu_find_pairs(struct waybuf_gpu *gpu)
{
	EGLint formats[256], n = 0;
	size_t max = 0;
	if (!gpu->has_modifiers || !gpu->egl.query_formats(gpu->display, 256, formats, &n))
		return -EOPNOTSUPP;
	for (EGLint i = 0; i < n; i++) {
		int error = 0;
		if (waybuf_format_get((uint32_t)formats[i]))
			error = add_modifiers(gpu, (uint32_t)formats[i], &max);
		if (error < 0)
			return error;
	}
	return gpu->n_pairs ? 0 : -EOPNOTSUPP;
}
