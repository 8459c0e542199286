/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_VERSION_H
#define WAYBUF_VERSION_H

/*
 * The version of these headers. Before 1.0 a new minor version may break the ABI; the shared
 * library's soname carries the minor version, so that the linker notices.
 */

/** 0 until the API and the protocol stay as they are. */
#define WAYBUF_VERSION_MAJOR 0
/** Of the ABI. */
#define WAYBUF_VERSION_MINOR 1
/** Of the release. */
#define WAYBUF_VERSION_MICRO 0

/* Marks a function as exported from the shared libraries. */
#ifndef WAYBUF_EXPORT
#define WAYBUF_EXPORT __attribute__((visibility("default")))
#endif

#endif
