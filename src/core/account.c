/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
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
			[WAYBUF_RESOURCE_POINTS] = 4096,
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
	static atomic_uint_fast64_t last_id;
	account->refs = 1;
	account->id = atomic_fetch_add(&last_id, 1) + 1;
	waybuf_list_init(&account->kept);
	waybuf_list_init(&account->members);
	waybuf_list_init(&account->member_link);
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
	waybuf_list_remove(&account->member_link);
	waybuf_account_unref(account->group);
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

int waybuf_account_set_group(struct waybuf_account *account, struct waybuf_account *group)
{
	bool used = account->bytes > 0 || account->kept_count > 0;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		used = used || account->used[i] > 0;
	if (used || account->group || !waybuf_list_empty(&account->members))
		return -EBUSY;
	if (group->group || group == account)
		return -EINVAL;
	account->group = waybuf_account_ref(group);
	waybuf_list_append(&group->members, &account->member_link);
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static bool has_room(const struct waybuf_account *account, enum waybuf_resource what, uint32_t n)
{
	uint32_t max = account->limits.max[what];
	return n <= max && account->used[what] <= max - n;
}

/* @account and what is above it, but for @common and what is above that. */
static int charge_below(struct waybuf_account *account, const struct waybuf_account *common,
	enum waybuf_resource what, uint32_t n)
{
	struct waybuf_account *level;
	for (level = account; level != common; level = level->group)
		if (!has_room(level, what, n))
			return -EDQUOT;
	for (level = account; level != common; level = level->group)
		level->used[what] += n;
	return 0;
}

static void discharge_below(struct waybuf_account *account, const struct waybuf_account *common,
	enum waybuf_resource what, uint32_t n)
{
	for (; account != common; account = account->group) {
		assert(account->used[what] >= n);
		account->used[what] -= n;
	}
}

/* What both are charged to; NULL: nothing. */
static struct waybuf_account *common_of(
	const struct waybuf_account *a, const struct waybuf_account *b)
{
	return a->group == b->group ? a->group : NULL;
}

int waybuf_account_charge(struct waybuf_account *account, enum waybuf_resource what, uint32_t n)
{
	return charge_below(account, NULL, what, n);
}

void waybuf_account_discharge(struct waybuf_account *account, enum waybuf_resource what, uint32_t n)
{
	discharge_below(account, NULL, what, n);
}

int waybuf_account_move(struct waybuf_account *from, struct waybuf_account *to,
	enum waybuf_resource what, uint32_t n)
{
	if (from == to)
		return 0;
	const struct waybuf_account *common = common_of(from, to);
	int error = charge_below(to, common, what, n);
	if (error == 0)
		discharge_below(from, common, what, n);
	return error;
}

/* ---- bytes --------------------------------------------------------------------------------- */

static bool has_room_for_bytes(const struct waybuf_account *account, uint64_t bytes)
{
	uint64_t sum;
	return checked_add(account->bytes, bytes, &sum) &&
		to_kib(sum) <= account->limits.max[WAYBUF_RESOURCE_KIB];
}

/* Something that is kept for a member of the group. */
static bool drop_members(struct waybuf_account *group)
{
	struct waybuf_account *member;
	waybuf_list_for_each(member, &group->members, member_link) {
		if (waybuf_recycle_drop_one(member))
			return true;
	}
	return false;
}

/* What is kept counts against the same limit, and goes first. */
static void make_way(struct waybuf_account *account, struct waybuf_account *level, uint64_t bytes)
{
	while (to_kib(level->bytes + bytes + level->kept_bytes) >
		level->limits.max[WAYBUF_RESOURCE_KIB]) {
		if (!waybuf_recycle_drop_one(account) && !drop_members(level))
			return;
	}
}

static int charge_bytes_below(
	struct waybuf_account *account, const struct waybuf_account *common, uint64_t bytes)
{
	struct waybuf_account *level;
	for (level = account; level != common; level = level->group)
		if (!has_room_for_bytes(level, bytes))
			return -EDQUOT;
	for (level = account; level != common; level = level->group) {
		make_way(account, level, bytes);
		level->bytes += bytes;
	}
	return 0;
}

static void discharge_bytes_below(
	struct waybuf_account *account, const struct waybuf_account *common, uint64_t bytes)
{
	for (; account != common; account = account->group) {
		assert(account->bytes >= bytes);
		account->bytes -= bytes;
	}
}

int waybuf_account_charge_bytes(struct waybuf_account *account, uint64_t bytes)
{
	return charge_bytes_below(account, NULL, bytes);
}

void waybuf_account_discharge_bytes(struct waybuf_account *account, uint64_t bytes)
{
	discharge_bytes_below(account, NULL, bytes);
}

int waybuf_account_move_bytes(
	struct waybuf_account *from, struct waybuf_account *to, uint64_t bytes)
{
	if (from == to)
		return 0;
	const struct waybuf_account *common = common_of(from, to);
	int error = charge_bytes_below(to, common, bytes);
	if (error == 0)
		discharge_bytes_below(from, common, bytes);
	return error;
}

uint32_t waybuf_account_left(const struct waybuf_account *account, enum waybuf_resource what)
{
	uint32_t left = UINT32_MAX;
	for (; account; account = account->group) {
		uint32_t used = waybuf_account_used(account, what);
		uint32_t max = account->limits.max[what];
		uint32_t here = used < max ? max - used : 0;
		left = here < left ? here : left;
	}
	return left;
}

void waybuf_account_add_kept(struct waybuf_account *account, uint64_t bytes)
{
	for (; account; account = account->group) {
		account->kept_bytes += bytes;
		account->kept_count++;
	}
}

void waybuf_account_remove_kept(struct waybuf_account *account, uint64_t bytes)
{
	for (; account; account = account->group) {
		account->kept_bytes -= bytes;
		account->kept_count--;
	}
}
