/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/account.h"
#include "proto/restore_kit.h"

/*
 * Clients that come back with what is not theirs, not whole, or not true. Each is told so, alone:
 * its connection lives on, and so does everybody else.
 */
struct hostile {
	struct race race;
	/* of two pools, A's and B's, of before the restart */
	struct keepsake a, b;
};

static void draw(struct race *race, struct side *side, struct keepsake *keepsake, uint32_t value)
{
	side_open(race, side, 1);
	side_draw(side, value);
	side_keep(side, keepsake);
}

/* A is back with its pool, and has restored nothing. */
static void hostile_init(struct hostile *h, const struct fixture_server_options *options)
{
	struct race *r = &h->race;
	kit_start(r, options);
	draw(r, &r->a, &h->a, 1);
	draw(r, &r->b, &h->b, 2);
	side_close(&r->a);
	side_close(&r->b);
	kit_restart(r, NULL);
	side_resume(r, &r->a, &h->a);
}

/* It has not done any harm: B comes back as if nothing had been, and so does A. */
static void hostile_finish(struct hostile *h)
{
	struct race *r = &h->race;
	side_resume(r, &r->b, &h->b);
	ck_assert_uint_eq(side_restore(&r->b, &h->b), 0);
	side_attach_cpu(&r->b);
	side_map(&r->b, READ);
	ck_assert_uint_eq(get_pixel(&r->b.buffer), 2);
	waybuf_buffer_v1_unmap(r->b.buffer.proxy);
	ck_assert_uint_eq(side_restore(&r->a, &h->a), 0);
	side_close(&r->a);
	side_close(&r->b);
	keepsake_close(&h->a);
	keepsake_close(&h->b);
	kit_finish(r);
}

static void refused(struct hostile *h, int fd, const void *ticket, size_t size, const char *why)
{
	struct side *a = &h->race.a;
	ck_assert_uint_eq(side_offer(a, fd, ticket, size), WAYBUF_REASON_BAD_TICKET);
	side_said(a, why);
	ck_assert_uint_eq(side_bytes(a), 0);
}

/* ---- tickets ------------------------------------------------------------------------------- */

TEST(forged_tickets)
{
	struct hostile h;
	hostile_init(&h, NULL);
	static const char why[] = "damaged, or not one of this server's";
	uint8_t ticket[257] = {0};
	memcpy(ticket, h.a.ticket, 256);
	for (size_t i = 0; i < 256; i += 5) {
		ticket[i] ^= 1;
		refused(&h, h.a.fd, ticket, 256, why);
		ck_assert_uint_eq(h.race.a.pool.restored_index, UINT32_MAX);
		ck_assert_uint_eq(h.race.a.pool.restored_generation, 0);
		ticket[i] ^= 1;
	}
	for (size_t size = 0; size < 256; size += 51)
		refused(&h, h.a.fd, ticket, size, why);
	refused(&h, h.a.fd, ticket, 257, why);
	memset(ticket, 0xff, sizeof(ticket));
	refused(&h, h.a.fd, ticket, 256, why);
	hostile_finish(&h);
}

/* The same with the request that makes the pool. */
TEST(forged_pools)
{
	struct hostile h;
	struct side side;
	hostile_init(&h, NULL);
	for (size_t i = 0; i < 256; i += 5) {
		struct keepsake forged = h.b;
		forged.ticket[i] ^= 0x80;
		side_return(&h.race, &side, &forged);
		ck_assert_uint_eq(side.pool.reason, WAYBUF_REASON_BAD_TICKET);
		side_said(&side, "damaged");
		/* what is made of it is inert */
		side_attach_cpu(&side);
		waybuf_pool_v1_restore(side.pool.proxy, h.b.fd, &(struct wl_array){0});
		waybuf_buffer_v1_map(side.buffer.proxy, WRITE);
		client_wait(&side.client, &side.buffer.failed, 1);
		ck_assert_uint_eq(side.pool.restored, 0);
		side_close(&side);
	}
	hostile_finish(&h);
}

/* Of a server with another key, that is of another runtime folder. */
TEST(another_servers_ticket)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw(&r, &r.a, &k, 1);
	side_close(&r.a);
	kit_forget(&r);
	side_return(&r, &r.a, &k);
	ck_assert_uint_eq(r.a.pool.reason, WAYBUF_REASON_BAD_TICKET);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

TEST(another_sandboxs_ticket)
{
	static const struct fixture_server_options inside = {.context = "org.example.a"};
	static const struct fixture_server_options other = {.context = "org.example.b"};
	static const struct fixture_server_options outside = {0};
	const struct fixture_server_options *const lives[] = {&other, &outside, &inside};
	struct race r;
	struct keepsake k;
	kit_start(&r, &inside);
	draw(&r, &r.a, &k, 1);
	side_close(&r.a);
	for (size_t i = 0; i < 3; i++) {
		kit_restart(&r, lives[i]);
		side_return(&r, &r.a, &k);
		ck_assert_uint_eq(r.a.pool.configured, lives[i] == &inside);
		if (lives[i] != &inside)
			side_said(&r.a, "another user or sandbox");
		side_close(&r.a);
	}
	keepsake_close(&k);
	kit_finish(&r);
}

/* A ticket of this life of the server joins a pool that is there, and brings back nothing. */
TEST(replayed_in_the_same_life)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw(&r, &r.a, &k, 1);
	side_resume(&r, &r.b, &k);
	/* it is the memory that is there anyway */
	ck_assert_uint_eq(side_restore(&r.b, &k), 0);
	side_attach_cpu(&r.b);
	side_map(&r.b, READ);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert(client_sync(&r.b.client));
	/* until there is other memory */
	waybuf_pool_v1_reconfigure(r.a.pool.proxy, 100, 100);
	side_draw(&r.a, 3);
	ck_assert_uint_eq(side_restore(&r.b, &k), WAYBUF_REASON_BAD_TICKET);
	side_said(&r.b, "running server");
	side_leave(&r.a);
	side_leave(&r.b);
	race_settle(&r);
	side_close(&r.a);
	side_close(&r.b);
	/* the pool has ended */
	side_return(&r, &r.b, &k);
	ck_assert_uint_eq(r.b.pool.reason, WAYBUF_REASON_BAD_TICKET);
	side_said(&r.b, "has ended");
	side_close(&r.b);
	keepsake_close(&k);
	kit_finish(&r);
}

/* Who was not let in by a ticket has none to give. */
TEST(ordinary_memberships)
{
	struct hostile h;
	struct side side;
	hostile_init(&h, NULL);
	side_open(&h.race, &side, 1);
	ck_assert_uint_eq(side_offer(&side, h.a.fd, h.a.ticket, 256), WAYBUF_REASON_BAD_TICKET);
	side_said(&side, "not made with a ticket");
	side_draw(&side, 5);
	side_close(&side);
	hostile_finish(&h);
}

/* ---- with the key -------------------------------------------------------------------------- */

static void other_user(struct ticket *ticket)
{
	ticket->uid++;
}

static void other_context(struct ticket *ticket)
{
	ticket_context("org.example", ticket->context);
}

static void lost_exporter(struct ticket *ticket)
{
	ticket_exporter("a device that was unplugged", ticket->exporter);
}

static void larger_image(struct ticket *ticket)
{
	ticket->layout.height = 4096;
}

static void other_stride(struct ticket *ticket)
{
	ticket->layout.planes[0].stride = 4;
}

static void far_plane(struct ticket *ticket)
{
	ticket->layout.planes[0].offset = 0xfffffff0;
}

static void unknown_format(struct ticket *ticket)
{
	ticket->layout.format = 0x20202020;
}

static void more_memory(struct ticket *ticket)
{
	ticket->layout.memory[ticket->slot].size += 1ull << 40;
}

static void future_life(struct ticket *ticket)
{
	ticket->epoch += 100;
}

/* A seal that is good does not make what is sealed good. */
static void with_the_key(
	void (*change)(struct ticket *ticket), bool joins, uint32_t reason, const char *why)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw(&r, &r.a, &k, 1);
	side_close(&r.a);
	kit_reseal(&r, &k, change);
	side_return(&r, &r.a, &k);
	ck_assert_uint_eq(r.a.pool.configured, joins);
	uint32_t got = joins ? side_restore(&r.a, &k) : r.a.pool.reason;
	ck_assert_msg(got == reason, "%u instead of: %s", got, why);
	side_said(&r.a, why);
	ck_assert_uint_eq(side_bytes(&r.a), 0);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

TEST(sealed_lies)
{
	const uint32_t bad = WAYBUF_REASON_BAD_TICKET;
	with_the_key(other_user, false, bad, "another user");
	with_the_key(other_context, false, bad, "another user");
	with_the_key(future_life, false, bad, "has ended");
	with_the_key(lost_exporter, true, WAYBUF_REASON_DEVICE_LOST, "not there any more");
	with_the_key(larger_image, true, bad, "does not lie");
	with_the_key(other_stride, true, bad, "does not lie");
	with_the_key(far_plane, true, bad, "does not lie");
	with_the_key(unknown_format, true, bad, "no known format");
	with_the_key(more_memory, true, bad, "smaller");
}

/* ---- files --------------------------------------------------------------------------------- */

static int make_memfd(uint64_t size, int seals)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refused_file(struct hostile *h, int fd, const char *why)
{
	ck_assert_int_ge(fd, 0);
	refused(h, fd, h->a.ticket, 256, why);
	ck_assert_uint_eq(h->race.a.pool.restored_index, 0);
	close(fd);
}

TEST(wrong_files)
{
	struct hostile h;
	hostile_init(&h, NULL);
	struct stat st;
	int pipes[2];
	ck_assert_int_eq(fstat(h.a.fd, &st), 0);
	uint64_t size = (uint64_t)st.st_size;
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	refused_file(&h, pipes[0], "no memfd");
	refused_file(&h, pipes[1], "no memfd");
	refused_file(&h, open("/dev/null", O_RDWR | O_CLOEXEC), "no memfd");
	refused_file(&h, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "no memfd");
	refused_file(&h, open("/", O_PATH | O_CLOEXEC), "no memfd");
	refused_file(&h, make_memfd(size, 0), "not sealed");
	refused_file(&h, make_memfd(size, F_SEAL_SHRINK | F_SEAL_WRITE), "sealed against writing");
	refused_file(&h, make_memfd(size - 1, F_SEAL_SHRINK), "smaller");
	refused_file(
		&h, make_memfd(size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "another file");
	refused_file(&h, dup(h.b.fd), "another file");
	/* the right file with the right ticket, of another pool */
	refused(&h, h.b.fd, h.b.ticket, 256, "of another pool");
	hostile_finish(&h);
}

/* ---- means --------------------------------------------------------------------------------- */

static struct waybuf_limits small_limits(void)
{
	return (struct waybuf_limits){
		.max = {[WAYBUF_RESOURCE_KIB] = 64,
			[WAYBUF_RESOURCE_BUFFERS] = 8,
			[WAYBUF_RESOURCE_FDS] = 16,
			[WAYBUF_RESOURCE_POOLS] = 4,
			[WAYBUF_RESOURCE_ATTACHMENTS] = 8,
			[WAYBUF_RESOURCE_MAPS] = 8,
			[WAYBUF_RESOURCE_POINTS] = 4},
	};
}

static void restore_with(enum waybuf_resource what, uint32_t limit, bool joins)
{
	struct race r;
	struct keepsake k;
	struct waybuf_limits limits = small_limits();
	const struct fixture_server_options options = {.limits = &limits};
	kit_start(&r, NULL);
	draw(&r, &r.a, &k, 1);
	side_close(&r.a);
	limits.max[what] = limit;
	kit_restart(&r, &options);
	side_return(&r, &r.a, &k);
	ck_assert_uint_eq(r.a.pool.configured, joins);
	if (joins)
		ck_assert_uint_eq(side_restore(&r.a, &k), WAYBUF_REASON_QUOTA);
	else
		ck_assert_uint_eq(r.a.pool.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_gt(r.a.client.usages, 0);
	ck_assert_uint_eq(side_bytes(&r.a), 0);
	struct waybuf_account *account =
		waybuf_server_client_account(r.server.server, r.a.client.peer);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_FDS), 0);
	side_close(&r.a);
	keepsake_close(&k);
	kit_restart(&r, &(struct fixture_server_options){0});
	kit_finish(&r);
}

TEST(over_quota)
{
	restore_with(WAYBUF_RESOURCE_KIB, 4, true);
	restore_with(WAYBUF_RESOURCE_FDS, 0, true);
	restore_with(WAYBUF_RESOURCE_BUFFERS, 0, false);
	restore_with(WAYBUF_RESOURCE_POOLS, 0, false);
}

/* The host's policy is asked as for any other pool. */
TEST(denied_by_the_host)
{
	struct race r;
	struct keepsake k;
	const struct fixture_server_options options = {.pool_policy = -EPERM};
	kit_start(&r, NULL);
	draw(&r, &r.a, &k, 1);
	side_close(&r.a);
	kit_restart(&r, &options);
	side_return(&r, &r.a, &k);
	ck_assert_uint_eq(r.a.pool.reason, WAYBUF_REASON_DENIED);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

/* A memory of a storage with two, again and again, and the other one never. */
TEST(halves)
{
	struct race r;
	struct keepsake k;
	static const uint32_t format = DRM_FORMAT_NV12;
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	kit_start(&r, NULL);
	r.a = (struct side){0};
	client_init(&r.a.client, &r.server);
	raw_pool_create(&r.a.client, &r.a.pool, 64, 64, 1);
	raw_attachment_create(&r.a.pool, &r.a.attachment, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ | WAYBUF_ACCESS_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	waybuf_constraints_builder_one_fd(builder, false);
	raw_attachment_commit(&r.a.attachment, builder);
	raw_buffer_get(&r.a.attachment, &r.a.buffer, 0);
	r.a.attached = true;
	side_map(&r.a, WRITE);
	ck_assert_uint_eq(r.a.buffer.mapped, 1);
	ck_assert_uint_eq(r.a.buffer.memories, 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_keep(&r.a, &k);
	int fd = dup(r.a.buffer.second_fd);
	uint8_t second[256];
	memcpy(second, r.a.buffer.second_ticket, 256);
	side_close(&r.a);

	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	struct waybuf_account *account =
		waybuf_server_client_account(r.server.server, r.a.client.peer);
	for (int i = 0; i < 20; i++) {
		ck_assert_uint_eq(side_restore(&r.a, &k), 0);
		ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_FDS), 1);
		ck_assert_uint_eq(side_bytes(&r.a), 0);
	}
	/* they may be of the same file, and the tickets are not */
	ck_assert_uint_eq(side_offer(&r.a, k.fd, second, 256), WAYBUF_REASON_BAD_TICKET);
	ck_assert_uint_eq(side_offer(&r.a, fd, second, 256), 0);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_FDS), 2);
	ck_assert_uint_gt(side_bytes(&r.a), 0);
	/* one that leaves in the middle leaves nothing */
	side_close(&r.a);
	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	ck_assert_uint_eq(side_restore(&r.a, &k), 0);
	side_close(&r.a);
	close(fd);
	keepsake_close(&k);
	kit_finish(&r);
}

/* ---- at random ----------------------------------------------------------------------------- */

/* Anything with anything, thousands of times: at most what is right is taken. */
TEST(anything_goes)
{
	struct hostile h;
	uint64_t random = harness_seed();
	hostile_init(&h, NULL);
	const int fds[] = {h.a.fd, h.b.fd, open("/dev/null", O_RDWR | O_CLOEXEC),
		make_memfd(11520, F_SEAL_SHRINK)};
	for (int i = 0; i < 2000; i++) {
		uint64_t dice = harness_random(&random);
		uint8_t ticket[256];
		bool right = dice & 1, same = (dice >> 1 & 3) == 0;
		memcpy(ticket, dice >> 3 & 1 ? h.a.ticket : h.b.ticket, sizeof(ticket));
		if (!right)
			ticket[dice >> 8 & 0xff] ^= (uint8_t)(1u << (dice >> 16 & 7));
		bool good = right && same && (dice >> 3 & 1);
		int fd = same ? fds[0] : fds[1 + (dice >> 20) % 3];
		/* not the one that is right, or there would be nothing more to refuse */
		if (good)
			continue;
		ck_assert_uint_eq(side_offer(&h.race.a, fd, ticket, sizeof(ticket)),
			WAYBUF_REASON_BAD_TICKET);
	}
	ck_assert_uint_eq(side_bytes(&h.race.a), 0);
	close(fds[2]);
	close(fds[3]);
	hostile_finish(&h);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-restore-hostile")
