/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "gles_priv.h"

/*
 * Pixels in memory as textures. They are taken bit by bit as they are; which of their components is
 * which is the texture's affair, so that no extension is needed for their order.
 */

static const struct layout {
	uint32_t drm;
	GLint internal;
	GLenum format, type;
	int32_t bytes;
	GLint red, green, blue, alpha; /* where they are */
} table[] = {
	{DRM_FORMAT_ARGB8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_BLUE, GL_GREEN, GL_RED,
		GL_ALPHA},
	{DRM_FORMAT_XRGB8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_BLUE, GL_GREEN, GL_RED,
		GL_ONE},
	{DRM_FORMAT_ABGR8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_RED, GL_GREEN, GL_BLUE,
		GL_ALPHA},
	{DRM_FORMAT_XBGR8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_RED, GL_GREEN, GL_BLUE,
		GL_ONE},
	{DRM_FORMAT_RGBA8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_ALPHA, GL_BLUE, GL_GREEN,
		GL_RED},
	{DRM_FORMAT_RGBX8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_ALPHA, GL_BLUE, GL_GREEN,
		GL_ONE},
	{DRM_FORMAT_BGRA8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_GREEN, GL_BLUE, GL_ALPHA,
		GL_RED},
	{DRM_FORMAT_BGRX8888, GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, GL_GREEN, GL_BLUE, GL_ALPHA,
		GL_ONE},
	{DRM_FORMAT_ARGB2101010, GL_RGB10_A2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4, GL_BLUE,
		GL_GREEN, GL_RED, GL_ALPHA},
	{DRM_FORMAT_XRGB2101010, GL_RGB10_A2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4, GL_BLUE,
		GL_GREEN, GL_RED, GL_ONE},
	{DRM_FORMAT_ABGR2101010, GL_RGB10_A2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4, GL_RED,
		GL_GREEN, GL_BLUE, GL_ALPHA},
	{DRM_FORMAT_XBGR2101010, GL_RGB10_A2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4, GL_RED,
		GL_GREEN, GL_BLUE, GL_ONE},
	{DRM_FORMAT_RGB888, GL_RGB8, GL_RGB, GL_UNSIGNED_BYTE, 3, GL_BLUE, GL_GREEN, GL_RED,
		GL_ONE},
	{DRM_FORMAT_BGR888, GL_RGB8, GL_RGB, GL_UNSIGNED_BYTE, 3, GL_RED, GL_GREEN, GL_BLUE,
		GL_ONE},
	{DRM_FORMAT_RGB565, GL_RGB565, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2, GL_RED, GL_GREEN,
		GL_BLUE, GL_ONE},
	{DRM_FORMAT_BGR565, GL_RGB565, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2, GL_BLUE, GL_GREEN,
		GL_RED, GL_ONE},
};

/* More pieces than that cost more than what is between them. */
#define MOST_PIECES 16

static const struct layout *find(uint32_t format)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].drm == format)
			return &table[i];
	return NULL;
}

bool gles_upload_init(struct gles *gles)
{
	glGenTextures(1, &gles->upload);
	glBindTexture(GL_TEXTURE_2D, gles->upload);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	return gles->upload != 0;
}

void gles_upload_finish(struct gles *gles)
{
	glDeleteTextures(1, &gles->upload);
}

/*
 * Storage of its own for each layer: what the GPU may still read of the one before stays with the
 * driver. False: there is none.
 */
static bool make_storage(
	const struct gles *gles, const struct layout *layout, int32_t width, int32_t height)
{
	if (width > gles->most_pixels || height > gles->most_pixels)
		return false;
	glActiveTexture(GL_TEXTURE0);
	glBindTexture(GL_TEXTURE_2D, gles->upload);
	glTexImage2D(GL_TEXTURE_2D, 0, layout->internal, width, height, 0, layout->format,
		layout->type, NULL);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_R, layout->red);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_G, layout->green);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_B, layout->blue);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_A, layout->alpha);
	return glGetError() == GL_NO_ERROR;
}

/* @all is what the texture has; rows begin at multiples of four bytes. */
static void send(const struct layout *layout, const struct render_image *image,
	const pixman_box32_t *all, const pixman_box32_t *part)
{
	const char *from = (const char *)image->pixels + (size_t)part->y1 * image->stride +
		(size_t)part->x1 * (size_t)layout->bytes;
	glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
	glPixelStorei(GL_UNPACK_ROW_LENGTH, (GLint)image->stride / layout->bytes);
	glTexSubImage2D(GL_TEXTURE_2D, 0, part->x1 - all->x1, part->y1 - all->y1,
		part->x2 - part->x1, part->y2 - part->y1, layout->format, layout->type, from);
}

bool gles_upload(struct gles *gles, const struct render_image *image,
	const struct scene_layer *layer, const pixman_region32_t *region,
	struct gles_source *source)
{
	const struct layout *layout = find(image->format);
	struct sampling all, piece;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	const int32_t width = (int32_t)gles->width, height = (int32_t)gles->height;
	if (!layout || image->stride % 4 || (uintptr_t)image->pixels % 4 ||
		!sampling_init(&all, width, height,
			pixman_region32_extents((pixman_region32_t *)region), layer) ||
		!make_storage(gles, layout, all.part.x2 - all.part.x1, all.part.y2 - all.part.y1))
		return false;
	if (n > MOST_PIECES)
		send(layout, image, &all.part, &all.part);
	for (int i = 0; i < n && n <= MOST_PIECES; i++)
		if (sampling_init(&piece, width, height, &boxes[i], layer))
			send(layout, image, &all.part, &piece.part);
	if (glGetError() != GL_NO_ERROR)
		return false;
	*source = (struct gles_source){
		.kind = GLES_RGB,
		.textures = {gles->upload},
		.x = all.part.x1,
		.y = all.part.y1,
		.format = image->format,
	};
	return true;
}
