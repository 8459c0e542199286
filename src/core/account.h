/* SPDX-License-Identifier: MIT */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include <waybuf/buffer.h>

#include "util/list.h"

/*
 * The ledger of one client. Whoever charges keeps a reference until it has discharged the same
 * amount, so that an account outlives everything that it pays for and a leak of charges shows as a
 * leak of memory in the tests. Only the loop's thread looks.
 */
struct waybuf_account {
	unsigned refs;
	char *name;
	struct waybuf_limits limits;
	uint64_t bytes;
	/* WAYBUF_RESOURCE_KIB is kept in bytes, above */
	uint32_t used[WAYBUF_RESOURCE_COUNT];
	/* memory that it gave up and may have again; not charged, and makes way for what is */
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

/* The same for storage. */
int waybuf_account_charge_bytes(struct waybuf_account *account, uint64_t bytes);
void waybuf_account_discharge_bytes(struct waybuf_account *account, uint64_t bytes);

#endif
