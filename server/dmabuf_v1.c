/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/format.h"
#include "dmabuf.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "report.h"
#include "report/json.h"

/*
 * The zwp_linux_dmabuf_v1 global. Its objects keep the connection's state, which outlives them, and
 * a pointer to the global that becomes NULL when the host withdraws that.
 */

/* Highest version that the protocol file we were built with has, and that this code speaks. */
static uint32_t highest_version(void)
{
	int built = zwp_linux_dmabuf_v1_interface.version;
	return built < 6 ? (uint32_t)built : 6;
}

/* Ten frames are too few, and ten seconds too many. */
#define SETTLE_MS 1000

/* A bound global. */
struct dmabuf_binding {
	struct waybuf_server_dmabuf *dmabuf; /* NULL: withdrawn */
	struct server_client *client;
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_create_params(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct dmabuf_binding *binding = wl_resource_get_user_data(resource);
	if (!params_object_create(binding->dmabuf, binding->client,
		    (uint32_t)wl_resource_get_version(resource), id))
		wl_resource_post_no_memory(resource);
}

static void create_feedback(struct wl_resource *resource, uint32_t id, struct wl_resource *surface)
{
	struct dmabuf_binding *binding = wl_resource_get_user_data(resource);
	if (!feedback_object_create(binding->dmabuf, binding->client->client,
		    (uint32_t)wl_resource_get_version(resource), id, surface))
		wl_resource_post_no_memory(resource);
}

static void handle_get_default_feedback(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	create_feedback(resource, id, NULL);
}

static void handle_get_surface_feedback(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface)
{
	create_feedback(resource, id, surface);
}

static const struct zwp_linux_dmabuf_v1_interface dmabuf_impl = {
	.destroy = handle_destroy,
	.create_params = handle_create_params,
	.get_default_feedback = handle_get_default_feedback,
	.get_surface_feedback = handle_get_surface_feedback,
};

/* Before version 4 there is no feedback, before 3 there are no modifiers. */
static void send_formats(struct wl_resource *resource, const struct feedback *feedback)
{
	bool modifiers = wl_resource_get_version(resource) >= 3;
	for (size_t i = 0; i < feedback->table->n_pairs; i++) {
		const struct waybuf_dmabuf_pair *pair = &feedback->table->pairs[i];
		if (modifiers)
			zwp_linux_dmabuf_v1_send_modifier(resource, pair->format,
				(uint32_t)(pair->modifier >> 32), (uint32_t)pair->modifier);
		else if (pair->modifier == DRM_FORMAT_MOD_INVALID)
			zwp_linux_dmabuf_v1_send_format(resource, pair->format);
	}
}

static void binding_destroyed(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
	free(wl_resource_get_user_data(resource));
}

static void bind_dmabuf(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct waybuf_server_dmabuf *dmabuf = data;
	struct dmabuf_binding *binding = calloc(1, sizeof(*binding));
	if (!binding)
		goto err;
	binding->dmabuf = dmabuf;
	binding->client = server_client_get(dmabuf->server, client);
	if (!binding->client)
		goto err_binding;
	struct wl_resource *resource =
		wl_resource_create(client, &zwp_linux_dmabuf_v1_interface, (int)version, id);
	if (!resource)
		goto err_binding;
	wl_resource_set_implementation(resource, &dmabuf_impl, binding, binding_destroyed);
	wl_list_insert(&dmabuf->resources, wl_resource_get_link(resource));
	if (version < 4)
		send_formats(resource, dmabuf->feedback);
	return;

err_binding:
	free(binding);
err:
	wl_client_post_no_memory(client);
}

/* ---- feedback ------------------------------------------------------------------------------ */

/* Whatever was advertised once stays no mistake. All or nothing. */
static int remember_pairs(struct waybuf_server_dmabuf *dmabuf, const struct format_table *table)
{
	struct wl_array *all = &dmabuf->advertised;
	size_t added = table->n_pairs * sizeof(*table->pairs);
	struct wl_array merged;
	wl_array_init(&merged);
	struct waybuf_dmabuf_pair *pairs = wl_array_add(&merged, all->size + added);
	if (!pairs)
		return -ENOMEM;
	size_t n = all->size / sizeof(*pairs);
	if (all->size)
		memcpy(pairs, all->data, all->size);
	memcpy(pairs + n, table->pairs, added);
	n += table->n_pairs;
	qsort(pairs, n, sizeof(*pairs), pair_compare);
	size_t unique = 1;
	for (size_t i = 1; i < n; i++) {
		if (pair_compare(&pairs[i], &pairs[unique - 1]) != 0)
			pairs[unique++] = pairs[i];
	}
	merged.size = unique * sizeof(*pairs);
	wl_array_release(all);
	*all = merged;
	return 0;
}

/* Compiles @source and admits its pairs. */
static int make_feedback(struct waybuf_server_dmabuf *dmabuf, const struct waybuf_feedback *source,
	struct feedback **out)
{
	struct feedback *feedback;
	int ret = feedback_create(source, &feedback);
	if (ret < 0)
		return ret;
	ret = remember_pairs(dmabuf, feedback->table);
	if (ret < 0) {
		feedback_unref(feedback);
		return ret;
	}
	*out = feedback;
	return 0;
}

int waybuf_server_dmabuf_set_feedback(
	struct waybuf_server_dmabuf *dmabuf, const struct waybuf_feedback *source)
{
	struct feedback *feedback;
	int ret = make_feedback(dmabuf, source, &feedback);
	if (ret < 0)
		return ret;
	/* another renderer may be behind it, of which nothing is known */
	if (!feedback_same_events(dmabuf->feedback, feedback, false) ||
		!feedback_same_events(dmabuf->feedback, feedback, true))
		dmabuf->kinds = (struct dmabuf_kinds){0};
	feedback_unref(dmabuf->feedback);
	dmabuf->feedback = feedback;
	surface_feedback_rebase(dmabuf);
	feedback_objects_update(dmabuf);
	return 0;
}

int waybuf_server_dmabuf_set_surface_feedback(struct waybuf_server_dmabuf *dmabuf,
	struct wl_resource *surface, const struct waybuf_feedback *source)
{
	struct feedback *feedback = NULL;
	if (source) {
		int ret = make_feedback(dmabuf, source, &feedback);
		if (ret < 0)
			return ret;
	}
	int ret = surface_feedback_set(dmabuf, surface, feedback);
	feedback_unref(feedback);
	return ret;
}

bool dmabuf_samples(const struct waybuf_server_dmabuf *dmabuf, dev_t device)
{
	return feedback_samples(dmabuf->feedback, device) ||
		surface_feedback_samples(dmabuf, device);
}

/* ---- life ---------------------------------------------------------------------------------- */

int waybuf_server_dmabuf_create(struct waybuf_server *server,
	const struct waybuf_server_dmabuf_options *options, struct waybuf_server_dmabuf **out)
{
	if (server->dmabuf)
		return -EEXIST;
	struct waybuf_server_dmabuf *dmabuf = calloc(1, sizeof(*dmabuf));
	if (!dmabuf)
		return -ENOMEM;
	dmabuf->server = server;
	dmabuf->options = *options;
	dmabuf->settle_ms = options->settle_ms ? options->settle_ms : SETTLE_MS;
	wl_array_init(&dmabuf->advertised);
	wl_list_init(&dmabuf->resources);
	wl_list_init(&dmabuf->params);
	wl_list_init(&dmabuf->surfaces);
	wl_list_init(&dmabuf->objects);
	int ret = make_feedback(dmabuf, options->feedback, &dmabuf->feedback);
	if (ret < 0)
		goto err_dmabuf;
	uint32_t version = highest_version();
	if (options->version && options->version < version)
		version = options->version;
	dmabuf->global = wl_global_create(
		server->display, &zwp_linux_dmabuf_v1_interface, (int)version, dmabuf, bind_dmabuf);
	ret = -ENOMEM;
	if (!dmabuf->global)
		goto err_feedback;
	server->dmabuf = dmabuf;
	if (out)
		*out = dmabuf;
	return 0;

err_feedback:
	feedback_unref(dmabuf->feedback);
	wl_array_release(&dmabuf->advertised);
err_dmabuf:
	free(dmabuf);
	return ret;
}

void waybuf_server_dmabuf_destroy(struct waybuf_server_dmabuf *dmabuf)
{
	if (!dmabuf)
		return;
	wl_global_destroy(dmabuf->global);
	struct wl_resource *resource, *next;
	wl_resource_for_each_safe(resource, next, &dmabuf->resources) {
		struct dmabuf_binding *binding = wl_resource_get_user_data(resource);
		binding->dmabuf = NULL;
		wl_list_remove(wl_resource_get_link(resource));
		wl_list_init(wl_resource_get_link(resource));
	}
	params_objects_orphan(dmabuf);
	feedback_objects_orphan(dmabuf);
	surface_feedbacks_finish(dmabuf);
	feedback_unref(dmabuf->feedback);
	wl_array_release(&dmabuf->advertised);
	dmabuf->server->dmabuf = NULL;
	free(dmabuf);
}

/* ---- info ---------------------------------------------------------------------------------- */

static void report_tranche(const struct feedback *feedback, const struct feedback_tranche *tranche,
	struct waybuf_report *report)
{
	char text[64], fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "dmabuf tranche");
	snprintf(text, sizeof(text), "%u:%u", major(tranche->target), minor(tranche->target));
	json_add_string(&builder, builder.root, "target", text);
	json_add_bool(&builder, builder.root, "scanout", tranche->flags & WAYBUF_TRANCHE_SCANOUT);
	json_add_bool(&builder, builder.root, "sampling", tranche->flags & WAYBUF_TRANCHE_SAMPLING);
	struct json_object *pairs = json_add_array(&builder, builder.root, "pairs");
	for (size_t i = 0; i < tranche->pairs.n; i++) {
		const struct waybuf_dmabuf_pair *pair =
			&feedback->table->pairs[tranche->pairs.indices[i]];
		snprintf(text, sizeof(text), "%s:%s", waybuf_fourcc_string(pair->format, fourcc),
			waybuf_modifier_string(pair->modifier, modifier));
		json_add_string(&builder, pairs, NULL, text);
	}
	report_add(report, json_finish(&builder));
}

void dmabuf_report(struct waybuf_server_dmabuf *dmabuf, struct waybuf_report *report)
{
	for (size_t i = 0; i < dmabuf->feedback->n_tranches; i++)
		report_tranche(dmabuf->feedback, &dmabuf->feedback->tranches[i], report);
	dmabuf_refusals_report(&dmabuf->refusals, report);
}
