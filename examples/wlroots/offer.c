/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <waybuf/log.h>
#include <wlr/backend/drm.h>
#include <wlr/backend/multi.h>
#include <wlr/render/drm_format_set.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_security_context_v1.h>
#include <wlr/util/log.h>

#include "compositor.h"

/*
 * libwaybuf-server in a compositor of wlroots: what it can import, asked of the renderer, what the
 * display shows, asked of the output, and the globals.
 */

/* ---- formats ------------------------------------------------------------------------------- */

/* Without implicit modifiers: nobody can check what those say. */
static size_t copy_pairs(const struct wlr_drm_format_set *set, struct waybuf_dmabuf_pair *pairs)
{
	size_t n = 0;
	for (size_t i = 0; i < set->len; i++) {
		const struct wlr_drm_format *format = &set->formats[i];
		for (size_t k = 0; k < format->len; k++) {
			if (format->modifiers[k] == DRM_FORMAT_MOD_INVALID)
				continue;
			if (pairs)
				pairs[n] = (struct waybuf_dmabuf_pair){
					format->format, format->modifiers[k]};
			n++;
		}
	}
	return n;
}

/* pixman takes no dma-bufs, but what buffers.c maps for it. */
static const struct wlr_drm_format_set *texture_formats(struct wlr_renderer *renderer)
{
	const struct wlr_drm_format_set *set =
		wlr_renderer_get_texture_formats(renderer, WLR_BUFFER_CAP_DMABUF);
	return set ? set : wlr_renderer_get_texture_formats(renderer, WLR_BUFFER_CAP_DATA_PTR);
}

static int list_formats(struct offer *offer)
{
	const struct wlr_drm_format_set *set = texture_formats(offer->renderer);
	offer->n_pairs = set ? copy_pairs(set, NULL) : 0;
	if (offer->n_pairs == 0)
		return -EOPNOTSUPP;
	offer->pairs = calloc(offer->n_pairs, sizeof(*offer->pairs));
	offer->scanout = calloc(offer->n_pairs, sizeof(*offer->scanout));
	if (!offer->pairs || !offer->scanout)
		return -ENOMEM;
	copy_pairs(set, offer->pairs);
	return 0;
}

/* ---- linux-dmabuf -------------------------------------------------------------------------- */

/* Whether the renderer takes it is found by an import. */
static int test_layout(struct offer *offer, const struct waybuf_layout *layout)
{
	for (size_t i = 0; i < offer->n_pairs; i++) {
		const struct waybuf_dmabuf_pair *pair = &offer->pairs[i];
		if (pair->format == layout->format && pair->modifier == layout->modifier)
			return buffers_test(offer->renderer, layout) ? 0 : -EINVAL;
	}
	return -EOPNOTSUPP;
}

/* One speaks for all of its kind: if another one fails when it is shown, the window keeps its picture. */
static int import_test(void *data, const struct waybuf_dmabuf_import *import)
{
	if (import->flags)
		return -EOPNOTSUPP;
	int ret = test_layout(data, waybuf_buffer_layout(import->buffer));
	return ret < 0 ? ret : WAYBUF_IMPORT_KIND;
}

/* With what the display takes, too, first. */
static struct waybuf_feedback make_feedback(
	const struct offer *offer, struct waybuf_tranche tranches[2])
{
	size_t n = 0;
	if (offer->n_scanout > 0)
		tranches[n++] = (struct waybuf_tranche){
			.target = offer->device,
			.flags = WAYBUF_TRANCHE_SCANOUT,
			.pairs = offer->scanout,
			.n_pairs = offer->n_scanout,
		};
	tranches[n++] = (struct waybuf_tranche){
		.target = offer->device,
		.flags = WAYBUF_TRANCHE_SAMPLING,
		.pairs = offer->pairs,
		.n_pairs = offer->n_pairs,
	};
	return (struct waybuf_feedback){offer->device, tranches, n};
}

void offer_add_output(struct offer *offer, struct wlr_output *output)
{
	const struct wlr_drm_format_set *primary =
		wlr_output_get_primary_formats(output, WLR_BUFFER_CAP_DMABUF);
	struct waybuf_tranche tranches[2];
	offer->n_scanout = 0;
	for (size_t i = 0; primary && i < offer->n_pairs; i++) {
		const struct waybuf_dmabuf_pair *pair = &offer->pairs[i];
		if (wlr_drm_format_set_has(primary, pair->format, pair->modifier))
			offer->scanout[offer->n_scanout++] = *pair;
	}
	struct waybuf_feedback feedback = make_feedback(offer, tranches);
	if (offer->dmabuf && waybuf_server_dmabuf_set_feedback(offer->dmabuf, &feedback) < 0)
		wlr_log(WLR_ERROR, "clients cannot be told of the display's formats");
}

/* ---- the allocator ------------------------------------------------------------------------- */

/* One scope for each run of pairs of one format, which is how wlroots has them. */
static void add_sets(struct waybuf_constraints_builder *builder,
	const struct waybuf_dmabuf_pair *pairs, size_t n_pairs)
{
	uint64_t modifiers[64];
	size_t n_sets = 0, i = 0;
	while (i < n_pairs && n_sets++ < WAYBUF_CONSTRAINTS_MAX_SETS) {
		const uint32_t format = pairs[i].format;
		size_t n = 0;
		for (; i < n_pairs && pairs[i].format == format; i++)
			if (n < 64)
				modifiers[n++] = pairs[i].modifier;
		waybuf_constraints_builder_set(builder, &format, 1, modifiers, n);
	}
}

/* What an image must be like to be shown here: rendered, and without a copy where that is possible. */
static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	const struct offer *offer = data;
	const uint64_t possible = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_SAMPLE;
	if (access & ~possible)
		return -EOPNOTSUPP;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	const uint64_t yes = 1;
	waybuf_constraints_builder_access(builder, possible);
	waybuf_constraints_builder_add(builder, WAYBUF_FIELD_DMABUF, WAYBUF_PLANE_ALL, &yes, 1);
	waybuf_constraints_builder_near_dev(builder, offer->device);
	if (offer->n_scanout > 0)
		add_sets(builder, offer->scanout, offer->n_scanout);
	else
		add_sets(builder, offer->pairs, offer->n_pairs);
	/* the builder remembers its first failure, and tells it at the end */
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static int display_import_test(void *data, const struct waybuf_layout *layout)
{
	return test_layout(data, layout);
}

static const struct waybuf_server_device_ops display_ops = {
	.constraints = constraints,
	.import_test = display_import_test,
};

/* ---- who may see what ---------------------------------------------------------------------- */

static const char *text(const char *string)
{
	return string ? string : "";
}

static const char *security_context(void *data, struct wl_client *client)
{
	static char context[512];
	const struct offer *offer = data;
	const struct wlr_security_context_v1_state *state =
		wlr_security_context_manager_v1_lookup_client(offer->security, client);
	if (!state)
		return NULL;
	snprintf(context, sizeof(context), "%s/%s/%s", text(state->sandbox_engine),
		text(state->app_id), text(state->instance_id));
	return context;
}

/* Who is in a sandbox opens none. */
static bool filter(const struct wl_client *client, const struct wl_global *global, void *data)
{
	const struct offer *offer = data;
	if (global == offer->security->global &&
		wlr_security_context_manager_v1_lookup_client(offer->security, client))
		return false;
	return waybuf_server_global_visible(offer->server, client, global);
}

/* ---- start and end ------------------------------------------------------------------------- */

static void log_message(enum waybuf_log_level level, const char *message, void *data)
{
	wlr_log(level == WAYBUF_LOG_ERROR ? WLR_ERROR : WLR_INFO, "waybuf: %s", message);
}

static void find_drm(struct wlr_backend *backend, void *data)
{
	struct wlr_backend **found = data;
	if (wlr_backend_is_drm(backend) && !*found)
		*found = backend;
}

/*
 * wlroots closes the GEM handles of its file as it sees fit, and the kernel does not count them: so
 * the library gets a file of its own.
 */
static void open_device(struct offer *offer)
{
	struct wlr_backend *drm = NULL;
	struct stat stat;
	if (wlr_backend_is_multi(offer->backend))
		wlr_multi_for_each_backend(offer->backend, find_drm, &drm);
	else
		find_drm(offer->backend, &drm);
	int fd = wlr_backend_get_drm_fd(offer->backend);
	if (fd >= 0 && fstat(fd, &stat) == 0)
		offer->device = stat.st_rdev;
	offer->drm_fd = drm ? wlr_drm_backend_get_non_master_fd(drm) : -1;
}

static int create_server(struct offer *offer)
{
	const struct waybuf_server_options options = {
		.drm_fd = offer->drm_fd,
		.data = offer,
		.security_context = security_context,
	};
	int ret = waybuf_server_create(offer->display, &options, &offer->server);
	if (ret == 0)
		ret = waybuf_manager_catch_sigbus(waybuf_server_manager(offer->server));
	if (ret == 0)
		ret = waybuf_server_gate_create(offer->server, &commits_gate_ops, &offer->gate);
	if (ret == 0)
		wl_display_set_global_filter(offer->display, filter, offer);
	return ret;
}

/* The globals end with the server. */
static int create_globals(struct offer *offer)
{
	struct waybuf_tranche tranches[2];
	const struct waybuf_feedback feedback = make_feedback(offer, tranches);
	const struct waybuf_server_dmabuf_options dmabuf = {
		.feedback = &feedback, .data = offer, .import_test = import_test};
	const struct waybuf_server_allocator_options allocator = {
		.integrated = true, .data = offer, .display = &display_ops};
	const struct waybuf_server_syncobj_options syncobj = {.drm_fd = offer->drm_fd};
	int ret = waybuf_server_dmabuf_create(offer->server, &dmabuf, &offer->dmabuf);
	if (ret == 0)
		ret = waybuf_server_allocator_create(offer->server, &allocator, NULL);
	if (ret == 0)
		ret = waybuf_server_monitor_create(offer->server, NULL, NULL);
	if (ret < 0 || offer->drm_fd < 0)
		return ret;
	ret = waybuf_server_syncobj_create(offer->server, &syncobj, NULL);
	/* a driver without timelines: clients synchronise implicitly, and the gate waits for that */
	return ret == -EOPNOTSUPP ? 0 : ret;
}

int offer_init(struct offer *offer, struct wl_display *display, struct wlr_backend *backend,
	struct wlr_renderer *renderer)
{
	*offer = (struct offer){
		.display = display, .backend = backend, .renderer = renderer, .drm_fd = -1};
	waybuf_log_set_handler(log_message, NULL, WAYBUF_LOG_INFO);
	buffers_register();
	open_device(offer);
	offer->security = wlr_security_context_manager_v1_create(display);
	int ret = offer->security ? list_formats(offer) : -ENOMEM;
	if (ret == 0)
		ret = create_server(offer);
	if (ret == 0)
		ret = create_globals(offer);
	return ret;
}

void offer_finish(struct offer *offer)
{
	wl_display_set_global_filter(offer->display, NULL, NULL);
	waybuf_gate_destroy(offer->gate);
	waybuf_server_destroy(offer->server);
	if (offer->drm_fd >= 0)
		close(offer->drm_fd);
	free(offer->pairs);
	free(offer->scanout);
}
