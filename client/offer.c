/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <stdlib.h>

#include <drm_fourcc.h>

/*
 * Which pairs of format and modifier a compositor takes through linux-dmabuf. Up to version 3 they are
 * events of the global; as of version 4, whole lists (feedback.c).
 */

/* More than any compositor has; a list that does not end must not fill our memory. */
#define MAX_PAIRS 4096

/* The array doubles at each power of two. */
static bool make_room(struct client_offer *offer)
{
	if ((offer->n & (offer->n - 1)) != 0)
		return true;
	struct waybuf_client_format *pairs =
		reallocarray(offer->pairs, offer->n ? offer->n * 2 : 1, sizeof(*pairs));
	if (!pairs)
		return false;
	offer->pairs = pairs;
	return true;
}

void client_offer_add(struct client_offer *offer, uint32_t format, uint64_t modifier)
{
	const struct waybuf_client_format pair = {.format = format, .modifier = modifier};
	if (offer->n >= MAX_PAIRS || !make_room(offer))
		return;
	size_t at = offer->n++;
	offer->pairs[at] = pair;
	/* An implicit modifier means what the driver of the exporter chose, and ours have none. */
	if (modifier == DRM_FORMAT_MOD_INVALID)
		return;
	offer->pairs[at] = offer->pairs[offer->n_explicit];
	offer->pairs[offer->n_explicit++] = pair;
}

void client_offer_finish(struct client_offer *offer)
{
	free(offer->pairs);
	*offer = (struct client_offer){0};
}

/* ---- up to version 3 ----------------------------------------------------------------------- */

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
	/* Of version 1: a modifier event says the same and more. */
}

static void handle_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo)
{
	struct waybuf_client *client = data;
	client_offer_add(&client->offer, format, client_u64(modifier_hi, modifier_lo));
}

const struct zwp_linux_dmabuf_v1_listener client_offer_listener = {
	.format = handle_format,
	.modifier = handle_modifier,
};

/* ---- for the program ----------------------------------------------------------------------- */

size_t waybuf_client_get_formats(
	const struct waybuf_client *client, const struct waybuf_client_format **out)
{
	bool integrated = client->capabilities & WAYBUF_CLIENT_INTEGRATED;
	size_t n = client->offer.n_explicit;
	*out = n ? client->offer.pairs : client->shm_pairs;
	return n || integrated ? n : client->n_shm_pairs;
}
