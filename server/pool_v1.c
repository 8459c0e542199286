/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "core/account.h"
#include "core/restore.h"
#include "core/supply.h"
#include "report.h"
#include "util/clock.h"
#include "util/loop.h"

/* How late every bad token is answered: far above what a look into the table varies by. */
#define BAD_TOKEN_DELAY_MS 50

/* ---- the logical pool ---------------------------------------------------------------------- */

static void pool_destroy(struct server_pool *pool)
{
	wl_list_remove(&pool->link);
	waybuf_pool_unref(pool->core);
	free(pool->name);
	free(pool);
}

struct server_pool *server_pool_create(struct waybuf_server *server, struct waybuf_pool *core,
	const struct waybuf_export_info *info)
{
	struct server_pool *pool = calloc(1, sizeof(*pool));
	char *name = strdup(info->name ? info->name : "");
	if (!pool || !name) {
		free(pool);
		free(name);
		waybuf_pool_unref(core);
		return NULL;
	}
	pool->server = server;
	pool->core = core;
	pool->id = ++server->last_pool;
	pool->name = name;
	pool->config = 1;
	pool->width = info->width;
	pool->height = info->height;
	pool->count = waybuf_pool_count(core);
	wl_list_init(&pool->members);
	wl_list_insert(server->pools.prev, &pool->link);
	if (restore_name_pool(pool) < 0) {
		pool_destroy(pool);
		return NULL;
	}
	return pool;
}

struct pool_member *server_pool_creator(struct server_pool *pool)
{
	struct pool_member *creator = wl_container_of(pool->members.next, creator, link);
	return creator;
}

static void send_configured(struct pool_member *member)
{
	const struct server_pool *pool = member->pool;
	waybuf_pool_v1_send_configured(
		member->resource, pool->config, pool->width, pool->height, pool->count);
}

static void send_configured_all(struct server_pool *pool)
{
	struct pool_member *member;
	wl_list_for_each(member, &pool->members, link)
		send_configured(member);
}

void server_pool_check_count(struct server_pool *pool)
{
	uint32_t count = waybuf_pool_count(pool->core);
	if (count == pool->count)
		return;
	pool->count = count;
	send_configured_all(pool);
}

/* ---- memberships --------------------------------------------------------------------------- */

void pool_member_enter(struct pool_member *member, struct server_pool *pool)
{
	member->pool = pool;
	wl_list_insert(pool->members.prev, &member->link);
	send_configured(member);
}

static void send_need(void *data, uint32_t index, uint32_t slot, uint64_t size)
{
	struct server_pool *pool = data;
	waybuf_pool_v1_send_need(
		pool->supplier->resource, index, slot, (uint32_t)(size >> 32), (uint32_t)size);
}

void pool_member_supply(struct pool_member *member)
{
	member->pool->supplier = member;
	waybuf_pool_set_supplier(member->pool->core, send_need, member->pool);
}

static void uncharge(struct pool_member *member)
{
	if (member->charged)
		waybuf_account_discharge(member->client->account, WAYBUF_RESOURCE_POOLS, 1);
	member->charged = false;
}

/*
 * Makes a member pay for the pool, instead of for its membership alone. False: that is beyond its
 * quota, and nothing happened.
 */
static bool try_payer(struct server_pool *pool, struct pool_member *member)
{
	struct waybuf_account *account = member->client->account;
	bool charged = member->charged;
	uncharge(member);
	if (waybuf_pool_account(pool->core) == account ||
		waybuf_pool_set_account(pool->core, account) == 0)
		return true;
	/* it was charged a moment ago */
	member->charged = charged && waybuf_account_charge(account, WAYBUF_RESOURCE_POOLS, 1) == 0;
	return false;
}

/* Nobody pays: everybody is told, attachments first. The last member takes the pool along. */
static void close_pool(struct server_pool *pool)
{
	static const char message[] = "nobody can pay for the pool any more";
	pool->closing = true;
	for (int n = wl_list_length(&pool->members); n > 0; n--) {
		struct pool_member *member = server_pool_creator(pool);
		struct attachment *attachment;
		wl_list_for_each(attachment, &member->attachments, link) {
			if (!attachment->reason)
				attachment_gone(attachment, WAYBUF_REASON_CLOSED, message);
		}
		pool_member_fail(member, WAYBUF_REASON_CLOSED, message);
	}
}

/* The creator has left: the oldest member whose quota suffices takes its place. */
static void find_creator(struct server_pool *pool)
{
	struct pool_member *member;
	wl_list_for_each(member, &pool->members, link) {
		if (!try_payer(pool, member))
			continue;
		wl_list_remove(&member->link);
		wl_list_insert(&pool->members, &member->link);
		return;
	}
	close_pool(pool);
}

void server_pool_promote(struct pool_member *member)
{
	struct server_pool *pool = member->pool;
	struct pool_member *first = server_pool_creator(pool);
	if (first == member || !first->restored || first->was_creator || !try_payer(pool, member))
		return;
	/* for its membership; the pool was more */
	struct waybuf_account *account = first->client->account;
	first->charged = waybuf_account_charge(account, WAYBUF_RESOURCE_POOLS, 1) == 0;
	token_drop(&pool->server->tokens, first);
	wl_list_remove(&member->link);
	wl_list_insert(&pool->members, &member->link);
}

/* The last one to leave takes the logical pool along. */
static void leave(struct pool_member *member)
{
	struct server_pool *pool = member->pool;
	if (!pool)
		return;
	bool was_creator = server_pool_creator(pool) == member;
	restore_parts_finish(member);
	token_drop(&pool->server->tokens, member);
	if (pool->supplier == member) {
		waybuf_pool_set_supplier(pool->core, NULL, NULL);
		pool->supplier = NULL;
	}
	wl_list_remove(&member->link);
	wl_list_init(&member->link);
	member->pool = NULL;
	uncharge(member);
	if (wl_list_empty(&pool->members))
		pool_destroy(pool);
	else if (was_creator && !pool->closing)
		find_creator(pool);
}

static void make_inert(struct pool_member *member, enum waybuf_reason reason, bool tell)
{
	member->reason = reason;
	struct attachment *attachment;
	wl_list_for_each(attachment, &member->attachments, link)
		attachment_sever(attachment, reason, tell);
	leave(member);
}

static void send_late(void *data)
{
	struct pool_member *member = data;
	waybuf_source_remove(member->delay);
	member->delay = NULL;
	waybuf_pool_v1_send_failed(member->resource, member->reason, "no such token");
}

void pool_member_fail(struct pool_member *member, enum waybuf_reason reason, const char *message)
{
	/* the server goes, and takes its timers along */
	if (member->delay)
		send_late(member);
	if (member->reason)
		return;
	make_inert(member, reason, true);
	waybuf_pool_v1_send_failed(member->resource, reason, message);
}

void pool_member_fail_late(struct pool_member *member, enum waybuf_reason reason)
{
	make_inert(member, reason, true);
	int error;
	member->delay =
		waybuf_loop_add_timer(member->client->server->loop, send_late, member, &error);
	if (!member->delay || waybuf_source_arm(member->delay, BAD_TOKEN_DELAY_MS) < 0)
		send_late(member);
}

static void member_destroyed(struct wl_resource *resource)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	make_inert(member, WAYBUF_REASON_CLOSED, false);
	struct attachment *attachment, *next;
	wl_list_for_each_safe(attachment, next, &member->attachments, link)
		attachment_orphan(attachment);
	waybuf_source_remove(member->delay);
	wl_list_remove(&member->client_link);
	free(member);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (!member->reason && !wl_list_empty(&member->attachments)) {
		wl_resource_post_error(resource, WAYBUF_POOL_V1_ERROR_CHILDREN,
			"pool destroyed before its attachments");
		return;
	}
	wl_resource_destroy(resource);
}

static void handle_attach(struct wl_client *wl_client, struct wl_resource *resource, uint32_t id,
	uint32_t kind, uint32_t device)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (!member->reason && kind > WAYBUF_ATTACHMENT_V1_KIND_OTHER) {
		wl_resource_post_error(resource, WAYBUF_POOL_V1_ERROR_BAD_KIND,
			"unknown kind of attachment %u", kind);
		return;
	}
	if (!attachment_create(member, id, kind, device))
		wl_resource_post_no_memory(resource);
}

static bool check_token_arguments(struct wl_resource *resource, uint32_t seconds, uint32_t flags)
{
	const uint32_t known =
		WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY | WAYBUF_POOL_V1_TOKEN_FLAGS_CROSS_SANDBOX;
	if (seconds > WAYBUF_ALLOCATOR_V1_LIMIT_TOKEN_SECONDS) {
		wl_resource_post_error(resource, WAYBUF_POOL_V1_ERROR_BAD_LIFETIME,
			"a token for %u seconds", seconds);
		return false;
	}
	if (flags & ~known) {
		wl_resource_post_error(
			resource, WAYBUF_POOL_V1_ERROR_BAD_FLAGS, "unknown flags 0x%x", flags);
		return false;
	}
	return true;
}

static void token_gone(void *owner)
{
	struct pool_member *member = owner;
	waybuf_account_discharge(member->client->account, WAYBUF_RESOURCE_POOLS, 1);
}

/*
 * Whether it may do what a creator may. Who is that only for having come first after a restart
 * waits for the time in which the creator may come.
 */
static bool may_create(const struct pool_member *member)
{
	if (server_pool_creator(member->pool) != member)
		return false;
	return !member->restored || member->was_creator ||
		!waybuf_pool_is_settling(member->pool->core);
}

/* A restarted server must know that others may come with newer contents than the first to come. */
static bool note_shared(struct server_pool *pool)
{
	struct ticket_key *key = server_ticket_key(pool->server);
	return !key || ticket_key_note_shared(key, pool->uuid) == 0;
}

/* False leaves @text empty, which is how a refusal is told. */
static bool mint(struct pool_member *member, uint32_t uses, uint32_t seconds, uint32_t flags,
	char text[TOKEN_LENGTH + 1])
{
	struct server_client *client = member->client;
	struct token_table *tokens = &client->server->tokens;
	struct token_terms terms = {
		.uses = uses,
		.expires = clock_now_ms() + (uint64_t)(seconds ? seconds : 30) * 1000,
		/* who may only read and has come to be the creator cannot give away more */
		.read_only = member->read_only || (flags & WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY),
		.cross_sandbox = flags & WAYBUF_POOL_V1_TOKEN_FLAGS_CROSS_SANDBOX,
		.context = client->context,
	};
	token_expire(tokens, clock_now_ms());
	if (!may_create(member))
		return false;
	if (!note_shared(member->pool))
		return false;
	if (waybuf_account_charge(client->account, WAYBUF_RESOURCE_POOLS, 1) < 0)
		return false;
	if (token_mint(tokens, member, &terms, token_gone, text) < 0) {
		token_gone(member);
		return false;
	}
	return true;
}

static void handle_export_token(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t uses, uint32_t seconds, uint32_t flags)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (member->reason || !check_token_arguments(resource, seconds, flags))
		return;
	char text[TOKEN_LENGTH + 1] = "";
	bool minted = mint(member, uses, seconds, flags, text);
	waybuf_pool_v1_send_token(resource, minted ? text : "");
	explicit_bzero(text, sizeof(text));
}

void server_pool_reconfigure(struct server_pool *pool, uint32_t width, uint32_t height)
{
	/* the size was checked, so that this cannot fail */
	if (waybuf_pool_reconfigure(pool->core, width, height) < 0)
		return;
	pool->config++;
	pool->width = width;
	pool->height = height;
	restore_note_config(pool);
	send_configured_all(pool);
}

/* Who is not the creator (any more) is told what there is. */
static void handle_reconfigure(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t width, uint32_t height)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (member->reason)
		return;
	if (width == 0 || height == 0 || width > WAYBUF_POOL_V1_LIMIT_SIZE ||
		height > WAYBUF_POOL_V1_LIMIT_SIZE) {
		wl_resource_post_error(resource, WAYBUF_POOL_V1_ERROR_BAD_SIZE,
			"%u x %u is no size of a pool", width, height);
		return;
	}
	if (may_create(member))
		server_pool_reconfigure(member->pool, width, height);
	else
		send_configured(member);
}

/*
 * A report is a search for another layout and a file, in the loop, for a client that is being
 * debugged. So many at once, and then one more each MS_PER_REPORT.
 */
#define REPORTS_AT_ONCE 32
#define MS_PER_REPORT 100

static bool may_report(struct server_client *client)
{
	const uint64_t now = clock_now_ms();
	uint64_t earned = (now - client->reports_at) / MS_PER_REPORT;
	if (earned >= REPORTS_AT_ONCE - client->reports_left) {
		client->reports_left = REPORTS_AT_ONCE;
		client->reports_at = now;
	} else {
		client->reports_left += (uint32_t)earned;
		client->reports_at += earned * MS_PER_REPORT;
	}
	if (client->reports_left == 0)
		return false;
	client->reports_left--;
	return true;
}

static void handle_explain(struct wl_client *wl_client, struct wl_resource *resource, uint32_t id)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	struct waybuf_report *report =
		report_create(wl_client, (uint32_t)wl_resource_get_version(resource), id);
	if (!report) {
		wl_resource_post_no_memory(resource);
		return;
	}
	if (member->reason) {
		report_fail(report, member->reason, "the pool has failed");
		return;
	}
	if (!may_report(member->client)) {
		client_send_usage(member->client, WAYBUF_REASON_QUOTA, WAYBUF_RESOURCE_KIB);
		report_fail(report, WAYBUF_REASON_QUOTA,
			"too many reports within a few seconds; ask again later");
		return;
	}
	explain_pool(member->pool, report, false);
	report_send(report);
}

static void handle_restore(struct wl_client *wl_client, struct wl_resource *resource, int32_t fd,
	struct wl_array *ticket)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (member->reason)
		close(fd);
	else
		restore_memory(member, fd, ticket);
}

static void handle_provide(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t index, uint32_t slot, int32_t fd)
{
	struct pool_member *member = wl_resource_get_user_data(resource);
	if (member->pool && member->pool->supplier == member)
		waybuf_pool_provide(member->pool->core, index, slot, fd);
	else
		close(fd);
}

static const struct waybuf_pool_v1_interface pool_impl = {
	.destroy = handle_destroy,
	.attach = handle_attach,
	.export_token = handle_export_token,
	.reconfigure = handle_reconfigure,
	.explain = handle_explain,
	.restore = handle_restore,
	.provide = handle_provide,
};

struct pool_member *pool_member_create(struct server_client *client, uint32_t version, uint32_t id)
{
	struct pool_member *member = calloc(1, sizeof(*member));
	if (!member)
		return NULL;
	member->client = client;
	member->resource =
		wl_resource_create(client->client, &waybuf_pool_v1_interface, (int)version, id);
	if (!member->resource) {
		free(member);
		return NULL;
	}
	wl_list_init(&member->attachments);
	wl_list_init(&member->parts);
	wl_list_init(&member->link);
	wl_list_insert(&client->members, &member->client_link);
	wl_resource_set_implementation(member->resource, &pool_impl, member, member_destroyed);
	return member;
}
