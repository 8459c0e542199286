/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "set_table.h"

static bool is_same(const struct waybuf_constraints *a, const struct waybuf_constraints *b)
{
	size_t a_size, b_size;
	const void *a_records = waybuf_constraints_records(a, &a_size);
	const void *b_records = waybuf_constraints_records(b, &b_size);
	/* memcmp() has no business with the NULL of an empty set */
	return a_size == b_size && (a_size == 0 || memcmp(a_records, b_records, a_size) == 0);
}

struct waybuf_constraints *set_table_share(struct set_table *table, struct waybuf_constraints *set)
{
	for (uint32_t i = 0; i < SET_TABLE_SIZE; i++) {
		if (!table->sets[i] || !is_same(table->sets[i], set))
			continue;
		waybuf_constraints_unref(set);
		return waybuf_constraints_ref(table->sets[i]);
	}
	waybuf_constraints_unref(table->sets[table->next]);
	table->sets[table->next] = waybuf_constraints_ref(set);
	table->next = (table->next + 1) % SET_TABLE_SIZE;
	return set;
}

void set_table_finish(struct set_table *table)
{
	for (uint32_t i = 0; i < SET_TABLE_SIZE; i++)
		waybuf_constraints_unref(table->sets[i]);
	*table = (struct set_table){0};
}
