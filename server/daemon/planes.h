/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PLANES_H
#define DAEMON_PLANES_H

#include <waybuf/server.h>

struct daemon;
struct output;

/*
 * What the display takes, as clients hear of it: the pairs of linux-dmabuf, and the constraints of
 * display attachments. Everything is that of the primary plane, where whole frames go; what is not
 * scanned out is composed, which reads linear RGB.
 */

/* For attachments of kind display and to the device by its id; the data is the output. */
extern const struct waybuf_server_device_ops planes_device_ops;

/* Offers linux-dmabuf. 0 or an error of waybuf_server_dmabuf_create(). */
int planes_dmabuf_create(struct daemon *daemon);

#endif
