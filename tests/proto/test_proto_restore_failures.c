/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "core/account.h"
#include "fail_alloc.h"
#include "fail_call.h"
#include "proto/restore_kit.h"
#include "ticket_key.h"

/*
 * A client comes back, again and again, and each time the next allocation of the server fails, or
 * the next call of the kernel. It is told, or loses its connection; and it can come back after that,
 * to contents that have never been touched.
 */
struct sweep {
	void (*arm)(unsigned n);
	bool (*disarm)(void);
};

static void arm_alloc(unsigned n)
{
	fail_alloc_at(n);
}

static bool disarm_alloc(void)
{
	bool happened = fail_alloc_happened();
	fail_alloc_at(0);
	return happened;
}

static void arm_call(unsigned n)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	fail_call_at(n, errors[n % 3]);
}

static bool disarm_call(void)
{
	bool happened = fail_call_happened();
	fail_call_at(0, 0);
	return happened;
}

static const struct sweep allocations = {arm_alloc, disarm_alloc};
static const struct sweep calls = {arm_call, disarm_call};

/* With everything in order, from where the last attempt has left the server. */
static void come_back(struct race *r, const struct keepsake *k)
{
	side_resume(r, &r->a, k);
	ck_assert_uint_eq(side_restore(&r->a, k), 0);
	side_attach_cpu(&r->a);
	side_map(&r->a, READ);
	ck_assert_uint_eq(get_pixel(&r->a.buffer), 0x5eed);
	waybuf_buffer_v1_unmap(r->a.buffer.proxy);
	ck_assert_uint_eq(side_bytes(&r->a), r->a.buffer.size);
	side_leave(&r->a);
	ck_assert(client_sync(&r->a.client));
	ck_assert_uint_eq(side_bytes(&r->a), 0);
	side_close(&r->a);
}

/* True if the connection has survived. */
static bool ask(struct side *side, const struct keepsake *k)
{
	struct wl_array ticket = {.data = (void *)k->ticket, .size = k->size};
	raw_pool_listen(
		&side->pool, waybuf_allocator_v1_restore_pool(side->client.allocator, &ticket));
	waybuf_pool_v1_restore(side->pool.proxy, k->fd, &ticket);
	return client_sync(&side->client);
}

/* One that failed leaves nothing; one that did not has what it came for. */
static bool attempt(struct race *r, const struct keepsake *k, const struct sweep *sweep, unsigned n)
{
	struct side *side = &r->b;
	*side = (struct side){0};
	client_init(&side->client, &r->server);
	sweep->arm(n);
	bool alive = ask(side, k);
	bool happened = sweep->disarm();
	bool whole = alive && side->pool.configured && side->pool.restored &&
		side->pool.restored_reason == 0;
	ck_assert_msg(whole || happened, "it failed without a reason: %s", side->pool.message);
	if (alive && side->pool.configured)
		ck_assert_uint_eq(side->pool.restored, 1);
	if (alive && !side->pool.configured)
		ck_assert_uint_eq(side->pool.failed, 1);
	if (alive)
		ck_assert_int_eq(side_bytes(side) > 0, whole);
	side_close(side);
	return happened;
}

static unsigned run(const struct sweep *sweep)
{
	struct race r;
	struct keepsake k;
	unsigned n = 0;
	kit_start(&r, NULL);
	side_open(&r, &r.a, 1);
	side_draw(&r.a, 0x5eed);
	side_keep(&r.a, &k);
	side_close(&r.a);
	kit_restart(&r, NULL);
	int fds = harness_count_fds();
	while (attempt(&r, &k, sweep, ++n)) {
		come_back(&r, &k);
		ck_assert_msg(harness_count_fds() == fds, "at %u an fd was lost", n);
		ck_assert_uint_lt(n, 200);
	}
	keepsake_close(&k);
	kit_finish(&r);
	return n - 1;
}

TEST(every_allocation)
{
	ck_assert_uint_ge(run(&allocations), 7);
}

TEST(every_call)
{
	ck_assert_uint_ge(run(&calls), 4);
}

/* The file with the key, new and old: no life begins twice, and no key is lost. */
static void sweep_key(const struct sweep *sweep)
{
	char path[] = "/tmp/waybuf-key-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(path));
	char file[64];
	snprintf(file, sizeof(file), "%s/key", path);
	uint8_t secret[32] = {0};
	uint32_t epoch = 0;
	bool happened = true;
	for (unsigned n = 1; happened; n++) {
		struct ticket_key *key = NULL;
		sweep->arm(n);
		int ret = ticket_key_open(file, &key);
		happened = sweep->disarm();
		ck_assert(ret == 0 || happened);
		if (ret < 0)
			ck_assert_int_eq(ticket_key_open(file, &key), 0);
		ck_assert_uint_gt(key->epoch, epoch);
		if (epoch > 0)
			ck_assert_mem_eq(key->secret, secret, sizeof(secret));
		epoch = key->epoch;
		memcpy(secret, key->secret, sizeof(secret));
		ticket_key_close(key);
	}
	unlink(file);
	ck_assert_int_eq(rmdir(path), 0);
}

TEST(key)
{
	struct ticket_key *key = NULL;
	if (ticket_key_open("/nonexistent/key", &key) == -EOPNOTSUPP)
		SKIP("built without nettle");
	sweep_key(&allocations);
	sweep_key(&calls);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-restore-failures")
