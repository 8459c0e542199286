/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "card.h"
#include "daemon.h"
#include "kms/probe.h"
#include "output.h"
#include "outputs.h"
#include "planes.h"
#include "surface.h"
#include "util/log.h"

static int probe_plane(void *data, const struct waybuf_layout *layout)
{
	const struct output *output = data;
	return waybuf_kms_probe(output->kms, output->plane, output->crtc, layout, NULL, NULL);
}

/* Wherever it is shown then: one display that takes it is enough, and on the others it fails. */
static int import_test(void *data, const struct waybuf_layout *layout)
{
	const struct daemon *daemon = data;
	struct output *output;
	int ret = -ENODEV;
	wl_list_for_each(output, &daemon->outputs, link) {
		ret = probe_plane(output, layout);
		if (ret >= 0)
			break;
	}
	return ret;
}

/* As composition reads it. A page: whoever maps that maps the rest, too. */
static int cpu_test(void *data, const struct waybuf_layout *layout)
{
	if (layout->modifier != DRM_FORMAT_MOD_LINEAR || !render_readable(layout->format))
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		size_t size = (size_t)sysconf(_SC_PAGESIZE);
		void *address = mmap(NULL, size, PROT_READ, MAP_SHARED, layout->memory[i].fd, 0);
		if (address == MAP_FAILED)
			return -errno;
		munmap(address, size);
	}
	return 0;
}

/* ---- what display attachments ask for ------------------------------------------------------- */

/* What the wrong format costs: more than any choice of memory. */
#define COST_OF_COMPOSITION 100

static bool plane_has(const struct output *output, uint32_t format)
{
	const struct waybuf_kms_formats *formats = &output->plane->formats;
	for (size_t i = 0; i < formats->n; i++)
		if (formats->pairs[i].format == format)
			return true;
	return false;
}

/* Formats that composition reads; those of the plane are left to the plane. */
static int add_composed(const struct output *output, struct waybuf_constraints_builder *builder)
{
	uint32_t composed[RENDER_FORMATS], direct[RENDER_FORMATS];
	const uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	size_t n_composed = 0, n_direct = 0;
	for (size_t i = 0; render_format(i); i++) {
		if (plane_has(output, render_format(i)))
			direct[n_direct++] = render_format(i);
		else
			composed[n_composed++] = render_format(i);
	}
	if (n_composed == 0 || n_direct == 0)
		return 0;
	int ret = waybuf_constraints_builder_set(builder, composed, n_composed, &linear, 1);
	/* who has the choice takes what the display shows by itself */
	waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, COST_OF_COMPOSITION);
	return ret < 0 ? ret : waybuf_constraints_builder_set(builder, direct, n_direct, NULL, 0);
}

static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	const struct output *output = outputs_first(data);
	const uint64_t possible = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_SAMPLE;
	if (access & ~possible)
		return -EOPNOTSUPP;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	int ret = waybuf_kms_plane_records(output->kms, output->plane, builder);
	if (ret == 0)
		ret = add_composed(output, builder);
	if (ret == 0)
		ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static int display_test(void *data, const struct waybuf_layout *layout)
{
	struct daemon *daemon = data;
	return plane_has(outputs_first(daemon), layout->format) ? import_test(daemon, layout)
								: cpu_test(daemon, layout);
}

const struct waybuf_server_device_ops planes_device_ops = {
	.constraints = constraints,
	.import_test = display_test,
};

/* ---- linux-dmabuf ---------------------------------------------------------------------------- */

/*
 * At the creation of a wl_buffer. What composition can read is taken without asking the device,
 * which is asked when the buffer is shown for the first time; and so is all that is like it. If the
 * device refuses, it is composed.
 */
static int dmabuf_test(void *data, const struct waybuf_dmabuf_import *import)
{
	struct daemon *daemon = data;
	const struct waybuf_layout *layout = waybuf_buffer_layout(import->buffer);
	if (import->flags)
		return -EOPNOTSUPP;
	if (cpu_test(daemon, layout) == 0)
		return WAYBUF_IMPORT_KIND;
	return import_test(daemon, layout);
}

/* Keeps of @tranche's pairs what @test takes. The number, or a negative errno. */
static int probe(struct output *output, struct waybuf_dmabuf_pair *pairs, size_t n,
	int (*test)(void *data, const struct waybuf_layout *layout))
{
	const struct waybuf_probe request = {
		.width = output->width,
		.height = output->height,
		.import_test = test,
		.data = output,
	};
	return waybuf_server_probe_pairs(output->daemon->server, &request, pairs, n);
}

/*
 * Pairs that the plane takes and composition does too, because no client can know when it will be
 * composed. A layout that only one of them reads would be black at times.
 */
static int list_scanout(struct output *output)
{
	const struct waybuf_kms_formats *formats = &output->plane->formats;
	struct waybuf_dmabuf_pair *pairs = calloc(formats->n + 1, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	size_t n = 0;
	for (size_t i = 0; i < formats->n; i++)
		if (formats->pairs[i].modifier == DRM_FORMAT_MOD_LINEAR &&
			render_readable(formats->pairs[i].format))
			pairs[n++] = (struct waybuf_dmabuf_pair){
				formats->pairs[i].format, formats->pairs[i].modifier};
	int kept = probe(output, pairs, n, probe_plane);
	output->tranche = (struct waybuf_tranche){
		.target = output->kms->rdev,
		.pairs = pairs,
		.n_pairs = kept < 0 ? 0 : (size_t)kept,
	};
	return kept;
}

static int list_sampling(struct daemon *daemon, struct waybuf_dmabuf_pair pairs[RENDER_FORMATS])
{
	size_t n = 0;
	for (; render_format(n); n++)
		pairs[n] = (struct waybuf_dmabuf_pair){render_format(n), DRM_FORMAT_MOD_LINEAR};
	return probe(outputs_first(daemon), pairs, n, cpu_test);
}

static int list_all_scanout(struct daemon *daemon)
{
	struct output *output;
	wl_list_for_each(output, &daemon->outputs, link) {
		int ret = list_scanout(output);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * The last version with a main device. GTK 4 binds whatever is offered, makes its list of formats
 * when it hears of that device, and crashes without.
 */
#define DMABUF_VERSION 5

/*
 * All surfaces can be composed, which is what the default says. Those that could do without hear of
 * the plane when it is free for them.
 */
int planes_dmabuf_create(struct daemon *daemon)
{
	struct waybuf_dmabuf_pair pairs[RENDER_FORMATS];
	dev_t device = daemon->card->kms->rdev;
	int n = list_sampling(daemon, pairs);
	if (n > 0 && list_all_scanout(daemon) < 0)
		return -ENOMEM;
	if (n <= 0) {
		waybuf_error("linux-dmabuf is not offered: no dma-buf could be made to be read");
		return n;
	}
	const struct waybuf_tranche tranche = {device, WAYBUF_TRANCHE_SAMPLING, pairs, (size_t)n};
	const struct waybuf_feedback feedback = {device, &tranche, 1};
	const struct waybuf_server_dmabuf_options options = {
		.feedback = &feedback,
		.data = daemon,
		.import_test = dmabuf_test,
		.version = DMABUF_VERSION,
	};
	return waybuf_server_dmabuf_create(daemon->server, &options, &daemon->dmabuf);
}

void planes_tell(
	struct output *output, const struct surface *surface, enum waybuf_plane_result result)
{
	struct waybuf_server_dmabuf *dmabuf = output->daemon->dmabuf;
	if (!dmabuf || (result == WAYBUF_PLANE_COULD && output->tranche.n_pairs == 0))
		return;
	/* what cannot be told now is told with a later frame */
	waybuf_server_dmabuf_set_plane_result(dmabuf, surface->resource, result, &output->tranche);
}

void planes_update(struct output *output)
{
	planes_finish(output);
	if (output->daemon->dmabuf && list_scanout(output) < 0)
		waybuf_info("clients are not told what the display takes: no memory");
}

void planes_finish(struct output *output)
{
	free((void *)output->tranche.pairs);
	output->tranche = (struct waybuf_tranche){0};
}
