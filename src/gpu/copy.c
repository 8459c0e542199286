/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>

#include "core/format.h"
#include "gpu/egl.h"
#include "gpu/software.h"

/*
 * A blit from framebuffer to framebuffer, so that no shader touches a value. Images of several
 * planes go plane by plane, as one or two components each; then no conversion of colours can creep
 * in. For the same reason formats without alpha are taken as those with it: what is in their fourth
 * byte belongs to the contents, and would otherwise read as one.
 */
struct format_pair {
	uint32_t format, copied_as;
};

static const struct format_pair twins[] = {
	{DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888},
	{DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888},
	{DRM_FORMAT_RGBX8888, DRM_FORMAT_RGBA8888},
	{DRM_FORMAT_BGRX8888, DRM_FORMAT_BGRA8888},
	{DRM_FORMAT_XRGB2101010, DRM_FORMAT_ARGB2101010},
	{DRM_FORMAT_XBGR2101010, DRM_FORMAT_ABGR2101010},
	{DRM_FORMAT_XBGR16161616F, DRM_FORMAT_ABGR16161616F},
};

static uint32_t whole_format(uint32_t format)
{
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
		if (twins[i].format == format)
			return twins[i].copied_as;
	}
	return format;
}

uint32_t gpu_plane_format(const struct waybuf_format *format, uint32_t plane)
{
	if (format->block_width[plane] != 1)
		return 0;
	switch (format->block_bytes[plane]) {
	case 1:
		return DRM_FORMAT_R8;
	case 2:
		return format->block_bytes[0] == 1 ? DRM_FORMAT_GR88 : DRM_FORMAT_R16;
	case 4:
		return DRM_FORMAT_GR1616;
	}
	return 0;
}

/* One image at each end of a blit. */
struct end {
	EGLImageKHR image;
	GLuint texture, framebuffer;
};

static void end_finish(const struct waybuf_gpu *gpu, struct end *end)
{
	/* GL keeps what the GPU still needs */
	glDeleteFramebuffers(1, &end->framebuffer);
	glDeleteTextures(1, &end->texture);
	if (end->image != EGL_NO_IMAGE_KHR)
		gpu->egl.destroy_image(gpu->display, end->image);
}

static bool end_init(
	const struct waybuf_gpu *gpu, struct end *end, GLenum target, EGLImageKHR image)
{
	*end = (struct end){.image = image};
	if (image == EGL_NO_IMAGE_KHR)
		return false;
	glGenTextures(1, &end->texture);
	glBindTexture(GL_TEXTURE_2D, end->texture);
	gpu->egl.image_target_texture(GL_TEXTURE_2D, image);
	glGenFramebuffers(1, &end->framebuffer);
	glBindFramebuffer(target, end->framebuffer);
	glFramebufferTexture2D(target, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, end->texture, 0);
	return glCheckFramebufferStatus(target) == GL_FRAMEBUFFER_COMPLETE;
}

/* What is blitted at once: a whole image, or one of its planes. */
struct part {
	uint32_t format, first, from_planes, to_planes, width, height;
};

static int blit(const struct waybuf_gpu *gpu, const struct waybuf_layout *from,
	const struct waybuf_layout *to, const struct part *part)
{
	struct end source = {0}, target = {0};
	GLint w = (GLint)part->width, h = (GLint)part->height;
	bool ready = end_init(gpu, &source, GL_READ_FRAMEBUFFER,
			     gpu_image_create(gpu, from, part->format, part->first,
				     part->from_planes, part->width, part->height)) &&
		end_init(gpu, &target, GL_DRAW_FRAMEBUFFER,
			gpu_image_create(gpu, to, part->format, part->first, part->to_planes,
				part->width, part->height));
	if (ready)
		glBlitFramebuffer(0, 0, w, h, 0, 0, w, h, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	end_finish(gpu, &source);
	end_finish(gpu, &target);
	return ready ? 0 : -EOPNOTSUPP;
}

static int blit_planes(const struct waybuf_gpu *gpu, const struct waybuf_format *format,
	const struct waybuf_layout *from, const struct waybuf_layout *to)
{
	/* planes beyond those of the format are the driver's own affair */
	if (from->n_planes != format->n_planes || to->n_planes != format->n_planes)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < format->n_planes; i++) {
		const struct part part = {
			.format = gpu_plane_format(format, i),
			.first = i,
			.from_planes = 1,
			.to_planes = 1,
			.width = (uint32_t)waybuf_format_plane_width(format, i, from->width),
			.height = (uint32_t)waybuf_format_plane_height(format, i, from->height),
		};
		int error = part.format ? blit(gpu, from, to, &part) : -EOPNOTSUPP;
		if (error < 0)
			return error;
	}
	return 0;
}

static int blit_image(const struct waybuf_gpu *gpu, const struct waybuf_layout *from,
	const struct waybuf_layout *to)
{
	const struct waybuf_format *format = waybuf_format_get(from->format);
	if (!format || from->format != to->format || from->width != to->width ||
		from->height != to->height || (gpu->software && !gpu_software_takes_target(to)))
		return -EOPNOTSUPP;
	if (format->n_planes > 1)
		return blit_planes(gpu, format, from, to);
	const struct part whole = {
		.format = whole_format(from->format),
		.from_planes = from->n_planes,
		.to_planes = to->n_planes,
		.width = from->width,
		.height = from->height,
	};
	return blit(gpu, from, to, &whole);
}

int waybuf_gpu_copy(const struct waybuf_gpu *gpu, const struct waybuf_layout *from,
	const struct waybuf_layout *to, int *fence_fd)
{
	if (!gpu_enter(gpu, gpu->context))
		return -EIO;
	int error = blit_image(gpu, from, to);
	*fence_fd = gpu_submit(gpu);
	if (error == 0 && (*fence_fd < -1 || glGetError() != GL_NO_ERROR))
		error = -EIO;
	gpu_leave(gpu);
	return error;
}
