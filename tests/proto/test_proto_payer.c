/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdlib.h>

#include "core/account.h"
#include "fixture_client.h"

/*
 * A pool without its creator: the oldest member whose quota suffices pays from then on, and may do
 * what a creator may. If nobody can pay, everybody is told.
 */

#define KIB (64 * 64 * 4 / 1024)

/* One client and its membership. */
struct guest {
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment cpu;
	struct fixture_buffer buffer;
};

struct world {
	struct fixture_server server;
	struct guest a, b, c;
};

static struct waybuf_account *account(struct guest *guest)
{
	return waybuf_server_client_account(guest->client.server->server, guest->client.peer);
}

static uint32_t used(struct guest *guest, enum waybuf_resource what)
{
	return waybuf_account_used(account(guest), what);
}

static void take_part(struct guest *guest)
{
	raw_attachment_create(&guest->pool, &guest->cpu, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_format(&guest->cpu, WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&guest->cpu, &guest->buffer, 0);
	ck_assert(client_sync(&guest->client));
	ck_assert_uint_eq(guest->cpu.accepted, 1);
}

static void join(struct guest *creator, struct guest *guest, uint32_t flags)
{
	unsigned tokens = creator->pool.tokens;
	waybuf_pool_v1_export_token(creator->pool.proxy, 1, 30, flags);
	client_wait(&creator->client, &creator->pool.tokens, tokens + 1);
	client_init(&guest->client, creator->client.server);
	raw_pool_listen(&guest->pool,
		waybuf_allocator_v1_join_pool(guest->client.allocator, creator->pool.token));
	client_wait(&guest->client, &guest->pool.configured, 1);
	take_part(guest);
}

/* A creates, B and C join, and the buffer has storage that A has written. */
static void world_init(struct world *w, uint32_t flags_of_b)
{
	fixture_server_init(&w->server, NULL);
	client_init(&w->a.client, &w->server);
	raw_pool_create(&w->a.client, &w->a.pool, 64, 64, 1);
	raw_attachment_create(&w->a.pool, &w->a.cpu, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->a.cpu);
	raw_buffer_get(&w->a.cpu, &w->a.buffer, 0);
	waybuf_buffer_v1_map(w->a.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_wait(&w->a.client, &w->a.buffer.mapped, 1);
	waybuf_buffer_v1_unmap(w->a.buffer.proxy);
	join(&w->a, &w->b, flags_of_b);
	join(&w->a, &w->c, 0);
	ck_assert_uint_eq(used(&w->a, WAYBUF_RESOURCE_KIB), KIB);
	ck_assert_uint_eq(used(&w->b, WAYBUF_RESOURCE_KIB), 0);
	ck_assert_uint_eq(used(&w->b, WAYBUF_RESOURCE_POOLS), 1);
}

static void close_pool(struct guest *guest)
{
	raw_buffer_destroy(&guest->buffer);
	raw_attachment_destroy(&guest->cpu);
	raw_pool_destroy(&guest->pool);
}

static void guest_leave(struct guest *guest)
{
	close_pool(guest);
	ck_assert(client_sync(&guest->client));
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		ck_assert_uint_eq(used(guest, (enum waybuf_resource)i), 0);
}

static void guest_finish(struct guest *guest)
{
	close_pool(guest);
	client_finish(&guest->client);
}

static bool has_token(struct guest *guest)
{
	unsigned tokens = guest->pool.tokens;
	waybuf_pool_v1_export_token(guest->pool.proxy, 1, 30, 0);
	client_wait(&guest->client, &guest->pool.tokens, tokens + 1);
	return guest->pool.token[0] != '\0';
}

static void expect_payer(struct guest *guest)
{
	ck_assert_uint_eq(used(guest, WAYBUF_RESOURCE_KIB), KIB);
	ck_assert_uint_eq(used(guest, WAYBUF_RESOURCE_FDS), 1);
	ck_assert_uint_eq(used(guest, WAYBUF_RESOURCE_BUFFERS), 1);
	ck_assert_uint_eq(used(guest, WAYBUF_RESOURCE_POOLS), 1);
}

static void expect_contents(struct guest *guest)
{
	unsigned mapped = guest->buffer.mapped;
	waybuf_buffer_v1_map(guest->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_wait(&guest->client, &guest->buffer.mapped, mapped + 1);
	ck_assert_uint_eq(guest->buffer.generation, 1);
	ck_assert_uint_eq(guest->buffer.serial, 1);
	waybuf_buffer_v1_unmap(guest->buffer.proxy);
}

/* From one to the next; the contents stay, and the last one pays until it leaves. */
TEST(oldest_member_follows)
{
	struct world w;
	world_init(&w, 0);
	ck_assert(!has_token(&w.b));
	guest_leave(&w.a);
	expect_payer(&w.b);
	expect_contents(&w.b);
	ck_assert(!has_token(&w.c));
	ck_assert(has_token(&w.b));
	guest_leave(&w.b);
	expect_payer(&w.c);
	expect_contents(&w.c);
	guest_leave(&w.c);
	client_finish(&w.a.client);
	client_finish(&w.b.client);
	client_finish(&w.c.client);
	fixture_server_finish(&w.server);
}

/* The same when the creator dies, in the middle of a write. */
TEST(creator_dies)
{
	struct world w;
	world_init(&w, 0);
	waybuf_buffer_v1_map(w.a.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_wait(&w.a.client, &w.a.buffer.mapped, 2);
	wl_client_destroy(w.a.client.peer);
	expect_payer(&w.b);
	waybuf_buffer_v1_map(w.b.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_wait(&w.b.client, &w.b.buffer.mapped, 1);
	ck_assert_uint_eq(w.b.buffer.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED);
	waybuf_buffer_v1_unmap(w.b.buffer.proxy);
	guest_finish(&w.c);
	guest_finish(&w.b);
	guest_finish(&w.a);
	fixture_server_finish(&w.server);
}

/* Uses up what is left of a quota. */
static void exhaust(struct guest *guest, enum waybuf_resource what)
{
	struct waybuf_account *it = account(guest);
	uint32_t left = waybuf_account_limit(it, what) - waybuf_account_used(it, what);
	if (what == WAYBUF_RESOURCE_KIB)
		ck_assert_int_eq(waybuf_account_charge_bytes(it, (uint64_t)left * 1024), 0);
	else
		ck_assert_int_eq(waybuf_account_charge(it, what, left), 0);
}

static void relieve(struct guest *guest, enum waybuf_resource what, uint32_t kept)
{
	struct waybuf_account *it = account(guest);
	uint32_t more = waybuf_account_used(it, what) - kept;
	if (what == WAYBUF_RESOURCE_KIB)
		waybuf_account_discharge_bytes(it, (uint64_t)more * 1024);
	else
		waybuf_account_discharge(it, what, more);
}

/* Whoever has no room is passed over, whatever it lacks. */
TEST(who_cannot_pay_is_passed_over)
{
	static const enum waybuf_resource scarce[] = {
		WAYBUF_RESOURCE_KIB, WAYBUF_RESOURCE_BUFFERS, WAYBUF_RESOURCE_FDS};
	for (size_t i = 0; i < sizeof(scarce) / sizeof(scarce[0]); i++) {
		struct world w;
		world_init(&w, 0);
		exhaust(&w.b, scarce[i]);
		guest_leave(&w.a);
		expect_payer(&w.c);
		expect_contents(&w.b);
		ck_assert(!has_token(&w.b));
		ck_assert_uint_eq(used(&w.b, WAYBUF_RESOURCE_POOLS), 1);
		relieve(&w.b, scarce[i], 0);
		guest_leave(&w.b);
		guest_leave(&w.c);
		client_finish(&w.a.client);
		client_finish(&w.b.client);
		client_finish(&w.c.client);
		fixture_server_finish(&w.server);
	}
}

/* It has room for a pool exactly because it is a member of it. */
TEST(membership_makes_room_for_the_pool)
{
	struct world w;
	world_init(&w, 0);
	exhaust(&w.b, WAYBUF_RESOURCE_POOLS);
	guest_leave(&w.a);
	ck_assert_uint_eq(used(&w.b, WAYBUF_RESOURCE_KIB), KIB);
	relieve(&w.b, WAYBUF_RESOURCE_POOLS, 1);
	guest_leave(&w.b);
	expect_payer(&w.c);
	guest_finish(&w.c);
	client_finish(&w.a.client);
	client_finish(&w.b.client);
	fixture_server_finish(&w.server);
}

static void expect_closed(struct guest *guest)
{
	client_wait(&guest->client, &guest->pool.failed, 1);
	ck_assert_uint_eq(guest->pool.reason, WAYBUF_REASON_CLOSED);
	ck_assert_uint_eq(guest->cpu.gone, 1);
	ck_assert_uint_eq(guest->cpu.reason, WAYBUF_REASON_CLOSED);
}

TEST(nobody_can_pay)
{
	struct world w;
	world_init(&w, 0);
	exhaust(&w.b, WAYBUF_RESOURCE_KIB);
	exhaust(&w.c, WAYBUF_RESOURCE_KIB);
	/* one map is granted, the other waits */
	waybuf_buffer_v1_map(w.b.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_wait(&w.b.client, &w.b.buffer.mapped, 1);
	guest_leave(&w.a);
	expect_closed(&w.b);
	expect_closed(&w.c);
	/* inert, and a map is answered */
	waybuf_buffer_v1_map(w.c.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_wait(&w.c.client, &w.c.buffer.failed, 1);
	ck_assert_uint_eq(w.c.buffer.reason, WAYBUF_REASON_CLOSED);
	relieve(&w.b, WAYBUF_RESOURCE_KIB, 0);
	relieve(&w.c, WAYBUF_RESOURCE_KIB, 0);
	guest_leave(&w.b);
	guest_leave(&w.c);
	client_finish(&w.a.client);
	client_finish(&w.b.client);
	client_finish(&w.c.client);
	fixture_server_finish(&w.server);
}

/* A member of one's own pool inherits it from oneself. */
TEST(second_membership_of_the_creator)
{
	struct world w;
	struct fixture_pool again;
	world_init(&w, 0);
	guest_leave(&w.c);
	guest_leave(&w.b);
	ck_assert(has_token(&w.a));
	raw_pool_listen(
		&again, waybuf_allocator_v1_join_pool(w.a.client.allocator, w.a.pool.token));
	client_wait(&w.a.client, &again.configured, 1);
	ck_assert_uint_eq(used(&w.a, WAYBUF_RESOURCE_POOLS), 2);
	close_pool(&w.a);
	ck_assert(client_sync(&w.a.client));
	expect_payer(&w.a);
	raw_pool_destroy(&again);
	ck_assert(client_sync(&w.a.client));
	ck_assert_uint_eq(used(&w.a, WAYBUF_RESOURCE_POOLS), 0);
	client_finish(&w.a.client);
	client_finish(&w.b.client);
	client_finish(&w.c.client);
	fixture_server_finish(&w.server);
}

/* Who may only read cannot let others write, creator or not. */
TEST(reader_inherits)
{
	struct world w;
	struct guest d;
	world_init(&w, WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY);
	guest_leave(&w.a);
	expect_payer(&w.b);
	join(&w.b, &d, 0);
	raw_attachment_commit_cpu(&d.cpu);
	client_wait(&d.client, &d.cpu.refused, 1);
	ck_assert_uint_eq(d.cpu.reason, WAYBUF_REASON_DENIED);
	guest_finish(&d);
	guest_finish(&w.b);
	guest_finish(&w.c);
	client_finish(&w.a.client);
	fixture_server_finish(&w.server);
}

TEST_MAIN("proto-payer")
