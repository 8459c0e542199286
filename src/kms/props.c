/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/props.h"

bool waybuf_kms_prop_enum_value(const struct waybuf_kms_prop *prop, const char *name, uint64_t *out)
{
	for (uint32_t i = 0; i < prop->n_enums; i++) {
		if (strncmp(prop->enums[i].name, name, DRM_PROP_NAME_LEN) == 0) {
			*out = prop->enums[i].value;
			return true;
		}
	}
	return false;
}

bool waybuf_kms_prop_has_bits(const struct waybuf_kms_prop *prop, uint64_t mask)
{
	uint64_t known = 0;
	for (uint32_t i = 0; i < prop->n_enums; i++) {
		if (prop->enums[i].value < 64)
			known |= UINT64_C(1) << prop->enums[i].value;
	}
	return (mask & ~known) == 0;
}

void waybuf_kms_prop_cache_finish(struct waybuf_kms_prop_cache *cache)
{
	for (size_t i = 0; i < cache->n; i++)
		drmModeFreeProperty(cache->properties[i]);
	free(cache->properties);
	*cache = (struct waybuf_kms_prop_cache){0};
}

static int grow(struct waybuf_kms_prop_cache *cache)
{
	if (cache->n < cache->capacity)
		return 0;
	size_t capacity = cache->capacity ? cache->capacity * 2 : 64;
	drmModePropertyPtr *properties =
		reallocarray(cache->properties, capacity, sizeof(*properties));
	if (!properties)
		return -ENOMEM;
	cache->properties = properties;
	cache->capacity = capacity;
	return 0;
}

struct _drmModeProperty *waybuf_kms_prop_cache_get(
	struct waybuf_kms_prop_cache *cache, int fd, uint32_t id)
{
	for (size_t i = 0; i < cache->n; i++) {
		if (cache->properties[i]->prop_id == id)
			return cache->properties[i];
	}
	if (grow(cache) < 0)
		return NULL;
	drmModePropertyPtr property = drmModeGetProperty(fd, id);
	if (property)
		cache->properties[cache->n++] = property;
	return property;
}

static void fill(struct waybuf_kms_prop *prop, drmModePropertyRes *property, uint64_t value)
{
	*prop = (struct waybuf_kms_prop){
		.id = property->prop_id,
		.flags = property->flags,
		.value = value,
		.enums = property->enums,
		.n_enums = property->count_enums > 0 ? (uint32_t)property->count_enums : 0,
	};
	bool range = drm_property_type_is(property, DRM_MODE_PROP_RANGE) ||
		drm_property_type_is(property, DRM_MODE_PROP_SIGNED_RANGE);
	if (range && property->count_values >= 2) {
		prop->min = property->values[0];
		prop->max = property->values[1];
	}
}

int waybuf_kms_props_load(int fd, struct waybuf_kms_prop_cache *cache, uint32_t object,
	uint32_t type, const char *const names[], size_t n, struct waybuf_kms_prop props[])
{
	drmModeObjectPropertiesPtr list = drmModeObjectGetProperties(fd, object, type);
	if (!list)
		return -errno;
	int error = 0;
	memset(props, 0, n * sizeof(*props));
	for (uint32_t i = 0; i < list->count_props && !error; i++) {
		drmModePropertyRes *property = waybuf_kms_prop_cache_get(cache, fd, list->props[i]);
		if (!property) {
			error = -ENOMEM;
			break;
		}
		for (size_t j = 0; j < n; j++) {
			if (strcmp(property->name, names[j]) == 0)
				fill(&props[j], property, list->prop_values[i]);
		}
	}
	drmModeFreeObjectProperties(list);
	return error;
}

int waybuf_kms_blob_read(int fd, uint32_t id, void **data, size_t *size)
{
	if (id == 0)
		return -ENODATA;
	drmModePropertyBlobPtr blob = drmModeGetPropertyBlob(fd, id);
	if (!blob)
		return -errno;
	/* one more byte, so that an empty blob is not mistaken for a failed malloc */
	void *copy = malloc((size_t)blob->length + 1);
	if (copy) {
		memcpy(copy, blob->data, blob->length);
		*data = copy;
		*size = blob->length;
	}
	drmModeFreePropertyBlob(blob);
	return copy ? 0 : -ENOMEM;
}
