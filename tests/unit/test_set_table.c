/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "set_table.h"

/* @hold 0: the empty set. */
static struct waybuf_constraints *make_set(uint64_t hold)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	if (hold)
		waybuf_constraints_builder_hold(builder, hold);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

TEST(equal_sets_become_one)
{
	struct set_table table = {0};
	for (uint64_t hold = 0; hold < 3; hold++) {
		struct waybuf_constraints *first = set_table_share(&table, make_set(hold));
		struct waybuf_constraints *second = set_table_share(&table, make_set(hold));
		ck_assert_ptr_eq(first, second);
		ck_assert_uint_eq(waybuf_constraints_hold(first), hold);
		waybuf_constraints_unref(first);
		waybuf_constraints_unref(second);
	}
	set_table_finish(&table);
}

TEST(other_sets_stay_apart)
{
	struct set_table table = {0};
	struct waybuf_constraints *one = set_table_share(&table, make_set(1));
	struct waybuf_constraints *two = set_table_share(&table, make_set(2));
	ck_assert_ptr_ne(one, two);
	ck_assert_uint_eq(waybuf_constraints_hold(two), 2);
	waybuf_constraints_unref(one);
	waybuf_constraints_unref(two);
	set_table_finish(&table);
}

/* What is forgotten lives on where it is used. */
TEST(only_the_last_are_kept)
{
	struct set_table table = {0};
	struct waybuf_constraints *first = set_table_share(&table, make_set(1));
	for (uint64_t hold = 2; hold < 2 + SET_TABLE_SIZE; hold++)
		waybuf_constraints_unref(set_table_share(&table, make_set(hold)));
	struct waybuf_constraints *again = set_table_share(&table, make_set(1));
	ck_assert_ptr_ne(first, again);
	ck_assert_uint_eq(waybuf_constraints_hold(first), 1);
	waybuf_constraints_unref(first);
	waybuf_constraints_unref(again);
	set_table_finish(&table);
}

TEST_MAIN("set-table")
