/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PLANES_H
#define DAEMON_PLANES_H

#include <waybuf/server.h>

struct daemon;
struct output;
struct surface;

/*
 * What the display takes, as clients hear of it: the pairs of linux-dmabuf, and the constraints of
 * display attachments. Everything is that of the primary plane, where whole frames go, of the output
 * that shows it, or of the first one as long as nobody knows; what is not scanned out is composed,
 * which reads linear RGB.
 */

/* For attachments of kind display and to the device by its id; the data is the daemon. */
extern const struct waybuf_server_device_ops planes_device_ops;

/*
 * Offers linux-dmabuf, if there is anything to offer. 0, or an error of waybuf_server_probe_pairs()
 * or waybuf_server_dmabuf_create().
 */
int planes_dmabuf_create(struct daemon *daemon);
/* Says what came of a surface, for its client. */
void planes_tell(
	struct output *output, const struct surface *surface, enum waybuf_plane_result result);
/* The output has another primary plane: that is what clients hear of from now on. */
void planes_update(struct output *output);
/* After linux-dmabuf, or when nothing is shown on it any more. */
void planes_finish(struct output *output);

#endif
