/* SPDX-License-Identifier: MIT */
#ifndef SERVER_PLANE_OFFER_H
#define SERVER_PLANE_OFFER_H

#include <waybuf/server.h>

/*
 * When a surface's client is told that it could go on a plane, and when that is taken back. A client
 * that is told anything allocates all its buffers anew, so nothing is said before it has been true
 * for a while, and a surface that keeps changing waits twice as long each time. Knows no Wayland, and
 * no clock but the time that it is given, in ms.
 *
 *	off --could for a while--> on		an allocation for the plane would change something
 *	on --does not for a while--> off	covered, hidden, smaller: whatever it allocates
 *	on --could, four times as long--> off	it did not help; not again until it was something else
 *
 * What is on a plane stays as it is: without an offer it needs none, with one it needs it.
 */
struct plane_offer {
	uint32_t settle_ms;
	enum waybuf_plane_result result; /* the last one */
	bool offered;
	bool useless; /* it was offered, and did not help */
	uint64_t due; /* when something changes if nothing happens before; 0: nothing will */
	uint64_t changed; /* when it was last offered or taken back; 0: never */
	uint32_t changes; /* soon after one another */
};

/* Between two changes so far apart nobody speaks of flapping: times settle_ms. */
#define PLANE_OFFER_CALM 30
/* How often the wait is doubled. */
#define PLANE_OFFER_MAX_CHANGES 4

void plane_offer_init(struct plane_offer *offer, uint32_t settle_ms);
/* What was found at @now; `due` may be another one. */
void plane_offer_tried(struct plane_offer *offer, enum waybuf_plane_result result, uint64_t now);
/* True: it is @now due, and `offered` has changed. */
bool plane_offer_expire(struct plane_offer *offer, uint64_t now);

#endif
