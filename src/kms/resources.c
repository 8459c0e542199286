/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>

#include "kms/resources.h"
#include "util/log.h"

static const char *const crtc_props[WAYBUF_KMS_CRTC_PROPS] = {
	[WAYBUF_KMS_CRTC_ACTIVE] = "ACTIVE",
	[WAYBUF_KMS_CRTC_MODE_ID] = "MODE_ID",
	[WAYBUF_KMS_CRTC_OUT_FENCE_PTR] = "OUT_FENCE_PTR",
	[WAYBUF_KMS_CRTC_VRR_ENABLED] = "VRR_ENABLED",
	[WAYBUF_KMS_CRTC_DEGAMMA_LUT] = "DEGAMMA_LUT",
	[WAYBUF_KMS_CRTC_CTM] = "CTM",
	[WAYBUF_KMS_CRTC_GAMMA_LUT] = "GAMMA_LUT",
};

static const char *const plane_props[WAYBUF_KMS_PLANE_PROPS] = {
	[WAYBUF_KMS_PLANE_TYPE] = "type",
	[WAYBUF_KMS_PLANE_FB_ID] = "FB_ID",
	[WAYBUF_KMS_PLANE_CRTC_ID] = "CRTC_ID",
	[WAYBUF_KMS_PLANE_SRC_X] = "SRC_X",
	[WAYBUF_KMS_PLANE_SRC_Y] = "SRC_Y",
	[WAYBUF_KMS_PLANE_SRC_W] = "SRC_W",
	[WAYBUF_KMS_PLANE_SRC_H] = "SRC_H",
	[WAYBUF_KMS_PLANE_CRTC_X] = "CRTC_X",
	[WAYBUF_KMS_PLANE_CRTC_Y] = "CRTC_Y",
	[WAYBUF_KMS_PLANE_CRTC_W] = "CRTC_W",
	[WAYBUF_KMS_PLANE_CRTC_H] = "CRTC_H",
	[WAYBUF_KMS_PLANE_IN_FENCE_FD] = "IN_FENCE_FD",
	[WAYBUF_KMS_PLANE_IN_FORMATS] = "IN_FORMATS",
	[WAYBUF_KMS_PLANE_ROTATION] = "rotation",
	[WAYBUF_KMS_PLANE_ZPOS] = "zpos",
	[WAYBUF_KMS_PLANE_ALPHA] = "alpha",
	[WAYBUF_KMS_PLANE_BLEND_MODE] = "pixel blend mode",
	[WAYBUF_KMS_PLANE_COLOR_ENCODING] = "COLOR_ENCODING",
	[WAYBUF_KMS_PLANE_COLOR_RANGE] = "COLOR_RANGE",
	[WAYBUF_KMS_PLANE_FB_DAMAGE_CLIPS] = "FB_DAMAGE_CLIPS",
};

static const char *const connector_props[WAYBUF_KMS_CONNECTOR_PROPS] = {
	[WAYBUF_KMS_CONNECTOR_CRTC_ID] = "CRTC_ID",
	[WAYBUF_KMS_CONNECTOR_EDID] = "EDID",
	[WAYBUF_KMS_CONNECTOR_PATH] = "PATH",
	[WAYBUF_KMS_CONNECTOR_NON_DESKTOP] = "non-desktop",
	[WAYBUF_KMS_CONNECTOR_VRR_CAPABLE] = "vrr_capable",
	[WAYBUF_KMS_CONNECTOR_WRITEBACK_FB_ID] = "WRITEBACK_FB_ID",
	[WAYBUF_KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR] = "WRITEBACK_OUT_FENCE_PTR",
	[WAYBUF_KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS] = "WRITEBACK_PIXEL_FORMATS",
};

static int add_crtc(struct waybuf_kms_resources *res, int fd, uint32_t id)
{
	struct waybuf_kms_crtc *crtc = calloc(1, sizeof(*crtc));
	if (!crtc)
		return -ENOMEM;
	crtc->id = id;
	crtc->index = res->n_crtcs;
	res->crtcs[res->n_crtcs++] = crtc;
	return waybuf_kms_props_load(fd, &res->cache, id, DRM_MODE_OBJECT_CRTC, crtc_props,
		WAYBUF_KMS_CRTC_PROPS, crtc->props);
}

static int read_crtcs(struct waybuf_kms_resources *res, int fd, const drmModeRes *info)
{
	if (info->count_crtcs <= 0 || info->count_crtcs > WAYBUF_KMS_MAX_CRTCS)
		return -ENOTSUP;
	res->crtcs = calloc((size_t)info->count_crtcs, sizeof(*res->crtcs));
	if (!res->crtcs)
		return -ENOMEM;
	int error = 0;
	for (int i = 0; i < info->count_crtcs && !error; i++)
		error = add_crtc(res, fd, info->crtcs[i]);
	return error;
}

static int load_plane_formats(
	struct waybuf_kms_plane *plane, int fd, const drmModePlane *info, bool implicit)
{
	uint32_t blob = (uint32_t)plane->props[WAYBUF_KMS_PLANE_IN_FORMATS].value;
	void *data;
	size_t size;
	int error = -ENODATA;
	if (!implicit && waybuf_kms_blob_read(fd, blob, &data, &size) == 0) {
		error = waybuf_kms_formats_parse(&plane->formats, data, size);
		free(data);
		if (error == -EINVAL)
			waybuf_error("plane %u has a malformed IN_FORMATS blob", plane->id);
	}
	if (error)
		error = waybuf_kms_formats_from_list(
			&plane->formats, info->formats, info->count_formats);
	return error;
}

static int add_plane(
	struct waybuf_kms_resources *res, int fd, const drmModePlane *info, bool implicit)
{
	struct waybuf_kms_plane *plane = calloc(1, sizeof(*plane));
	if (!plane)
		return -ENOMEM;
	plane->id = info->plane_id;
	plane->index = res->n_planes;
	plane->possible_crtcs = info->possible_crtcs;
	res->planes[res->n_planes++] = plane;
	int error = waybuf_kms_props_load(fd, &res->cache, plane->id, DRM_MODE_OBJECT_PLANE,
		plane_props, WAYBUF_KMS_PLANE_PROPS, plane->props);
	if (error)
		return error;
	plane->type = (uint32_t)plane->props[WAYBUF_KMS_PLANE_TYPE].value;
	return load_plane_formats(plane, fd, info, implicit);
}

static int read_plane(struct waybuf_kms_resources *res, int fd, uint32_t id, bool implicit)
{
	drmModePlanePtr info = drmModeGetPlane(fd, id);
	if (!info)
		return -errno;
	int error = add_plane(res, fd, info, implicit);
	drmModeFreePlane(info);
	return error;
}

static uint32_t possible_crtcs(int fd, const drmModeConnector *info)
{
	uint32_t mask = 0;
	for (int i = 0; i < info->count_encoders; i++) {
		drmModeEncoderPtr encoder = drmModeGetEncoder(fd, info->encoders[i]);
		if (encoder)
			mask |= encoder->possible_crtcs;
		drmModeFreeEncoder(encoder);
	}
	return mask;
}

static int copy_modes(struct waybuf_kms_connector *connector, const drmModeConnector *info)
{
	uint32_t n = info->count_modes > 0 ? (uint32_t)info->count_modes : 0;
	drmModeModeInfo *modes = calloc((size_t)n + 1, sizeof(*modes));
	if (!modes)
		return -ENOMEM;
	if (n > 0)
		memcpy(modes, info->modes, n * sizeof(*modes));
	free(connector->modes);
	connector->modes = modes;
	connector->n_modes = n;
	return 0;
}

static int load_writeback_formats(struct waybuf_kms_connector *connector, int fd)
{
	uint32_t blob =
		(uint32_t)connector->props[WAYBUF_KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS].value;
	void *data;
	size_t size;
	int error = waybuf_kms_blob_read(fd, blob, &data, &size);
	if (error)
		return error == -ENODATA ? 0 : error;
	waybuf_kms_formats_finish(&connector->formats);
	error = waybuf_kms_formats_from_list(&connector->formats, data, size / sizeof(uint32_t));
	free(data);
	return error;
}

static void load_edid(struct waybuf_kms_connector *connector, int fd)
{
	free(connector->edid);
	connector->edid = NULL;
	connector->edid_size = 0;
	uint32_t blob = (uint32_t)connector->props[WAYBUF_KMS_CONNECTOR_EDID].value;
	/* a display without one is still a display */
	waybuf_kms_blob_read(fd, blob, &connector->edid, &connector->edid_size);
}

static int load_connector(struct waybuf_kms_connector *connector, struct waybuf_kms_resources *res,
	int fd, const drmModeConnector *info)
{
	const char *type = drmModeGetConnectorTypeName(info->connector_type);
	snprintf(connector->name, sizeof(connector->name), "%s-%u", type ? type : "Unknown",
		info->connector_type_id);
	connector->type = info->connector_type;
	connector->writeback = info->connector_type == DRM_MODE_CONNECTOR_WRITEBACK;
	connector->connected = info->connection == DRM_MODE_CONNECTED;
	connector->unknown = info->connection == DRM_MODE_UNKNOWNCONNECTION;
	connector->width_mm = info->mmWidth;
	connector->height_mm = info->mmHeight;
	connector->possible_crtcs = possible_crtcs(fd, info);
	int error = copy_modes(connector, info);
	if (!error)
		error = waybuf_kms_props_load(fd, &res->cache, connector->id,
			DRM_MODE_OBJECT_CONNECTOR, connector_props, WAYBUF_KMS_CONNECTOR_PROPS,
			connector->props);
	if (!error && connector->writeback)
		error = load_writeback_formats(connector, fd);
	if (!error)
		load_edid(connector, fd);
	return error;
}

static struct waybuf_kms_connector *find_connector(struct waybuf_kms_resources *res, uint32_t id)
{
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		if (res->connectors[i]->id == id)
			return res->connectors[i];
	}
	return NULL;
}

static struct waybuf_kms_connector *add_connector(struct waybuf_kms_resources *res, uint32_t id)
{
	struct waybuf_kms_connector **grown =
		reallocarray(res->connectors, (size_t)res->n_connectors + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	res->connectors = grown;
	struct waybuf_kms_connector *connector = calloc(1, sizeof(*connector));
	if (!connector)
		return NULL;
	connector->id = id;
	connector->index = res->n_connectors;
	grown[res->n_connectors++] = connector;
	return connector;
}

static bool modes_differ(const struct waybuf_kms_connector *connector, const drmModeConnector *info)
{
	if (connector->n_modes != (uint32_t)info->count_modes)
		return true;
	return connector->n_modes > 0 &&
		memcmp(connector->modes, info->modes, connector->n_modes * sizeof(*info->modes)) !=
		0;
}

static int read_connector(
	struct waybuf_kms_resources *res, int fd, uint32_t id, bool probe, bool *changed)
{
	drmModeConnectorPtr info =
		probe ? drmModeGetConnector(fd, id) : drmModeGetConnectorCurrent(fd, id);
	if (!info)
		return errno == ENOENT ? 0 : -errno; /* unplugged since the list was read */
	struct waybuf_kms_connector *connector = find_connector(res, id);
	if (!connector) {
		connector = add_connector(res, id);
		if (!connector) {
			drmModeFreeConnector(info);
			return -ENOMEM;
		}
		*changed = true;
	} else {
		*changed |= connector->gone || modes_differ(connector, info) ||
			connector->connected != (info->connection == DRM_MODE_CONNECTED);
	}
	connector->gone = false;
	int error = load_connector(connector, res, fd, info);
	drmModeFreeConnector(info);
	return error;
}

static void mark_gone(struct waybuf_kms_resources *res, const drmModeRes *info, bool *changed)
{
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		struct waybuf_kms_connector *connector = res->connectors[i];
		bool listed = false;
		for (int j = 0; j < info->count_connectors; j++)
			listed |= info->connectors[j] == connector->id;
		if (listed || connector->gone)
			continue;
		connector->gone = true;
		connector->connected = false;
		*changed = true;
	}
}

static int read_connectors(
	struct waybuf_kms_resources *res, int fd, const drmModeRes *info, bool probe, bool *changed)
{
	int error = 0;
	for (int i = 0; i < info->count_connectors && !error; i++)
		error = read_connector(res, fd, info->connectors[i], probe, changed);
	mark_gone(res, info, changed);
	return error;
}

static int read_planes(struct waybuf_kms_resources *res, int fd, bool implicit)
{
	drmModePlaneResPtr info = drmModeGetPlaneResources(fd);
	if (!info)
		return -errno;
	res->planes = calloc((size_t)info->count_planes + 1, sizeof(*res->planes));
	int error = res->planes ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < info->count_planes && !error; i++)
		error = read_plane(res, fd, info->planes[i], implicit);
	drmModeFreePlaneResources(info);
	return error;
}

int waybuf_kms_resources_init(struct waybuf_kms_resources *res, int fd, bool implicit)
{
	*res = (struct waybuf_kms_resources){0};
	drmModeResPtr info = drmModeGetResources(fd);
	if (!info)
		return errno == EOPNOTSUPP || errno == EINVAL ? -ENOTSUP : -errno;
	res->min_width = info->min_width;
	res->max_width = info->max_width;
	res->min_height = info->min_height;
	res->max_height = info->max_height;
	int error = read_crtcs(res, fd, info);
	if (!error)
		error = read_planes(res, fd, implicit);
	bool changed = false;
	if (!error)
		error = read_connectors(res, fd, info, true, &changed);
	drmModeFreeResources(info);
	if (error)
		waybuf_kms_resources_finish(res);
	return error;
}

int waybuf_kms_resources_refresh(
	struct waybuf_kms_resources *res, int fd, bool probe, bool *changed)
{
	*changed = false;
	drmModeResPtr info = drmModeGetResources(fd);
	if (!info)
		return -errno;
	int error = read_connectors(res, fd, info, probe, changed);
	drmModeFreeResources(info);
	return error;
}

void waybuf_kms_resources_finish(struct waybuf_kms_resources *res)
{
	for (uint32_t i = 0; i < res->n_crtcs; i++)
		free(res->crtcs[i]);
	for (uint32_t i = 0; i < res->n_planes; i++) {
		waybuf_kms_formats_finish(&res->planes[i]->formats);
		free(res->planes[i]);
	}
	for (uint32_t i = 0; i < res->n_connectors; i++) {
		waybuf_kms_formats_finish(&res->connectors[i]->formats);
		free(res->connectors[i]->modes);
		free(res->connectors[i]->edid);
		free(res->connectors[i]);
	}
	free(res->crtcs);
	free(res->planes);
	free(res->connectors);
	waybuf_kms_prop_cache_finish(&res->cache);
	*res = (struct waybuf_kms_resources){0};
}

const struct _drmModeModeInfo *waybuf_kms_connector_preferred_mode(
	const struct waybuf_kms_connector *connector)
{
	for (uint32_t i = 0; i < connector->n_modes; i++) {
		if (connector->modes[i].type & DRM_MODE_TYPE_PREFERRED)
			return &connector->modes[i];
	}
	return connector->n_modes > 0 ? &connector->modes[0] : NULL;
}

uint32_t waybuf_kms_mode_refresh(const struct _drmModeModeInfo *mode)
{
	uint64_t total = (uint64_t)mode->htotal * mode->vtotal;
	if (total == 0)
		return 0;
	uint64_t rate = (uint64_t)mode->clock * 1000000 / total;
	if (mode->flags & DRM_MODE_FLAG_INTERLACE)
		rate *= 2;
	if (mode->flags & DRM_MODE_FLAG_DBLSCAN)
		rate /= 2;
	return (uint32_t)(mode->vscan > 1 ? rate / mode->vscan : rate);
}
