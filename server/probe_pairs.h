/* SPDX-License-Identifier: MIT */
#ifndef SERVER_PROBE_PAIRS_H
#define SERVER_PROBE_PAIRS_H

#include <waybuf/server.h>

/* waybuf_server_probe_pairs() where there is no server: @drm_fd (borrowed) may be -1. */
int server_probe_pairs(
	int drm_fd, const struct waybuf_probe *probe, struct waybuf_dmabuf_pair *pairs, size_t n);

#endif
