/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fixture_client.h"

/* Shared memory that the creator of a pool brings along, and what comes of it if it does not. */

#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE
#define SIZE (64 * 64 * 4)

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment cpu;
	struct fixture_buffer buffer;
};

/* The server has asked for the memory of the first map. */
static void world_init(struct world *w)
{
	fixture_server_init(&w->server, NULL);
	client_init(&w->client, &w->server);
	raw_pool_listen(&w->pool,
		waybuf_allocator_v1_create_pool(w->client.allocator, 64, 64, 1,
			WAYBUF_ALLOCATOR_V1_POOL_FLAGS_OWN_MEMORY, "own"));
	raw_attachment_create(&w->pool, &w->cpu, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->cpu);
	raw_buffer_get(&w->cpu, &w->buffer, 0);
	waybuf_buffer_v1_map(w->buffer.proxy, WRITE);
	client_wait(&w->client, &w->pool.needs, 1);
	ck_assert_uint_eq(w->pool.need_index, 0);
	ck_assert_uint_eq(w->pool.need_slot, 0);
	ck_assert_uint_eq(w->pool.need_size, SIZE);
	ck_assert_uint_eq(w->buffer.answers, 0);
}

static void world_finish(struct world *w)
{
	waybuf_buffer_v1_unmap(w->buffer.proxy);
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->cpu);
	raw_pool_destroy(&w->pool);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

static int make_memfd(off_t size, bool populate, int seals)
{
	int fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	if (populate)
		ck_assert_int_eq(fallocate(fd, 0, 0, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* Whether the storage is that file. The fd is closed. */
static bool provide(struct world *w, int fd, uint32_t slot)
{
	struct stat given, got;
	ck_assert_int_eq(fstat(fd, &given), 0);
	waybuf_pool_v1_provide(w->pool.proxy, 0, slot, fd);
	client_wait(&w->client, &w->buffer.mapped, 1);
	close(fd);
	ck_assert_uint_eq(w->buffer.size, SIZE);
	ck_assert_int_eq(fstat(w->buffer.fd, &got), 0);
	struct waybuf_account *account =
		waybuf_server_client_account(w->server.server, w->client.peer);
	ck_assert_uint_eq(waybuf_account_bytes(account), SIZE);
	return given.st_dev == got.st_dev && given.st_ino == got.st_ino;
}

TEST(brought_along)
{
	struct world w;
	world_init(&w);
	ck_assert(provide(&w, make_memfd(SIZE, true, F_SEAL_SHRINK), 0));
	/* nobody can forbid writing any more */
	ck_assert_int_lt(fcntl(w.buffer.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	world_finish(&w);
}

TEST(larger_will_do)
{
	struct world w;
	world_init(&w);
	ck_assert(provide(&w, make_memfd(2 * SIZE, true, F_SEAL_SHRINK | F_SEAL_SEAL), 0));
	world_finish(&w);
}

static void expect_unfit(int fd)
{
	struct world w;
	world_init(&w);
	ck_assert(!provide(&w, fd, 0));
	world_finish(&w);
}

TEST(too_small)
{
	expect_unfit(make_memfd(SIZE - 1, true, F_SEAL_SHRINK));
}

TEST(without_pages)
{
	expect_unfit(make_memfd(SIZE, false, F_SEAL_SHRINK));
}

TEST(may_shrink)
{
	expect_unfit(make_memfd(SIZE, true, F_SEAL_GROW));
}

TEST(cannot_be_written)
{
	expect_unfit(make_memfd(SIZE, true, F_SEAL_SHRINK | F_SEAL_WRITE));
}

TEST(cannot_be_written_later)
{
	expect_unfit(make_memfd(SIZE, true, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE));
}

TEST(no_memfd)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	expect_unfit(fd);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A quarter of a second, and then without. What comes for another slot is nothing. */
TEST(no_answer)
{
	struct world w;
	uint64_t start = now_ms();
	world_init(&w);
	ck_assert(!provide(&w, make_memfd(SIZE, true, F_SEAL_SHRINK), 1));
	ck_assert_uint_ge(now_ms() - start, 240);
	/* too late */
	int fd = make_memfd(SIZE, true, F_SEAL_SHRINK);
	waybuf_pool_v1_provide(w.pool.proxy, 0, 0, fd);
	waybuf_pool_v1_provide(w.pool.proxy, 77, 0, fd);
	close(fd);
	ck_assert(client_sync(&w.client));
	world_finish(&w);
}

/* The pool goes while it waits. */
TEST(leaves_while_asked)
{
	struct world w;
	world_init(&w);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.cpu);
	raw_pool_destroy(&w.pool);
	ck_assert(client_sync(&w.client));
	struct waybuf_account *account =
		waybuf_server_client_account(w.server.server, w.client.peer);
	/* the worker may be at it still, which is charged */
	for (int i = 0; i < 200 && waybuf_account_bytes(account) > 0; i++)
		client_run(&w.client, 10);
	ck_assert_uint_eq(waybuf_account_bytes(account), 0);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

/* The server goes while it waits. */
TEST(server_goes_while_asked)
{
	struct world w;
	world_init(&w);
	wl_client_destroy(w.client.peer);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.cpu);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

TEST_MAIN("proto-supply")
