/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "proto/race_kit.h"

/*
 * Races between two connections, each as a script that decides who is heard first: producers and
 * consumers, commits and writers, questions and answers that cross. What is torn down under
 * somebody is in test_proto_races_end.c.
 */

/* ---- producer and consumer ----------------------------------------------------------------- */

/* The consumer heard of the frame on another channel, before the server heard of its end. */
TEST(reader_overtakes_the_writers_unmap)
{
	struct race r;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	side_map(&r.a, WRITE);
	put_pixel(&r.a.buffer, 1);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	client_run(&r.b.client, 50);
	ck_assert_uint_eq(r.b.buffer.answers, 0);
	put_pixel(&r.a.buffer, 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	ck_assert(client_sync(&r.a.client));
	client_wait(&r.b.client, &r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.buffer.serial, r.a.buffer.serial);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 2);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

TEST(serial_tells_of_a_rewritten_frame)
{
	struct race r;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	side_draw(&r.a, 1);
	uint64_t told = r.a.buffer.serial;
	side_draw(&r.a, 2);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.serial, told + 1);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 2);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* A producer that holds a read map, until the consumer has answered, cannot be late. */
TEST(read_map_keeps_the_frame_for_the_consumer)
{
	struct race r;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	side_draw(&r.a, 1);
	uint64_t told = r.a.buffer.serial;
	side_map(&r.a, READ);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.serial, told);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	client_run(&r.a.client, 50);
	ck_assert_uint_eq(r.a.buffer.mapped, 2);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert(client_sync(&r.b.client));
	client_wait(&r.a.client, &r.a.buffer.mapped, 3);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	race_finish(&r);
}

/* ---- commits ------------------------------------------------------------------------------- */

/* What the compositor has taken at each commit, in order. */
static struct waybuf_use *uses[4];
static unsigned n_uses;

static void take_claim(struct fixture_server *server, struct wl_resource *buffer)
{
	ck_assert_uint_lt(n_uses, 4);
	ck_assert_int_eq(waybuf_use_begin(buffer, &uses[n_uses++]), 0);
}

static const struct fixture_server_options integrated = {.integrated = true, .commit = take_claim};

struct shown {
	struct wl_surface *surface;
	struct fixture_wl_buffer wl_buffer;
};

static void shown_init(struct shown *shown, struct side *side)
{
	shown->surface = wl_compositor_create_surface(side->client.compositor);
	raw_buffer_wl_buffer(&side->buffer, &shown->wl_buffer);
}

/* Not flushed. */
static void shown_commit(struct shown *shown)
{
	wl_surface_attach(shown->surface, shown->wl_buffer.proxy, 0, 0);
	wl_surface_commit(shown->surface);
}

static void shown_finish(struct shown *shown)
{
	wl_surface_destroy(shown->surface);
	wl_buffer_destroy(shown->wl_buffer.proxy);
}

TEST(commit_before_the_next_write)
{
	struct race r;
	struct shown shown;
	struct waybuf_grant grant;
	race_init(&r, &integrated);
	shown_init(&shown, &r.a);
	side_draw(&r.a, 1);
	/* in one flush: the claim is there before the map is looked at */
	shown_commit(&shown);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	client_run(&r.a.client, 50);
	ck_assert_uint_eq(n_uses, 1);
	ck_assert_uint_eq(r.a.buffer.mapped, 1);
	ck_assert_int_eq(waybuf_use_latch(uses[0], &grant), 0);
	ck_assert_uint_eq(grant.serial, 1);
	waybuf_use_end(uses[0], NULL);
	client_wait(&r.a.client, &r.a.buffer.mapped, 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	shown_finish(&shown);
	race_finish(&r);
}

/* The write waits for the first claim; did the second wait for the write, nobody would go on. */
TEST(commit_behind_the_own_queued_write)
{
	struct race r;
	struct shown shown;
	struct waybuf_grant grant;
	race_init(&r, &integrated);
	shown_init(&shown, &r.a);
	side_draw(&r.a, 1);
	shown_commit(&shown);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	shown_commit(&shown);
	client_run(&r.a.client, 50);
	ck_assert_uint_eq(n_uses, 2);
	ck_assert_uint_eq(r.a.buffer.mapped, 1);
	ck_assert_int_eq(waybuf_use_latch(uses[1], &grant), 0);
	ck_assert_uint_eq(grant.serial, 1);
	ck_assert_ptr_null(grant.fence);
	waybuf_use_end(uses[0], NULL);
	client_run(&r.a.client, 50);
	ck_assert_uint_eq(r.a.buffer.mapped, 1);
	waybuf_use_end(uses[1], NULL);
	client_wait(&r.a.client, &r.a.buffer.mapped, 2);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	shown_finish(&shown);
	race_finish(&r);
}

/* ---- questions and answers that cross ------------------------------------------------------ */

/* The revoke is on its way when the writer has already unmapped, and asked again. */
TEST(revoke_crosses_unmap_and_map)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	put_pixel(&r.a.buffer, 1);
	side_attach_stride(&r.b, 256);
	ck_assert(client_sync(&r.b.client)); /* A has been sent a revoke, and reads nothing */
	ck_assert_uint_eq(r.a.buffer.revoked, 0);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	client_wait(&r.a.client, &r.a.buffer.mapped, 2);
	ck_assert_uint_eq(r.a.buffer.revoked, 1);
	ck_assert_uint_eq(r.a.buffer.revoked_at, 1); /* while queued */
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	ck_assert_uint_eq(r.a.buffer.stride[0], 256);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 1);
	/* the new map was not asked back, and nobody waits for it */
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	client_run(&r.a.client, 300);
	ck_assert_uint_eq(r.a.buffer.revoked, 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	race_finish(&r);
}

/* The other way round: the unmap was heard first, and nothing is asked back. */
TEST(unmap_before_the_revoke)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	side_attach_stride(&r.b, 256);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	ck_assert(client_sync(&r.a.client));
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	ck_assert_uint_eq(r.b.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(r.a.buffer.revoked, 0);
	ck_assert_uint_eq(r.a.buffer.retired_generation, 1);
	race_finish(&r);
}

/* The grant was sent when the cancellation came. It counts as the answer, and is over. */
TEST(cancel_crosses_the_grant)
{
	struct race r;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	side_map(&r.a, WRITE);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	ck_assert(client_sync(&r.b.client));
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(r.b.buffer.answers, 0); /* on its way */
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	client_wait(&r.b.client, &r.b.buffer.answers, 2);
	ck_assert_uint_eq(r.b.buffer.mapped, 2);
	ck_assert_uint_eq(r.b.buffer.layouts, 1); /* known from the one that was not wanted */
	ck_assert_uint_eq(r.b.buffer.memories, 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert(client_sync(&r.b.client));
	/* nothing of it is left: the writer is alone at once */
	side_map(&r.a, WRITE);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	race_finish(&r);
}

/* A map that can only fail, cancelled before and after the answer was sent. */
TEST(cancel_crosses_the_failure)
{
	struct race r;
	race_init(&r, NULL);
	raw_attachment_create(&r.b.pool, &r.b.attachment, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	side_commit_stride(&r.b.attachment, 1, RACE_STRIDE - 4); /* no row fits */
	raw_buffer_get(&r.b.attachment, &r.b.buffer, 0);
	r.b.attached = true;
	for (unsigned i = 0; i < 4; i++) {
		waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
		if (i % 2) {
			wl_display_flush(r.b.client.display);
			ck_assert(client_sync(&r.a.client)); /* answered, and not read */
		}
		waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	}
	ck_assert(client_sync(&r.b.client));
	ck_assert_uint_eq(r.b.attachment.refused, 1);
	ck_assert_uint_eq(r.b.buffer.answers, 4);
	ck_assert_uint_eq(r.b.buffer.failed, 4);
	/* and the count still agrees */
	side_commit_stride(&r.b.attachment, 256, 0);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.buffer.answers, 5);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* ---- generations --------------------------------------------------------------------------- */

/* The wl_buffer was made of generation 1, and names the image all the same. */
TEST(commit_of_an_old_generation)
{
	struct race r;
	struct shown shown;
	struct waybuf_grant grant;
	race_init(&r, &integrated);
	shown_init(&shown, &r.a);
	side_draw(&r.a, 1);
	side_attach_stride(&r.b, 256);
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	ck_assert_uint_eq(r.a.buffer.retired, 0); /* A has not read it */
	shown_commit(&shown);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(n_uses, 1);
	ck_assert_int_eq(waybuf_use_latch(uses[0], &grant), 0);
	ck_assert_uint_eq(grant.layout->generation, 2);
	ck_assert_uint_eq(grant.layout->planes[0].stride, 256);
	ck_assert_uint_eq(grant.serial, 1);
	waybuf_use_end(uses[0], NULL);
	shown_finish(&shown);
	race_finish(&r);
}

/*
 * Where somebody else shows the buffer, its client holds a map for that compositor. A write map
 * keeps the storage from moving; a read map keeps the old storage as it is.
 */
TEST(hold_for_a_foreign_compositor)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	put_pixel(&r.a.buffer, 1);
	side_attach_stride(&r.b, 256);
	client_wait(&r.b.client, &r.b.attachment.refused, 1);
	ck_assert_uint_eq(r.b.attachment.reason, WAYBUF_REASON_DEADLINE);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_map(&r.a, READ);
	ck_assert_uint_eq(r.a.buffer.generation, 1);
	ck_assert_uint_eq(r.a.buffer.retired, 0);
	side_commit_stride(&r.b.attachment, 256, 0);
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(r.a.buffer.retired_generation, 1);
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(get_pixel(&r.a.buffer), 0); /* now it is gone */
	race_finish(&r);
}

TEST(screen_moves_while_its_client_sleeps)
{
	struct race r;
	struct shown shown;
	struct waybuf_grant grant;
	race_init(&r, &integrated);
	shown_init(&shown, &r.a);
	side_draw(&r.a, 1);
	shown_commit(&shown);
	ck_assert(client_sync(&r.a.client));
	ck_assert_int_eq(waybuf_use_latch(uses[0], &grant), 0);
	ck_assert_uint_eq(grant.layout->generation, 1);
	/* from here on A does nothing */
	side_attach_stride(&r.b, 256);
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	ck_assert_uint_eq(r.b.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	uint32_t value;
	ck_assert_int_eq(pread(grant.layout->memory[0].fd, &value, 4, RACE_STRIDE), 4);
	ck_assert_uint_eq(value, 1); /* still on the screen */
	ck_assert_int_eq(waybuf_use_latch(uses[0], &grant), 0);
	ck_assert_uint_eq(grant.layout->generation, 2);
	ck_assert_int_eq(pread(grant.layout->memory[0].fd, &value, 4, 256), 4);
	ck_assert_uint_eq(value, 1);
	waybuf_use_end(uses[0], NULL);
	ck_assert_uint_eq(r.a.buffer.retired + r.a.buffer.revoked + shown.wl_buffer.released, 0);
	/* A wakes up */
	side_draw(&r.a, 2);
	ck_assert_uint_eq(shown.wl_buffer.released, 1);
	ck_assert_uint_eq(r.a.buffer.retired_generation, 1);
	ck_assert_uint_eq(r.a.buffer.generation, 2);
	shown_finish(&shown);
	race_finish(&r);
}

/* ---- several newcomers --------------------------------------------------------------------- */

struct newcomers {
	struct race r;
	struct fixture_attachment other;
};

/* A writes; B wants 256, and another attachment of B's 384. */
static void newcomers_init(struct newcomers *n, uint32_t other, uint32_t other_max)
{
	race_init(&n->r, NULL);
	side_map(&n->r.a, WRITE);
	put_pixel(&n->r.a.buffer, 1);
	raw_attachment_create(&n->r.b.pool, &n->other, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	side_attach_stride(&n->r.b, 256);
	side_commit_stride(&n->other, other, other_max);
	ck_assert(client_sync(&n->r.b.client));
	ck_assert_uint_eq(n->r.b.attachment.accepted + n->other.accepted, 0);
}

static void newcomers_finish(struct newcomers *n)
{
	raw_attachment_destroy(&n->other);
	race_finish(&n->r);
}

TEST(two_stricter_sets_at_once)
{
	struct newcomers n;
	newcomers_init(&n, 384, 0);
	waybuf_buffer_v1_unmap(n.r.a.buffer.proxy);
	ck_assert(client_sync(&n.r.a.client));
	client_wait(&n.r.b.client, &n.r.b.attachment.accepted, 1);
	client_wait(&n.r.b.client, &n.other.accepted, 1);
	side_map(&n.r.b, READ);
	ck_assert_uint_eq(n.r.b.buffer.stride[0], 768);
	ck_assert_uint_eq(get_pixel(&n.r.b.buffer), 1);
	waybuf_buffer_v1_unmap(n.r.b.buffer.proxy);
	newcomers_finish(&n);
}

/* The second cannot be met beside the first, and is the only one to hear of it. */
TEST(refusal_behind_a_migration)
{
	struct newcomers n;
	newcomers_init(&n, 4, RACE_STRIDE);
	waybuf_buffer_v1_unmap(n.r.a.buffer.proxy);
	ck_assert(client_sync(&n.r.a.client));
	client_wait(&n.r.b.client, &n.r.b.attachment.accepted, 1);
	client_wait(&n.r.b.client, &n.other.refused, 1);
	ck_assert_uint_eq(n.other.reason, WAYBUF_REASON_CONFLICT);
	side_map(&n.r.b, READ);
	ck_assert_uint_eq(n.r.b.buffer.generation, 2);
	ck_assert_uint_eq(get_pixel(&n.r.b.buffer), 1);
	waybuf_buffer_v1_unmap(n.r.b.buffer.proxy);
	newcomers_finish(&n);
}

/* It ends before the publication: what was made for it goes, and nobody else notices. */
TEST(refusal_in_the_middle_of_a_migration)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	uint64_t bytes = side_bytes(&r.a);
	side_attach_stride(&r.b, 256);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	client_run(&r.b.client, 100);
	ck_assert_uint_ge(side_bytes(&r.b), 256 * RACE_HEIGHT); /* both copies */
	client_wait(&r.b.client, &r.b.attachment.refused, 1);
	client_wait(&r.b.client, &r.b.buffer.failed, 1);
	ck_assert_uint_eq(r.b.buffer.reason, WAYBUF_REASON_DEADLINE);
	ck_assert_uint_eq(side_bytes(&r.b), 0);
	ck_assert_uint_eq(side_bytes(&r.a), bytes);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_draw(&r.a, 2);
	ck_assert_uint_eq(r.a.buffer.generation, 1);
	ck_assert_uint_eq(r.a.buffer.retired, 0);
	race_finish(&r);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-races")
