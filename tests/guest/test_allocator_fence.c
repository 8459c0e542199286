/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture_client.h"
#include "sw_sync.h"

/* Fences that travel: unmap with a real sync_file, and the grant that carries it on. */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment writer, reader;
	struct fixture_buffer written, read;
	int timeline;
};

#define READ WAYBUF_BUFFER_V1_DIRECTION_READ
#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

static void world_init(struct world *w, const char *exporters)
{
	struct fixture_server_options options = {.exporters = exporters};
	w->timeline = sw_sync_open();
	if (w->timeline < 0)
		SKIP("no sw_sync: %s", strerror(-w->timeline));
	if (strcmp(exporters, "udmabuf") == 0 && access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	fixture_server_init(&w->server, &options);
	client_init(&w->client, &w->server);
	raw_pool_create(&w->client, &w->pool, 64, 64, 1);
	raw_attachment_create(&w->pool, &w->writer, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_create(&w->pool, &w->reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->writer);
	raw_attachment_commit_cpu(&w->reader);
	raw_buffer_get(&w->writer, &w->written, 0);
	raw_buffer_get(&w->reader, &w->read, 0);
	waybuf_buffer_v1_map(w->written.proxy, WRITE);
	client_wait(&w->client, &w->written.mapped, 1);
}

static void world_finish(struct world *w)
{
	if (w->timeline >= 0)
		close(w->timeline);
	raw_buffer_destroy(&w->read);
	raw_buffer_destroy(&w->written);
	raw_attachment_destroy(&w->reader);
	raw_attachment_destroy(&w->writer);
	raw_pool_destroy(&w->pool);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

/* The write is over when the timeline is at @value. */
static void unmap_with_fence(struct world *w, uint32_t value)
{
	int fence = sw_sync_fence(w->timeline, value);
	ck_assert_int_ge(fence, 0);
	waybuf_buffer_v1_unmap_fence(w->written.proxy, fence);
	close(fence);
}

static bool is_signalled(int fence)
{
	struct pollfd pollfd = {.fd = fence, .events = POLLIN};
	return poll(&pollfd, 1, 0) == 1;
}

TEST(unmap_makes_way_at_once)
{
	struct world w;
	world_init(&w, "udmabuf");
	unmap_with_fence(&w, 1);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 1);
	ck_assert_uint_eq(w.read.fences, 1);
	ck_assert(!is_signalled(w.read.fence));
	ck_assert_int_eq(sw_sync_advance(w.timeline, 1), 0);
	ck_assert(is_signalled(w.read.fence));
	waybuf_buffer_v1_unmap(w.read.proxy);
	world_finish(&w);
}

TEST(a_signalled_fence_does_not_travel)
{
	struct world w;
	world_init(&w, "udmabuf");
	unmap_with_fence(&w, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(sw_sync_advance(w.timeline, 1), 0);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 1);
	ck_assert_uint_eq(w.read.fences, 0);
	ck_assert_uint_eq(w.read.flags, 0);
	waybuf_buffer_v1_unmap(w.read.proxy);
	world_finish(&w);
}

/* The timeline goes with work undone: nobody knows what the buffer shows. */
TEST(an_error_makes_undefined)
{
	struct world w;
	world_init(&w, "udmabuf");
	unmap_with_fence(&w, 1);
	ck_assert(client_sync(&w.client));
	close(w.timeline);
	w.timeline = -1;
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 1);
	ck_assert_uint_eq(w.read.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED);
	waybuf_buffer_v1_unmap(w.read.proxy);
	/* until somebody has written it anew */
	waybuf_buffer_v1_map(w.written.proxy, WRITE);
	client_wait(&w.client, &w.written.mapped, 2);
	waybuf_buffer_v1_unmap(w.written.proxy);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 2);
	ck_assert_uint_eq(w.read.flags, 0);
	waybuf_buffer_v1_unmap(w.read.proxy);
	world_finish(&w);
}

/* Shared memory knows no fences; nothing of a device's can be in it. */
TEST(bad_fence_for_a_memfd)
{
	struct world w;
	world_init(&w, "memfd");
	unmap_with_fence(&w, 1);
	client_expect_error(
		&w.client, &waybuf_buffer_v1_interface, WAYBUF_BUFFER_V1_ERROR_BAD_FENCE);
	world_finish(&w);
}

/* The fence of a map that was not granted counts for nothing. */
TEST(fence_of_a_cancelled_map)
{
	struct world w;
	world_init(&w, "udmabuf");
	waybuf_buffer_v1_map(w.read.proxy, READ);
	int fence = sw_sync_fence(w.timeline, 1);
	waybuf_buffer_v1_unmap_fence(w.read.proxy, fence);
	close(fence);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.read.reason, WAYBUF_REASON_CANCELLED);
	waybuf_buffer_v1_unmap(w.written.proxy);
	waybuf_buffer_v1_map(w.written.proxy, WRITE);
	client_wait(&w.client, &w.written.mapped, 2);
	ck_assert_uint_eq(w.written.fences, 0);
	waybuf_buffer_v1_unmap(w.written.proxy);
	world_finish(&w);
}

/* The layout is known, and the fence alone finds no fd. */
TEST(no_fd_for_the_fence)
{
	struct world w;
	struct rlimit before, few;
	world_init(&w, "udmabuf");
	waybuf_buffer_v1_unmap(w.written.proxy);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 1);
	waybuf_buffer_v1_unmap(w.read.proxy);
	waybuf_buffer_v1_map(w.written.proxy, WRITE);
	client_wait(&w.client, &w.written.mapped, 2);
	unmap_with_fence(&w, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)harness_count_fds() + 16;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.failed, 1);
	ck_assert_uint_eq(w.read.reason, WAYBUF_REASON_NO_FDS);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	waybuf_buffer_v1_unmap(w.read.proxy);
	waybuf_buffer_v1_map(w.read.proxy, READ);
	client_wait(&w.client, &w.read.mapped, 2);
	ck_assert_uint_eq(w.read.fences, 1);
	waybuf_buffer_v1_unmap(w.read.proxy);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("allocator-fence")
