/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <unistd.h>

#include "proto/race_kit.h"
#include "sw_sync.h"
#include "util/fd.h"

/*
 * Races with an end: of a process, a membership, a device, of fds and quota. Who is in the middle
 * of something hears of it by an event, and a connection that did nothing wrong goes on. The end of
 * the server itself is in test_proto_restore_shared.c.
 */

/* ---- writers that are late or dead --------------------------------------------------------- */

/* Neither a newcomer nor a reader waits for the dead; what they see is undefined. */
TEST(writer_dies_while_asked)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	side_attach_stride(&r.b, 256);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	ck_assert(client_sync(&r.b.client));
	ck_assert_uint_eq(r.b.attachment.accepted + r.b.buffer.answers, 0);
	side_die(&r.a);
	client_wait(&r.b.client, &r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.attachment.accepted, 1);
	ck_assert(r.b.buffer.flags & WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* With real memory, whose fences the kernel knows. */
static int fenced_init(struct race *r)
{
	static const struct fixture_server_options options = {.exporters = "udmabuf"};
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no sw_sync: %s", strerror(-timeline));
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	race_init(r, &options);
	side_map(&r->a, WRITE);
	int fence = sw_sync_fence(timeline, 1);
	ck_assert_int_ge(fence, 0);
	waybuf_buffer_v1_unmap_fence(r->a.buffer.proxy, fence);
	close(fence);
	ck_assert(client_sync(&r->a.client));
	return timeline;
}

/* One deadline over unmap and fence: the newcomer alone is refused, and may try again. */
TEST(fence_is_late)
{
	struct race r;
	int timeline = fenced_init(&r);
	side_attach_stride(&r.b, 256);
	client_wait(&r.b.client, &r.b.attachment.refused, 1);
	ck_assert_uint_eq(r.b.attachment.reason, WAYBUF_REASON_DEADLINE);
	/* A goes on, and is told what to wait for */
	side_map(&r.a, READ);
	ck_assert_uint_eq(r.a.buffer.mapped, 2);
	ck_assert_uint_eq(r.a.buffer.fences, 1);
	ck_assert_uint_eq(r.a.buffer.generation, 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	side_commit_stride(&r.b.attachment, 256, 0);
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.generation, 2);
	ck_assert_uint_eq(r.b.buffer.flags, 0);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	close(timeline);
	race_finish(&r);
}

/*
 * A writer's work ends, or fails, while a newcomer waits for it. False if the newcomer was refused,
 * as the machine had other things to do than to let it end within the 250 ms.
 */
static bool ends_in_time(struct race *r, int *timeline, bool fails)
{
	const struct fixture_attachment *attachment = &r->b.attachment;
	*timeline = fenced_init(r);
	side_attach_stride(&r->b, 256);
	client_run(&r->b.client, 50);
	ck_assert_uint_eq(attachment->accepted, 0);
	if (fails)
		fd_close(timeline);
	else
		ck_assert_int_eq(sw_sync_advance(*timeline, 1), 0);
	for (int i = 0; i < 1000 && attachment->accepted + attachment->refused == 0; i++)
		client_run(&r->b.client, 5);
	ck_assert_uint_eq(attachment->accepted + attachment->refused, 1);
	ck_assert(attachment->accepted == 1 || attachment->reason == WAYBUF_REASON_DEADLINE);
	return attachment->accepted == 1;
}

static int race_until_in_time(struct race *r, bool fails)
{
	int timeline, tries = 1;
	while (!ends_in_time(r, &timeline, fails)) {
		ck_assert_int_lt(tries++, 20);
		fd_close(&timeline);
		race_finish(r);
	}
	return timeline;
}

TEST(fence_signals_while_waited_for)
{
	struct race r;
	int timeline = race_until_in_time(&r, false);
	ck_assert_uint_eq(r.b.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	close(timeline);
	race_finish(&r);
}

/* It moves, and nobody takes the contents for good. */
TEST(fence_fails_while_waited_for)
{
	struct race r;
	race_until_in_time(&r, true);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* Its client is dead, its work is still out there: no newcomer, and readers are told to wait. */
TEST(fence_never_signals)
{
	struct race r;
	int timeline = fenced_init(&r);
	side_die(&r.a);
	side_attach_stride(&r.b, 256);
	client_wait(&r.b.client, &r.b.attachment.refused, 1);
	ck_assert_uint_eq(r.b.attachment.reason, WAYBUF_REASON_DEADLINE);
	side_commit_stride(&r.b.attachment, 4, 0);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.buffer.fences, 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	close(timeline);
	race_finish(&r);
}

/* ---- creators that leave ------------------------------------------------------------------- */

/* The token was good when it was sent, and its pool is gone when it arrives. */
TEST(creator_leaves_before_the_join)
{
	struct race r;
	struct side late;
	race_init(&r, NULL);
	char token[64];
	snprintf(token, sizeof(token), "%s", side_token(&r.a, 1));
	side_leave(&r.b);
	side_leave(&r.a);
	race_settle(&r);
	side_join(&r, &late, token);
	/* requests go out before the answer is known, and reach inert objects */
	side_attach_cpu(&late);
	waybuf_buffer_v1_map(late.buffer.proxy, WRITE);
	client_wait(&late.client, &late.pool.failed, 1);
	ck_assert_uint_eq(late.pool.reason, WAYBUF_REASON_BAD_TOKEN);
	client_wait(&late.client, &late.buffer.failed, 1);
	waybuf_buffer_v1_unmap(late.buffer.proxy);
	ck_assert(client_sync(&late.client));
	side_leave(&late);
	client_finish(&late.client);
	race_finish(&r);
}

/* The join was first: it is a member like any other, and the oldest that is left. */
TEST(creator_dies_behind_the_join)
{
	struct race r;
	race_init(&r, NULL);
	side_draw(&r.a, 1);
	uint64_t bytes = side_bytes(&r.a);
	/* B attaches while A dies */
	side_attach_cpu(&r.b);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	side_die(&r.a);
	client_wait(&r.b.client, &r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.attachment.accepted, 1);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
	ck_assert_uint_eq(side_bytes(&r.b), bytes);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_token(&r.b, 1); /* may do what a creator may */
	race_finish(&r);
}

/* It dies while a migration that another one has asked for waits for it. */
TEST(creator_leaves_during_an_attach)
{
	struct race r;
	race_init(&r, NULL);
	side_map(&r.a, WRITE);
	put_pixel(&r.a.buffer, 1);
	side_attach_stride(&r.b, 256);
	ck_assert(client_sync(&r.b.client));
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	side_leave(&r.a);
	ck_assert(client_sync(&r.a.client));
	client_wait(&r.b.client, &r.b.attachment.accepted, 1);
	side_map(&r.b, READ);
	ck_assert_uint_eq(r.b.buffer.generation, 2);
	ck_assert_uint_eq(r.b.buffer.flags, 0);
	ck_assert_uint_eq(get_pixel(&r.b.buffer), 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	ck_assert_uint_eq(side_bytes(&r.a), 0);
	ck_assert_uint_eq(side_bytes(&r.b), r.b.buffer.size);
	race_finish(&r);
}

/* Who asks for a new configuration may just have become the creator, or just not yet. */
TEST(creator_changes_around_reconfigure)
{
	struct race r;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	waybuf_pool_v1_reconfigure(r.b.pool.proxy, 120, 96);
	ck_assert(client_sync(&r.b.client));
	ck_assert_uint_eq(r.b.pool.configured, 2); /* no error, and nothing else */
	ck_assert_uint_eq(r.b.pool.width, 60);
	ck_assert(client_sync(&r.a.client));
	ck_assert_uint_eq(r.a.pool.configured, 1);
	side_leave(&r.a);
	ck_assert(client_sync(&r.a.client));
	waybuf_pool_v1_reconfigure(r.b.pool.proxy, 120, 96);
	ck_assert(client_sync(&r.b.client));
	ck_assert_uint_eq(r.b.pool.configured, 3);
	ck_assert_uint_eq(r.b.pool.width, 120);
	side_map(&r.b, WRITE);
	ck_assert_uint_eq(r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.buffer.width, 120);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* ---- between the decision and its delivery ------------------------------------------------- */

/* All of layout, memory and mapped; or map_failed alone. */
static void expect_whole_answer(const struct fixture_buffer *buffer)
{
	ck_assert_uint_eq(buffer->mapped + buffer->failed, 1);
	ck_assert_uint_eq(buffer->layouts, buffer->mapped);
	ck_assert_uint_eq(buffer->memories, buffer->mapped);
}

/* B maps for the device while nothing is backed; the device goes after @turns of the server. */
static void unplug_after(int turns)
{
	struct race r;
	static const struct fixture_server_options options = {.device = true};
	race_init(&r, &options);
	raw_attachment_create_device(
		&r.b.pool, &r.b.attachment, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, r.server.device);
	raw_attachment_commit_format(&r.b.attachment, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&r.b.attachment, &r.b.buffer, 0);
	r.b.attached = true;
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	wl_display_flush(r.b.client.display);
	for (int i = 0; i < turns; i++)
		fixture_server_dispatch(&r.server, i ? 20 : 0);
	waybuf_server_remove_device(r.server.server, r.server.device);
	client_wait(&r.b.client, &r.b.buffer.answers, 1);
	expect_whole_answer(&r.b.buffer);
	ck_assert_uint_eq(r.b.attachment.gone, 1);
	ck_assert_uint_eq(r.b.attachment.reason, WAYBUF_REASON_DEVICE_LOST);
	/* what was under way is swallowed, order errors and all */
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	raw_attachment_commit_format(&r.b.attachment, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
	waybuf_buffer_v1_map(r.b.buffer.proxy, READ);
	client_wait(&r.b.client, &r.b.buffer.answers, 2);
	ck_assert_uint_ge(r.b.buffer.failed, 1);
	side_draw(&r.a, 1);
	race_finish(&r);
}

TEST(device_goes_between_map_and_grant)
{
	for (int turns = 0; turns < 5; turns++)
		unplug_after(turns);
}

/* The storage was made, and there is no fd for telling so. The next one finds it. */
TEST(fds_go_between_map_and_grant)
{
	struct race r;
	struct rlimit before, few;
	race_init(&r, NULL);
	side_attach_cpu(&r.b);
	race_settle(&r);
	waybuf_buffer_v1_map(r.b.buffer.proxy, WRITE);
	wl_display_flush(r.b.client.display);
	fixture_server_dispatch(&r.server, 0); /* the worker has been asked */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)harness_count_fds() + 16;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	client_wait(&r.b.client, &r.b.buffer.answers, 1);
	expect_whole_answer(&r.b.buffer);
	ck_assert_uint_eq(r.b.buffer.failed, 1);
	ck_assert_uint_eq(r.b.buffer.reason, WAYBUF_REASON_NO_FDS);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	side_map(&r.b, WRITE);
	ck_assert_uint_eq(r.b.buffer.mapped, 1);
	ck_assert_uint_eq(r.b.buffer.layouts, 1);
	waybuf_buffer_v1_unmap(r.b.buffer.proxy);
	race_finish(&r);
}

/* Two of the creator's pools in flight at once, and room for the memory of one. */
TEST(quota_goes_between_map_and_grant)
{
	struct race r;
	static const struct waybuf_limits limits = {
		.max = {[WAYBUF_RESOURCE_KIB] = 20,
			[WAYBUF_RESOURCE_BUFFERS] = 8,
			[WAYBUF_RESOURCE_FDS] = 16,
			[WAYBUF_RESOURCE_POOLS] = 4,
			[WAYBUF_RESOURCE_ATTACHMENTS] = 8,
			[WAYBUF_RESOURCE_MAPS] = 8,
			[WAYBUF_RESOURCE_POINTS] = 4},
	};
	const struct fixture_server_options options = {.limits = &limits};
	struct side other = {0};
	race_init(&r, &options);
	raw_pool_create(&r.a.client, &other.pool, 60, RACE_HEIGHT, 1);
	side_attach_cpu(&other);
	waybuf_buffer_v1_map(r.a.buffer.proxy, WRITE);
	waybuf_buffer_v1_map(other.buffer.proxy, WRITE);
	client_wait(&r.a.client, &r.a.buffer.answers, 1);
	client_wait(&r.a.client, &other.buffer.answers, 1);
	expect_whole_answer(&r.a.buffer);
	expect_whole_answer(&other.buffer);
	ck_assert_uint_eq(r.a.buffer.failed + other.buffer.failed, 1);
	waybuf_buffer_v1_unmap(r.a.buffer.proxy);
	waybuf_buffer_v1_unmap(other.buffer.proxy);
	side_leave(&other);
	race_finish(&r);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-races-end")
