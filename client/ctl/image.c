/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <png.h>

/* Where the colours are in a 32-bit pixel of host order. */
static const struct layout {
	uint32_t format;
	uint8_t red, green, blue; /* shifts */
} layouts[] = {
	{DRM_FORMAT_XRGB8888, 16, 8, 0},
	{DRM_FORMAT_ARGB8888, 16, 8, 0},
	{DRM_FORMAT_XBGR8888, 0, 8, 16},
	{DRM_FORMAT_ABGR8888, 0, 8, 16},
};

static const struct layout *find_layout(uint32_t format)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].format == format)
			return &layouts[i];
	}
	return NULL;
}

bool ctl_image_supports(uint32_t format)
{
	return find_layout(format);
}

/* ---- the file ------------------------------------------------------------------------------ */

static void drop(struct ctl_image_file *file)
{
	if (file->stream && file->temporary)
		fclose(file->stream);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	*file = (struct ctl_image_file){0};
}

/* In the folder of the target, so that it can be renamed onto it. */
static int open_temporary(struct ctl_image_file *file)
{
	if (asprintf(&file->temporary, "%s.XXXXXX", file->path) < 0) {
		file->temporary = NULL;
		return -ENOMEM;
	}
	int fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd < 0) {
		int ret = -errno;
		free(file->temporary);
		file->temporary = NULL;
		return ret;
	}
	file->stream = fdopen(fd, "wb");
	if (file->stream)
		return 0;
	close(fd);
	drop(file);
	return -ENOMEM;
}

enum ctl_status ctl_image_open(struct ctl_image_file *file, const char *path)
{
	*file = (struct ctl_image_file){.path = path};
	if (strcmp(path, "-") == 0) {
		file->stream = stdout;
		return CTL_OK;
	}
	struct stat st;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		ctl_error("%s is no regular file; - writes to stdout", path);
		return CTL_FAILED;
	}
	int ret = open_temporary(file);
	if (ret == 0)
		return CTL_OK;
	ctl_error(
		"%s cannot be written: %s; choose a folder you may write to", path, strerror(-ret));
	return CTL_FAILED;
}

/* mkostemp() makes files for the owner alone; this one is to be like any other. */
static int publish(struct ctl_image_file *file)
{
	mode_t mask = umask(0);
	umask(mask);
	if (fchmod(fileno(file->stream), 0666 & ~mask) < 0)
		return -errno;
	FILE *stream = file->stream;
	file->stream = NULL;
	if (fclose(stream) != 0)
		return -errno;
	if (rename(file->temporary, file->path) < 0)
		return -errno;
	free(file->temporary);
	file->temporary = NULL;
	return 0;
}

/* ---- PNG ----------------------------------------------------------------------------------- */

struct image {
	const uint8_t *pixels;
	uint32_t width, height, stride;
	const struct layout *layout;
};

static void convert_row(const struct image *image, uint32_t y, uint8_t *row)
{
	const uint8_t *at = image->pixels + (size_t)y * image->stride;
	for (uint32_t x = 0; x < image->width; x++, at += 4, row += 3) {
		uint32_t pixel;
		memcpy(&pixel, at, sizeof(pixel));
		row[0] = (uint8_t)(pixel >> image->layout->red);
		row[1] = (uint8_t)(pixel >> image->layout->green);
		row[2] = (uint8_t)(pixel >> image->layout->blue);
	}
}

/* libpng reports errors by longjmp: whatever it must not lose is in the caller's frame. */
static bool write_rows(
	png_structp png, png_infop info, FILE *stream, const struct image *image, uint8_t *row)
{
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_init_io(png, stream);
	png_set_IHDR(png, info, image->width, image->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (uint32_t y = 0; y < image->height; y++) {
		convert_row(image, y, row);
		png_write_row(png, row);
	}
	png_write_end(png, info);
	return fflush(stream) == 0 && !ferror(stream);
}

static int write_png(FILE *stream, const struct image *image)
{
	int ret = -ENOMEM;
	uint8_t *row = calloc(image->width, 3);
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	if (row && info) {
		errno = 0;
		ret = write_rows(png, info, stream, image, row) ? 0 : errno ? -errno : -EIO;
	}
	png_destroy_write_struct(png ? &png : NULL, info ? &info : NULL);
	free(row);
	return ret;
}

enum ctl_status ctl_image_finish(struct ctl_image_file *file, const void *pixels, uint32_t width,
	uint32_t height, uint32_t stride, uint32_t format)
{
	if (!pixels) {
		drop(file);
		return CTL_OK;
	}
	struct image image = {
		.pixels = pixels,
		.width = width,
		.height = height,
		.stride = stride,
		.layout = find_layout(format),
	};
	int ret = image.layout ? write_png(file->stream, &image) : -EINVAL;
	if (ret == 0 && file->temporary)
		ret = publish(file);
	if (ret < 0)
		ctl_error("%s cannot be written: %s", file->path, strerror(-ret));
	drop(file);
	return ret < 0 ? CTL_FAILED : CTL_OK;
}
