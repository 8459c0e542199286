/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/restore_kit.h"

/* Servers that are restarted, and clients that go on where they were. */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A draws and remembers it, and the server dies. */
static void draw_and_die(struct race *race, struct keepsake *keepsake, uint32_t value)
{
	side_open(race, &race->a, 1);
	side_draw(&race->a, value);
	side_keep(&race->a, keepsake);
	side_close(&race->a);
}

/* One client alone does not wait for anybody. */
TEST(contents_come_back)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw_and_die(&r, &k, 0x5eed);
	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	ck_assert_uint_eq(r.a.pool.width, 60);
	ck_assert_uint_eq(r.a.pool.height, RACE_HEIGHT);
	ck_assert_uint_eq(r.a.pool.count, 1);
	ck_assert_uint_eq(side_bytes(&r.a), 0);
	ck_assert_uint_eq(side_restore(&r.a, &k), 0);
	ck_assert_uint_eq(r.a.pool.restored_index, 0);
	side_attach_cpu(&r.a);
	uint64_t start = now_ms();
	side_map(&r.a, WRITE);
	ck_assert_uint_lt(now_ms() - start, 400);
	ck_assert_uint_eq(r.a.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_FITS);
	const struct fixture_buffer *b = &r.a.buffer;
	ck_assert_uint_eq(b->mapped, 1);
	ck_assert_uint_eq(b->flags, 0);
	ck_assert_uint_eq(b->generation, 1);
	ck_assert_uint_eq(b->stride[0], RACE_STRIDE);
	ck_assert_uint_eq(b->format, DRM_FORMAT_XRGB8888);
	ck_assert_str_eq(b->exporter, "memfd");
	ck_assert_uint_eq(get_pixel(b), 0x5eed);
	/* the same file, and it is paid for */
	put_pixel(b, 0xca11);
	uint32_t seen;
	ck_assert_int_eq(pread(k.fd, &seen, 4, k.stride), 4);
	ck_assert_uint_eq(seen, 0xca11);
	ck_assert_uint_eq(side_bytes(&r.a), b->size);
	/* it has a ticket of this life of the server */
	ck_assert_uint_eq(b->ticket_size, 256);
	ck_assert_mem_ne(b->ticket, k.ticket, 256);
	waybuf_buffer_v1_unmap(b->proxy);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

/* As often as it may be: each time with the tickets of the last time. */
TEST(restarted_again_and_again)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw_and_die(&r, &k, 0);
	for (uint32_t i = 1; i < 6; i++) {
		kit_restart(&r, NULL);
		side_resume(&r, &r.a, &k);
		ck_assert_uint_eq(side_restore(&r.a, &k), 0);
		side_attach_cpu(&r.a);
		side_map(&r.a, READ);
		ck_assert_uint_eq(get_pixel(&r.a.buffer), i - 1);
		waybuf_buffer_v1_unmap(r.a.buffer.proxy);
		side_draw(&r.a, i);
		keepsake_close(&k);
		side_keep(&r.a, &k);
		side_close(&r.a);
	}
	keepsake_close(&k);
	kit_finish(&r);
}

/* What is there when the set is committed is moved if it does not fit. */
TEST(moves_if_needs_have_changed)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw_and_die(&r, &k, 0x5eed);
	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	ck_assert_uint_eq(side_restore(&r.a, &k), 0);
	side_attach_stride(&r.a, 256);
	side_map(&r.a, READ);
	ck_assert_uint_eq(r.a.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	ck_assert_uint_eq(r.a.buffer.stride[0], 256);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 0x5eed);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	/* which is later than what was given back */
	ck_assert_uint_eq(side_restore(&r.a, &k), WAYBUF_REASON_BAD_TICKET);
	side_said(&r.a, "later contents");
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

/* Behind a set that excludes it, it is not taken, and the buffer is as if declared. */
TEST(a_set_excludes_it)
{
	struct race r;
	struct keepsake k;
	kit_start(&r, NULL);
	draw_and_die(&r, &k, 0x5eed);
	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &k);
	side_attach_stride(&r.a, 256);
	client_wait(&r.a.client, &r.a.attachment.accepted, 1);
	ck_assert_uint_eq(side_restore(&r.a, &k), WAYBUF_REASON_CONFLICT);
	side_map(&r.a, READ);
	ck_assert_uint_eq(r.a.buffer.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 0);
	ck_assert_uint_eq(side_bytes(&r.a), r.a.buffer.size);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_close(&r.a);
	keepsake_close(&k);
	kit_finish(&r);
}

/* The configuration of the newest ticket, with memory of the one before. */
TEST(configuration_comes_back)
{
	struct race r;
	struct keepsake old, new;
	kit_start(&r, NULL);
	side_open(&r, &r.a, 1);
	side_draw(&r.a, 1);
	side_keep(&r.a, &old);
	waybuf_pool_v1_reconfigure(r.a.pool.proxy, 100, 100);
	side_draw(&r.a, 2);
	side_keep(&r.a, &new);
	ck_assert_uint_eq(new.generation, 2);
	side_close(&r.a);

	kit_restart(&r, NULL);
	side_resume(&r, &r.a, &old);
	ck_assert_uint_eq(r.a.pool.width, 60);
	ck_assert_uint_eq(side_restore(&r.a, &old), 0);
	ck_assert_uint_eq(side_restore(&r.a, &new), 0);
	client_wait(&r.a.client, &r.a.pool.configured, 2);
	ck_assert_uint_eq(r.a.pool.width, 100);
	ck_assert_uint_eq(side_restore(&r.a, &old), WAYBUF_REASON_BAD_TICKET);
	side_attach_cpu(&r.a);
	side_map(&r.a, WRITE);
	ck_assert_uint_eq(r.a.buffer.width, 100);
	ck_assert_uint_eq(r.a.buffer.flags, 0);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_close(&r.a);
	keepsake_close(&old);
	keepsake_close(&new);
	kit_finish(&r);
}

/* ---- servers without tickets --------------------------------------------------------------- */

static void without_tickets(const char *path, const char *why)
{
	struct race r = {0};
	const struct fixture_server_options options = {.ticket_file = path};
	struct keepsake none = {.size = 256, .fd = -1};
	fixture_server_init(&r.server, &options);
	side_open(&r, &r.a, 1);
	ck_assert_uint_eq(r.a.client.capabilities & WAYBUF_ALLOCATOR_V1_CAPABILITY_RESTORE, 0);
	side_draw(&r.a, 1);
	ck_assert_uint_eq(r.a.buffer.ticket_size, 0);
	side_return(&r, &r.b, &none);
	ck_assert_uint_eq(r.b.pool.reason, WAYBUF_REASON_UNSUPPORTED);
	side_said(&r.b, why);
	side_close(&r.a);
	side_close(&r.b);
	fixture_server_finish(&r.server);
}

TEST(no_key)
{
	char path[] = "/tmp/waybuf-key-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	close(fd);
	without_tickets(NULL, "does not take tickets");
#ifdef HAVE_NETTLE
	without_tickets(path, "mode 0600");
	without_tickets("/nonexistent/key", "cannot be used");
#else
	without_tickets(path, "without nettle");
#endif
	ck_assert_int_eq(unlink(path), 0);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-restore")
