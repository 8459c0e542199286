/* SPDX-License-Identifier: MIT */
#include <time.h>
#include <unistd.h>

#include "proto/restore_kit.h"

/*
 * Servers that are restarted, and several clients that come back to one pool: who is what, and whose
 * contents it has.
 */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
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

/*
 * A reader holds 1, its creator has moved it to 2 and sleeps through a life of the server, in which
 * the reader gives back 1 and gets a new ticket for it: that has not made 1 any newer.
 */
TEST(reader_cannot_make_it_new)
{
	struct race r;
	struct keepsake a, b, again;
	kit_start(&r, NULL);
	side_open(&r, &r.a, 1);
	side_draw(&r.a, 1);
	waybuf_pool_v1_export_token(r.a.pool.proxy, 1, 30, WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY);
	client_wait(&r.a.client, &r.a.pool.tokens, 1);
	side_join(&r, &r.b, r.a.pool.token);
	side_attach_stride(&r.b, 4);
	side_map(&r.b, READ);
	side_keep(&r.b, &b);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_commit_stride(&r.a.attachment, 256, 0);
	client_wait(&r.a.client, &r.a.attachment.accepted, 2);
	side_map(&r.a, READ);
	side_keep(&r.a, &a);
	ck_assert_uint_eq(a.generation, 2);
	side_close(&r.a);
	side_close(&r.b);
	const uint32_t old = 1, new = 2;
	ck_assert_int_eq(pwrite(b.fd, &old, 4, b.stride), 4);
	ck_assert_int_eq(pwrite(a.fd, &new, 4, a.stride), 4);

	for (int life = 0; life < 2; life++) {
		kit_restart(&r, NULL);
		side_resume(&r, &r.b, life ? &again : &b);
		ck_assert_uint_eq(side_restore(&r.b, life ? &again : &b), 0);
		side_attach_stride(&r.b, 4);
		side_map(&r.b, READ);
		ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
		if (life == 0) {
			side_keep(&r.b, &again);
			side_close(&r.b);
		}
	}
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_resume(&r, &r.a, &a);
	ck_assert_uint_eq(side_restore(&r.a, &a), 0);
	side_map(&r.b, READ);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 2);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_close(&r.a);
	side_close(&r.b);
	keepsake_close(&a);
	keepsake_close(&b);
	keepsake_close(&again);
	kit_finish(&r);
}

/* Who has come first can neither resize the pool nor share it while its creator may still come. */
TEST(first_to_come_is_not_the_creator)
{
	struct race r;
	struct keepsake a, b;
	kit_start(&r, NULL);
	share_and_die(&r, &a, &b, 0);
	kit_restart(&r, NULL);
	side_resume(&r, &r.b, &b);
	waybuf_pool_v1_reconfigure(r.b.pool.proxy, 300, 300);
	waybuf_pool_v1_export_token(r.b.pool.proxy, 1, 30, 0);
	client_wait(&r.b.client, &r.b.pool.tokens, 1);
	ck_assert_str_eq(r.b.pool.token, "");
	ck_assert_uint_eq(r.b.pool.configured, 2);
	ck_assert_uint_eq(r.b.pool.width, 60);
	/* it does not come */
	client_run(&r.b.client, 550);
	waybuf_pool_v1_reconfigure(r.b.pool.proxy, 300, 300);
	client_wait(&r.b.client, &r.b.pool.configured, 3);
	ck_assert_uint_eq(r.b.pool.width, 300);
	side_token(&r.b, 1);
	side_close(&r.b);
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
TEST_MAIN("proto-restore-shared")
