/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
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

/* ---- shared pools -------------------------------------------------------------------------- */

/* A has drawn @value; B has joined, with a token as @flags say, and read it. Both keep it. */
static void share_and_die(struct race *r, struct keepsake *a, struct keepsake *b, uint32_t flags)
{
	side_open(r, &r->a, 1);
	side_draw(&r->a, 1);
	waybuf_pool_v1_export_token(r->a.pool.proxy, 1, 30, flags);
	client_wait(&r->a.client, &r->a.pool.tokens, 1);
	side_join(r, &r->b, r->a.pool.token);
	raw_attachment_create(&r->b.pool, &r->b.attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_format(&r->b.attachment, WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&r->b.attachment, &r->b.buffer, 0);
	r->b.attached = true;
	side_map(&r->b, READ);
	ck_assert_uint_eq(r->b.buffer.mapped, 1);
	side_keep(&r->a, a);
	side_keep(&r->b, b);
	side_close(&r->a);
	side_close(&r->b);
}

/* It comes first, pays, and still may only read; who made the pool takes its place. */
TEST(readers_ticket_makes_a_reader)
{
	struct race r;
	struct keepsake a, b;
	kit_start(&r, NULL);
	share_and_die(&r, &a, &b, WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY);
	kit_restart(&r, NULL);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	side_attach_cpu(&r.b);
	client_wait(&r.b.client, &r.b.attachment.refused, 1);
	ck_assert_uint_eq(r.b.attachment.reason, WAYBUF_REASON_DENIED);
	/* nor with the other's ticket, on a membership that is a reader's */
	ck_assert_uint_eq(side_restore(&r.b, &a), 0);
	raw_attachment_commit_cpu(&r.b.attachment);
	client_wait(&r.b.client, &r.b.attachment.refused, 2);
	raw_attachment_commit_format(&r.b.attachment, WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888);
	side_map(&r.b, READ);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert_uint_eq(side_bytes(&r.b), r.b.buffer.size);

	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_bytes(&r.b), 0);
	ck_assert_uint_eq(side_bytes(&r.a), r.b.buffer.size);
	side_token(&r.a, 1);
	waybuf_pool_v1_export_token(r.b.pool.proxy, 1, 30, 0);
	client_wait(&r.b.client, &r.b.pool.tokens, 1);
	ck_assert_str_eq(r.b.pool.token, "");
	side_attach_cpu(&r.a);
	side_draw(&r.a, 2);
	side_close(&r.b);
	side_close(&r.a);
	keepsake_close(&a);
	keepsake_close(&b);
	kit_finish(&r);
}

/* Others may come with something newer: reads of what is there are granted, writes wait. */
TEST(nobody_writes_for_half_a_second)
{
	struct race r;
	struct keepsake a, b;
	kit_start(&r, NULL);
	share_and_die(&r, &a, &b, 0);
	kit_restart(&r, NULL);
	uint64_t start = now_ms();
	side_resume(&r, &r.a, &a);
	side_attach_cpu(&r.a);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	side_resume(&r, &r.b, &b);
	side_attach_cpu(&r.b);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	client_run(&r.b.client, 50);
	/* not even fresh memory */
	ck_assert_uint_eq(r.a.buffer.answers + r.b.buffer.answers, 0);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	client_wait(&r.b.client, &r.b.buffer.mapped, 1);
	ck_assert_uint_lt(now_ms() - start, 450);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert(client_sync(&r.b.client));
	client_wait(&r.a.client, &r.a.buffer.mapped, 1);
	ck_assert_uint_ge(now_ms() - start, 490);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_close(&r.a);
	side_close(&r.b);
	keepsake_close(&a);
	keepsake_close(&b);
	kit_finish(&r);
}

/* ---- race 11 ------------------------------------------------------------------------------- */

/* The server dies when B has moved the buffer and A has not been told: A has 1, B has 2. */
static void die_between(struct race *r, struct keepsake *a, struct keepsake *b)
{
	kit_start(r, NULL);
	side_open(r, &r->a, 1);
	side_draw(&r->a, 1);
	side_join(r, &r->b, side_token(&r->a, 1));
	side_attach_stride(&r->b, 256);
	side_map(&r->b, READ);
	ck_assert_uint_eq(r->b.buffer.generation, 2);
	ck_assert_uint_eq(r->a.buffer.generation, 1);
	side_keep(&r->a, a);
	side_keep(&r->b, b);
	side_close(&r->a);
	side_close(&r->b);
	kit_restart(r, NULL);
	/* a server that is killed does not tidy up; and that 2 is the later one can be seen */
	const uint32_t sooner = 1, later = 2;
	ck_assert_int_eq(pwrite(a->fd, &sooner, 4, a->stride), 4);
	ck_assert_int_eq(pwrite(b->fd, &later, 4, b->stride), 4);
}

static void finish_between(struct race *r, struct keepsake *a, struct keepsake *b)
{
	side_close(&r->a);
	side_close(&r->b);
	keepsake_close(a);
	keepsake_close(b);
	kit_finish(r);
}

TEST(lower_generation_first)
{
	struct race r;
	struct keepsake a, b;
	die_between(&r, &a, &b);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_cpu(&r.a);
	side_map(&r.a, READ);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	ck_assert(client_sync(&r.a.client));
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(r.a.buffer.retired, 1);
	ck_assert_uint_eq(r.a.buffer.retired_generation, 1);
	client_wait(&r.a.client, &r.a.buffer.mapped, 2);
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	ck_assert_uint_eq(r.a.buffer.stride[0], 256);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	finish_between(&r, &a, &b);
}

TEST(higher_generation_first)
{
	struct race r;
	struct keepsake a, b;
	die_between(&r, &a, &b);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), WAYBUF_REASON_BAD_TICKET);
	side_said(&r.a, "later contents");
	/* again: it is known already, whoever says it */
	ck_assert_uint_eq(side_restore(&r.a, &b), 0);
	side_attach_cpu(&r.a);
	side_map(&r.a, READ);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 2);
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	/* nothing of the other is left with the server */
	ck_assert_uint_eq(side_bytes(&r.a) + side_bytes(&r.b), r.a.buffer.size);
	finish_between(&r, &a, &b);
}

/* Late, but before anybody has written: still the newest. */
TEST(higher_generation_late)
{
	struct race r;
	struct keepsake a, b;
	die_between(&r, &a, &b);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_cpu(&r.a);
	client_run(&r.a.client, 600);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	side_map(&r.a, READ);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	finish_between(&r, &a, &b);
}

/* Too late: what has been written since would be lost. */
TEST(higher_generation_too_late)
{
	struct race r;
	struct keepsake a, b;
	die_between(&r, &a, &b);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_cpu(&r.a);
	side_draw(&r.a, 3);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), WAYBUF_REASON_BAD_TICKET);
	/* it goes on with what there is */
	side_attach_stride(&r.b, 4);
	side_map(&r.b, READ);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 3);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	finish_between(&r, &a, &b);
}

/*
 * A member that has slept through a whole life of the server comes with a higher generation, and
 * the others with one that is later all the same.
 */
TEST(later_life_wins)
{
	struct race r;
	struct keepsake a, b, later;
	die_between(&r, &a, &b);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_cpu(&r.a);
	side_draw(&r.a, 7);
	side_keep(&r.a, &later);
	ck_assert_uint_eq(later.generation, 1);
	side_close(&r.a);
	kit_restart(&r, NULL);

	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	side_attach_stride(&r.b, 4);
	side_map(&r.b, READ);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 2);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_resume(&r, &r.a, &later);
	ck_assert_uint_eq(side_restore(&r.a, &later), 0);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.retired, 1);
	/* a number that nobody knows something else by */
	ck_assert_uint_eq(r.b.buffer.generation, 3);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 7);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	keepsake_close(&later);
	finish_between(&r, &a, &b);
}

/* Nothing moves before everybody had time to come, and then it does. */
TEST(move_waits_for_the_others)
{
	struct race r;
	struct keepsake a, b;
	die_between(&r, &a, &b);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_attach_stride(&r.a, 512);
	client_run(&r.a.client, 100);
	ck_assert_uint_eq(r.a.attachment.accepted, 0);
	side_resume(&r, &r.b, &b);
	ck_assert_uint_eq(side_restore(&r.b, &b), 0);
	client_wait(&r.a.client, &r.a.attachment.accepted, 1);
	ck_assert_uint_eq(r.a.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	side_map(&r.a, READ);
	ck_assert_uint_eq(r.a.buffer.stride[0], 512);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	finish_between(&r, &a, &b);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-restore")
