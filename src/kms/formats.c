/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/formats.h"
#include "util/checked.h"

/* No driver has a tenth of this; a blob that asks for more is broken. */
enum { MAX_PAIRS = 65536 };

void waybuf_kms_formats_finish(struct waybuf_kms_formats *formats)
{
	free(formats->pairs);
	*formats = (struct waybuf_kms_formats){0};
}

bool waybuf_kms_formats_have(
	const struct waybuf_kms_formats *formats, uint32_t format, uint64_t modifier)
{
	for (size_t i = 0; i < formats->n; i++) {
		const struct waybuf_kms_pair *pair = &formats->pairs[i];
		if (pair->format != format)
			continue;
		if (pair->modifier == modifier || modifier == DRM_FORMAT_MOD_INVALID)
			return true;
	}
	return false;
}

/* Whether @n elements of @each bytes from @offset on lie in @size bytes. */
static bool fits(uint64_t offset, uint64_t n, uint64_t each, uint64_t size)
{
	uint64_t bytes, end;
	return checked_mul(n, each, &bytes) && checked_add(offset, bytes, &end) && end <= size;
}

static bool header_ok(const struct drm_format_modifier_blob *header, size_t size)
{
	return header->version >= FORMAT_BLOB_CURRENT &&
		fits(header->formats_offset, header->count_formats, sizeof(uint32_t), size) &&
		fits(header->modifiers_offset, header->count_modifiers,
			sizeof(struct drm_format_modifier), size);
}

/* One modifier of the blob, and the 64 formats from its offset on that its mask speaks of. */
static size_t expand(const struct drm_format_modifier *modifier, const uint8_t *list,
	uint32_t n_formats, struct waybuf_kms_pair *out)
{
	size_t n = 0;
	for (uint32_t bit = 0; bit < 64; bit++) {
		uint64_t index = (uint64_t)modifier->offset + bit;
		if (!(modifier->formats >> bit & 1) || index >= n_formats)
			continue;
		if (out) {
			out[n].modifier = modifier->modifier;
			memcpy(&out[n].format, list + index * sizeof(uint32_t), sizeof(uint32_t));
		}
		n++;
	}
	return n;
}

static size_t expand_all(const struct drm_format_modifier_blob *header, const uint8_t *blob,
	struct waybuf_kms_pair *out)
{
	size_t n = 0;
	for (uint32_t i = 0; i < header->count_modifiers; i++) {
		struct drm_format_modifier modifier;
		memcpy(&modifier, blob + header->modifiers_offset + i * sizeof(modifier),
			sizeof(modifier));
		n += expand(&modifier, blob + header->formats_offset, header->count_formats,
			out ? out + n : NULL);
		if (n > MAX_PAIRS)
			return n;
	}
	return n;
}

int waybuf_kms_formats_parse(struct waybuf_kms_formats *formats, const void *blob, size_t size)
{
	struct drm_format_modifier_blob header;
	if (size < sizeof(header))
		return -EINVAL;
	memcpy(&header, blob, sizeof(header));
	if (!header_ok(&header, size))
		return -EINVAL;

	size_t n = expand_all(&header, blob, NULL);
	if (n > MAX_PAIRS)
		return -EINVAL;
	struct waybuf_kms_pair *pairs = calloc(n + 1, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	expand_all(&header, blob, pairs);
	*formats = (struct waybuf_kms_formats){.pairs = pairs, .n = n};
	return 0;
}

int waybuf_kms_formats_from_list(struct waybuf_kms_formats *formats, const uint32_t *list, size_t n)
{
	struct waybuf_kms_pair *pairs = calloc(n + 1, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct waybuf_kms_pair){list[i], DRM_FORMAT_MOD_LINEAR};
	*formats = (struct waybuf_kms_formats){.pairs = pairs, .n = n, .implicit = true};
	return 0;
}
