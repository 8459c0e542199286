/* SPDX-License-Identifier: MIT */
#ifndef REPORT_INFO_H
#define REPORT_INFO_H

struct json_object;
struct waybuf_exporter_caps;
struct waybuf_kms_device;
struct waybuf_manager;

/*
 * What there is, as JSON: made by waybufctl where it looks itself, and by a server for an `info`
 * report, so that both print alike. A document is a sequence of objects; "type" says what each of
 * them describes. Numbers are in the unit that the key names, else in pixels or bytes.
 *
 *	{"type": "exporter", "name": "heap system", "works": true, "dmabuf": true, ...}
 *	{"type": "exporter", "name": "gbm", "works": false, "why": "no DRM device"}
 *	{"type": "device", "path": "/dev/dri/card1", "driver": "vkms", "caps": [...],
 *	 "crtcs": [...], "connectors": [...], "planes": [...]}
 *
 * A device's "formats", wherever they appear, are groups of formats that have the same modifiers:
 *
 *	[{"modifiers": ["LINEAR"], "formats": ["XR24", "AR24"]}]
 *
 * Functions return a new reference, to be given back with json_object_put(), or NULL when memory is
 * short. json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) makes the line of a report.
 */

/* One exporter that works. @caps is borrowed for the call. */
struct json_object *report_exporter(const struct waybuf_exporter_caps *caps);

/*
 * An array: the exporters of @manager, in their order, and after them the kinds that it could have
 * and has not, with the reason, found by trying. @drm_fd is the one that the manager was given for
 * dumb and gbm (borrowed), or -1.
 */
struct json_object *report_exporters(struct waybuf_manager *manager, int drm_fd);

/* A display controller with everything on it. @device is borrowed for the call. */
struct json_object *report_kms_device(const struct waybuf_kms_device *device);

/* A node that could not be opened: {"type": "device", "path": ..., "why": ...}. */
struct json_object *report_kms_failure(const char *path, const char *why);

#endif
