/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gpu/software.h"

/* What the display imports, as constraints. */

#define MAX_FORMATS 256

/* What it costs to be elsewhere, or no dma-buf: more than any difference between exporters. */
#define FAR_WEIGHT 64
#define NO_DMABUF_WEIGHT 512

bool egl_get_modifiers(struct waybuf_egl *egl, uint32_t format, struct egl_modifiers *out)
{
	/* llvmpipe leaves external as it was, of formats that are not */
	*out = (struct egl_modifiers){.format = format};
	if (!egl->egl.query_modifiers(egl->display, (EGLint)format, EGL_MAX_MODIFIERS,
		    out->modifiers, out->external, &out->n))
		return false;
	return out->n >= 0 && out->n <= EGL_MAX_MODIFIERS;
}

/* ---- the lists ----------------------------------------------------------------------------- */

/* A format, and its modifiers as far as they serve. */
struct entry {
	uint32_t format;
	bool done; /* is in a scope */
	size_t n;
	uint64_t modifiers[EGL_MAX_MODIFIERS + 1];
};

static void fill_entry(struct waybuf_egl *egl, struct entry *entry, bool render)
{
	struct egl_modifiers known;
	if (!(egl->features & WAYBUF_EGL_MODIFIERS)) {
		entry->modifiers[entry->n++] = DRM_FORMAT_MOD_LINEAR;
		entry->modifiers[entry->n++] = DRM_FORMAT_MOD_INVALID;
		return;
	}
	if (!egl_get_modifiers(egl, entry->format, &known))
		return;
	for (EGLint i = 0; i < known.n; i++) {
		if (!render || !known.external[i])
			entry->modifiers[entry->n++] = known.modifiers[i];
	}
	/* a driver without modifiers of its own still imports what it says nothing about */
	if (known.n == 0)
		entry->modifiers[entry->n++] = DRM_FORMAT_MOD_INVALID;
}

/* The formats of the display. The number, or a negative errno. */
static int list_formats(struct waybuf_egl *egl, EGLint formats[MAX_FORMATS])
{
	EGLint n = 0;
	if (!(egl->features & WAYBUF_EGL_MODIFIERS))
		return egl_fail(egl, -EOPNOTSUPP,
			"constraints: the EGL display has no list of formats, as it has no"
			" EGL_EXT_image_dma_buf_import_modifiers");
	if (!egl->egl.query_formats(egl->display, MAX_FORMATS, formats, &n))
		return egl_fail_call(egl, "constraints: formats");
	return n < 0 ? 0 : n < MAX_FORMATS ? n : MAX_FORMATS;
}

static bool is_same(const struct entry *a, const struct entry *b)
{
	return a->n == b->n && memcmp(a->modifiers, b->modifiers, a->n * sizeof(uint64_t)) == 0;
}

/* Formats with the same modifiers share a scope: a set may have 64 of them. */
static void add_scope(
	struct waybuf_constraints_builder *builder, struct entry *entries, size_t n, size_t first)
{
	uint32_t formats[MAX_FORMATS];
	size_t n_formats = 0;
	for (size_t i = first; i < n; i++) {
		if (entries[i].done || !is_same(&entries[first], &entries[i]))
			continue;
		formats[n_formats++] = entries[i].format;
		entries[i].done = true;
	}
	waybuf_constraints_builder_set(
		builder, formats, n_formats, entries[first].modifiers, entries[first].n);
}

/* ---- the set ------------------------------------------------------------------------------- */

/* Whoever does not know the node, or has another memory than these, pays; nothing is excluded. */
static void add_preferences(struct waybuf_egl *egl, struct waybuf_constraints_builder *builder)
{
	static const char *const dmabufs[] = {
		"gbm", "dumb", "udmabuf", "system", "linux,cma", "reserved", "default_cma_region"};
	struct stat info;
	if (egl->node[0] && stat(egl->node, &info) == 0) {
		waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, FAR_WEIGHT);
		waybuf_constraints_builder_near_dev(builder, info.st_rdev);
	}
	waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, NO_DMABUF_WEIGHT);
	waybuf_constraints_builder_heaps(builder, dmabufs, sizeof(dmabufs) / sizeof(dmabufs[0]));
	waybuf_constraints_builder_strength(builder, WAYBUF_MUST, 0);
}

static int build(struct waybuf_egl *egl, uint64_t access, struct entry *entries, size_t n,
	struct waybuf_constraints **out)
{
	size_t n_pairs = 0;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return egl_fail(egl, -ENOMEM, "constraints: out of memory");
	/* blending and partial drawing read; and a server shows nothing of who may not */
	if (access & WAYBUF_ACCESS_RENDER)
		access |= WAYBUF_ACCESS_READ;
	waybuf_constraints_builder_access(builder, access);
	if (egl->software && access & WAYBUF_ACCESS_RENDER)
		gpu_software_constrain(builder);
	add_preferences(egl, builder);
	for (size_t i = 0; i < n; i++) {
		n_pairs += entries[i].n;
		if (entries[i].n > 0 && !entries[i].done)
			add_scope(builder, entries, n, i);
	}
	int ret = -EOPNOTSUPP;
	if (n_pairs > 0)
		ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	if (n_pairs == 0)
		egl_fail(egl, ret, "constraints: the EGL display imports none of the formats");
	else if (ret < 0)
		egl_fail(egl, ret, "constraints: %s", strerror(-ret));
	return ret;
}

static int check(struct waybuf_egl *egl, uint64_t access)
{
	const uint64_t able = WAYBUF_ACCESS_READ | WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_SAMPLE |
		WAYBUF_ACCESS_RENDER;
	if (!access || access & ~able)
		return egl_fail(egl, -EINVAL, "constraints: access that EGL does not have");
	if (!(egl->features & WAYBUF_EGL_IMAGES))
		return egl_fail(egl, -EOPNOTSUPP,
			"constraints: the EGL display has no EGL_EXT_image_dma_buf_import");
	return 0;
}

int waybuf_egl_constraints(struct waybuf_egl *egl, uint64_t access, const uint32_t *formats,
	size_t n_formats, struct waybuf_constraints **out)
{
	EGLint listed[MAX_FORMATS];
	int ret = check(egl, access);
	if (ret < 0)
		return ret;
	if (n_formats == 0) {
		ret = list_formats(egl, listed);
		if (ret < 0)
			return ret;
		n_formats = (size_t)ret;
	} else if (n_formats > MAX_FORMATS) {
		return egl_fail(egl, -E2BIG, "constraints: more than %d formats", MAX_FORMATS);
	}
	struct entry *entries = calloc(n_formats + 1, sizeof(*entries));
	if (!entries)
		return egl_fail(egl, -ENOMEM, "constraints: out of memory");
	for (size_t i = 0; i < n_formats; i++) {
		entries[i].format = formats ? formats[i] : (uint32_t)listed[i];
		fill_entry(egl, &entries[i], access & WAYBUF_ACCESS_RENDER);
	}
	ret = build(egl, access, entries, n_formats, out);
	free(entries);
	return ret;
}
