/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/format.h"
#include "kms/fb.h"
#include "util/checked.h"
#include "util/log.h"

const char *waybuf_kms_refusal_name(enum waybuf_kms_refusal refusal)
{
	static const char *const names[] = {
		[WAYBUF_KMS_ACCEPTED] = "accepted",
		[WAYBUF_KMS_BAD_LAYOUT] = "bad layout",
		[WAYBUF_KMS_BAD_FORMAT] = "format not supported",
		[WAYBUF_KMS_BAD_SIZE] = "size not supported",
		[WAYBUF_KMS_NO_DMABUF] = "not a dma-buf",
		[WAYBUF_KMS_UNREACHABLE] = "unreachable",
		[WAYBUF_KMS_BAD_PITCH] = "stride or offset not supported",
		[WAYBUF_KMS_BAD_STATE] = "refused by the plane",
		[WAYBUF_KMS_EXHAUSTED] = "out of resources",
	};
	return names[refusal];
}

/* Bytes that plane @i really uses, the last row without its padding. */
static bool plane_end(const struct waybuf_layout *layout, const struct waybuf_format *format,
	uint32_t i, uint64_t *end)
{
	const struct waybuf_plane *plane = &layout->planes[i];
	uint64_t row, rows = waybuf_format_plane_height(format, i, layout->height);
	return rows > 0 && waybuf_format_min_stride(format, i, layout->width, &row) &&
		checked_mul(plane->stride, rows - 1, end) && checked_add(*end, row, end) &&
		checked_add(*end, plane->offset, end);
}

static int check_linear_plane(const struct waybuf_layout *layout,
	const struct waybuf_format *format, uint32_t i, struct waybuf_kms_why *why)
{
	const struct waybuf_plane *plane = &layout->planes[i];
	uint64_t row, end, size = layout->memory[plane->slot].size;
	if (!waybuf_format_min_stride(format, i, layout->width, &row) || plane->stride < row) {
		waybuf_kms_why_set(why,
			"plane %u: a stride of %u bytes is less than a row of %u pixels", i,
			plane->stride, layout->width);
		return -EINVAL;
	}
	if (!plane_end(layout, format, i, &end) || end > size) {
		waybuf_kms_why_set(why,
			"plane %u: offset %u and %u rows of %u bytes do not fit into %llu bytes", i,
			plane->offset, layout->height, plane->stride, (unsigned long long)size);
		return -EINVAL;
	}
	return 0;
}

static int check_plane(const struct waybuf_layout *layout, const struct waybuf_format *format,
	uint32_t i, struct waybuf_kms_why *why)
{
	const struct waybuf_plane *plane = &layout->planes[i];
	if (plane->slot >= layout->n_memory) {
		waybuf_kms_why_set(
			why, "plane %u lies in memory %u of %u", i, plane->slot, layout->n_memory);
		return -EINVAL;
	}
	if (plane->offset >= layout->memory[plane->slot].size) {
		waybuf_kms_why_set(why, "plane %u: offset %u is beyond %llu bytes", i,
			plane->offset, (unsigned long long)layout->memory[plane->slot].size);
		return -EINVAL;
	}
	return format ? check_linear_plane(layout, format, i, why) : 0;
}

int waybuf_kms_check_layout(const struct waybuf_layout *layout, struct waybuf_kms_why *why)
{
	char fourcc[WAYBUF_FOURCC_LEN];
	bool linear = layout->modifier == DRM_FORMAT_MOD_LINEAR;
	const struct waybuf_format *format = waybuf_format_get(layout->format);
	if (layout->width == 0 || layout->height == 0) {
		waybuf_kms_why_set(
			why, "an image of %u x %u pixels", layout->width, layout->height);
		return -EINVAL;
	}
	/* with other modifiers there may be more planes than the format has: compression data */
	bool count_ok = layout->n_planes > 0 && layout->n_planes <= WAYBUF_MAX_PLANES &&
		layout->n_memory > 0 && layout->n_memory <= WAYBUF_MAX_PLANES &&
		(!linear || !format || layout->n_planes == format->n_planes);
	if (!count_ok) {
		waybuf_kms_why_set(why, "%u planes in %u memories are not a %s image",
			layout->n_planes, layout->n_memory,
			waybuf_fourcc_string(layout->format, fourcc));
		return -EINVAL;
	}
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		int error = check_plane(layout, linear ? format : NULL, i, why);
		if (error)
			return error;
	}
	return 0;
}

static bool device_has_pair(struct waybuf_kms_device *device, uint32_t format, uint64_t modifier)
{
	struct waybuf_kms_resources *res = &device->res;
	for (uint32_t i = 0; i < res->n_planes; i++) {
		if (waybuf_kms_formats_have(&res->planes[i]->formats, format, modifier))
			return true;
	}
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		if (waybuf_kms_formats_have(&res->connectors[i]->formats, format, modifier))
			return true;
	}
	return false;
}

enum waybuf_kms_refusal waybuf_kms_fb_judge(struct waybuf_kms_device *device,
	const struct waybuf_layout *layout, struct waybuf_kms_why *why)
{
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	struct waybuf_kms_resources *res = &device->res;
	if (waybuf_kms_check_layout(layout, why) < 0)
		return WAYBUF_KMS_BAD_LAYOUT;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (layout->memory[i].kind == WAYBUF_MEMORY_DMABUF)
			continue;
		waybuf_kms_why_set(why, "memory %u is not a dma-buf", i);
		return WAYBUF_KMS_NO_DMABUF;
	}
	/* source rectangles are 16.16: a framebuffer of 65536 could not be named in one */
	bool nameable = layout->width <= UINT16_MAX && layout->height <= UINT16_MAX;
	if (!nameable || layout->width < res->min_width || layout->width > res->max_width ||
		layout->height < res->min_height || layout->height > res->max_height) {
		waybuf_kms_why_set(why, "%u x %u is outside %u x %u to %u x %u", layout->width,
			layout->height, res->min_width, res->min_height, res->max_width,
			res->max_height);
		return WAYBUF_KMS_BAD_SIZE;
	}
	if (!device_has_pair(device, layout->format, layout->modifier)) {
		waybuf_kms_why_set(why, "no plane of %s takes %s with modifier %s", device->driver,
			waybuf_fourcc_string(layout->format, fourcc),
			waybuf_modifier_string(layout->modifier, modifier));
		return WAYBUF_KMS_BAD_FORMAT;
	}
	return WAYBUF_KMS_ACCEPTED;
}

/* Errors that say nothing about the buffer. */
static bool is_transient(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EACCES ||
		error == -ENODEV || error == -EBUSY || error == -EINTR || error == -EAGAIN;
}

static int import(struct waybuf_kms_device *device, const struct waybuf_layout *layout,
	uint32_t handles[WAYBUF_MAX_PLANES], enum waybuf_kms_refusal *refusal,
	struct waybuf_kms_why *why)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		int error = waybuf_gem_handles_import(
			device->handles, layout->memory[i].fd, &handles[i]);
		if (!error)
			continue;
		handles[i] = 0;
		*refusal = is_transient(error) ? WAYBUF_KMS_EXHAUSTED : WAYBUF_KMS_UNREACHABLE;
		waybuf_kms_why_set(
			why, "%s cannot reach memory %u: %s", device->driver, i, strerror(-error));
		return error;
	}
	return 0;
}

static int add(struct waybuf_kms_fb *fb, const struct waybuf_layout *layout,
	const uint32_t memory_handles[WAYBUF_MAX_PLANES], enum waybuf_kms_refusal *refusal,
	struct waybuf_kms_why *why)
{
	uint32_t handles[4] = {0}, strides[4] = {0}, offsets[4] = {0};
	uint64_t modifiers[4] = {0};
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		handles[i] = memory_handles[layout->planes[i].slot];
		strides[i] = layout->planes[i].stride;
		offsets[i] = layout->planes[i].offset;
		modifiers[i] = layout->modifier;
	}
	bool tell = fb->device->caps.modifiers && layout->modifier != DRM_FORMAT_MOD_INVALID;
	int error = drmModeAddFB2WithModifiers(fb->device->fd, layout->width, layout->height,
		layout->format, handles, strides, offsets, tell ? modifiers : NULL, &fb->id,
		tell ? DRM_MODE_FB_MODIFIERS : 0);
	if (!error)
		return 0;
	*refusal = is_transient(error) ? WAYBUF_KMS_EXHAUSTED : WAYBUF_KMS_BAD_PITCH;
	waybuf_kms_why_set(why, "%s makes no framebuffer of stride %u, offset %u: %s",
		fb->device->driver, strides[0], offsets[0], strerror(-error));
	return error;
}

int waybuf_kms_fb_create(struct waybuf_kms_device *device, const struct waybuf_layout *layout,
	struct waybuf_kms_fb **out, enum waybuf_kms_refusal *refusal, struct waybuf_kms_why *why)
{
	enum waybuf_kms_refusal ignored;
	if (!refusal)
		refusal = &ignored;
	*refusal = waybuf_kms_fb_judge(device, layout, why);
	if (*refusal != WAYBUF_KMS_ACCEPTED)
		return -EINVAL;
	struct waybuf_kms_fb *fb = calloc(1, sizeof(*fb));
	if (!fb) {
		*refusal = WAYBUF_KMS_EXHAUSTED;
		return -ENOMEM;
	}
	*fb = (struct waybuf_kms_fb){.refs = 1,
		.device = device,
		.width = layout->width,
		.height = layout->height,
		.format = layout->format,
		.modifier = layout->modifier};

	uint32_t handles[WAYBUF_MAX_PLANES] = {0};
	int error = import(device, layout, handles, refusal, why);
	if (!error)
		error = add(fb, layout, handles, refusal, why);
	/* the framebuffer holds the memory now, or nobody does */
	for (uint32_t i = 0; i < layout->n_memory; i++)
		waybuf_gem_handles_drop(device->handles, handles[i]);
	if (error)
		free(fb);
	else
		*out = fb;
	return error;
}

struct waybuf_kms_fb *waybuf_kms_fb_ref(struct waybuf_kms_fb *fb)
{
	if (fb)
		fb->refs++;
	return fb;
}

void waybuf_kms_fb_unref(struct waybuf_kms_fb *fb)
{
	if (!fb || --fb->refs > 0)
		return;
	/* RMFB would turn off the planes that show it; CLOSEFB (Linux 6.6) leaves them alone */
	int error = drmModeCloseFB(fb->device->fd, fb->id);
	if (error == -EINVAL || error == -ENOTTY)
		error = drmModeRmFB(fb->device->fd, fb->id);
	if (error)
		waybuf_error("framebuffer %u could not be removed: %s", fb->id, strerror(-error));
	free(fb);
}
