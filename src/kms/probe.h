/* SPDX-License-Identifier: MIT */
#ifndef KMS_PROBE_H
#define KMS_PROBE_H

#include "kms/fb.h"

/*
 * What a display takes: said by its driver, and found by trying.
 *
 * What drivers say (formats, modifiers, sizes) becomes constraints, which the solver reasons with.
 * What they do not say (which memory they reach, which strides they like) is found by importing a
 * real buffer and testing it on a real plane, once for each kind of buffer, and remembered: also
 * the refusals, but not those that may pass (no memory, no fds, not master).
 */

/*
 * The needs of scanning out on @plane as a constraint set: a reference in @out. 0, -ENOMEM, or
 * -E2BIG if the plane's formats exceed what a set may hold.
 */
struct waybuf_constraints;
int waybuf_kms_plane_constraints(struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, struct waybuf_constraints **out);
/* The records of that, for a set that has alternatives of its own: added to @builder, with its errors. */
struct waybuf_constraints_builder;
int waybuf_kms_plane_records(struct waybuf_kms_device *device, const struct waybuf_kms_plane *plane,
	struct waybuf_constraints_builder *builder);

/*
 * Whether @plane on @crtc takes memory like @layout, from the exporter that it names: AddFB2 and a
 * TEST_ONLY commit over what the primary plane shows now, in the CRTC's mode or one it could have.
 * 0, or an errno with *refusal and @why, each of which may be NULL. Remembered by exporter, format,
 * modifier, and class of size, stride and offset; of imported memory ("foreign", or no exporter)
 * only the successes. -EACCES without master.
 */
int waybuf_kms_probe(struct waybuf_kms_device *device, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, const struct waybuf_layout *layout,
	enum waybuf_kms_refusal *refusal, struct waybuf_kms_why *why);

/*
 * Whether a probe is remembered that says so, and @crtc has the mode that it was for. Asks the
 * kernel for nothing.
 */
bool waybuf_kms_probe_took(const struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_layout *layout);

struct waybuf_kms_probe_cache;
int waybuf_kms_probe_cache_create(struct waybuf_kms_probe_cache **out);
void waybuf_kms_probe_cache_destroy(struct waybuf_kms_probe_cache *cache);
void waybuf_kms_probe_cache_clear(struct waybuf_kms_probe_cache *cache);
/* How often a probe was answered from memory, for tests and for people. */
uint64_t waybuf_kms_probe_cache_hits(const struct waybuf_kms_probe_cache *cache);

#endif
