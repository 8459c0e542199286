/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>

/* EGL_EXT_image_dma_buf_import and its _modifiers: dma-bufs as EGL images. */

/* Name and value each: size and format, hints, planes, and the end. */
#define MAX_ATTRIBS (6 + 8 + 10 * WAYBUF_MAX_PLANES + 1)

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

/* By the numbers of the options; 0: no hint. */
static const EGLint encodings[] = {0, EGL_ITU_REC601_EXT, EGL_ITU_REC709_EXT, EGL_ITU_REC2020_EXT};
static const EGLint ranges[] = {0, EGL_YUV_NARROW_RANGE_EXT, EGL_YUV_FULL_RANGE_EXT};
static const EGLint sitings[] = {0, EGL_YUV_CHROMA_SITING_0_EXT, EGL_YUV_CHROMA_SITING_0_5_EXT};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what EGL could not tell from another image --------------------------------------------- */

static int check_plane(struct waybuf_egl *egl, const char *what, const struct waybuf_layout *layout,
	const struct waybuf_plane *plane)
{
	if (plane->slot >= layout->n_memory || plane->slot >= WAYBUF_MAX_PLANES)
		return egl_fail(egl, -EINVAL, "%s: a plane is in no memory", what);
	const struct waybuf_memory *memory = &layout->memory[plane->slot];
	if (memory->kind != WAYBUF_MEMORY_DMABUF)
		return egl_fail(egl, -EINVAL, "%s: the memory is no dma-buf", what);
	/* EGL's numbers have 31 bits, and so have GBM's */
	if (memory->fd < 0 || plane->offset > INT32_MAX || plane->stride > INT32_MAX)
		return egl_fail(egl, -EINVAL, "%s: fd, offset or stride out of range", what);
	return 0;
}

int egl_check_layout(struct waybuf_egl *egl, const char *what, const struct waybuf_layout *layout)
{
	if (layout->n_planes < 1 || layout->n_planes > WAYBUF_MAX_PLANES || layout->width < 1 ||
		layout->width > INT32_MAX || layout->height < 1 || layout->height > INT32_MAX)
		return egl_fail(egl, -EINVAL, "%s: size or number of planes out of range", what);
	int ret = 0;
	for (uint32_t i = 0; i < layout->n_planes && ret == 0; i++)
		ret = check_plane(egl, what, layout, &layout->planes[i]);
	return ret;
}

static int check_options(struct waybuf_egl *egl, const struct waybuf_egl_image_options *options)
{
	if ((unsigned)options->encoding >= COUNT(encodings) ||
		(unsigned)options->range >= COUNT(ranges) ||
		(unsigned)options->horizontal >= COUNT(sitings) ||
		(unsigned)options->vertical >= COUNT(sitings))
		return egl_fail(egl, -EINVAL, "image: an option out of range");
	return 0;
}

static int check_extensions(struct waybuf_egl *egl, uint64_t modifier)
{
	if (!(egl->features & WAYBUF_EGL_IMAGES))
		return egl_fail(egl, -EOPNOTSUPP,
			"image: the EGL display has no EGL_EXT_image_dma_buf_import");
	if (!(egl->features & WAYBUF_EGL_MODIFIERS) && modifier != DRM_FORMAT_MOD_LINEAR &&
		modifier != DRM_FORMAT_MOD_INVALID)
		return egl_fail(egl, -EOPNOTSUPP,
			"image: modifier 0x%016llx, and the EGL display has no"
			" EGL_EXT_image_dma_buf_import_modifiers",
			(unsigned long long)modifier);
	return 0;
}

/* ---- the image ----------------------------------------------------------------------------- */

static EGLint *put(EGLint *at, EGLint name, uint64_t value)
{
	*at++ = name;
	*at++ = (EGLint)value;
	return at;
}

static EGLint *put_hint(EGLint *at, EGLint name, EGLint value)
{
	return value ? put(at, name, (uint64_t)value) : at;
}

static EGLint *put_hints(EGLint *at, const struct waybuf_egl_image_options *options)
{
	at = put_hint(at, EGL_YUV_COLOR_SPACE_HINT_EXT, encodings[options->encoding]);
	at = put_hint(at, EGL_SAMPLE_RANGE_HINT_EXT, ranges[options->range]);
	at = put_hint(at, EGL_YUV_CHROMA_HORIZONTAL_SITING_HINT_EXT, sitings[options->horizontal]);
	return put_hint(at, EGL_YUV_CHROMA_VERTICAL_SITING_HINT_EXT, sitings[options->vertical]);
}

static EGLint *put_plane(
	EGLint *at, const struct waybuf_layout *layout, uint32_t plane, bool modifier)
{
	const EGLint *names = plane_attribs[plane];
	at = put(at, names[0], (uint64_t)layout->memory[layout->planes[plane].slot].fd);
	at = put(at, names[1], layout->planes[plane].offset);
	at = put(at, names[2], layout->planes[plane].stride);
	if (!modifier)
		return at;
	at = put(at, names[3], layout->modifier & 0xffffffff);
	return put(at, names[4], layout->modifier >> 32);
}

int waybuf_egl_image_create(struct waybuf_egl *egl, const struct waybuf_layout *layout,
	const struct waybuf_egl_image_options *options, void **image)
{
	static const struct waybuf_egl_image_options defaults = {0};
	EGLint attribs[MAX_ATTRIBS], *at = attribs;
	options = options ? options : &defaults;
	int ret = check_extensions(egl, layout->modifier);
	if (ret == 0)
		ret = egl_check_layout(egl, "image", layout);
	if (ret == 0)
		ret = check_options(egl, options);
	if (ret < 0)
		return ret;
	bool modifier =
		egl->features & WAYBUF_EGL_MODIFIERS && layout->modifier != DRM_FORMAT_MOD_INVALID;
	at = put(at, EGL_WIDTH, layout->width);
	at = put(at, EGL_HEIGHT, layout->height);
	at = put(at, EGL_LINUX_DRM_FOURCC_EXT, layout->format);
	at = put_hints(at, options);
	for (uint32_t i = 0; i < layout->n_planes; i++)
		at = put_plane(at, layout, i, modifier);
	*at = EGL_NONE;
	*image = egl->egl.create_image(
		egl->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attribs);
	if (*image != EGL_NO_IMAGE_KHR)
		return 0;
	char what[64];
	snprintf(what, sizeof(what), "image of %.4s, modifier 0x%016llx",
		(const char *)&layout->format, (unsigned long long)layout->modifier);
	return egl_fail_call(egl, what);
}

void waybuf_egl_image_destroy(struct waybuf_egl *egl, void *image)
{
	if (image)
		egl->egl.destroy_image(egl->display, image);
}
