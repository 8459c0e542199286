/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

void (*story_disarm)(void);

/* While something may fail, nothing of check may run: it may be what fails. */
static void require(bool condition, const char *what)
{
	if (condition)
		return;
	story_disarm();
	ck_abort_msg("%s", what);
}

static void accepted(void *data, enum waybuf_outcome outcome)
{
	struct story *story = data;
	story->decisions++;
	story->acceptances++;
}

static void refused(void *data, int error, const struct waybuf_explanation *why)
{
	struct story *story = data;
	require(error < 0 && error > -200, "a failure without an errno");
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
	require(error < 0 && error > -200, "a failure without an errno");
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
		waybuf_manager_add_default_exporters(s->manager, s->drm_fd > 0 ? s->drm_fd : -1) <
			0)
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
	layout.memory[0].fd = fd;
	/* these are among what may fail, as everything in this file */
	bool imported = ftruncate(fd, (off_t)layout.memory[0].size) == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 &&
		waybuf_buffer_import(s->manager, s->account, &layout, &s->imported) == 0;
	close(fd);
	return imported;
}

bool story_tell(struct story *s)
{
	return start(s) && take_part(s, 0, 4, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE) &&
		waybuf_attachment_get_view(s->attachments[0], 2, &view_listener, s, &s->view) ==
		0 &&
		map(s, WAYBUF_READ_WRITE) && draw(s) && write_with_fence(s) && show(s) &&
		take_part(s, 1, s->stride ? s->stride : 512, WAYBUF_ACCESS_READ) &&
		waybuf_view_unmap(s->view, NULL) == 0 && map(s, WAYBUF_READ) && import(s);
}

void story_end(struct story *s)
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
