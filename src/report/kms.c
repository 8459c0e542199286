/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/format.h"
#include "kms/device.h"
#include "report/info.h"
#include "report/json.h"

static void add_pair(struct json_builder *builder, struct json_object *object, const char *key,
	uint32_t first, uint32_t second)
{
	struct json_object *array = json_add_array(builder, object, key);
	json_add_number(builder, array, NULL, first);
	json_add_number(builder, array, NULL, second);
}

/* ---- formats ------------------------------------------------------------------------------- */

/* The modifiers of one format, as an array of names. */
static void add_modifiers(struct json_builder *builder, struct json_object *array,
	const struct waybuf_kms_formats *formats, uint32_t format)
{
	for (size_t i = 0; i < formats->n; i++) {
		char name[WAYBUF_MODIFIER_LEN];
		if (formats->pairs[i].format == format)
			json_add_string(builder, array, NULL,
				waybuf_modifier_string(formats->pairs[i].modifier, name));
	}
}

/* The group with these modifiers, borrowed: one that is there, or a new one. */
static struct json_object *find_group(
	struct json_builder *builder, struct json_object *groups, struct json_object *modifiers)
{
	for (size_t i = 0; groups && i < json_object_array_length(groups); i++) {
		struct json_object *group = json_object_array_get_idx(groups, i);
		if (json_object_equal(json_object_object_get(group, "modifiers"), modifiers))
			return group;
	}
	struct json_object *group = json_add_object(builder, groups, NULL);
	json_add(builder, group, "modifiers", json_object_get(modifiers));
	json_add_array(builder, group, "formats");
	return group;
}

static void add_format(struct json_builder *builder, struct json_object *groups,
	const struct waybuf_kms_formats *formats, uint32_t format)
{
	struct json_object *modifiers = json_object_new_array();
	add_modifiers(builder, modifiers, formats, format);
	struct json_object *group = find_group(builder, groups, modifiers);
	json_object_put(modifiers);

	char name[WAYBUF_FOURCC_LEN];
	json_add_string(builder, json_object_object_get(group, "formats"), NULL,
		waybuf_fourcc_string(format, name));
}

static void add_formats(struct json_builder *builder, struct json_object *object,
	const struct waybuf_kms_formats *formats)
{
	struct json_object *groups = json_add_array(builder, object, "formats");
	for (size_t i = 0; i < formats->n; i++) {
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = formats->pairs[j].format == formats->pairs[i].format;
		if (!seen)
			add_format(builder, groups, formats, formats->pairs[i].format);
	}
	if (formats->implicit)
		json_add_bool(builder, object, "implicit", true);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void add_crtc_list(
	struct json_builder *builder, struct json_object *object, uint32_t possible_crtcs)
{
	struct json_object *array = json_add_array(builder, object, "crtcs");
	for (uint32_t i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++) {
		if (possible_crtcs & 1u << i)
			json_add_number(builder, array, NULL, i);
	}
}

/* Names of the properties that are there; a NULL name is nothing to tell. */
static void add_props(struct json_builder *builder, struct json_object *object,
	const struct waybuf_kms_prop *props, const char *const *names, size_t n)
{
	struct json_object *array = json_add_array(builder, object, "props");
	for (size_t i = 0; i < n; i++) {
		if (props[i].id != 0)
			json_add_string(builder, array, NULL, names[i]);
	}
}

static const char *const crtc_props[WAYBUF_KMS_CRTC_PROPS] = {
	[WAYBUF_KMS_CRTC_OUT_FENCE_PTR] = "out-fence",
	[WAYBUF_KMS_CRTC_VRR_ENABLED] = "vrr",
	[WAYBUF_KMS_CRTC_DEGAMMA_LUT] = "degamma",
	[WAYBUF_KMS_CRTC_CTM] = "ctm",
	[WAYBUF_KMS_CRTC_GAMMA_LUT] = "gamma",
};

static const char *const plane_props[WAYBUF_KMS_PLANE_PROPS] = {
	[WAYBUF_KMS_PLANE_IN_FENCE_FD] = "in-fence",
	[WAYBUF_KMS_PLANE_ROTATION] = "rotation",
	[WAYBUF_KMS_PLANE_ZPOS] = "zpos",
	[WAYBUF_KMS_PLANE_ALPHA] = "alpha",
	[WAYBUF_KMS_PLANE_BLEND_MODE] = "blend-mode",
	[WAYBUF_KMS_PLANE_COLOR_ENCODING] = "color-encoding",
	[WAYBUF_KMS_PLANE_COLOR_RANGE] = "color-range",
	[WAYBUF_KMS_PLANE_FB_DAMAGE_CLIPS] = "damage",
};

static void add_crtc(
	struct json_builder *builder, struct json_object *array, const struct waybuf_kms_crtc *crtc)
{
	struct json_object *object = json_add_object(builder, array, NULL);
	json_add_number(builder, object, "id", crtc->id);
	json_add_number(builder, object, "index", crtc->index);
	add_props(builder, object, crtc->props, crtc_props, WAYBUF_KMS_CRTC_PROPS);
}

static const char *plane_type(uint32_t type)
{
	switch (type) {
	case DRM_PLANE_TYPE_PRIMARY:
		return "primary";
	case DRM_PLANE_TYPE_CURSOR:
		return "cursor";
	default:
		return "overlay";
	}
}

static void add_plane(struct json_builder *builder, struct json_object *array,
	const struct waybuf_kms_plane *plane)
{
	struct json_object *object = json_add_object(builder, array, NULL);
	json_add_number(builder, object, "id", plane->id);
	json_add_string(builder, object, "kind", plane_type(plane->type));
	add_crtc_list(builder, object, plane->possible_crtcs);
	add_props(builder, object, plane->props, plane_props, WAYBUF_KMS_PLANE_PROPS);
	add_formats(builder, object, &plane->formats);
}

static void add_mode(struct json_builder *builder, struct json_object *array,
	const struct _drmModeModeInfo *mode)
{
	struct json_object *object = json_add_object(builder, array, NULL);
	json_add_number(builder, object, "width", mode->hdisplay);
	json_add_number(builder, object, "height", mode->vdisplay);
	json_add_number(builder, object, "refresh_mhz", waybuf_kms_mode_refresh(mode));
	json_add_bool(builder, object, "preferred", mode->type & DRM_MODE_TYPE_PREFERRED);
}

static void add_connector(struct json_builder *builder, struct json_object *array,
	const struct waybuf_kms_connector *connector)
{
	struct json_object *object = json_add_object(builder, array, NULL);
	json_add_number(builder, object, "id", connector->id);
	json_add_string(builder, object, "name", connector->name);
	if (!connector->unknown)
		json_add_bool(builder, object, "connected", connector->connected);
	json_add_bool(builder, object, "writeback", connector->writeback);
	add_crtc_list(builder, object, connector->possible_crtcs);
	add_pair(builder, object, "size_mm", connector->width_mm, connector->height_mm);
	struct json_object *modes = json_add_array(builder, object, "modes");
	for (uint32_t i = 0; i < connector->n_modes; i++)
		add_mode(builder, modes, &connector->modes[i]);
	if (connector->writeback)
		add_formats(builder, object, &connector->formats);
}

/* ---- the device ---------------------------------------------------------------------------- */

static void add_caps(struct json_builder *builder, const struct waybuf_kms_caps *caps)
{
	const struct {
		const char *name;
		bool has;
	} list[] = {
		{"atomic", caps->atomic},
		{"writeback", caps->writeback},
		{"modifiers", caps->modifiers},
		{"prime-import", caps->prime_import},
		{"prime-export", caps->prime_export},
		{"dumb", caps->dumb},
		{"async-flip", caps->async_flip},
		{"syncobj", caps->syncobj},
		{"syncobj-timeline", caps->syncobj_timeline},
		{"monotonic", caps->monotonic},
	};
	struct json_object *array = json_add_array(builder, builder->root, "caps");
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i].has)
			json_add_string(builder, array, NULL, list[i].name);
	}
	add_pair(builder, builder->root, "cursor", caps->cursor_width, caps->cursor_height);
}

static void add_head(struct json_builder *builder, const struct waybuf_kms_device *device)
{
	struct json_object *root = builder->root;
	char text[64];
	json_add_string(builder, root, "type", "device");
	json_add_string(builder, root, "path", device->path);
	snprintf(text, sizeof(text), "%u:%u", major(device->rdev), minor(device->rdev));
	json_add_string(builder, root, "dev", text);
	json_add_string(builder, root, "driver", device->driver);
	json_add_string(builder, root, "description", device->description);
	snprintf(text, sizeof(text), "%d.%d.%d", device->version[0], device->version[1],
		device->version[2]);
	json_add_string(builder, root, "version", text);
}

struct json_object *report_kms_device(const struct waybuf_kms_device *device)
{
	const struct waybuf_kms_resources *res = &device->res;
	struct json_builder builder;
	json_begin(&builder);
	add_head(&builder, device);
	add_caps(&builder, &device->caps);
	add_pair(&builder, builder.root, "min_size", res->min_width, res->min_height);
	add_pair(&builder, builder.root, "max_size", res->max_width, res->max_height);
	struct json_object *crtcs = json_add_array(&builder, builder.root, "crtcs");
	for (uint32_t i = 0; i < res->n_crtcs; i++)
		add_crtc(&builder, crtcs, res->crtcs[i]);
	struct json_object *connectors = json_add_array(&builder, builder.root, "connectors");
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		if (!res->connectors[i]->gone)
			add_connector(&builder, connectors, res->connectors[i]);
	}
	struct json_object *planes = json_add_array(&builder, builder.root, "planes");
	for (uint32_t i = 0; i < res->n_planes; i++)
		add_plane(&builder, planes, res->planes[i]);
	return json_finish(&builder);
}

struct json_object *report_kms_failure(const char *path, const char *why)
{
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "device");
	json_add_string(&builder, builder.root, "path", path);
	json_add_string(&builder, builder.root, "why", why);
	return json_finish(&builder);
}
