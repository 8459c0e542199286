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
static int dmabuf_test(void *data, const struct waybuf_dmabuf_import *import)
{
	struct daemon *daemon = data;
	const struct waybuf_layout *layout = waybuf_buffer_layout(import->buffer);
	if (import->flags)
		return -EOPNOTSUPP;
	if (layout->modifier == DRM_FORMAT_MOD_LINEAR && render_readable(layout->format))
		return 0;
	return import_test(daemon->output, layout);
}

/*
 * Pairs that the plane takes and composition does too, because no client can know when it will be
 * composed. A layout that only one of them reads would be black at times.
 */
static size_t list_scanout(
	const struct waybuf_kms_formats *formats, struct waybuf_dmabuf_pair *pairs)
{
	size_t n = 0;
	for (size_t i = 0; i < formats->n; i++)
		if (formats->pairs[i].modifier == DRM_FORMAT_MOD_LINEAR &&
			render_readable(formats->pairs[i].format))
			pairs[n++] = (struct waybuf_dmabuf_pair){
				formats->pairs[i].format, formats->pairs[i].modifier};
	return n;
}

static size_t list_sampling(struct waybuf_dmabuf_pair *pairs)
{
	size_t n = 0;
	for (; pixels_format(n); n++)
		pairs[n] = (struct waybuf_dmabuf_pair){pixels_format(n), DRM_FORMAT_MOD_LINEAR};
	return n;
}

int planes_dmabuf_create(struct daemon *daemon)
{
	const struct output *output = daemon->output;
	const struct waybuf_kms_formats *formats = &output->plane->formats;
	struct waybuf_dmabuf_pair *scanout = calloc(formats->n + 1, sizeof(*scanout));
	struct waybuf_dmabuf_pair sampling[PIXELS_FORMATS];
	if (!scanout)
		return -ENOMEM;
	const struct waybuf_tranche tranches[] = {
		{output->kms->rdev, WAYBUF_TRANCHE_SCANOUT, scanout,
			list_scanout(formats, scanout)},
		{output->kms->rdev, WAYBUF_TRANCHE_SAMPLING, sampling, list_sampling(sampling)},
	};
	/* a plane without a linear format has no tranche */
	const size_t first = tranches[0].n_pairs ? 0 : 1;
	const struct waybuf_feedback feedback = {output->kms->rdev, tranches + first, 2 - first};
	const struct waybuf_server_dmabuf_options options = {
		.feedback = &feedback,
		.data = daemon,
		.import_test = dmabuf_test,
	};
	int ret = waybuf_server_dmabuf_create(daemon->server, &options, &daemon->dmabuf);
	free(scanout);
	return ret;
}
