/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/recycle.h"
#include "util/checked.h"

/* Generous: a few 4K swapchains and a decoder's worth of fds, far below what hurts a machine. */
static const struct waybuf_limits default_limits = {
	.max =
		{
			[WAYBUF_RESOURCE_KIB] = 2 * 1024 * 1024,
			[WAYBUF_RESOURCE_BUFFERS] = 16384,
			[WAYBUF_RESOURCE_FDS] = 512,
			[WAYBUF_RESOURCE_POOLS] = 16384,
			[WAYBUF_RESOURCE_ATTACHMENTS] = 16384,
			[WAYBUF_RESOURCE_MAPS] = 256,
			[WAYBUF_RESOURCE_POINTS] = 1024,
		},
};

struct waybuf_account *waybuf_account_create(
	struct waybuf_manager *manager, const char *name, const struct waybuf_limits *limits)
{
	struct waybuf_account *account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	account->name = strdup(name);
	if (!account->name) {
		free(account);
		return NULL;
	}
	account->refs = 1;
	waybuf_list_init(&account->kept);
	account->limits = limits ? *limits : default_limits;
	return account;
}

struct waybuf_account *waybuf_account_ref(struct waybuf_account *account)
{
	account->refs++;
	return account;
}

void waybuf_account_unref(struct waybuf_account *account)
{
	if (!account || --account->refs > 0)
		return;
	assert(account->bytes == 0);
	waybuf_account_close(account);
	free(account->name);
	free(account);
}

void waybuf_account_close(struct waybuf_account *account)
{
	account->closed = true;
	while (waybuf_recycle_drop_one(account))
		continue;
}

const char *waybuf_account_name(const struct waybuf_account *account)
{
	return account->name;
}

static uint64_t to_kib(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

uint32_t waybuf_account_used(const struct waybuf_account *account, enum waybuf_resource what)
{
	if (what == WAYBUF_RESOURCE_KIB)
		return (uint32_t)to_kib(account->bytes);
	return account->used[what];
}

uint32_t waybuf_account_limit(const struct waybuf_account *account, enum waybuf_resource what)
{
	return account->limits.max[what];
}

uint64_t waybuf_account_bytes(const struct waybuf_account *account)
{
	return account->bytes;
}

int waybuf_account_charge(struct waybuf_account *account, enum waybuf_resource what, uint32_t n)
{
	uint32_t used = account->used[what];
	if (n > account->limits.max[what] || used > account->limits.max[what] - n)
		return -EDQUOT;
	account->used[what] = used + n;
	return 0;
}

void waybuf_account_discharge(struct waybuf_account *account, enum waybuf_resource what, uint32_t n)
{
	assert(account->used[what] >= n);
	account->used[what] -= n;
}

int waybuf_account_charge_bytes(struct waybuf_account *account, uint64_t bytes)
{
	uint64_t sum;
	if (!checked_add(account->bytes, bytes, &sum) ||
		to_kib(sum) > account->limits.max[WAYBUF_RESOURCE_KIB])
		return -EDQUOT;
	/* what is kept counts against the same limit, and goes first */
	while (to_kib(sum + account->kept_bytes) > account->limits.max[WAYBUF_RESOURCE_KIB])
		waybuf_recycle_drop_one(account);
	account->bytes = sum;
	return 0;
}

void waybuf_account_discharge_bytes(struct waybuf_account *account, uint64_t bytes)
{
	assert(account->bytes >= bytes);
	account->bytes -= bytes;
}
