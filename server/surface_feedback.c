/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "dmabuf.h"
#include "plane_offer.h"
#include "util/clock.h"
#include "util/loop.h"

/*
 * Feedback of surfaces that are not like all others: because the host says so, or because they could
 * go on a plane. What the host finds when it tries comes with every frame, so a surface for which
 * nothing is to be said costs nothing but the look-up.
 */
struct surface_feedback {
	struct waybuf_server_dmabuf *dmabuf;
	struct wl_resource *surface;
	struct wl_listener surface_destroy;
	/* what the host said; NULL: the default */
	struct feedback *own;
	struct plane_offer plane;
	/* what the plane takes, while the surface could go on it; n_pairs 0: none, so far */
	struct waybuf_tranche tranche;
	/* the host's or the default with that before it; NULL: nothing is offered */
	struct feedback *offer;
	struct wl_list link; // waybuf_server_dmabuf.surfaces
};

static void forget(struct surface_feedback *entry)
{
	wl_list_remove(&entry->surface_destroy.link);
	wl_list_remove(&entry->link);
	feedback_unref(entry->own);
	feedback_unref(entry->offer);
	free((void *)entry->tranche.pairs);
	free(entry);
}

static void handle_surface_destroy(struct wl_listener *listener, void *data)
{
	struct surface_feedback *entry = wl_container_of(listener, entry, surface_destroy);
	forget(entry);
}

static struct surface_feedback *find(
	const struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface)
{
	/* libwayland keeps the listeners per resource, so this does not search all surfaces */
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(surface, handle_surface_destroy);
	struct surface_feedback *entry;
	if (!listener)
		return NULL;
	entry = wl_container_of(listener, entry, surface_destroy);
	if (entry->dmabuf == dmabuf)
		return entry;
	/* a second server on the same display */
	wl_list_for_each(entry, &dmabuf->surfaces, link) {
		if (entry->surface == surface)
			return entry;
	}
	return NULL;
}

/* NULL: out of memory. */
static struct surface_feedback *get(
	struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface)
{
	struct surface_feedback *entry = find(dmabuf, surface);
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->dmabuf = dmabuf;
	entry->surface = surface;
	plane_offer_init(&entry->plane, dmabuf->settle_ms);
	entry->surface_destroy.notify = handle_surface_destroy;
	wl_resource_add_destroy_listener(surface, &entry->surface_destroy);
	wl_list_insert(&dmabuf->surfaces, &entry->link);
	return entry;
}

struct feedback *surface_feedback_current(
	const struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface)
{
	const struct surface_feedback *entry = find(dmabuf, surface);
	if (!entry)
		return NULL;
	return entry->offer ? entry->offer : entry->own;
}

bool surface_feedback_samples(const struct waybuf_server_dmabuf *dmabuf, dev_t device)
{
	const struct surface_feedback *entry;
	wl_list_for_each(entry, &dmabuf->surfaces, link) {
		if (entry->own && feedback_samples(entry->own, device))
			return true;
	}
	return false;
}

/* ---- offers ---------------------------------------------------------------------------------- */

/* Without memory nothing is offered: the surface is composed, as before. */
static void make_offer(struct surface_feedback *entry)
{
	struct feedback *base = entry->own ? entry->own : entry->dmabuf->feedback;
	feedback_unref(entry->offer);
	entry->offer = NULL;
	if (entry->plane.offered)
		feedback_create_offer(base, &entry->tranche, &entry->offer);
}

void surface_feedback_rebase(struct waybuf_server_dmabuf *dmabuf)
{
	struct surface_feedback *entry;
	wl_list_for_each(entry, &dmabuf->surfaces, link)
		make_offer(entry);
}

static void arm(struct waybuf_server_dmabuf *dmabuf)
{
	const struct surface_feedback *entry;
	uint64_t now = clock_now_ms(), next = UINT64_MAX;
	wl_list_for_each(entry, &dmabuf->surfaces, link) {
		if (entry->plane.due && entry->plane.due < next)
			next = entry->plane.due;
	}
	if (next == UINT64_MAX)
		return;
	uint64_t ms = next > now ? next - now : 1;
	waybuf_source_arm(dmabuf->due, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
}

static void handle_due(void *data)
{
	struct waybuf_server_dmabuf *dmabuf = data;
	struct surface_feedback *entry;
	bool changed = false;
	wl_list_for_each(entry, &dmabuf->surfaces, link) {
		if (!plane_offer_expire(&entry->plane, clock_now_ms()))
			continue;
		make_offer(entry);
		changed = true;
	}
	if (changed)
		feedback_objects_update(dmabuf);
	arm(dmabuf);
}

static bool same_tranche(const struct waybuf_tranche *a, const struct waybuf_tranche *b)
{
	if (a->target != b->target || a->n_pairs != b->n_pairs)
		return false;
	for (size_t i = 0; i < a->n_pairs; i++) {
		if (pair_compare(&a->pairs[i], &b->pairs[i]) != 0)
			return false;
	}
	return true;
}

/* 1: it is another one than before. */
static int note_tranche(struct surface_feedback *entry, const struct waybuf_tranche *plane)
{
	if (same_tranche(&entry->tranche, plane))
		return 0;
	struct waybuf_dmabuf_pair *pairs = calloc(plane->n_pairs, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	memcpy(pairs, plane->pairs, plane->n_pairs * sizeof(*pairs));
	free((void *)entry->tranche.pairs);
	entry->tranche = *plane;
	entry->tranche.pairs = pairs;
	return 1;
}

static int ready_timer(struct waybuf_server_dmabuf *dmabuf)
{
	int error = 0;
	if (!dmabuf->due)
		dmabuf->due =
			waybuf_loop_add_timer(dmabuf->server->loop, handle_due, dmabuf, &error);
	return error;
}

int waybuf_server_dmabuf_set_plane_result(struct waybuf_server_dmabuf *dmabuf,
	struct wl_resource *surface, enum waybuf_plane_result result,
	const struct waybuf_tranche *plane)
{
	bool could = result == WAYBUF_PLANE_COULD;
	if (could && (!plane || plane->n_pairs == 0))
		return -EINVAL;
	struct surface_feedback *entry = could ? get(dmabuf, surface) : find(dmabuf, surface);
	if (!entry)
		return could ? -ENOMEM : 0;
	int ret = ready_timer(dmabuf);
	if (ret == 0 && could)
		ret = note_tranche(entry, plane);
	if (ret < 0)
		return ret;
	if (ret == 1 && entry->plane.offered) {
		make_offer(entry);
		feedback_objects_update(dmabuf);
	}
	uint64_t due = entry->plane.due;
	plane_offer_tried(&entry->plane, result, clock_now_ms());
	if (entry->plane.due && entry->plane.due != due)
		arm(dmabuf);
	return 0;
}

/* ---- what the host says ---------------------------------------------------------------------- */

int surface_feedback_set(
	struct waybuf_server_dmabuf *dmabuf, struct wl_resource *surface, struct feedback *feedback)
{
	struct surface_feedback *entry = feedback ? get(dmabuf, surface) : find(dmabuf, surface);
	if (!entry)
		return feedback ? -ENOMEM : 0;
	feedback_unref(entry->own);
	entry->own = feedback ? feedback_ref(feedback) : NULL;
	make_offer(entry);
	feedback_objects_update(dmabuf);
	return 0;
}

void surface_feedbacks_finish(struct waybuf_server_dmabuf *dmabuf)
{
	struct surface_feedback *entry, *next;
	wl_list_for_each_safe(entry, next, &dmabuf->surfaces, link)
		forget(entry);
	waybuf_source_remove(dmabuf->due);
	dmabuf->due = NULL;
}
