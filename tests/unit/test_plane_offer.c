/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "plane_offer.h"

#define SETTLE 100
#define CANNOT WAYBUF_PLANE_CANNOT
#define COULD WAYBUF_PLANE_COULD
#define SHOWN WAYBUF_PLANE_SHOWN

/* Nothing happens before, and then it does. */
static void expect_change(struct plane_offer *offer, uint64_t at, bool offered)
{
	ck_assert_uint_eq(offer->due, at);
	ck_assert(!plane_offer_expire(offer, at - 1));
	ck_assert(plane_offer_expire(offer, at));
	ck_assert_int_eq(offer->offered, offered);
}

/* Offered at 1100. */
static void offer_init(struct plane_offer *offer)
{
	plane_offer_init(offer, SETTLE);
	plane_offer_tried(offer, COULD, 1000);
	expect_change(offer, 1000 + SETTLE, true);
}

TEST(offered_after_a_while)
{
	struct plane_offer offer;
	plane_offer_init(&offer, SETTLE);
	plane_offer_tried(&offer, CANNOT, 900);
	ck_assert_uint_eq(offer.due, 0);
	plane_offer_tried(&offer, COULD, 1000);
	/* the frames between change nothing */
	plane_offer_tried(&offer, COULD, 1050);
	expect_change(&offer, 1000 + SETTLE, true);
}

TEST(what_comes_between_begins_anew)
{
	struct plane_offer offer;
	plane_offer_init(&offer, SETTLE);
	plane_offer_tried(&offer, COULD, 1000);
	plane_offer_tried(&offer, CANNOT, 1099);
	ck_assert_uint_eq(offer.due, 0);
	ck_assert(!plane_offer_expire(&offer, 2000));
	plane_offer_tried(&offer, COULD, 2000);
	expect_change(&offer, 2000 + SETTLE, true);
}

/* It need not be told what it has. */
TEST(what_is_on_a_plane_is_offered_nothing)
{
	struct plane_offer offer;
	plane_offer_init(&offer, SETTLE);
	plane_offer_tried(&offer, COULD, 1000);
	plane_offer_tried(&offer, SHOWN, 1050);
	ck_assert_uint_eq(offer.due, 0);
	ck_assert(!offer.offered);
}

/* Taken back, it would leave the plane again. */
TEST(what_is_on_a_plane_keeps_its_offer)
{
	struct plane_offer offer;
	offer_init(&offer);
	plane_offer_tried(&offer, SHOWN, 1110);
	ck_assert_uint_eq(offer.due, 0);
	ck_assert(!plane_offer_expire(&offer, 1000000));
	ck_assert(offer.offered);
}

TEST(taken_back_from_what_cannot)
{
	struct plane_offer offer;
	offer_init(&offer);
	plane_offer_tried(&offer, SHOWN, 1110);
	plane_offer_tried(&offer, CANNOT, 100000);
	/* long after the last change it is not twice as long */
	ck_assert_uint_eq(offer.changes, 0);
	expect_change(&offer, 100000 + SETTLE, false);
	ck_assert_uint_eq(offer.due, 0);
}

/* A menu that pops up over it for a moment. */
TEST(kept_through_a_moment)
{
	struct plane_offer offer;
	offer_init(&offer);
	plane_offer_tried(&offer, SHOWN, 1110);
	plane_offer_tried(&offer, CANNOT, 2000);
	plane_offer_tried(&offer, SHOWN, 2099);
	ck_assert(!plane_offer_expire(&offer, 100000));
	ck_assert(offer.offered);
}

/* The client does not care, or the plane takes nothing of it: not for ever. */
TEST(taken_back_where_it_does_not_help)
{
	struct plane_offer offer;
	offer_init(&offer);
	expect_change(&offer, 1100 + 4 * SETTLE, false);
	/* and not again, before it has been something else for a while */
	ck_assert(!plane_offer_expire(&offer, 5000));
	plane_offer_tried(&offer, CANNOT, 5000);
	plane_offer_tried(&offer, COULD, 5001);
	ck_assert_uint_eq(offer.due, 0);
	plane_offer_tried(&offer, CANNOT, 6000);
	ck_assert_uint_eq(offer.due, 6000 + 2 * SETTLE);
	ck_assert(!plane_offer_expire(&offer, 6000 + 2 * SETTLE));
	plane_offer_tried(&offer, COULD, 7000);
	expect_change(&offer, 7000 + 2 * SETTLE, true);
}

/* Each change so soon after another doubles the wait, up to a bound. */
TEST(slower_each_time)
{
	struct plane_offer offer;
	uint64_t now = 1100;
	offer_init(&offer);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t wait = (uint64_t)SETTLE
			<< (i < PLANE_OFFER_MAX_CHANGES ? i : PLANE_OFFER_MAX_CHANGES);
		bool offered = offer.offered;
		plane_offer_tried(&offer, offered ? CANNOT : COULD, now);
		expect_change(&offer, now + wait, !offered);
		now += wait;
	}
	/* and calm makes it quick again */
	now += PLANE_OFFER_CALM * SETTLE;
	bool offered = offer.offered;
	plane_offer_tried(&offer, SHOWN, now);
	plane_offer_tried(&offer, offered ? CANNOT : COULD, now);
	ck_assert(plane_offer_expire(&offer, offer.due));
	ck_assert_uint_eq(offer.changes, 0);
}

TEST_TIMEOUT(60)
TEST_MAIN("plane-offer")
