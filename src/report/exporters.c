/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <waybuf/buffer.h>
#include <waybuf/interfaces/exporter.h>

#include "core/format.h"
#include "exporter/exporter.h"
#include "report/info.h"
#include "report/json.h"

/* Names in the order of the numbers. */
static const char *const cache_names[] = {"unknown", "cached", "uncached"};

/* What an image exporter makes: a list of "XR24 LINEAR". */
static void add_pairs(struct json_builder *builder, const struct waybuf_exporter_caps *caps)
{
	if (caps->kind != WAYBUF_EXPORTER_IMAGE)
		return;
	struct json_object *pairs = json_add_array(builder, builder->root, "pairs");
	for (size_t i = 0; i < caps->n_pairs; i++) {
		char format[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
		struct json_object *pair = json_add_object(builder, pairs, NULL);
		json_add_string(builder, pair, "format",
			waybuf_fourcc_string(caps->pairs[i].format, format));
		json_add_string(builder, pair, "modifier",
			waybuf_modifier_string(caps->pairs[i].modifier, modifier));
	}
}

struct json_object *report_exporter(const struct waybuf_exporter_caps *caps)
{
	struct json_builder builder;
	json_begin(&builder);
	struct json_object *root = builder.root;
	json_add_string(&builder, root, "type", "exporter");
	json_add_string(&builder, root, "name", caps->name);
	json_add_bool(&builder, root, "works", true);
	json_add_string(&builder, root, "heap", caps->heap);
	json_add_string(
		&builder, root, "kind", caps->kind == WAYBUF_EXPORTER_IMAGE ? "image" : "raw");
	json_add_bool(&builder, root, "dmabuf", caps->is_dmabuf);
	json_add_bool(&builder, root, "contiguous", caps->contiguous);
	json_add_bool(&builder, root, "cpu", caps->cpu_mappable);
	if ((size_t)caps->cache < sizeof(cache_names) / sizeof(cache_names[0]))
		json_add_string(&builder, root, "cache", cache_names[caps->cache]);
	json_add_number(&builder, root, "cost", caps->base_cost);
	if (caps->max_size)
		json_add_number(&builder, root, "max_bytes", caps->max_size);
	add_pairs(&builder, caps);
	return json_finish(&builder);
}

static struct json_object *report_missing(const char *name, const char *why)
{
	struct json_builder builder;
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "exporter");
	json_add_string(&builder, builder.root, "name", name);
	json_add_bool(&builder, builder.root, "works", false);
	json_add_string(&builder, builder.root, "why", why);
	return json_finish(&builder);
}

/* ---- those that are not there -------------------------------------------------------------- */

static const char *describe(const char *node, int error)
{
	static _Thread_local char text[128];
	if (error == 0)
		return "left out by WAYBUF_EXPORTERS";
	if (!node)
		return error == -EOPNOTSUPP || error == -EACCES ? "the DRM device has none"
								: strerror(-error);
	snprintf(text, sizeof(text), "%s: %s", node, strerror(-error));
	return text;
}

/* Takes the result of a constructor: the exporter is not needed, only whether it can be made. */
static int tried(int error, struct waybuf_exporter *exporter)
{
	if (error == 0)
		exporter->ops->destroy(exporter);
	return error;
}

static const char *why_no_memfd(int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_memfd_exporter_create(&exporter);
	return describe(NULL, tried(error, exporter));
}

static const char *why_no_udmabuf(int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_udmabuf_exporter_create(&exporter);
	return describe("/dev/udmabuf", tried(error, exporter));
}

static const char *why_no_heap(int drm_fd)
{
	if (access("/dev/dma_heap", R_OK | X_OK) < 0)
		return describe("/dev/dma_heap", -errno);
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_heap_exporter_create("system", &exporter);
	return describe("/dev/dma_heap/system", tried(error, exporter));
}

static const char *why_no_dumb(int drm_fd)
{
	if (drm_fd < 0)
		return "no DRM device";
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_dumb_exporter_create(drm_fd, &exporter);
	return describe(NULL, tried(error, exporter));
}

static const char *why_no_gbm(int drm_fd)
{
#ifndef HAVE_GBM
	return "built without gbm";
#endif
	if (drm_fd < 0)
		return "no DRM device";
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_gbm_exporter_create(drm_fd, &exporter);
	return describe(NULL, tried(error, exporter));
}

/* Every kind of exporter. A heap is called "heap" and its own name. */
static const struct {
	const char *name;
	const char *(*why_not)(int drm_fd);
} kinds[] = {
	{"memfd", why_no_memfd},
	{"udmabuf", why_no_udmabuf},
	{"heap", why_no_heap},
	{"dumb", why_no_dumb},
	{"gbm", why_no_gbm},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct walk {
	struct json_builder builder;
	struct json_object *array;
	bool seen[N_KINDS];
};

static void add_exporter(const struct waybuf_exporter_caps *caps, void *data)
{
	struct walk *walk = data;
	json_add(&walk->builder, walk->array, NULL, report_exporter(caps));
	for (size_t i = 0; i < N_KINDS; i++) {
		size_t length = strlen(kinds[i].name);
		if (strncmp(caps->name, kinds[i].name, length) == 0 &&
			(caps->name[length] == '\0' || caps->name[length] == ' '))
			walk->seen[i] = true;
	}
}

struct json_object *report_exporters(struct waybuf_manager *manager, int drm_fd)
{
	struct walk walk = {.builder = {.root = json_object_new_array()}};
	walk.array = walk.builder.root;
	waybuf_manager_for_each_exporter(manager, add_exporter, &walk);
	for (size_t i = 0; i < N_KINDS; i++) {
		if (walk.seen[i])
			continue;
		json_add(&walk.builder, walk.array, NULL,
			report_missing(kinds[i].name, kinds[i].why_not(drm_fd)));
	}
	return json_finish(&walk.builder);
}
