/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <drm_fourcc.h>

#include "daemon.h"
#include "kms/probe.h"
#include "output.h"
#include "pixels.h"
#include "planes.h"

static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	struct output *output = data;
	const uint64_t possible = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_SAMPLE;
	if (access & ~possible)
		return -EOPNOTSUPP;
	return waybuf_kms_plane_constraints(output->kms, output->plane, out);
}

static int import_test(void *data, const struct waybuf_layout *layout)
{
	struct output *output = data;
	return waybuf_kms_probe(output->kms, output->plane, output->crtc, layout, NULL, NULL);
}

const struct waybuf_server_device_ops planes_device_ops = {
	.constraints = constraints,
	.import_test = import_test,
};

/*
 * At the creation of a wl_buffer. What composition can read is taken without asking the device,
 * which is asked when the buffer is shown for the first time: most buffers of most clients are
 * like others that came before.
 */
static int dmabuf_test(
	void *data, struct wl_client *client, struct waybuf_buffer *buffer, uint32_t flags)
{
	struct daemon *daemon = data;
	const struct waybuf_layout *layout = waybuf_buffer_layout(buffer);
	if (flags)
		return -EOPNOTSUPP;
	if (layout->modifier == DRM_FORMAT_MOD_LINEAR && pixels_readable(layout->format))
		return 0;
	return import_test(daemon->output, layout);
}

/* The pairs of both tranches in one array, those of the plane first. NULL: no memory. */
static struct waybuf_dmabuf_pair *list_pairs(
	const struct waybuf_kms_formats *formats, size_t *n_readable)
{
	size_t n = 0;
	while (pixels_format(n))
		n++;
	*n_readable = n;
	struct waybuf_dmabuf_pair *pairs = calloc(formats->n + n, sizeof(*pairs));
	if (!pairs)
		return NULL;
	for (size_t i = 0; i < formats->n; i++)
		pairs[i] = (struct waybuf_dmabuf_pair){
			formats->pairs[i].format, formats->pairs[i].modifier};
	for (size_t i = 0; i < n; i++)
		pairs[formats->n + i] =
			(struct waybuf_dmabuf_pair){pixels_format(i), DRM_FORMAT_MOD_LINEAR};
	return pairs;
}

int planes_dmabuf_create(struct daemon *daemon)
{
	const struct output *output = daemon->output;
	const struct waybuf_kms_formats *formats = &output->plane->formats;
	size_t n_readable;
	struct waybuf_dmabuf_pair *pairs = list_pairs(formats, &n_readable);
	if (!pairs)
		return -ENOMEM;
	const struct waybuf_tranche tranches[] = {
		{output->kms->rdev, WAYBUF_TRANCHE_SCANOUT, pairs, formats->n},
		{output->kms->rdev, WAYBUF_TRANCHE_SAMPLING, pairs + formats->n, n_readable},
	};
	const struct waybuf_feedback feedback = {output->kms->rdev, tranches, 2};
	const struct waybuf_server_dmabuf_options options = {
		.feedback = &feedback,
		.data = daemon,
		.import_test = dmabuf_test,
	};
	int ret = waybuf_server_dmabuf_create(daemon->server, &options, &daemon->dmabuf);
	free(pairs);
	return ret;
}
