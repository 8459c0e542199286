/* SPDX-License-Identifier: MIT */
#ifndef KMS_PROPS_H
#define KMS_PROPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drm_mode_property_enum;

/*
 * KMS properties by name. The ids differ from device to device and from boot to boot, so each
 * object keeps a table of those we use, indexed by one of the enums in resources.h and read once.
 */
struct waybuf_kms_prop {
	uint32_t id; /* 0: the object has not got it */
	uint32_t flags; /* DRM_MODE_PROP_* */
	uint64_t value; /* when the object was read */
	/* of a range; a signed one in two's complement */
	uint64_t min, max;
	/* of an enum or a bitmask; borrowed from the cache. A bitmask's values are bit numbers */
	const struct drm_mode_property_enum *enums;
	uint32_t n_enums;
};

static inline bool waybuf_kms_prop_known(const struct waybuf_kms_prop *prop)
{
	return prop->id != 0;
}

/* The value that an enum property calls @name; false if it has none. */
bool waybuf_kms_prop_enum_value(
	const struct waybuf_kms_prop *prop, const char *name, uint64_t *out);

/* Whether a bitmask property knows all bits of @mask. */
bool waybuf_kms_prop_has_bits(const struct waybuf_kms_prop *prop, uint64_t mask);

/* What properties are, read once for each property: objects of one kind share them. */
struct waybuf_kms_prop_cache {
	struct _drmModeProperty **properties;
	size_t n, capacity;
};

void waybuf_kms_prop_cache_finish(struct waybuf_kms_prop_cache *cache);

/*
 * Fills @props[i] with the property called @names[i] of an object (DRM_MODE_OBJECT_*), for all @n.
 * An absent one gets id 0. 0, or the errno of DRM_IOCTL_MODE_OBJ_GETPROPERTIES, -ENOMEM.
 */
int waybuf_kms_props_load(int fd, struct waybuf_kms_prop_cache *cache, uint32_t object,
	uint32_t type, const char *const names[], size_t n, struct waybuf_kms_prop props[]);

/* The property behind @id; borrowed, not to be changed. NULL: no memory, or no such property. */
struct _drmModeProperty *waybuf_kms_prop_cache_get(
	struct waybuf_kms_prop_cache *cache, int fd, uint32_t id);

/* A copy of a property blob for free(). -ENODATA if @id is 0, or the errno of GETPROPBLOB. */
int waybuf_kms_blob_read(int fd, uint32_t id, void **data, size_t *size);

#endif
