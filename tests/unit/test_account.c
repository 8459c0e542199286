/* SPDX-License-Identifier: MIT */
#include "core/account.h"
#include "core_fixture.h"

TEST(charges_are_all_or_nothing)
{
	struct fixture f;
	struct waybuf_limits limits = {.max = {2, 3, 0, 1, 1, 1, UINT32_MAX}};
	fixture_init(&f);
	struct waybuf_account *account = waybuf_account_create(f.manager, "one", &limits);
	ck_assert_str_eq(waybuf_account_name(account), "one");
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_BUFFERS, 2), 0);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_BUFFERS, 2), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_BUFFERS), 2);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_BUFFERS, 1), 0);
	ck_assert_int_eq(
		waybuf_account_charge(account, WAYBUF_RESOURCE_BUFFERS, UINT32_MAX), -EDQUOT);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_FDS, 1), -EDQUOT);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_FDS, 0), 0);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_POINTS, UINT32_MAX), 0);
	ck_assert_int_eq(waybuf_account_charge(account, WAYBUF_RESOURCE_POINTS, 1), -EDQUOT);
	waybuf_account_discharge(account, WAYBUF_RESOURCE_POINTS, UINT32_MAX);
	waybuf_account_discharge(account, WAYBUF_RESOURCE_BUFFERS, 3);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_BUFFERS), 0);
	waybuf_account_unref(account);
	fixture_finish(&f);
}

TEST(bytes_are_exact_and_kib_round_up)
{
	struct fixture f;
	struct waybuf_limits limits = {.max = {2}};
	fixture_init(&f);
	struct waybuf_account *account = waybuf_account_create(f.manager, "one", &limits);
	ck_assert_uint_eq(waybuf_account_limit(account, WAYBUF_RESOURCE_KIB), 2);
	ck_assert_int_eq(waybuf_account_charge_bytes(account, 1), 0);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_KIB), 1);
	ck_assert_int_eq(waybuf_account_charge_bytes(account, 2047), 0);
	ck_assert_uint_eq(waybuf_account_bytes(account), 2048);
	ck_assert_int_eq(waybuf_account_charge_bytes(account, 1), -EDQUOT);
	ck_assert_int_eq(waybuf_account_charge_bytes(account, UINT64_MAX), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_bytes(account), 2048);
	waybuf_account_discharge_bytes(account, 2048);
	waybuf_account_unref(account);
	fixture_finish(&f);
}

TEST(references)
{
	struct fixture f;
	fixture_init(&f);
	struct waybuf_account *account = waybuf_account_create(f.manager, "one", NULL);
	ck_assert_ptr_eq(waybuf_account_ref(account), account);
	waybuf_account_unref(account);
	ck_assert_uint_gt(waybuf_account_limit(account, WAYBUF_RESOURCE_KIB), 0);
	waybuf_account_unref(account);
	waybuf_account_unref(NULL);
	fixture_finish(&f);
}

/* The allocator gives an address again; what was noted against the dead must not meet the living. */
TEST(an_id_is_never_given_again)
{
	enum { N = 64 };
	struct fixture f;
	uint64_t ids[N];
	fixture_init(&f);
	for (int i = 0; i < N; i++) {
		struct waybuf_account *account = waybuf_account_create(f.manager, "one", NULL);
		ids[i] = account->id;
		ck_assert_uint_gt(ids[i], i > 0 ? ids[i - 1] : 0);
		waybuf_account_unref(account);
	}
	fixture_finish(&f);
}

/* ---- groups -------------------------------------------------------------------------------- */

struct family {
	struct fixture f;
	struct waybuf_account *group, *a, *b, *stranger;
};

static void family_init(struct family *y)
{
	const struct waybuf_limits limits = {.max = {8, 10, 10, 10, 10, 10, 10}};
	const struct waybuf_limits group_limits = {.max = {12, 15, 15, 15, 15, 15, 15}};
	fixture_init(&y->f);
	y->group = waybuf_account_create(y->f.manager, "group", &group_limits);
	y->a = waybuf_account_create(y->f.manager, "a", &limits);
	y->b = waybuf_account_create(y->f.manager, "b", &limits);
	y->stranger = waybuf_account_create(y->f.manager, "stranger", &limits);
	ck_assert_int_eq(waybuf_account_set_group(y->a, y->group), 0);
	ck_assert_int_eq(waybuf_account_set_group(y->b, y->group), 0);
}

/* The group first: its members hold it. */
static void family_finish(struct family *y)
{
	waybuf_account_unref(y->group);
	waybuf_account_unref(y->a);
	waybuf_account_unref(y->b);
	waybuf_account_unref(y->stranger);
	fixture_finish(&y->f);
}

TEST(a_group_bounds_the_sum)
{
	struct family y;
	family_init(&y);
	ck_assert_int_eq(waybuf_account_charge(y.a, WAYBUF_RESOURCE_MAPS, 10), 0);
	ck_assert_int_eq(waybuf_account_charge(y.b, WAYBUF_RESOURCE_MAPS, 6), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(y.b, WAYBUF_RESOURCE_MAPS), 0);
	ck_assert_uint_eq(waybuf_account_left(y.b, WAYBUF_RESOURCE_MAPS), 5);
	ck_assert_int_eq(waybuf_account_charge(y.b, WAYBUF_RESOURCE_MAPS, 5), 0);
	ck_assert_uint_eq(waybuf_account_used(y.group, WAYBUF_RESOURCE_MAPS), 15);
	/* a member's own limit holds as well, and leaves no trace above */
	waybuf_account_discharge(y.a, WAYBUF_RESOURCE_MAPS, 10);
	ck_assert_int_eq(waybuf_account_charge(y.b, WAYBUF_RESOURCE_MAPS, 6), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(y.group, WAYBUF_RESOURCE_MAPS), 5);
	waybuf_account_discharge(y.b, WAYBUF_RESOURCE_MAPS, 5);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.a, 8192), 0);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.b, 4097), -EDQUOT);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.b, 4096), 0);
	ck_assert_uint_eq(waybuf_account_left(y.a, WAYBUF_RESOURCE_KIB), 0);
	waybuf_account_discharge_bytes(y.a, 8192);
	waybuf_account_discharge_bytes(y.b, 4096);
	ck_assert_uint_eq(waybuf_account_bytes(y.group), 0);
	family_finish(&y);
}

TEST(no_group_of_groups_and_none_too_late)
{
	struct family y;
	family_init(&y);
	ck_assert_int_eq(waybuf_account_set_group(y.a, y.group), -EBUSY);
	ck_assert_int_eq(waybuf_account_set_group(y.stranger, y.a), -EINVAL);
	ck_assert_int_eq(waybuf_account_set_group(y.stranger, y.stranger), -EINVAL);
	ck_assert_int_eq(waybuf_account_set_group(y.group, y.stranger), -EBUSY);
	ck_assert_int_eq(waybuf_account_charge(y.stranger, WAYBUF_RESOURCE_FDS, 1), 0);
	ck_assert_int_eq(waybuf_account_set_group(y.stranger, y.group), -EBUSY);
	waybuf_account_discharge(y.stranger, WAYBUF_RESOURCE_FDS, 1);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.stranger, 1), 0);
	ck_assert_int_eq(waybuf_account_set_group(y.stranger, y.group), -EBUSY);
	waybuf_account_discharge_bytes(y.stranger, 1);
	family_finish(&y);
}

/* A full group does not keep its members from taking over from each other. */
TEST(moving_within_a_group)
{
	struct family y;
	family_init(&y);
	ck_assert_int_eq(waybuf_account_charge(y.a, WAYBUF_RESOURCE_POOLS, 8), 0);
	ck_assert_int_eq(waybuf_account_charge(y.b, WAYBUF_RESOURCE_POOLS, 7), 0);
	ck_assert_int_eq(waybuf_account_move(y.a, y.b, WAYBUF_RESOURCE_POOLS, 3), 0);
	ck_assert_int_eq(waybuf_account_move(y.a, y.b, WAYBUF_RESOURCE_POOLS, 1), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(y.a, WAYBUF_RESOURCE_POOLS), 5);
	ck_assert_uint_eq(waybuf_account_used(y.b, WAYBUF_RESOURCE_POOLS), 10);
	ck_assert_uint_eq(waybuf_account_used(y.group, WAYBUF_RESOURCE_POOLS), 15);
	ck_assert_int_eq(waybuf_account_move(y.b, y.stranger, WAYBUF_RESOURCE_POOLS, 10), 0);
	ck_assert_uint_eq(waybuf_account_used(y.group, WAYBUF_RESOURCE_POOLS), 5);
	ck_assert_int_eq(waybuf_account_move(y.stranger, y.a, WAYBUF_RESOURCE_POOLS, 10), -EDQUOT);
	ck_assert_int_eq(waybuf_account_move(y.a, y.a, WAYBUF_RESOURCE_POOLS, 5), 0);
	waybuf_account_discharge(y.a, WAYBUF_RESOURCE_POOLS, 5);
	waybuf_account_discharge(y.stranger, WAYBUF_RESOURCE_POOLS, 10);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.a, 8192), 0);
	ck_assert_int_eq(waybuf_account_charge_bytes(y.b, 4096), 0);
	ck_assert_int_eq(waybuf_account_move_bytes(y.a, y.b, 4096), 0);
	ck_assert_int_eq(waybuf_account_move_bytes(y.a, y.b, 1), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_bytes(y.group), 12288);
	waybuf_account_discharge_bytes(y.a, 4096);
	waybuf_account_discharge_bytes(y.b, 8192);
	family_finish(&y);
}

/* Whatever happens, a group has what its members have, and nobody is over a limit. */
TEST(a_group_is_the_sum_of_its_members)
{
	struct family y;
	family_init(&y);
	struct waybuf_account *accounts[] = {y.a, y.b, y.stranger};
	uint64_t random = harness_seed();
	unsigned refused = 0;
	for (int i = 0; i < 20000; i++) {
		struct waybuf_account *one = accounts[harness_random(&random) % 3];
		struct waybuf_account *other = accounts[harness_random(&random) % 3];
		enum waybuf_resource what = WAYBUF_RESOURCE_FDS;
		uint32_t n = (uint32_t)(harness_random(&random) % 5);
		uint64_t bytes = harness_random(&random) % 3000;
		switch (harness_random(&random) % 6) {
		case 0:
			refused += waybuf_account_charge(one, what, n) < 0;
			break;
		case 1:
			if (waybuf_account_used(one, what) >= n)
				waybuf_account_discharge(one, what, n);
			break;
		case 2:
			if (waybuf_account_used(one, what) >= n)
				refused += waybuf_account_move(one, other, what, n) < 0;
			break;
		case 3:
			refused += waybuf_account_charge_bytes(one, bytes) < 0;
			break;
		case 4:
			if (waybuf_account_bytes(one) >= bytes)
				waybuf_account_discharge_bytes(one, bytes);
			break;
		default:
			if (waybuf_account_bytes(one) >= bytes)
				refused += waybuf_account_move_bytes(one, other, bytes) < 0;
		}
		ck_assert_uint_eq(waybuf_account_used(y.group, what),
			waybuf_account_used(y.a, what) + waybuf_account_used(y.b, what));
		ck_assert_uint_eq(waybuf_account_bytes(y.group),
			waybuf_account_bytes(y.a) + waybuf_account_bytes(y.b));
		ck_assert_uint_le(waybuf_account_used(y.group, what), 15);
		ck_assert_uint_le(waybuf_account_bytes(y.group), 12 * 1024);
		ck_assert_uint_le(waybuf_account_used(one, what), 10);
	}
	ck_assert_uint_gt(refused, 1000);
	for (int i = 0; i < 3; i++) {
		waybuf_account_discharge(accounts[i], WAYBUF_RESOURCE_FDS,
			waybuf_account_used(accounts[i], WAYBUF_RESOURCE_FDS));
		waybuf_account_discharge_bytes(accounts[i], waybuf_account_bytes(accounts[i]));
	}
	family_finish(&y);
}

TEST_MAIN("account")
