/* SPDX-License-Identifier: MIT */
#include "core_fixture.h"

#include <drm_fourcc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/format.h"
#include "core/manager.h"
#include "exporter/exporter.h"

void fixture_init(struct fixture *f)
{
	*f = (struct fixture){0};
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd", 1), 0);
	ck_assert_int_eq(waybuf_manager_create(NULL, &f->manager), 0);
	ck_assert_int_eq(waybuf_manager_add_default_exporters(f->manager, -1), 1);
	f->account = waybuf_account_create(f->manager, "test", NULL);
	ck_assert_ptr_nonnull(f->account);
}

void fixture_finish(struct fixture *f)
{
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		ck_assert_msg(waybuf_account_used(f->account, (enum waybuf_resource)i) == 0,
			"resource %d is still charged", i);
	waybuf_manager_destroy(f->manager);
	waybuf_account_unref(f->account);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void fixture_wait(struct fixture *f, const bool *flag)
{
	uint64_t end = now_ms() + 5000;
	while (!*flag) {
		ck_assert_int_ge(waybuf_manager_dispatch(f->manager, 100), 0);
		ck_assert_msg(now_ms() < end, "nothing happened within 5 s");
	}
}

void fixture_run(struct fixture *f, int ms)
{
	uint64_t end = now_ms() + (uint64_t)ms;
	for (uint64_t now = now_ms(); now < end; now = now_ms())
		ck_assert_int_ge(waybuf_manager_dispatch(f->manager, (int)(end - now)), 0);
}

void fixture_settle(struct fixture *f, uint64_t bytes)
{
	for (int i = 0; i < 500 && waybuf_account_bytes(f->account) != bytes; i++)
		fixture_run(f, 10);
	ck_assert_uint_eq(waybuf_account_bytes(f->account), bytes);
}

void fixture_run_until_cleaned(struct fixture *f, uint64_t n)
{
	for (int i = 0; i < 500 && f->manager->recycler.cleaned != n; i++)
		fixture_run(f, 10);
	ck_assert_uint_eq(f->manager->recycler.cleaned, n);
}

struct waybuf_pool *fixture_pool(struct fixture *f, uint32_t width, uint32_t height, uint32_t count)
{
	struct waybuf_pool *pool;
	struct waybuf_export_info info = {
		.width = width, .height = height, .count = count, .name = "test"};
	ck_assert_int_eq(waybuf_pool_create(f->manager, f->account, &info, &pool), 0);
	return pool;
}

/* ---- parties ------------------------------------------------------------------------------- */

static uint32_t copy_conflicts(const struct waybuf_explanation *why, char *text, size_t size)
{
	memset(text, 0, size);
	if (!why)
		return 0;
	FILE *file = fmemopen(text, size - 1, "w");
	for (uint32_t i = 0; i < why->n_conflicts; i++) {
		waybuf_conflict_print(&why->conflicts[i], file);
		fputc('\n', file);
	}
	fclose(file);
	return why->n_conflicts;
}

static void handle_accepted(void *data, enum waybuf_outcome outcome)
{
	struct party *party = data;
	party->accepted++;
	party->outcome = outcome;
	party->answered = true;
}

static void handle_refused(void *data, int error, const struct waybuf_explanation *why)
{
	struct party *party = data;
	party->refused++;
	party->error = error;
	party->reason = why ? why->reason : WAYBUF_REASON_NONE;
	party->n_conflicts = copy_conflicts(why, party->conflicts, sizeof(party->conflicts));
	party->answered = true;
}

static const struct waybuf_attachment_listener party_listener = {
	.accepted = handle_accepted,
	.refused = handle_refused,
};

void party_attach(struct party *party, struct waybuf_pool *pool, struct waybuf_account *account,
	const char *who)
{
	*party = (struct party){0};
	ck_assert_int_eq(
		waybuf_pool_attach(pool, account, who, &party_listener, party, &party->attachment),
		0);
}

static struct waybuf_constraints *build(
	uint32_t format, uint64_t access, uint64_t hold, uint64_t stride_multiple, bool contiguous)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	ck_assert_ptr_nonnull(builder);
	waybuf_constraints_builder_access(builder, access);
	if (hold)
		waybuf_constraints_builder_hold(builder, hold);
	if (stride_multiple)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, stride_multiple, 0, WAYBUF_NO_LIMIT);
	if (contiguous)
		waybuf_constraints_builder_contiguous(builder);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

struct waybuf_constraints *cpu_constraints(uint32_t format, uint64_t hold)
{
	return build(format, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE, hold, 0, false);
}

struct waybuf_constraints *reader_constraints(
	uint32_t format, uint64_t stride_multiple, bool contiguous)
{
	return build(format, WAYBUF_ACCESS_READ, 0, stride_multiple, contiguous);
}

void party_commit(struct party *party, struct waybuf_constraints *set)
{
	party->answered = false;
	ck_assert_int_eq(waybuf_attachment_commit(party->attachment, set), 0);
	waybuf_constraints_unref(set);
}

void party_detach(struct party *party)
{
	ck_assert_int_eq(waybuf_attachment_detach(party->attachment), 0);
	party->attachment = NULL;
}

/* ---- seats --------------------------------------------------------------------------------- */

static void handle_mapped(void *data, const struct waybuf_grant *grant)
{
	struct seat *seat = data;
	seat->mapped++;
	seat->layout = *grant->layout;
	seat->serial = grant->serial;
	seat->flags = grant->flags;
	waybuf_fence_unref(seat->fence);
	seat->fence = waybuf_fence_ref(grant->fence);
	seat->answered = true;
	if (seat->on_mapped)
		seat->on_mapped(seat);
}

static void handle_map_failed(void *data, int error, const struct waybuf_explanation *why)
{
	struct seat *seat = data;
	seat->failed++;
	seat->error = error;
	seat->n_conflicts = copy_conflicts(why, seat->conflicts, sizeof(seat->conflicts));
	seat->answered = true;
	if (seat->on_failed)
		seat->on_failed(seat);
}

static void handle_revoke(void *data, uint32_t generation, uint32_t deadline_ms)
{
	struct seat *seat = data;
	seat->revoked++;
	seat->was_revoked = true;
	seat->revoked_generation = generation;
	seat->revoked_deadline = deadline_ms;
	if (seat->on_revoke)
		seat->on_revoke(seat);
}

static void handle_retired(void *data, uint32_t generation)
{
	struct seat *seat = data;
	seat->retired++;
	seat->retired_generation = generation;
}

static const struct waybuf_view_listener seat_listener = {
	.mapped = handle_mapped,
	.map_failed = handle_map_failed,
	.revoke = handle_revoke,
	.retired = handle_retired,
};

void seat_open(struct seat *seat, struct party *party, uint32_t index)
{
	*seat = (struct seat){0};
	ck_assert_int_eq(waybuf_attachment_get_view(
				 party->attachment, index, &seat_listener, seat, &seat->view),
		0);
}

void seat_map(struct seat *seat, enum waybuf_direction direction)
{
	seat->answered = false;
	ck_assert_int_eq(waybuf_view_map(seat->view, direction), 0);
}

void seat_grant(struct fixture *f, struct seat *seat, enum waybuf_direction direction)
{
	unsigned mapped = seat->mapped;
	seat_map(seat, direction);
	fixture_wait(f, &seat->answered);
	ck_assert_msg(seat->mapped == mapped + 1, "map failed: %s", strerror(-seat->error));
}

void seat_unmap(struct seat *seat, struct waybuf_fence *fence)
{
	ck_assert_int_eq(waybuf_view_unmap(seat->view, fence), 0);
}

void seat_close(struct seat *seat)
{
	waybuf_view_destroy(seat->view);
	waybuf_fence_unref(seat->fence);
	seat->view = NULL;
	seat->fence = NULL;
}

/* ---- contents ------------------------------------------------------------------------------ */

static uint8_t pattern(uint32_t seed, uint32_t plane, uint64_t row, uint64_t column)
{
	return (uint8_t)(seed * 131 + plane * 67 + row * 31 + column * 7 + (row * column >> 4));
}

static uint8_t *map_slot(const struct waybuf_layout *layout, uint32_t slot)
{
	uint8_t *base = mmap(NULL, layout->memory[slot].size, PROT_READ | PROT_WRITE, MAP_SHARED,
		layout->memory[slot].fd, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	return base;
}

static bool walk(const struct waybuf_layout *layout, uint32_t seed, bool fill)
{
	const struct waybuf_format *format = waybuf_format_get(layout->format);
	bool same = true;
	for (uint32_t p = 0; p < layout->n_planes; p++) {
		const struct waybuf_plane *plane = &layout->planes[p];
		uint64_t length = 0, rows = waybuf_format_plane_height(format, p, layout->height);
		ck_assert(waybuf_format_min_stride(format, p, layout->width, &length));
		uint8_t *base = map_slot(layout, plane->slot);
		for (uint64_t row = 0; row < rows; row++) {
			uint8_t *bytes = base + plane->offset + row * plane->stride;
			for (uint64_t i = 0; i < length; i++) {
				if (fill)
					bytes[i] = pattern(seed, p, row, i);
				same = same && bytes[i] == pattern(seed, p, row, i);
			}
		}
		munmap(base, layout->memory[plane->slot].size);
	}
	return same;
}

void pattern_fill(const struct waybuf_layout *layout, uint32_t seed)
{
	walk(layout, seed, true);
}

bool pattern_check(const struct waybuf_layout *layout, uint32_t seed)
{
	return walk(layout, seed, false);
}

bool memory_is_zero(const struct waybuf_layout *layout)
{
	bool zero = true;
	for (uint32_t slot = 0; slot < layout->n_memory; slot++) {
		uint8_t *base = map_slot(layout, slot);
		for (uint64_t i = 0; i < layout->memory[slot].size; i++)
			zero = zero && base[i] == 0;
		munmap(base, layout->memory[slot].size);
	}
	return zero;
}

/* ---- the fake exporter --------------------------------------------------------------------- */

static int create_cuttable(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int create_memory(struct waybuf_exporter *exporter, uint64_t size, const char *name,
	struct waybuf_memory *memory)
{
	const struct fake_exporter *fake = (const struct fake_exporter *)exporter;
	int fd = fake->cuttable ? create_cuttable(name, size) : exporter_create_memfd(name, size);
	if (fd < 0)
		return fd;
	*memory = (struct waybuf_memory){
		.fd = fd,
		.kind = fake->as_dmabuf ? WAYBUF_MEMORY_DMABUF : WAYBUF_MEMORY_MEMFD,
		.size = size,
	};
	return 0;
}

static int fake_allocate(struct waybuf_exporter *base, struct waybuf_allocation *allocation)
{
	struct fake_exporter *exporter = (struct fake_exporter *)base;
	if (exporter->hook)
		exporter->hook(exporter);
	if (exporter->fail) {
		int error = exporter->fail;
		if (exporter->fail_times && --exporter->fail_times == 0)
			exporter->fail = 0;
		return error;
	}
	int error = exporter_allocate_raw(base, allocation, create_memory);
	if (error == 0) {
		exporter->allocated++;
		allocation->priv = exporter;
	}
	return error;
}

static void fake_release(struct waybuf_exporter *base, void *priv)
{
	struct fake_exporter *exporter = (struct fake_exporter *)base;
	ck_assert_ptr_eq(priv, exporter);
	exporter->released++;
	ck_assert_uint_le(exporter->released, exporter->allocated);
}

static void fake_destroy(struct waybuf_exporter *base)
{
	struct fake_exporter *exporter = (struct fake_exporter *)base;
	ck_assert_uint_eq(exporter->released, exporter->allocated);
	if (exporter->destroyed_flag)
		*exporter->destroyed_flag = true;
	free(exporter);
}

static const struct waybuf_exporter_ops fake_ops = {
	.allocate = fake_allocate,
	.release = fake_release,
	.destroy = fake_destroy,
};

struct fake_exporter *fake_exporter_add(
	struct fixture *f, const char *name, uint32_t cost, bool is_dmabuf, bool contiguous)
{
	struct fake_exporter *exporter = calloc(1, sizeof(*exporter));
	ck_assert_ptr_nonnull(exporter);
	exporter->base.ops = &fake_ops;
	exporter->base.caps = (struct waybuf_exporter_caps){
		.name = name,
		.kind = WAYBUF_EXPORTER_RAW,
		.is_dmabuf = is_dmabuf,
		.contiguous = contiguous,
		.cpu_mappable = true,
		.page_size = 4096,
		.base_cost = cost,
	};
	ck_assert_int_eq(waybuf_manager_add_exporter(f->manager, &exporter->base), 0);
	return exporter;
}
