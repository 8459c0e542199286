/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "gles_priv.h"

/*
 * Pixels in memory as textures. They are taken bit by bit as they are; which of their components is
 * which is the texture's affair, so that no extension is needed for their order.
 */

struct storage {
	GLint internal;
	GLenum format, type;
	int32_t bytes;
};

static const struct storage four_bytes = {GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4};
static const struct storage ten_bits = {GL_RGB10_A2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4};
static const struct storage three_bytes = {GL_RGB8, GL_RGB, GL_UNSIGNED_BYTE, 3};
static const struct storage two_bytes = {GL_RGB565, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2};

static const struct layout {
	uint32_t drm;
	const struct storage *storage;
	GLint swizzle[4]; /* where red, green, blue and alpha are */
} table[] = {
	{DRM_FORMAT_ARGB8888, &four_bytes, {GL_BLUE, GL_GREEN, GL_RED, GL_ALPHA}},
	{DRM_FORMAT_XRGB8888, &four_bytes, {GL_BLUE, GL_GREEN, GL_RED, GL_ONE}},
	{DRM_FORMAT_ABGR8888, &four_bytes, {GL_RED, GL_GREEN, GL_BLUE, GL_ALPHA}},
	{DRM_FORMAT_XBGR8888, &four_bytes, {GL_RED, GL_GREEN, GL_BLUE, GL_ONE}},
	{DRM_FORMAT_RGBA8888, &four_bytes, {GL_ALPHA, GL_BLUE, GL_GREEN, GL_RED}},
	{DRM_FORMAT_RGBX8888, &four_bytes, {GL_ALPHA, GL_BLUE, GL_GREEN, GL_ONE}},
	{DRM_FORMAT_BGRA8888, &four_bytes, {GL_GREEN, GL_BLUE, GL_ALPHA, GL_RED}},
	{DRM_FORMAT_BGRX8888, &four_bytes, {GL_GREEN, GL_BLUE, GL_ALPHA, GL_ONE}},
	{DRM_FORMAT_ARGB2101010, &ten_bits, {GL_BLUE, GL_GREEN, GL_RED, GL_ALPHA}},
	{DRM_FORMAT_XRGB2101010, &ten_bits, {GL_BLUE, GL_GREEN, GL_RED, GL_ONE}},
	{DRM_FORMAT_ABGR2101010, &ten_bits, {GL_RED, GL_GREEN, GL_BLUE, GL_ALPHA}},
	{DRM_FORMAT_XBGR2101010, &ten_bits, {GL_RED, GL_GREEN, GL_BLUE, GL_ONE}},
	{DRM_FORMAT_RGB888, &three_bytes, {GL_BLUE, GL_GREEN, GL_RED, GL_ONE}},
	{DRM_FORMAT_BGR888, &three_bytes, {GL_RED, GL_GREEN, GL_BLUE, GL_ONE}},
	{DRM_FORMAT_RGB565, &two_bytes, {GL_RED, GL_GREEN, GL_BLUE, GL_ONE}},
	{DRM_FORMAT_BGR565, &two_bytes, {GL_BLUE, GL_GREEN, GL_RED, GL_ONE}},
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

/* Texels are fetched one by one; but what has no mipmaps is complete only if nobody asks for them. */
GLuint gles_make_texture(GLenum target)
{
	GLuint texture;
	glGenTextures(1, &texture);
	glBindTexture(target, texture);
	glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	return texture;
}

bool gles_upload_init(struct gles *gles)
{
	gles->upload = gles_make_texture(GL_TEXTURE_2D);
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
	const struct gles *gles, const struct layout *layout, const pixman_box32_t *all)
{
	const struct storage *storage = layout->storage;
	const int32_t width = all->x2 - all->x1, height = all->y2 - all->y1;
	if (width > gles->most_pixels || height > gles->most_pixels)
		return false;
	glActiveTexture(GL_TEXTURE0);
	glBindTexture(GL_TEXTURE_2D, gles->upload);
	glTexImage2D(GL_TEXTURE_2D, 0, storage->internal, width, height, 0, storage->format,
		storage->type, NULL);
	for (GLenum i = 0; i < 4; i++)
		glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_R + i, layout->swizzle[i]);
	return glGetError() == GL_NO_ERROR;
}

/* @all is what the texture has. Rows begin at multiples of four bytes. */
static void send(const struct storage *storage, const struct render_image *image,
	const pixman_box32_t *all, const pixman_box32_t *part)
{
	const char *from = (const char *)image->pixels + (size_t)part->y1 * image->stride +
		(size_t)part->x1 * (size_t)storage->bytes;
	glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
	glPixelStorei(GL_UNPACK_ROW_LENGTH, (GLint)image->stride / storage->bytes);
	glTexSubImage2D(GL_TEXTURE_2D, 0, part->x1 - all->x1, part->y1 - all->y1,
		part->x2 - part->x1, part->y2 - part->y1, storage->format, storage->type, from);
}

bool gles_upload(struct gles *gles, const struct render_image *image,
	const struct scene_layer *layer, const struct sampling *sampling,
	const pixman_region32_t *region, struct gles_source *source)
{
	const struct layout *layout = find(image->format);
	const pixman_box32_t *all = &sampling->part, picture = gles_picture(gles);
	struct sampling piece;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
	if (!layout || image->stride % 4 || (uintptr_t)image->pixels % 4 ||
		!make_storage(gles, layout, all))
		return false;
	if (n > MOST_PIECES)
		send(layout->storage, image, all, all);
	for (int i = 0; i < n && n <= MOST_PIECES; i++)
		if (sampling_init(&piece, &picture, &boxes[i], layer))
			send(layout->storage, image, all, &piece.part);
	if (glGetError() != GL_NO_ERROR)
		return false;
	*source = (struct gles_source){
		.kind = GLES_RGB,
		.textures = {gles->upload},
		.x = all->x1,
		.y = all->y1,
		.format = image->format,
	};
	return true;
}
