/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "kms/route.h"

/* Which connector gets which CRTC, as numbers: no device is needed. */

static uint32_t bit(uint32_t i)
{
	return UINT32_C(1) << i;
}

TEST(each_has_its_own)
{
	const uint32_t possible[] = {bit(0), bit(1), bit(2)};
	uint32_t crtcs[3];
	ck_assert_uint_eq(waybuf_kms_route(possible, 3, 0, crtcs), 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(crtcs[i], i);
}

/* The first one would take the only CRTC of the second, and so on along the chain. */
TEST(the_first_ones_make_room)
{
	const uint32_t possible[] = {bit(0) | bit(1), bit(1) | bit(2), bit(0), bit(1)};
	uint32_t crtcs[4];
	ck_assert_uint_eq(waybuf_kms_route(possible, 3, 0, crtcs), 3);
	ck_assert_uint_eq(crtcs[0], 1);
	ck_assert_uint_eq(crtcs[1], 2);
	ck_assert_uint_eq(crtcs[2], 0);
	/* a fourth one finds nothing, and takes nothing away */
	ck_assert_uint_eq(waybuf_kms_route(possible, 4, 0, crtcs), 3);
	ck_assert_uint_eq(crtcs[3], WAYBUF_KMS_NO_ROUTE);
	ck_assert_uint_eq(crtcs[2], 0);
}

TEST(what_is_taken_stays)
{
	const uint32_t possible[] = {bit(0) | bit(1), bit(0)};
	uint32_t crtcs[2];
	ck_assert_uint_eq(waybuf_kms_route(possible, 2, bit(0), crtcs), 1);
	ck_assert_uint_eq(crtcs[0], 1);
	ck_assert_uint_eq(crtcs[1], WAYBUF_KMS_NO_ROUTE);
	ck_assert_uint_eq(waybuf_kms_route(possible, 2, UINT32_MAX, crtcs), 0);
}

/* All of them can be on all: the search is short however many there are. */
TEST(as_many_as_there_can_be)
{
	uint32_t possible[WAYBUF_KMS_MOST_ROUTES], crtcs[WAYBUF_KMS_MOST_ROUTES], seen = 0;
	for (uint32_t i = 0; i < WAYBUF_KMS_MOST_ROUTES; i++)
		possible[i] = UINT32_MAX;
	ck_assert_uint_eq(waybuf_kms_route(possible, WAYBUF_KMS_MOST_ROUTES, 0, crtcs),
		WAYBUF_KMS_MOST_ROUTES);
	for (uint32_t i = 0; i < WAYBUF_KMS_MOST_ROUTES; i++)
		seen |= bit(crtcs[i]);
	ck_assert_uint_eq(seen, UINT32_MAX);
	ck_assert_uint_eq(waybuf_kms_route(possible, 0, 0, crtcs), 0);
}

static size_t best(const uint32_t possible[], size_t n, uint32_t taken)
{
	if (n == 0)
		return 0;
	size_t most = best(possible + 1, n - 1, taken);
	for (uint32_t i = 0; i < 4; i++) {
		if (!(possible[0] & ~taken & bit(i)))
			continue;
		size_t with = 1 + best(possible + 1, n - 1, taken | bit(i));
		most = with > most ? with : most;
	}
	return most;
}

/* Four CRTCs and four connectors in every combination of some: as many as a full search finds. */
TEST(as_many_as_possible)
{
	uint64_t random = harness_seed();
	for (int round = 0; round < 5000; round++) {
		uint32_t possible[4], crtcs[4], used = 0;
		for (int i = 0; i < 4; i++)
			possible[i] = (uint32_t)harness_random(&random) & 15;
		uint32_t taken =
			(uint32_t)harness_random(&random) & (uint32_t)harness_random(&random) & 15;
		size_t n = waybuf_kms_route(possible, 4, taken, crtcs);
		ck_assert_uint_eq(n, best(possible, 4, taken));
		for (int i = 0; i < 4; i++) {
			if (crtcs[i] == WAYBUF_KMS_NO_ROUTE)
				continue;
			n--;
			ck_assert_uint_ne(possible[i] & ~taken & ~used & bit(crtcs[i]), 0);
			used |= bit(crtcs[i]);
		}
		ck_assert_uint_eq(n, 0);
	}
}

TEST_MAIN("kms-route")
