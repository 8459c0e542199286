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

TEST_MAIN("account")
