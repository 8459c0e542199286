/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <waybuf/cpu_access.h>

#include "core/manager.h"
#include "core_fixture.h"
#include "kms_fixture.h"
#include "sw_sync.h"
#include "util/fd.h"

/* The exporters that need a kernel, and what real dma-bufs add: names, brackets, fences. */

struct real {
	struct fixture f;
	int drm_fd;
};

/* Only the exporters of @list; skips if this machine lacks one of them. */
static void real_init(struct real *r, const char *list, int count)
{
	*r = (struct real){.drm_fd = -1};
	if (strstr(list, "dumb")) {
		r->drm_fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(r->drm_fd, 0);
	}
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", list, 1), 0);
	ck_assert_int_eq(waybuf_manager_create(NULL, &r->f.manager), 0);
	int n = waybuf_manager_add_default_exporters(r->f.manager, r->drm_fd);
	r->f.account = waybuf_account_create(r->f.manager, "test", NULL);
	ck_assert_ptr_nonnull(r->f.account);
	if (n == count)
		return;
	fixture_finish(&r->f);
	if (r->drm_fd >= 0)
		close(r->drm_fd);
	SKIP("exporters %s: this machine has %d of %d", list, n, count);
}

static void real_finish(struct real *r)
{
	fixture_finish(&r->f);
	if (r->drm_fd >= 0)
		close(r->drm_fd);
}

static struct waybuf_constraints *wanted(
	uint32_t format, uint64_t access, uint64_t stride, int one_fd, bool dmabuf)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR, yes = 1;
	waybuf_constraints_builder_access(builder, access);
	if (stride)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, stride, 0, WAYBUF_NO_LIMIT);
	if (one_fd >= 0)
		waybuf_constraints_builder_one_fd(builder, one_fd);
	if (dmabuf)
		waybuf_constraints_builder_add(
			builder, WAYBUF_FIELD_DMABUF, WAYBUF_PLANE_ALL, &yes, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

#define CPU_RW (WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE)

struct image {
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
};

static void image_init(struct real *r, struct image *image, uint32_t width, uint32_t height,
	struct waybuf_constraints *set)
{
	image->pool = fixture_pool(&r->f, width, height, 1);
	party_attach(&image->party, image->pool, r->f.account, "painter");
	party_commit(&image->party, set);
	ck_assert_msg(image->party.accepted == 1, "%s", image->party.conflicts);
	seat_open(&image->seat, &image->party, 0);
}

static void image_finish(struct image *image)
{
	seat_close(&image->seat);
	party_detach(&image->party);
	waybuf_pool_unref(image->pool);
}

/* The line "key:" of an fd's fdinfo. */
static void fdinfo(int fd, const char *key, char *text, size_t size)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text[0] = 0;
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(text, size, "%s", line + strlen(key) + strspn(line + strlen(key), " \t"));
	}
	fclose(file);
}

static void check_exporter(const char *name, uint32_t format, int one_fd, uint32_t n_memory)
{
	struct real r;
	struct image image;
	real_init(&r, name, 1);
	int fds = harness_count_fds();
	image_init(&r, &image, 320, 240, wanted(format, CPU_RW, 64, one_fd, true));
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_uint_eq(waybuf_account_bytes(r.f.account), 0);
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	const struct waybuf_layout *layout = &image.seat.layout;
	ck_assert_uint_eq(layout->n_memory, n_memory);
	ck_assert_str_eq(layout->exporter, name);
	ck_assert(memory_is_zero(layout));
	uint64_t size = 0;
	for (uint32_t i = 0; i < n_memory; i++) {
		const struct waybuf_memory *memory = &layout->memory[i];
		enum fd_kind kind;
		struct fd_id id;
		bool is_dmabuf;
		uint64_t real_size, told_size;
		char text[64];
		ck_assert_int_eq(memory->kind, WAYBUF_MEMORY_DMABUF);
		ck_assert_int_eq(fd_kind(memory->fd, &kind), 0);
		ck_assert_int_eq(kind, FD_DMABUF);
		ck_assert_int_eq(fd_size(memory->fd, &real_size), 0);
		ck_assert_uint_eq(real_size, memory->size);
		ck_assert_int_eq(fd_identify_dmabuf(memory->fd, &id, &is_dmabuf, &told_size), 0);
		ck_assert(is_dmabuf);
		ck_assert_uint_eq(told_size, memory->size);
		ck_assert_int_eq(fcntl(memory->fd, F_GETFD), FD_CLOEXEC);
		fdinfo(memory->fd, "name:", text, sizeof(text));
		ck_assert_str_eq(text, "test test-0");
		/* nobody else has it: no handle was forgotten somewhere */
		fdinfo(memory->fd, "count:", text, sizeof(text));
		ck_assert_str_eq(text, "1");
		size += memory->size;
	}
	ck_assert_uint_eq(waybuf_account_bytes(r.f.account), size);
	pattern_fill(layout, 1);
	seat_unmap(&image.seat, NULL);
	seat_grant(&r.f, &image.seat, WAYBUF_READ);
	ck_assert(pattern_check(&image.seat.layout, 1));
	seat_unmap(&image.seat, NULL);
	image_finish(&image);
	/* what is kept for the next image */
	waybuf_recycle_drop_all(r.f.manager);
	ck_assert_int_eq(harness_count_fds(), fds);
	real_finish(&r);
}

TEST(udmabuf)
{
	check_exporter("udmabuf", DRM_FORMAT_XRGB8888, -1, 1);
	check_exporter("udmabuf", DRM_FORMAT_NV12, 1, 1);
	check_exporter("udmabuf", DRM_FORMAT_YUV420, 0, 3);
}

TEST(heap)
{
	check_exporter("heap system", DRM_FORMAT_XRGB8888, -1, 1);
	check_exporter("heap system", DRM_FORMAT_P010, 1, 1);
	check_exporter("heap system", DRM_FORMAT_NV12, 0, 2);
}

TEST(dumb)
{
	check_exporter("dumb", DRM_FORMAT_XRGB8888, -1, 1);
	check_exporter("dumb", DRM_FORMAT_NV12, 1, 1);
	check_exporter("dumb", DRM_FORMAT_NV16, 0, 2);
}

TEST(default_exporters_are_found)
{
	struct waybuf_manager *manager;
	unsetenv("WAYBUF_EXPORTERS");
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_manager_create(NULL, &manager), 0);
	/* memfd, udmabuf, the heaps, dumb; gbm has no GPU here */
	ck_assert_int_ge(waybuf_manager_add_default_exporters(manager, fd), 4);
	close(fd);
	waybuf_manager_destroy(manager);
}

TEST(order_of_the_environment_is_kept)
{
	struct real r;
	struct image image;
	real_init(&r, "heap system,udmabuf,memfd", 3);
	image_init(&r, &image, 64, 64, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, false));
	seat_grant(&r.f, &image.seat, WAYBUF_READ);
	ck_assert_str_eq(image.seat.layout.exporter, "heap system");
	seat_unmap(&image.seat, NULL);
	image_finish(&image);
	real_finish(&r);
}

/* The module's parameter is the limit, and one byte more is refused before any ioctl. */
TEST(udmabuf_knows_its_limit)
{
	struct real r;
	struct party party;
	unsigned long long limit_mb = 0;
	FILE *file = fopen("/sys/module/udmabuf/parameters/size_limit_mb", "re");
	if (!file || fscanf(file, "%llu", &limit_mb) != 1 || limit_mb > 256) {
		if (file)
			fclose(file);
		SKIP("udmabuf's limit is %llu MiB", limit_mb);
	}
	fclose(file);
	real_init(&r, "udmabuf", 1);
	struct waybuf_pool *pool =
		fixture_pool(&r.f, 512, (uint32_t)(limit_mb * 512 + 1), 1); /* 2 KiB a row */
	party_attach(&party, pool, r.f.account, "painter");
	party_commit(&party, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, true));
	ck_assert_uint_eq(party.refused, 1);
	ck_assert_int_eq(party.reason, WAYBUF_REASON_CONFLICT);
	party_detach(&party);
	waybuf_pool_unref(pool);
	real_finish(&r);
}

/* ---- moving -------------------------------------------------------------------------------- */

static void check_move(uint32_t format, uint64_t stride, const char *list, const char *to)
{
	struct real r;
	struct image image;
	struct party plane;
	real_init(&r, list, 2);
	image_init(&r, &image, 200, 100, wanted(format, CPU_RW, 0, -1, false));
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	ck_assert_str_eq(image.seat.layout.exporter, "memfd");
	pattern_fill(&image.seat.layout, 4);
	seat_unmap(&image.seat, NULL);
	party_attach(&plane, image.pool, r.f.account, "plane");
	party_commit(&plane, wanted(format, WAYBUF_ACCESS_READ, stride, -1, true));
	fixture_wait(&r.f, &plane.answered);
	ck_assert_msg(plane.accepted == 1, "%s %s", strerror(-plane.error), plane.conflicts);
	ck_assert_int_eq(plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&r.f, &image.seat, WAYBUF_READ);
	ck_assert_str_eq(image.seat.layout.exporter, to);
	ck_assert_uint_eq(image.seat.layout.generation, 2);
	if (stride)
		ck_assert_uint_eq(image.seat.layout.planes[0].stride % stride, 0);
	ck_assert(pattern_check(&image.seat.layout, 4));
	ck_assert_uint_eq(waybuf_account_bytes(r.f.account),
		waybuf_buffer_size(waybuf_pool_buffer(image.pool, 0)));
	seat_unmap(&image.seat, NULL);
	party_detach(&plane);
	image_finish(&image);
	real_finish(&r);
}

TEST(memfd_moves_to_udmabuf)
{
	check_move(DRM_FORMAT_XRGB8888, 256, "memfd,udmabuf", "udmabuf");
	check_move(DRM_FORMAT_NV12, 256, "memfd,udmabuf", "udmabuf");
}

TEST(memfd_moves_to_a_heap)
{
	check_move(DRM_FORMAT_XRGB8888, 256, "memfd,heap system", "heap system");
	check_move(DRM_FORMAT_NV12, 0, "memfd,heap system", "heap system");
}

TEST(memfd_moves_to_dumb)
{
	check_move(DRM_FORMAT_XRGB8888, 256, "memfd,dumb", "dumb");
}

/* The same pages: what is written through the old fd appears in the new one. */
TEST(memfd_is_wrapped_by_udmabuf)
{
	struct real r;
	struct image image;
	struct party plane;
	real_init(&r, "memfd,udmabuf", 2);
	image_init(&r, &image, 64, 64, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, false));
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	pattern_fill(&image.seat.layout, 4);
	struct waybuf_layout old = image.seat.layout;
	old.memory[0].fd = fd_dup(old.memory[0].fd);
	seat_unmap(&image.seat, NULL);
	party_attach(&plane, image.pool, r.f.account, "plane");
	party_commit(&plane, wanted(DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_READ, 0, -1, true));
	fixture_wait(&r.f, &plane.answered);
	ck_assert_uint_eq(plane.accepted, 1);
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	ck_assert_str_eq(image.seat.layout.exporter, "udmabuf");
	ck_assert(pattern_check(&image.seat.layout, 4));
	pattern_fill(&old, 5);
	ck_assert(pattern_check(&image.seat.layout, 5));
	ck_assert_uint_eq(waybuf_account_bytes(r.f.account), 16384);
	seat_unmap(&image.seat, NULL);
	close(old.memory[0].fd);
	party_detach(&plane);
	image_finish(&image);
	real_finish(&r);
}

/* An fd cannot be taken back, so the charge stays until it is closed, and goes to the newcomer. */
TEST(old_memory_is_charged_until_its_fds_are_closed)
{
	struct real r;
	struct image image;
	struct party plane;
	real_init(&r, "udmabuf,heap system", 2);
	struct waybuf_account *causer = waybuf_account_create(r.f.manager, "causer", NULL);
	image_init(&r, &image, 64, 64, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, true));
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	pattern_fill(&image.seat.layout, 4);
	int kept = fd_dup(image.seat.layout.memory[0].fd);
	seat_unmap(&image.seat, NULL);
	party_attach(&plane, image.pool, causer, "plane");
	party_commit(&plane, wanted(DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_READ, 1024, -1, true));
	fixture_wait(&r.f, &plane.answered);
	ck_assert_uint_eq(plane.accepted, 1);
	ck_assert_uint_eq(waybuf_account_bytes(causer), 16384);
	ck_assert_uint_eq(waybuf_account_bytes(r.f.account), 65536);
	fixture_run(&r.f, 1100);
	ck_assert_uint_eq(waybuf_account_bytes(causer), 16384);
	close(kept);
	fixture_run(&r.f, 1100);
	ck_assert_uint_eq(waybuf_account_bytes(causer), 0);
	ck_assert_uint_eq(waybuf_account_used(causer, WAYBUF_RESOURCE_FDS), 0);
	party_detach(&plane);
	image_finish(&image);
	waybuf_account_unref(causer);
	real_finish(&r);
}

/* ---- CPU access ---------------------------------------------------------------------------- */

static void check_cpu(const char *exporter)
{
	struct real r;
	struct image image;
	struct waybuf_cpu *cpu;
	real_init(&r, exporter, 1);
	image_init(&r, &image, 64, 64, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, true));
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	ck_assert_int_eq(waybuf_cpu_create(&image.seat.layout.memory[0], "x", 0, &cpu), 0);
	ck_assert_int_eq(waybuf_cpu_wait(cpu, WAYBUF_WRITE, 0), 0);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	memset(waybuf_cpu_kmap(cpu, 1), 7, WAYBUF_KMAP_PAGE_SIZE);
	ck_assert_int_eq(waybuf_cpu_kunmap(cpu, 1), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	char *page;
	ck_assert_int_eq(waybuf_cpu_mmap(cpu, 4096, 4096, WAYBUF_READ, (void **)&page), 0);
	ck_assert_int_eq(page[4095], 7);
	ck_assert_int_eq(waybuf_cpu_munmap(cpu, page), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	waybuf_cpu_destroy(cpu);
	seat_unmap(&image.seat, NULL);
	image_finish(&image);
	real_finish(&r);
}

TEST(cpu_access)
{
	check_cpu("udmabuf");
	check_cpu("heap system");
	check_cpu("dumb");
}

/* ---- fences -------------------------------------------------------------------------------- */

struct fenced {
	struct real r;
	struct image image;
	int timeline;
	struct waybuf_fence *fence;
};

static void fenced_init(struct fenced *t)
{
	real_init(&t->r, "heap system", 1);
	image_init(&t->r, &t->image, 64, 64, wanted(DRM_FORMAT_XRGB8888, CPU_RW, 0, -1, true));
	t->timeline = sw_sync_open();
	if (t->timeline < 0) {
		image_finish(&t->image);
		real_finish(&t->r);
		SKIP("no sw_sync: %s", strerror(-t->timeline));
	}
	int fd = sw_sync_fence(t->timeline, 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &t->fence), 0);
}

static void fenced_finish(struct fenced *t)
{
	waybuf_fence_unref(t->fence);
	close(t->timeline);
	image_finish(&t->image);
	real_finish(&t->r);
}

/* A dma-buf's user can wait for a sync_file: the grant does not. */
TEST(fence_is_handed_on)
{
	struct fenced t;
	fenced_init(&t);
	seat_grant(&t.r.f, &t.image.seat, WAYBUF_WRITE);
	seat_unmap(&t.image.seat, t.fence);
	seat_map(&t.image.seat, WAYBUF_READ);
	ck_assert(t.image.seat.answered);
	ck_assert_ptr_nonnull(t.image.seat.fence);
	int fd;
	ck_assert_int_eq(waybuf_fence_to_sync_file(t.image.seat.fence, &fd), 0);
	close(fd);
	ck_assert_int_eq(waybuf_fence_status(t.image.seat.fence), 0);
	ck_assert_int_eq(sw_sync_advance(t.timeline, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(t.image.seat.fence), 1);
	seat_unmap(&t.image.seat, NULL);
	seat_map(&t.image.seat, WAYBUF_WRITE);
	ck_assert(t.image.seat.answered);
	ck_assert_ptr_null(t.image.seat.fence);
	seat_unmap(&t.image.seat, NULL);
	fenced_finish(&t);
}

/* What a client puts on its dma-buf behind our back counts too. */
TEST(implicit_fence_is_found)
{
	struct fenced t;
	fenced_init(&t);
	seat_grant(&t.r.f, &t.image.seat, WAYBUF_WRITE);
	int error = waybuf_dmabuf_import_fence(t.image.seat.layout.memory[0].fd, true, t.fence);
	ck_assert_int_eq(error, 0);
	struct waybuf_cpu *cpu;
	ck_assert_int_eq(waybuf_cpu_create(&t.image.seat.layout.memory[0], "x", 0, &cpu), 0);
	ck_assert_int_eq(waybuf_cpu_wait(cpu, WAYBUF_READ, 20), -ETIMEDOUT);
	seat_unmap(&t.image.seat, NULL);
	seat_map(&t.image.seat, WAYBUF_READ);
	ck_assert(t.image.seat.answered);
	ck_assert_ptr_nonnull(t.image.seat.fence);
	ck_assert_int_eq(waybuf_fence_status(t.image.seat.fence), 0);
	ck_assert_int_eq(sw_sync_advance(t.timeline, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(t.image.seat.fence), 1);
	ck_assert_int_eq(waybuf_cpu_wait(cpu, WAYBUF_READ, 20), 0);
	waybuf_cpu_destroy(cpu);
	seat_unmap(&t.image.seat, NULL);
	fenced_finish(&t);
}

/* A fence of the CPU has no kernel form, so here it is waited for. */
TEST(fence_without_a_kernel_form_delays_the_grant)
{
	struct fenced t;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	fenced_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&t.r.f, &t.image.seat, WAYBUF_WRITE);
	seat_unmap(&t.image.seat, fence);
	seat_map(&t.image.seat, WAYBUF_READ);
	fixture_run(&t.r.f, 20);
	ck_assert(!t.image.seat.answered);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	fixture_wait(&t.r.f, &t.image.seat.answered);
	ck_assert_uint_eq(t.image.seat.mapped, 2);
	seat_unmap(&t.image.seat, NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	fenced_finish(&t);
}

/* ---- imports ------------------------------------------------------------------------------- */

TEST(own_dmabuf_comes_back_under_any_name)
{
	struct real r;
	struct image image;
	struct waybuf_buffer *buffer;
	real_init(&r, "udmabuf", 1);
	image_init(&r, &image, 64, 64, wanted(DRM_FORMAT_NV12, CPU_RW, 0, 1, true));
	seat_grant(&r.f, &image.seat, WAYBUF_WRITE);
	/* as linux-dmabuf sends it: an fd for each plane */
	struct waybuf_layout layout = image.seat.layout;
	layout.n_memory = 2;
	layout.memory[1] = layout.memory[0];
	layout.memory[0].fd = fd_dup(layout.memory[0].fd);
	layout.memory[1].fd = fd_dup(layout.memory[1].fd);
	layout.planes[1].slot = 1;
	ck_assert_int_eq(waybuf_buffer_import(r.f.manager, r.f.account, &layout, &buffer), 0);
	ck_assert_ptr_eq(buffer, waybuf_view_buffer(image.seat.view));
	waybuf_buffer_unref(buffer);
	/* a plane somewhere else is another buffer */
	layout.planes[1].offset += layout.planes[1].stride;
	layout.height -= 2;
	layout.planes[0].rows = layout.planes[1].rows = 0;
	ck_assert_int_eq(waybuf_buffer_import(r.f.manager, r.f.account, &layout, &buffer), 0);
	ck_assert_ptr_ne(buffer, waybuf_view_buffer(image.seat.view));
	waybuf_buffer_unref(buffer);
	close(layout.memory[0].fd);
	close(layout.memory[1].fd);
	seat_unmap(&image.seat, NULL);
	image_finish(&image);
	real_finish(&r);
}

TEST_TIMEOUT(60)
TEST_MAIN("exporters")
