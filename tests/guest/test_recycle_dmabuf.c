/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/manager.h"
#include "core/supply.h"
#include "core_fixture.h"
#include "util/fd.h"

/* Real dma-bufs, of which the kernel tells whether somebody else still has them. */

struct world {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
	struct fd_id id;
};

static void world_init(struct world *w)
{
	*w = (struct world){0};
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "udmabuf", 1), 0);
	ck_assert_int_eq(waybuf_manager_create(NULL, &w->f.manager), 0);
	ck_assert_int_eq(waybuf_manager_add_default_exporters(w->f.manager, -1), 1);
	w->f.account = waybuf_account_create(w->f.manager, "test", NULL);
}

/* A new pool, drawn into; with another's fd if there is @fd. */
static void draw(struct world *w, int *fd)
{
	w->pool = fixture_pool(&w->f, 64, 64, 1);
	party_attach(&w->party, w->pool, w->f.account, "user");
	party_commit(&w->party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&w->seat, &w->party, 0);
	seat_grant(&w->f, &w->seat, WAYBUF_WRITE);
	ck_assert_str_eq(w->seat.layout.exporter, "udmabuf");
	ck_assert(memory_is_zero(&w->seat.layout));
	pattern_fill(&w->seat.layout, 7);
	ck_assert_int_eq(fd_identify(w->seat.layout.memory[0].fd, &w->id), 0);
	if (fd)
		*fd = waybuf_buffer_fd(waybuf_pool_buffer(w->pool, 0), 0, 0);
}

static void leave(struct world *w)
{
	seat_unmap(&w->seat, NULL);
	seat_close(&w->seat);
	party_detach(&w->party);
	waybuf_pool_unref(w->pool);
}

TEST(only_what_is_ours_alone)
{
	struct world w;
	int fd;
	world_init(&w);
	draw(&w, &fd);
	struct fd_id held = w.id;
	leave(&w);
	ck_assert_uint_eq(w.f.manager->recycler.count, 0);
	draw(&w, NULL);
	ck_assert(!fd_id_equal(&held, &w.id));
	close(fd);
	/* given to somebody, who has closed it again */
	fd = waybuf_buffer_fd(waybuf_pool_buffer(w.pool, 0), 0, 0);
	close(fd);
	struct fd_id free = w.id;
	leave(&w);
	ck_assert_uint_eq(w.f.manager->recycler.count, 1);
	draw(&w, NULL);
	ck_assert(fd_id_equal(&free, &w.id));
	leave(&w);
	fixture_finish(&w.f);
}

TEST(cleared_by_and_by)
{
	struct world w;
	world_init(&w);
	draw(&w, NULL);
	struct fd_id first = w.id;
	leave(&w);
	fixture_run_until_cleaned(&w.f, 1);
	draw(&w, NULL);
	ck_assert(fd_id_equal(&first, &w.id));
	leave(&w);
	fixture_finish(&w.f);
}

static void note_need(void *data, uint32_t index, uint32_t slot, uint64_t size)
{
	ck_assert_uint_eq(index + slot, 0);
	*(uint64_t *)data = size;
}

/* A dma-buf of pages that the client has brought along; they are not kept for anybody. */
TEST(pages_of_the_client)
{
	struct world w;
	uint64_t size = 0;
	uint32_t found = 0;
	const uint32_t written = 0x12345678;
	world_init(&w);
	w.pool = fixture_pool(&w.f, 60, 61, 1);
	waybuf_pool_set_supplier(w.pool, note_need, &size);
	party_attach(&w.party, w.pool, w.f.account, "user");
	party_commit(&w.party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&w.seat, &w.party, 0);
	seat_map(&w.seat, WAYBUF_WRITE);
	/* whole pages */
	ck_assert_uint_eq(size, 16384);
	int fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(fd, 16384), 0);
	ck_assert_int_eq(fallocate(fd, 0, 0, 16384), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	waybuf_pool_provide(w.pool, 0, 0, fcntl(fd, F_DUPFD_CLOEXEC, 0));
	fixture_wait(&w.f, &w.seat.answered);
	ck_assert_str_eq(w.seat.layout.exporter, "udmabuf");
	ck_assert_int_eq(w.seat.layout.memory[0].kind, WAYBUF_MEMORY_DMABUF);
	ck_assert_uint_eq(waybuf_account_bytes(w.f.account), 16384);
	ck_assert_int_eq(pwrite(fd, &written, sizeof(written), 4096), sizeof(written));
	char *pixels = mmap(NULL, 16384, PROT_READ, MAP_SHARED, w.seat.layout.memory[0].fd, 0);
	ck_assert_ptr_ne(pixels, MAP_FAILED);
	memcpy(&found, pixels + 4096, sizeof(found));
	munmap(pixels, 16384);
	ck_assert_uint_eq(found, written);
	close(fd);
	leave(&w);
	ck_assert_uint_eq(w.f.manager->recycler.count, 0);
	fixture_finish(&w.f);
}

TEST_MAIN("recycle-dmabuf")
