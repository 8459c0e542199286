/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_VERSION_H
#define WAYBUF_VERSION_H

/**
 * The version of these headers. Before 1.0 a new minor version may break the ABI; the shared
 * library's soname carries the minor version, so that the linker notices.
 */
#define WAYBUF_VERSION_MAJOR 0
#define WAYBUF_VERSION_MINOR 1
#define WAYBUF_VERSION_MICRO 0

/* Marks a function as exported from the shared libraries. */
#ifndef WAYBUF_EXPORT
#define WAYBUF_EXPORT __attribute__((visibility("default")))
#endif

#endif
