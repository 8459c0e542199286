/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/commit.h"
#include "kms/probe.h"

enum { MAX_REMEMBERED = 128 };

/*
 * Buffers that drivers cannot tell apart in any way we know of. Sizes are classed by powers of two,
 * and by how they compare with the mode, because many primary planes must fill it exactly.
 */
struct key {
	char exporter[16];
	uint64_t modifier;
	uint32_t format;
	uint32_t plane, crtc;
	uint8_t n_memory;
	uint8_t width_class, height_class;
	uint8_t width_odd, height_odd;
	uint8_t stride_align, offset_align; /* powers of two, up to a page */
	int8_t width_fit, height_fit;
};

struct remembered {
	struct key key;
	int error;
	enum waybuf_kms_refusal refusal;
	struct waybuf_kms_why why;
};

struct waybuf_kms_probe_cache {
	struct remembered *entries;
	size_t n, next; /* next: the oldest, once it is full */
	uint64_t hits;
};

int waybuf_kms_probe_cache_create(struct waybuf_kms_probe_cache **out)
{
	struct waybuf_kms_probe_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	cache->entries = calloc(MAX_REMEMBERED, sizeof(*cache->entries));
	if (!cache->entries) {
		free(cache);
		return -ENOMEM;
	}
	*out = cache;
	return 0;
}

void waybuf_kms_probe_cache_destroy(struct waybuf_kms_probe_cache *cache)
{
	if (!cache)
		return;
	free(cache->entries);
	free(cache);
}

void waybuf_kms_probe_cache_clear(struct waybuf_kms_probe_cache *cache)
{
	cache->n = cache->next = 0;
}

uint64_t waybuf_kms_probe_cache_hits(const struct waybuf_kms_probe_cache *cache)
{
	return cache->hits;
}

static uint8_t log2_class(uint32_t value)
{
	return value ? (uint8_t)(32 - __builtin_clz(value)) : 0;
}

static uint8_t alignment(uint32_t value)
{
	return (uint8_t)__builtin_ctz(value | 4096);
}

static int8_t compare(uint32_t a, uint32_t b)
{
	return (int8_t)((a > b) - (a < b));
}

static void make_key(struct key *key, const struct waybuf_kms_plane *plane,
	const struct waybuf_kms_crtc *crtc, const struct waybuf_layout *layout,
	const struct _drmModeModeInfo *mode)
{
	uint32_t strides = 0, offsets = 0;
	for (uint32_t i = 0; i < layout->n_planes && i < WAYBUF_MAX_PLANES; i++) {
		strides |= layout->planes[i].stride;
		offsets |= layout->planes[i].offset;
	}
	/* compared as bytes, so the padding counts */
	memset(key, 0, sizeof(*key));
	snprintf(key->exporter, sizeof(key->exporter), "%s",
		layout->exporter ? layout->exporter : "");
	key->modifier = layout->modifier;
	key->format = layout->format;
	key->plane = plane->id;
	key->crtc = crtc->id;
	key->n_memory = (uint8_t)layout->n_memory;
	key->width_class = log2_class(layout->width);
	key->height_class = log2_class(layout->height);
	key->width_odd = layout->width & 1;
	key->height_odd = layout->height & 1;
	key->stride_align = alignment(strides);
	key->offset_align = alignment(offsets);
	key->width_fit = compare(layout->width, mode->hdisplay);
	key->height_fit = compare(layout->height, mode->vdisplay);
}

static const struct remembered *recall(struct waybuf_kms_probe_cache *cache, const struct key *key)
{
	for (size_t i = 0; i < cache->n; i++) {
		if (memcmp(&cache->entries[i].key, key, sizeof(*key)) == 0) {
			cache->hits++;
			return &cache->entries[i];
		}
	}
	return NULL;
}

static struct remembered *remember(struct waybuf_kms_probe_cache *cache)
{
	struct remembered *entry = &cache->entries[cache->next];
	cache->next = (cache->next + 1) % MAX_REMEMBERED;
	if (cache->n < MAX_REMEMBERED)
		cache->n++;
	return entry;
}

/* A state in which @crtc is on, so that something can be tested on it. */
static int lit_state(struct waybuf_kms_device *device, struct waybuf_kms_crtc *crtc,
	struct waybuf_kms_state **out, struct waybuf_kms_why *why)
{
	struct waybuf_kms_state *state;
	int error = waybuf_kms_state_duplicate(device, &state);
	if (error)
		return error;
	error = state->crtcs[crtc->index].mode ? 0 : -EINVAL;
	if (!error && !state->crtcs[crtc->index].active)
		waybuf_kms_state_set_active(state, crtc, true);
	if (error)
		waybuf_kms_why_set(why, "CRTC %u has no connected output", crtc->id);
	for (uint32_t i = 0; i < device->res.n_connectors && error; i++) {
		struct waybuf_kms_connector *connector = device->res.connectors[i];
		if (connector->connected && !connector->writeback)
			error = waybuf_kms_state_enable(state, connector, crtc, NULL, why);
	}
	if (error)
		waybuf_kms_state_destroy(state);
	else
		*out = state;
	return error;
}

/* The question is about this plane: what is on others now may be gone the next time. */
static void clear_others(struct waybuf_kms_state *state, const struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc)
{
	const struct waybuf_kms_resources *res = &state->device->res;
	for (uint32_t i = 0; i < res->n_planes; i++) {
		bool here = state->planes[i].layer.fb && state->planes[i].crtc == crtc->index;
		/* many CRTCs want their primary plane on */
		if (here && res->planes[i] != plane &&
			res->planes[i]->type != DRM_PLANE_TYPE_PRIMARY)
			waybuf_kms_state_set_plane(state, res->planes[i], crtc, NULL, NULL);
	}
}

/* And it is about the memory, not about scaling: the image is cropped to the mode. */
static int test(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, struct waybuf_kms_fb *fb, struct waybuf_kms_why *why)
{
	const struct _drmModeModeInfo *mode = &state->crtcs[crtc->index].mode->info;
	struct waybuf_kms_layer layer;
	waybuf_kms_layer_init(&layer, fb);
	if (layer.w > mode->hdisplay)
		layer.w = mode->hdisplay;
	if (layer.h > mode->vdisplay)
		layer.h = mode->vdisplay;
	layer.src_w = layer.w << 16;
	layer.src_h = layer.h << 16;
	clear_others(state, plane, crtc);
	int error = waybuf_kms_state_set_plane(state, plane, crtc, &layer, why);
	return error ? error : waybuf_kms_state_test(state, why);
}

static bool is_transient(int error)
{
	return error == -ENOMEM || error == -EACCES || error == -EBUSY || error == -ENODEV ||
		error == -EMFILE || error == -ENFILE;
}

static int try(struct waybuf_kms_state *state, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, const struct waybuf_layout *layout,
	enum waybuf_kms_refusal *refusal, struct waybuf_kms_why *why)
{
	struct waybuf_kms_fb *fb;
	int error = waybuf_kms_fb_create(state->device, layout, &fb, refusal, why);
	if (error)
		return error;
	error = test(state, plane, crtc, fb, why);
	if (error)
		*refusal = is_transient(error) ? WAYBUF_KMS_EXHAUSTED : WAYBUF_KMS_BAD_STATE;
	waybuf_kms_fb_unref(fb);
	return error;
}

/*
 * Refusals that pass are not kept. Nor are those of memory from elsewhere, which is of any kind:
 * a client could spoil the display for others with a dma-buf that no device reaches.
 */
static bool is_worth_keeping(const struct remembered *entry, const struct waybuf_layout *layout)
{
	bool foreign = !layout->exporter || strcmp(layout->exporter, "foreign") == 0;
	return entry->error == 0 || (entry->refusal != WAYBUF_KMS_EXHAUSTED && !foreign);
}

static int answer(const struct remembered *entry, enum waybuf_kms_refusal *refusal,
	struct waybuf_kms_why *why)
{
	if (refusal)
		*refusal = entry->refusal;
	if (why)
		*why = entry->why;
	return entry->error;
}

/* While the CRTC has a mode nothing has to be lit for it, and so no state is made. NULL: not known. */
static const struct remembered *recall_lit(const struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_layout *layout)
{
	const struct waybuf_kms_crtc_state *now = &device->current->crtcs[crtc->index];
	struct key key;
	if (!now->mode)
		return NULL;
	make_key(&key, plane, crtc, layout, &now->mode->info);
	return recall(device->probes, &key);
}

bool waybuf_kms_probe_took(const struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_layout *layout)
{
	if (waybuf_kms_check_layout(layout, NULL) != 0)
		return false;
	const struct remembered *known = recall_lit(device, plane, crtc, layout);
	return known && known->error == 0;
}

int waybuf_kms_probe(struct waybuf_kms_device *device, struct waybuf_kms_plane *plane,
	struct waybuf_kms_crtc *crtc, const struct waybuf_layout *layout,
	enum waybuf_kms_refusal *refusal, struct waybuf_kms_why *why)
{
	struct remembered fresh = {0};
	struct waybuf_kms_state *state;
	/* a broken layout says nothing about its kind */
	fresh.error = waybuf_kms_check_layout(layout, &fresh.why);
	if (fresh.error) {
		fresh.refusal = WAYBUF_KMS_BAD_LAYOUT;
		return answer(&fresh, refusal, why);
	}
	const struct remembered *known = recall_lit(device, plane, crtc, layout);
	if (known)
		return answer(known, refusal, why);
	fresh.error = lit_state(device, crtc, &state, &fresh.why);
	if (fresh.error) {
		fresh.refusal = WAYBUF_KMS_EXHAUSTED;
		return answer(&fresh, refusal, why);
	}
	make_key(&fresh.key, plane, crtc, layout, &state->crtcs[crtc->index].mode->info);
	known = recall(device->probes, &fresh.key);
	if (!known) {
		fresh.error = try(state, plane, crtc, layout, &fresh.refusal, &fresh.why);
		known = &fresh;
		if (is_worth_keeping(&fresh, layout))
			*remember(device->probes) = fresh;
	}
	waybuf_kms_state_destroy(state);
	return answer(known, refusal, why);
}
