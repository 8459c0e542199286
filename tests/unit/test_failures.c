/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <waybuf/cpu_access.h>

#include "core_fixture.h"
#include "fail_alloc.h"

/*
 * A whole life of a buffer, again and again, and each time the next allocation (or the next fd)
 * fails. Whatever happens must end in an error that somebody is told, an empty account, and no fd
 * and no memory left.
 */

/* While an allocation may fail, nothing of check may run: it allocates too. */
static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fail_alloc_at(0);
	ck_abort_msg("%s", what);
}

struct story {
	struct waybuf_manager *manager;
	struct waybuf_account *account;
	struct waybuf_pool *pool;
	struct waybuf_attachment *attachments[2];
	struct waybuf_view *view;
	struct waybuf_claim *claim;
	struct waybuf_buffer *imported;
	struct waybuf_cpu *cpu;
	struct waybuf_timeline *timeline;
	unsigned answers, grants, decisions, acceptances;
	int memory; /* storage is there */
};

static void accepted(void *data, enum waybuf_outcome outcome)
{
	struct story *story = data;
	story->decisions++;
	story->acceptances++;
}

static void refused(void *data, int error, const struct waybuf_explanation *why)
{
	struct story *story = data;
	require(error < 0, "a failure without an error");
	story->decisions++;
}

static void mapped(void *data, const struct waybuf_grant *grant)
{
	struct story *story = data;
	story->answers++;
	story->grants++;
}

static void map_failed(void *data, int error, const struct waybuf_explanation *why)
{
	struct story *story = data;
	require(error < 0, "a failure without an error");
	story->answers++;
}

static void revoked(void *data, uint32_t generation, uint32_t deadline_ms) {}

static void retired(void *data, uint32_t generation) {}

static const struct waybuf_attachment_listener attachment_listener = {accepted, refused};
static const struct waybuf_view_listener view_listener = {mapped, map_failed, revoked, retired};

static bool wait_count(struct story *story, const unsigned *count, unsigned wanted)
{
	for (int i = 0; i < 200 && *count < wanted; i++)
		waybuf_manager_dispatch(story->manager, 50);
	require(*count == wanted, "an answer is missing");
	return true;
}

static struct waybuf_constraints *make_set(uint64_t stride, uint64_t access)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set = NULL;
	uint32_t format = DRM_FORMAT_XRGB8888;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	if (!builder)
		return NULL;
	waybuf_constraints_builder_access(builder, access);
	waybuf_constraints_builder_hold(builder, 3);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, stride, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	if (waybuf_constraints_builder_finish(builder, &set) < 0)
		set = NULL;
	waybuf_constraints_builder_destroy(builder);
	return set;
}

static bool start(struct story *s)
{
	struct waybuf_export_info info = {.width = 60, .height = 8, .count = 2, .name = "story"};
	if (waybuf_manager_create(NULL, &s->manager) < 0 ||
		waybuf_manager_add_default_exporters(s->manager, -1) < 0)
		return false;
	s->account = waybuf_account_create(s->manager, "story", NULL);
	return s->account && waybuf_pool_create(s->manager, s->account, &info, &s->pool) == 0;
}

/* The n-th participant with a set; false if its commit was not accepted. */
static bool take_part(struct story *s, unsigned n, uint64_t stride, uint64_t access)
{
	unsigned before = s->acceptances, decided = s->decisions;
	if (waybuf_pool_attach(
		    s->pool, s->account, "p", &attachment_listener, s, &s->attachments[n]) < 0)
		return false;
	struct waybuf_constraints *set = make_set(stride, access);
	if (!set)
		return false;
	int error = waybuf_attachment_commit(s->attachments[n], set);
	waybuf_constraints_unref(set);
	return error == 0 && wait_count(s, &s->decisions, decided + 1) &&
		s->acceptances == before + 1;
}

static bool map(struct story *s, enum waybuf_direction direction)
{
	unsigned before = s->grants, answered = s->answers;
	return waybuf_view_map(s->view, direction) == 0 &&
		wait_count(s, &s->answers, answered + 1) && s->grants == before + 1;
}

static bool draw(struct story *s)
{
	const struct waybuf_layout *layout = waybuf_buffer_layout(waybuf_view_buffer(s->view));
	void *pixels;
	if (waybuf_cpu_create(&layout->memory[0], "story", 0, &s->cpu) < 0 ||
		waybuf_cpu_begin_access(s->cpu, WAYBUF_WRITE) < 0)
		return false;
	if (waybuf_cpu_mmap(s->cpu, 0, 4096, WAYBUF_WRITE, &pixels) == 0)
		memset(pixels, 3, 4096);
	waybuf_cpu_end_access(s->cpu, WAYBUF_WRITE);
	return true;
}

/* Writes, and says that the writing is over when the timeline says so. */
static bool write_with_fence(struct story *s)
{
	struct waybuf_fence *fence;
	if (waybuf_timeline_create("t", &s->timeline) < 0 ||
		waybuf_timeline_fence(s->timeline, 1, &fence) < 0)
		return false;
	int error = waybuf_view_unmap(s->view, fence);
	waybuf_fence_unref(fence);
	if (error < 0)
		return false;
	unsigned answered = s->answers, granted = s->grants;
	if (waybuf_view_map(s->view, WAYBUF_READ) < 0)
		return false;
	waybuf_timeline_signal(s->timeline, 1);
	return wait_count(s, &s->answers, answered + 1) && s->grants == granted + 1;
}

static bool show(struct story *s)
{
	struct waybuf_grant grant;
	if (waybuf_buffer_claim(waybuf_view_buffer(s->view), &s->claim) < 0)
		return false;
	waybuf_claim_latch(s->claim, &grant);
	require(grant.layout != NULL, "a grant without a layout");
	return true;
}

static bool import(struct story *s)
{
	struct waybuf_layout layout = *waybuf_buffer_layout(waybuf_view_buffer(s->view));
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return false;
	require(ftruncate(fd, (off_t)layout.memory[0].size) == 0 &&
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0,
		"memfd");
	layout.memory[0].fd = fd;
	int error = waybuf_buffer_import(s->manager, s->account, &layout, &s->imported);
	close(fd);
	return error == 0;
}

/* As far as it gets. True if to the end. */
static bool tell(struct story *s)
{
	return start(s) && take_part(s, 0, 4, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE) &&
		waybuf_attachment_get_view(s->attachments[0], 2, &view_listener, s, &s->view) ==
		0 &&
		map(s, WAYBUF_READ_WRITE) && draw(s) && write_with_fence(s) && show(s) &&
		take_part(s, 1, 512, WAYBUF_ACCESS_READ) && waybuf_view_unmap(s->view, NULL) == 0 &&
		map(s, WAYBUF_READ) && import(s);
}

static void end(struct story *s)
{
	waybuf_cpu_destroy(s->cpu);
	waybuf_buffer_unref(s->imported);
	waybuf_claim_end(s->claim, NULL);
	waybuf_view_destroy(s->view);
	for (int i = 0; i < 2; i++) {
		if (s->attachments[i])
			ck_assert_int_eq(waybuf_attachment_detach(s->attachments[i]), 0);
	}
	waybuf_pool_unref(s->pool);
	waybuf_timeline_destroy(s->timeline);
	waybuf_manager_destroy(s->manager);
	for (int i = 0; s->account && i < WAYBUF_RESOURCE_COUNT; i++)
		ck_assert_uint_eq(waybuf_account_used(s->account, (enum waybuf_resource)i), 0);
	waybuf_account_unref(s->account);
}

static void set_up(void)
{
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd", 1), 0);
}

TEST(every_allocation_may_fail)
{
	unsigned n = 0, failures = 0;
	bool complete = false;
	set_up();
	int fds = harness_count_fds();
	while (!complete) {
		struct story story = {0};
		fail_alloc_at(++n);
		bool told = tell(&story);
		complete = !fail_alloc_happened();
		fail_alloc_at(0);
		end(&story);
		ck_assert_msg(told || !complete, "the story failed without a reason");
		failures += !told;
		ck_assert_msg(harness_count_fds() == fds, "allocation %u: an fd was lost", n);
		ck_assert_uint_lt(n, 2000);
	}
	/* the sweep swept something, and most of what it hit was needed */
	ck_assert_uint_gt(n, 50);
	ck_assert_uint_gt(failures, 30);
}

TEST(every_fd_may_be_missing)
{
	struct rlimit limit;
	bool told = false;
	unsigned failures = 0;
	set_up();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int fds = harness_count_fds();
	/* fds are taken lowest first, so this many are free */
	for (int spare = 0; !told; spare++) {
		struct story story = {0};
		struct rlimit tight = limit;
		tight.rlim_cur = (rlim_t)(fds + spare);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
		told = tell(&story);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		end(&story);
		failures += !told;
		ck_assert_msg(harness_count_fds() == fds, "%d free: an fd was lost", spare);
		ck_assert_int_lt(spare, 50);
	}
	ck_assert_uint_gt(failures, 5);
}

TEST_TIMEOUT(100)
TEST_MAIN("failures")
