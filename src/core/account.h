/* SPDX-License-Identifier: MIT */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include <waybuf/buffer.h>

#include "util/list.h"

/*
 * The ledger of one client, or of a group of them. Whoever charges keeps a reference until it has
 * discharged the same amount, so that an account outlives everything that it pays for and a leak of
 * charges shows as a leak of memory in the tests. Only the loop's thread looks.
 *
 * What a member is charged is charged to its group in step, or not at all. The group never sees what
 * moves between two of its members. A member holds its group, so that a group for which nobody but
 * its owner has a reference is one that nothing is charged to.
 */
struct waybuf_account {
	unsigned refs;
	uint64_t id; /* not 0, and no other account's, before or after: an address may come again */
	struct waybuf_account *group; /* referenced; NULL: none */
	struct waybuf_list members; // waybuf_account.member_link
	struct waybuf_list member_link;
	char *name;
	struct waybuf_limits limits;
	uint64_t bytes;
	/* WAYBUF_RESOURCE_KIB is kept in bytes, above */
	uint32_t used[WAYBUF_RESOURCE_COUNT];
	/* memory that it gave up and may have again; not charged, and makes way for what is. Of a
	 * group, the sums are those of its members, who have the list. */
	struct waybuf_list kept; // kept.account_link, oldest first
	uint64_t kept_bytes;
	uint32_t kept_count;
	bool closed; /* it gets none of it any more */
};

/* Its client is gone: whoever still has a reference only waits for its charges to end. */
void waybuf_account_close(struct waybuf_account *account);

/* All or nothing: -EDQUOT if it would go over the limit. @what is not WAYBUF_RESOURCE_KIB. */
int waybuf_account_charge(struct waybuf_account *account, enum waybuf_resource what, uint32_t n);
void waybuf_account_discharge(
	struct waybuf_account *account, enum waybuf_resource what, uint32_t n);

/* From @from to @to, which may be the same. -EDQUOT, and nothing happened. The way back is free. */
int waybuf_account_move(struct waybuf_account *from, struct waybuf_account *to,
	enum waybuf_resource what, uint32_t n);

/* The same for storage. */
int waybuf_account_charge_bytes(struct waybuf_account *account, uint64_t bytes);
void waybuf_account_discharge_bytes(struct waybuf_account *account, uint64_t bytes);
int waybuf_account_move_bytes(
	struct waybuf_account *from, struct waybuf_account *to, uint64_t bytes);

/* How much more it may hold of @what (of WAYBUF_RESOURCE_KIB whole ones), with its group's word. */
uint32_t waybuf_account_left(const struct waybuf_account *account, enum waybuf_resource what);

/* Memory that is kept for it, or is no longer. */
void waybuf_account_add_kept(struct waybuf_account *account, uint64_t bytes);
void waybuf_account_remove_kept(struct waybuf_account *account, uint64_t bytes);

#endif
