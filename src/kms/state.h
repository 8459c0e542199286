/* SPDX-License-Identifier: MIT */
#ifndef KMS_STATE_H
#define KMS_STATE_H

#include "kms/device.h"
#include "kms/fb.h"

/*
 * What a display shows, as a value.
 *
 * A state is duplicated from the current one, modified, tested, and then either committed, which
 * makes it the current one, or destroyed. The current state is never modified in place, so a
 * refusal leaves nothing to undo:
 *
 *	waybuf_kms_state_duplicate(device, &state);
 *	waybuf_kms_state_enable(state, connector, crtc, NULL, &why);
 *	waybuf_kms_layer_init(&layer, fb);
 *	waybuf_kms_state_set_plane(state, plane, crtc, &layer, &why);
 *	if (waybuf_kms_state_commit(state, &options, &result, &why) < 0)
 *		waybuf_kms_state_destroy(state);
 *
 * A state that was made before another one was committed, or before the device was refreshed, is
 * stale, and its commit is -ESTALE: two proposals cannot undo each other.
 */

/* Coefficients of YUV. */
enum waybuf_kms_encoding { WAYBUF_KMS_BT601, WAYBUF_KMS_BT709, WAYBUF_KMS_BT2020 };

/* One image on one plane. */
struct waybuf_kms_layer {
	struct waybuf_kms_fb *fb; /* borrowed by set_plane, which references it */
	/* which part of the framebuffer, in 1/65536 pixel */
	uint32_t src_x, src_y, src_w, src_h;
	/* where on the CRTC, in pixels */
	int32_t x, y;
	uint32_t w, h;
	uint32_t rotation; /* DRM_MODE_ROTATE_* | DRM_MODE_REFLECT_* */
	uint16_t alpha; /* 0xffff is opaque */
	bool has_zpos;
	uint64_t zpos;
	bool straight; /* the colours are not multiplied with alpha yet */
	/* of YUV; BT.601 and limited range if nobody has asked, which is what most of it is */
	enum waybuf_kms_encoding encoding;
	bool full_range;
	bool color_asked; /* a plane that does it otherwise will not do */
	/* values of the properties; has_color false: what the plane has by default */
	bool has_color;
	uint64_t color_encoding, color_range;
	/*
	 * sync_file to wait for in the kernel, duplicated by set_plane; -1: nothing. What is not
	 * signalled yet blocks every other commit on that CRTC until it is, even one that takes the
	 * plane off. So it is refused, unless the caller gives its word in in_fence_bounded that
	 *
	 * - it comes from a driver that bounds its fences, known because a device of that driver was
	 *   probed: never from a point or a dma-buf, where any client can put any fence;
	 * - everything on the CRTC is that one client's, whose loss it is.
	 */
	int in_fence;
	bool in_fence_bounded;
};

/* All of @fb, unscaled, at 0,0. */
void waybuf_kms_layer_init(struct waybuf_kms_layer *layer, struct waybuf_kms_fb *fb);

/*
 * For YUV, its encoding and range as @plane has them. Drivers differ in what they assume by
 * themselves: vkms thinks of full range, most others of limited. False: the plane has not got them.
 */
bool waybuf_kms_layer_set_color(
	struct waybuf_kms_layer *layer, const struct waybuf_kms_plane *plane);

struct waybuf_kms_plane_state {
	struct waybuf_kms_layer layer; /* fb NULL: off. The state owns fb and in_fence */
	uint32_t crtc; /* index */
	bool touched; /* set since the duplicate */
	uint32_t damage; /* blob: where it is new, for one commit; 0: anywhere. The state owns it */
};

/* A mode as a property blob, shared between states. */
struct waybuf_kms_mode_blob {
	unsigned refs;
	int fd;
	uint32_t id;
	struct _drmModeModeInfo info;
};

struct waybuf_kms_crtc_state {
	bool active; /* it has a mode, and shows something; one that has a mode only is asleep */
	struct waybuf_kms_mode_blob *mode; /* NULL: it is off */
	bool touched;
	/* a capture: what to write into, and through which connector. Holds for one commit */
	struct waybuf_kms_fb *writeback_fb;
	uint32_t writeback_connector;
};

struct waybuf_kms_state {
	struct waybuf_kms_device *device;
	uint64_t serial; /* of the device, when this was duplicated */
	bool modeset; /* an output was switched on, off or over: wants ALLOW_MODESET */
	struct waybuf_kms_crtc_state *crtcs;
	struct waybuf_kms_plane_state *planes;
	uint32_t *connectors; /* index of the CRTC each is on, or WAYBUF_KMS_NO_CRTC */
	uint32_t n_connectors;
};

#define WAYBUF_KMS_NO_CRTC UINT32_MAX

/* Everything off. -ENOMEM. Used for the first state; all others are duplicates. */
int waybuf_kms_state_create(struct waybuf_kms_device *device, struct waybuf_kms_state **out);
/* A copy of the device's current state. -ENOMEM, or the errno of a dup. */
int waybuf_kms_state_duplicate(struct waybuf_kms_device *device, struct waybuf_kms_state **out);
/* What waybuf_kms_state_set_damage() has said of a plane, by its index. */
void waybuf_kms_state_forget_damage(struct waybuf_kms_state *state, uint32_t plane);
/* NULL is a no-op. */
void waybuf_kms_state_destroy(struct waybuf_kms_state *state);
/* Makes room for connectors that appeared. -ENOMEM. */
int waybuf_kms_state_grow(struct waybuf_kms_state *state);

/*
 * Shows @crtc on @connector in @mode (NULL: the preferred one), and takes the writeback connector
 * along if the device lets it, so that a later capture needs no modeset. @connector leaves the CRTC
 * it was on. -EINVAL: they cannot be combined, or there is no mode; -ENOMEM, or the errno of
 * creating a blob.
 */
int waybuf_kms_state_enable(struct waybuf_kms_state *state, struct waybuf_kms_connector *connector,
	struct waybuf_kms_crtc *crtc, const struct _drmModeModeInfo *mode,
	struct waybuf_kms_why *why);
/*
 * Notes that @crtc is on with @mode (copied), or off with NULL, as somebody else has set it. -ENOMEM,
 * or the errno of creating a blob.
 */
int waybuf_kms_state_set_mode(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc,
	const struct _drmModeModeInfo *mode);
/*
 * Puts a CRTC that has a mode to sleep, or wakes it. Mode, connectors and planes stay, and what it
 * needs stays its own, so that the kernel promises that waking it never fails (of the property ACTIVE).
 */
void waybuf_kms_state_set_active(
	struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc, bool active);
/* Turns the CRTC, its planes and connectors off. */
void waybuf_kms_state_disable(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc);

/*
 * Puts a layer on a plane, or takes the plane off with NULL. -EINVAL: the plane cannot be on that
 * CRTC or has not the format; -EOPNOTSUPP: it lacks the rotation, alpha, zpos or fence asked for;
 * -EPERM: the fence is pending, and nobody says that it is bounded; -EMFILE and the like of
 * duplicating the fence. On failure the plane is as it was. Whether the device takes it is for a
 * test to say.
 */
int waybuf_kms_state_set_plane(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, const struct waybuf_kms_layer *layer,
	struct waybuf_kms_why *why);

/* In pixels of the framebuffer, as the kernel has it: the far edges are not part of it. */
struct drm_mode_rect;

/*
 * After waybuf_kms_state_set_plane(): the layer looks as what the plane shows now, but for @rects,
 * @n of them and at least one. A hint (FB_DAMAGE_CLIPS), for one commit, for displays whose pictures
 * are sent to them: where the plane has no use for it, or it cannot be told, all of it is new.
 */
void waybuf_kms_state_set_damage(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	const struct drm_mode_rect rects[], uint32_t n);

/* Makes the CRTC part of the commit though nothing on it changes, to get a flip event. */
void waybuf_kms_state_touch(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc);

/*
 * A CRTC on which @connector can be shown: the one it is on, else one that nothing is on in
 * @state. NULL if there is none.
 */
struct waybuf_kms_crtc *waybuf_kms_state_pick_crtc(
	struct waybuf_kms_state *state, const struct waybuf_kms_connector *connector);

/* The first plane of @type that can be on @crtc and is off in @state or already there; NULL. */
struct waybuf_kms_plane *waybuf_kms_state_pick_plane(
	struct waybuf_kms_state *state, const struct waybuf_kms_crtc *crtc, uint32_t type);

/* The CRTCs that committing @state would concern: a bit each. */
uint32_t waybuf_kms_state_affected(const struct waybuf_kms_state *state);

void waybuf_kms_mode_blob_unref(struct waybuf_kms_mode_blob *blob);

#endif
