/* SPDX-License-Identifier: MIT */
#include "plane_offer.h"

void plane_offer_init(struct plane_offer *offer, uint32_t settle_ms)
{
	*offer = (struct plane_offer){
		.settle_ms = settle_ms,
		.result = WAYBUF_PLANE_CANNOT,
	};
}

static uint64_t wait_ms(const struct plane_offer *offer)
{
	return (uint64_t)offer->settle_ms << offer->changes;
}

/* How long the result must last to change anything; 0: it changes nothing. */
static uint64_t needed(const struct plane_offer *offer)
{
	switch (offer->result) {
	case WAYBUF_PLANE_COULD:
		if (offer->offered)
			return 4 * wait_ms(offer);
		return offer->useless ? 0 : wait_ms(offer);
	case WAYBUF_PLANE_CANNOT:
		return offer->offered || offer->useless ? wait_ms(offer) : 0;
	case WAYBUF_PLANE_SHOWN:
		break;
	}
	return 0;
}

static void plan(struct plane_offer *offer, uint64_t now)
{
	uint64_t ms = needed(offer);
	offer->due = ms ? now + ms : 0;
}

void plane_offer_tried(struct plane_offer *offer, enum waybuf_plane_result result, uint64_t now)
{
	if (result == offer->result)
		return;
	offer->result = result;
	/* whatever was in the way is gone */
	if (result == WAYBUF_PLANE_SHOWN)
		offer->useless = false;
	plan(offer, now);
}

static void count_change(struct plane_offer *offer, uint64_t now)
{
	uint64_t calm = (uint64_t)PLANE_OFFER_CALM * offer->settle_ms;
	if (offer->changed == 0 || now - offer->changed >= calm)
		offer->changes = 0;
	else if (offer->changes < PLANE_OFFER_MAX_CHANGES)
		offer->changes++;
	offer->changed = now;
}

bool plane_offer_expire(struct plane_offer *offer, uint64_t now)
{
	if (offer->due == 0 || now < offer->due)
		return false;
	offer->due = 0;
	if (offer->result == WAYBUF_PLANE_CANNOT && !offer->offered) {
		offer->useless = false;
		return false;
	}
	offer->useless = offer->offered && offer->result == WAYBUF_PLANE_COULD;
	offer->offered = !offer->offered;
	count_change(offer, now);
	plan(offer, now);
	return true;
}
