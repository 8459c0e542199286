/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <waybuf/constraints.h>

#include "kms/probe.h"

/*
 * A constraint set has alternatives of formats times modifiers, a driver has a list of pairs. So
 * the formats that go with the very same modifiers are put together, which for real drivers makes
 * a handful of alternatives: RGB with tilings, YUV with others, the rest LINEAR.
 */
struct groups {
	const struct waybuf_kms_formats *formats;
	uint32_t *left; /* formats that are in no group yet */
	size_t n_left;
	uint32_t *list; /* formats of one group */
	uint64_t *modifiers; /* and their modifiers */
	size_t n_list, n_modifiers;
};

static bool contains(const uint32_t *list, size_t n, uint32_t format)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == format)
			return true;
	}
	return false;
}

static size_t modifiers_of(const struct groups *groups, uint32_t format, uint64_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < groups->formats->n; i++) {
		if (groups->formats->pairs[i].format != format)
			continue;
		if (out)
			out[n] = groups->formats->pairs[i].modifier;
		n++;
	}
	return n;
}

static bool same_modifiers(const struct groups *groups, uint32_t format)
{
	if (modifiers_of(groups, format, NULL) != groups->n_modifiers)
		return false;
	for (size_t i = 0; i < groups->n_modifiers; i++) {
		if (!waybuf_kms_formats_have(groups->formats, format, groups->modifiers[i]))
			return false;
	}
	return true;
}

/* Takes the first format that is left, and all that go with the same modifiers. */
static void next_group(struct groups *groups)
{
	size_t kept = 0;
	groups->n_list = 0;
	groups->n_modifiers = modifiers_of(groups, groups->left[0], groups->modifiers);
	for (size_t i = 0; i < groups->n_left; i++) {
		uint32_t format = groups->left[i];
		if (same_modifiers(groups, format))
			groups->list[groups->n_list++] = format;
		else
			groups->left[kept++] = format;
	}
	groups->n_left = kept;
}

static int add_formats(
	const struct waybuf_kms_formats *formats, struct waybuf_constraints_builder *builder)
{
	struct groups groups = {.formats = formats};
	groups.left = calloc(formats->n + 1, sizeof(*groups.left));
	groups.list = calloc(formats->n + 1, sizeof(*groups.list));
	groups.modifiers = calloc(formats->n + 1, sizeof(*groups.modifiers));
	int error = groups.left && groups.list && groups.modifiers ? 0 : -ENOMEM;
	for (size_t i = 0; i < formats->n && !error; i++) {
		if (!contains(groups.left, groups.n_left, formats->pairs[i].format))
			groups.left[groups.n_left++] = formats->pairs[i].format;
	}
	while (groups.n_left > 0 && !error) {
		next_group(&groups);
		error = waybuf_constraints_builder_set(
			builder, groups.list, groups.n_list, groups.modifiers, groups.n_modifiers);
	}
	free(groups.left);
	free(groups.list);
	free(groups.modifiers);
	return error;
}

static void add_common(struct waybuf_kms_device *device, const struct waybuf_kms_plane *plane,
	struct waybuf_constraints_builder *builder)
{
	const struct waybuf_kms_resources *res = &device->res;
	bool cursor = plane->type == DRM_PLANE_TYPE_CURSOR;
	uint32_t max_width = cursor ? device->caps.cursor_width : res->max_width;
	uint32_t max_height = cursor ? device->caps.cursor_height : res->max_height;
	uint64_t yes = 1;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT);
	waybuf_constraints_builder_width(
		builder, res->min_width ? res->min_width : 1, max_width, 1);
	waybuf_constraints_builder_height(
		builder, res->min_height ? res->min_height : 1, max_height, 1);
	waybuf_constraints_builder_add(builder, WAYBUF_FIELD_DMABUF, WAYBUF_PLANE_ALL, &yes, 1);
	waybuf_constraints_builder_near_dev(builder, device->rdev);
}

int waybuf_kms_plane_records(struct waybuf_kms_device *device, const struct waybuf_kms_plane *plane,
	struct waybuf_constraints_builder *builder)
{
	add_common(device, plane, builder);
	/* the builder remembers its first failure, and tells it at the end */
	return add_formats(&plane->formats, builder);
}

int waybuf_kms_plane_constraints(struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, struct waybuf_constraints **out)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	int error = waybuf_kms_plane_records(device, plane, builder);
	if (!error)
		error = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return error;
}
