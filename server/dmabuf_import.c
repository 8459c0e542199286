/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/manager.h"
#include "core/storage.h"
#include "dmabuf.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "wl_buffer.h"

/*
 * From a client's parameters to a buffer: what was advertised, what dmabuf_params.c finds, and what
 * the host says, in this order. The host is asked to import a buffer of each kind once; if it vouches
 * for the kind, the next ones are taken without it, and imported when they are first used.
 */
#define KNOWN_FLAGS \
	((uint32_t)(WAYBUF_DMABUF_Y_INVERT | WAYBUF_DMABUF_INTERLACED | WAYBUF_DMABUF_BOTTOM_FIRST))

static bool is_advertised(const struct wl_array *pairs, uint32_t format, uint64_t modifier)
{
	struct waybuf_dmabuf_pair pair = {.format = format, .modifier = modifier};
	return pairs->size &&
		bsearch(&pair, pairs->data, pairs->size / sizeof(pair), sizeof(pair), pair_compare);
}

static int check_pair(const struct waybuf_server_dmabuf *dmabuf, const struct dmabuf_params *params,
	const struct dmabuf_request *request, struct dmabuf_verdict *verdict)
{
	if (!params->has_modifier)
		return 0; /* no plane: the check of the planes has a better word for it */
	if (is_advertised(&dmabuf->advertised, request->format, params->modifier))
		return 0;
	return dmabuf_refuse(verdict, request->version >= 4, DMABUF_INVALID_FORMAT,
		"format 0x%08x with modifier 0x%llx was not advertised", request->format,
		(unsigned long long)params->modifier);
}

static void ask_driver(const struct waybuf_server_dmabuf *dmabuf, struct dmabuf_params *params,
	const struct dmabuf_request *request)
{
	/* of the former everything is known, of the latter nobody knows anything */
	if (params->modifier != DRM_FORMAT_MOD_LINEAR && params->modifier != DRM_FORMAT_MOD_INVALID)
		params->known_planes = waybuf_manager_plane_count(
			dmabuf->server->manager, request->format, params->modifier);
}

static int check_flags(const struct waybuf_server_dmabuf *dmabuf,
	const struct dmabuf_request *request, struct dmabuf_verdict *verdict)
{
	if (request->flags & ~KNOWN_FLAGS)
		return dmabuf_refuse(
			verdict, false, DMABUF_REFUSED, "unknown flags 0x%x", request->flags);
	if (request->flags && !dmabuf->options.import_test)
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED, "flags 0x%x are not supported",
			request->flags);
	return 0;
}

/* No mistake, says the protocol: the device may have gone while the request was on its way. */
static int check_device(const struct waybuf_server_dmabuf *dmabuf,
	const struct dmabuf_request *request, struct dmabuf_verdict *verdict)
{
	if (!request->has_device || dmabuf_samples(dmabuf, request->device))
		return 0;
	return dmabuf_refuse(verdict, false, DMABUF_REFUSED,
		"device %u:%u is not one that samples here", major(request->device),
		minor(request->device));
}

/* ---- what the host says ---------------------------------------------------------------------- */

/* Empty: it has several, or the kernel does not tell. */
static void read_exporter(const struct waybuf_layout *layout, char exporter[FD_EXPORTER_LEN])
{
	char next[FD_EXPORTER_LEN];
	uint64_t size;
	exporter[0] = '\0';
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (fd_dmabuf_info(layout->memory[i].fd, &size, next) < 0 ||
			(i > 0 && strcmp(exporter, next) != 0)) {
			exporter[0] = '\0';
			return;
		}
		memcpy(exporter, next, sizeof(next));
	}
}

static void vouch(struct waybuf_server_dmabuf *dmabuf, struct dmabuf_kind *kind,
	const struct waybuf_layout *layout)
{
	if (!kind->exporter[0])
		read_exporter(layout, kind->exporter);
	if (kind->exporter[0])
		dmabuf_kinds_add(&dmabuf->kinds, kind);
}

static int ask_host(struct waybuf_server_dmabuf *dmabuf, struct server_client *client,
	struct waybuf_buffer *buffer, struct dmabuf_kind *kind)
{
	const struct waybuf_server_dmabuf_options *options = &dmabuf->options;
	const struct waybuf_dmabuf_import import = {
		.client = client->client,
		.buffer = buffer,
		.flags = kind->flags,
		.has_device = kind->has_device,
		.device = kind->device,
	};
	if (!options->import_test || (kind->exporter[0] && dmabuf_kinds_has(&dmabuf->kinds, kind)))
		return 0;
	int ret = options->import_test(options->data, &import);
	if (ret == WAYBUF_IMPORT_KIND)
		vouch(dmabuf, kind, waybuf_buffer_layout(buffer));
	return ret < 0 ? ret : 0;
}

/* The fds of @layout are those of @params. */
static int import(struct waybuf_server_dmabuf *dmabuf, struct server_client *client,
	struct dmabuf_params *params, struct waybuf_layout *layout, const struct fd_id *ids,
	struct dmabuf_kind *kind, struct waybuf_buffer **out, struct dmabuf_verdict *verdict)
{
	struct waybuf_buffer *buffer;
	dmabuf_params_give_fds(params, layout);
	int ret = waybuf_buffer_import_checked(
		dmabuf->server->manager, client->account, layout, ids, &buffer);
	if (ret < 0)
		return dmabuf_refuse(
			verdict, false, DMABUF_REFUSED, "cannot be imported: %s", strerror(-ret));
	ret = ask_host(dmabuf, client, buffer, kind);
	if (ret < 0) {
		waybuf_buffer_unref(buffer);
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED,
			"neither renderer nor display take it: %s", strerror(-ret));
	}
	*out = buffer;
	return 0;
}

static int make_buffer(struct waybuf_server_dmabuf *dmabuf, struct server_client *client,
	struct dmabuf_params *params, const struct dmabuf_request *request,
	struct waybuf_buffer **out, struct dmabuf_verdict *verdict)
{
	struct waybuf_layout layout;
	struct fd_id ids[WAYBUF_MAX_PLANES];
	struct dmabuf_kind kind = {
		.has_device = request->has_device,
		.device = request->device,
		.format = request->format,
		.modifier = params->modifier,
		.flags = request->flags,
	};
	int ret = check_pair(dmabuf, params, request, verdict);
	if (ret < 0)
		return ret;
	ask_driver(dmabuf, params, request);
	params->exporter = dmabuf_kinds_any(&dmabuf->kinds, &kind) ? kind.exporter : NULL;
	params->exporters = &dmabuf->exporters;
	ret = dmabuf_params_check(
		params, request->width, request->height, request->format, &layout, ids, verdict);
	params->exporter = NULL;
	if (ret == 0)
		ret = check_flags(dmabuf, request, verdict);
	if (ret == 0)
		ret = check_device(dmabuf, request, verdict);
	if (ret == 0)
		ret = import(dmabuf, client, params, &layout, ids, &kind, out, verdict);
	return ret;
}

static void note_refusal(struct waybuf_server_dmabuf *dmabuf, const struct server_client *client,
	uint32_t width, uint32_t height, uint32_t format, uint64_t modifier, const char *reason)
{
	struct dmabuf_refusal refusal = {
		.width = width,
		.height = height,
		.format = format,
		.modifier = modifier,
	};
	snprintf(refusal.client, sizeof(refusal.client), "%s", client ? client->name : "gone");
	snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
	dmabuf_refusals_add(&dmabuf->refusals, &refusal);
}

int dmabuf_import(struct waybuf_server_dmabuf *dmabuf, struct server_client *client,
	struct dmabuf_params *params, const struct dmabuf_request *request,
	struct waybuf_buffer **out, struct dmabuf_verdict *verdict)
{
	if (!dmabuf)
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED, "the global is gone");
	int ret = request->starved ? dmabuf_refuse(verdict, false, DMABUF_REFUSED,
					     "too many planes of the client wait for a buffer")
				   : make_buffer(dmabuf, client, params, request, out, verdict);
	if (ret < 0)
		note_refusal(dmabuf, client, (uint32_t)request->width, (uint32_t)request->height,
			request->format, params->modifier, verdict->reason);
	return ret;
}

static bool opened_by_path(const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (fd_is_path(layout->memory[i].fd))
			return true;
	}
	return false;
}

/* What was opened by O_PATH has no exporter in /proc, and so says nothing of any kind. */
static void describe_failure(const struct waybuf_layout *layout, const char *exporter, int error,
	char *reason, size_t size)
{
	if (opened_by_path(layout))
		snprintf(reason, size, "at its first use, a file opened by O_PATH");
	else
		snprintf(reason, size, "at its first use, memory of %s: %s",
			exporter[0] ? exporter : "?", strerror(-error));
}

void waybuf_server_dmabuf_import_failed(
	struct waybuf_server_dmabuf *dmabuf, struct waybuf_use *use, int error)
{
	struct server_buffer *owner = use->owner;
	const struct waybuf_layout *layout =
		use->grant.layout ? use->grant.layout : waybuf_binding_layout(&owner->binding);
	char reason[160];
	if (!layout)
		return;
	struct dmabuf_kind kind = {
		.format = layout->format,
		.modifier = layout->modifier,
		.flags = owner->flags,
	};
	read_exporter(layout, kind.exporter);
	dmabuf_kinds_forget(&dmabuf->kinds, &kind);
	describe_failure(layout, kind.exporter, error, reason, sizeof(reason));
	note_refusal(dmabuf, owner->client, layout->width, layout->height, layout->format,
		layout->modifier, reason);
}
