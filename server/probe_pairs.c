/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core/probe_pairs.h"
#include "probe_pairs.h"
#include "server.h"

int server_probe_pairs(
	int drm_fd, const struct waybuf_probe *probe, struct waybuf_dmabuf_pair *pairs, size_t n)
{
	struct waybuf_probed_pair *probed = calloc(n + 1, sizeof(*probed));
	if (!probed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		probed[i] = (struct waybuf_probed_pair){
			.format = pairs[i].format, .modifier = pairs[i].modifier};
	int ret = waybuf_probe_pairs(
		drm_fd, probe->width, probe->height, probed, n, probe->import_test, probe->data);
	int kept = 0;
	for (size_t i = 0; ret == 0 && i < n; i++) {
		if (probed[i].taken)
			pairs[kept++] = pairs[i];
	}
	free(probed);
	return ret < 0 ? ret : kept;
}

int waybuf_server_probe_pairs(struct waybuf_server *server, const struct waybuf_probe *probe,
	struct waybuf_dmabuf_pair *pairs, size_t n)
{
	if (!probe->import_test || probe->width == 0 || probe->height == 0 || n > 65535)
		return -EINVAL;
	return server_probe_pairs(server->drm_fd, probe, pairs, n);
}
