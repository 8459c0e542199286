/* SPDX-License-Identifier: MIT */
#ifndef KMS_RESOURCES_H
#define KMS_RESOURCES_H

#include <xf86drmMode.h>

#include "kms/formats.h"
#include "kms/props.h"

/*
 * What a KMS device consists of: CRTCs, planes and connectors, each with the ids of its properties.
 * Read by everybody, written by src/kms only. The arrays never shrink, and an object keeps its
 * index, so that states and masks may use it.
 */

enum waybuf_kms_crtc_prop {
	WAYBUF_KMS_CRTC_ACTIVE,
	WAYBUF_KMS_CRTC_MODE_ID,
	WAYBUF_KMS_CRTC_OUT_FENCE_PTR,
	WAYBUF_KMS_CRTC_VRR_ENABLED,
	WAYBUF_KMS_CRTC_DEGAMMA_LUT,
	WAYBUF_KMS_CRTC_CTM,
	WAYBUF_KMS_CRTC_GAMMA_LUT,
	WAYBUF_KMS_CRTC_PROPS,
};

enum waybuf_kms_plane_prop {
	WAYBUF_KMS_PLANE_TYPE,
	WAYBUF_KMS_PLANE_FB_ID,
	WAYBUF_KMS_PLANE_CRTC_ID,
	WAYBUF_KMS_PLANE_SRC_X,
	WAYBUF_KMS_PLANE_SRC_Y,
	WAYBUF_KMS_PLANE_SRC_W,
	WAYBUF_KMS_PLANE_SRC_H,
	WAYBUF_KMS_PLANE_CRTC_X,
	WAYBUF_KMS_PLANE_CRTC_Y,
	WAYBUF_KMS_PLANE_CRTC_W,
	WAYBUF_KMS_PLANE_CRTC_H,
	WAYBUF_KMS_PLANE_IN_FENCE_FD,
	WAYBUF_KMS_PLANE_IN_FORMATS,
	WAYBUF_KMS_PLANE_ROTATION,
	WAYBUF_KMS_PLANE_ZPOS,
	WAYBUF_KMS_PLANE_ALPHA,
	WAYBUF_KMS_PLANE_BLEND_MODE,
	WAYBUF_KMS_PLANE_COLOR_ENCODING,
	WAYBUF_KMS_PLANE_COLOR_RANGE,
	WAYBUF_KMS_PLANE_FB_DAMAGE_CLIPS,
	WAYBUF_KMS_PLANE_PROPS,
};

enum waybuf_kms_connector_prop {
	WAYBUF_KMS_CONNECTOR_CRTC_ID,
	WAYBUF_KMS_CONNECTOR_EDID,
	WAYBUF_KMS_CONNECTOR_PATH,
	WAYBUF_KMS_CONNECTOR_NON_DESKTOP,
	WAYBUF_KMS_CONNECTOR_VRR_CAPABLE,
	WAYBUF_KMS_CONNECTOR_WRITEBACK_FB_ID,
	WAYBUF_KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR,
	WAYBUF_KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS,
	WAYBUF_KMS_CONNECTOR_PROPS,
};

/* possible_crtcs has 32 bits */
#define WAYBUF_KMS_MAX_CRTCS 32

struct waybuf_kms_commit;

struct waybuf_kms_crtc {
	uint32_t id;
	uint32_t index; /* its bit in every possible_crtcs */
	struct waybuf_kms_prop props[WAYBUF_KMS_CRTC_PROPS];
	/* what is not over yet: no commit may touch the CRTC before */
	struct waybuf_kms_commit *pending;
};

struct waybuf_kms_plane {
	uint32_t id;
	uint32_t index;
	uint32_t type; /* DRM_PLANE_TYPE_* */
	uint32_t possible_crtcs;
	struct waybuf_kms_formats formats;
	struct waybuf_kms_prop props[WAYBUF_KMS_PLANE_PROPS];
};

struct waybuf_kms_connector {
	uint32_t id;
	uint32_t index;
	uint32_t type; /* DRM_MODE_CONNECTOR_* */
	char name[48]; /* "Virtual-1", as everybody calls it */
	bool gone; /* unplugged together with its object: MST */
	bool connected;
	bool unknown; /* nobody has asked the hardware yet, and only the master may */
	bool writeback; /* captures a CRTC instead of showing it */
	uint32_t possible_crtcs;
	uint32_t width_mm, height_mm;
	struct _drmModeModeInfo *modes; /* best first, as the kernel sorts them */
	uint32_t n_modes;
	void *edid; /* NULL if there is none */
	size_t edid_size;
	struct waybuf_kms_formats formats; /* of a writeback connector */
	struct waybuf_kms_prop props[WAYBUF_KMS_CONNECTOR_PROPS];
};

struct waybuf_kms_resources {
	struct waybuf_kms_prop_cache cache;
	uint32_t min_width, max_width, min_height, max_height; /* of framebuffers, pixels */
	/* pointers, so that growing moves nobody */
	struct waybuf_kms_crtc **crtcs;
	struct waybuf_kms_plane **planes;
	struct waybuf_kms_connector **connectors;
	uint32_t n_crtcs, n_planes, n_connectors;
};

/*
 * Reads everything. @implicit: the device knows no modifiers, so IN_FORMATS is not to be believed.
 * 0, -ENOTSUP for a node without KMS, -ENOMEM, or an errno of the ioctls.
 */
int waybuf_kms_resources_init(struct waybuf_kms_resources *resources, int fd, bool implicit);
void waybuf_kms_resources_finish(struct waybuf_kms_resources *resources);

/*
 * Reads the connectors again, after a hotplug. @probe asks the displays (EDID, many milliseconds)
 * instead of taking what the kernel knows. *changed tells whether anything did. As above.
 */
int waybuf_kms_resources_refresh(
	struct waybuf_kms_resources *resources, int fd, bool probe, bool *changed);

/* The preferred mode, else the first; NULL if there are none. Borrowed. */
const struct _drmModeModeInfo *waybuf_kms_connector_preferred_mode(
	const struct waybuf_kms_connector *connector);

/* Refresh rate in mHz. */
uint32_t waybuf_kms_mode_refresh(const struct _drmModeModeInfo *mode);

#endif
