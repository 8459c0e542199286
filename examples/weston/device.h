/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WESTON_DEVICE_H
#define EXAMPLES_WESTON_DEVICE_H

#include <stdbool.h>

#include <waybuf/scanout.h>

/*
 * The display's device beside weston, which is its master: memory comes from it, and what it would
 * show can be asked, but nothing is shown.
 */
struct device {
	int fd; /* -1: none */
	int probe_fd; /* of the same node, for imports; -1: none */
	char path[32];
	dev_t dev; /* 0: none */
	struct waybuf_scanout *scanout; /* NULL: nothing is known of planes */
};

/* For waybuf_server_add_device(), with and without planes; the data is the device. */
extern const struct waybuf_server_device_ops device_kms_ops, device_other_ops;

/* Whatever cannot be had is left out. */
void device_init(struct device *device);
void device_finish(struct device *device);

#endif
