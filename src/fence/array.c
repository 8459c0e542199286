/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fence/impl.h"
#include "fence/wait.h"
#include "util/fd.h"

/*
 * Several fences as one, after dma_fence_array. All-of settles with its last member, any-of with
 * its first. An error of a member is the array's, the first in time if there are several, but even
 * so all-of waits for all: the buffer is free when everybody has let go of it.
 *
 * Watching registers with every active member before it succeeds, so that nothing can fail later
 * and leave the array unwatched. `next` makes asking all-of cheap: members before it have settled,
 * and settled members stay settled, so a whole life costs each member one look.
 */
struct array_fence {
	struct waybuf_fence base;
	bool any;
	size_t n, next;
	struct waybuf_fence **members;
	struct array_wait *waits; /* one for each member; NULL unless watched */
};

struct array_wait {
	struct waybuf_fence_wait base;
	struct array_fence *array;
};

static struct array_fence *array_fence(struct waybuf_fence *base)
{
	return waybuf_container_of(base, struct array_fence, base);
}

static int all_status(const struct array_fence *array, uint64_t *ns)
{
	int status = 1;
	uint64_t failed_at = UINT64_MAX;
	for (size_t i = 0; i < array->n; i++) {
		const struct waybuf_fence *member = array->members[i];
		if (member->settled_ns > *ns)
			*ns = member->settled_ns;
		if (member->status < 0 && member->settled_ns < failed_at) {
			status = member->status;
			failed_at = member->settled_ns;
		}
	}
	return status;
}

static int poll_all(struct array_fence *array, uint64_t *ns)
{
	while (array->next < array->n && waybuf_fence_status(array->members[array->next]))
		array->next++;
	return array->next < array->n ? 0 : all_status(array, ns);
}

static int poll_any(struct array_fence *array, uint64_t *ns)
{
	const struct waybuf_fence *first = NULL;
	for (size_t i = 0; i < array->n; i++) {
		struct waybuf_fence *member = array->members[i];
		if (waybuf_fence_status(member) &&
			(!first || member->settled_ns < first->settled_ns))
			first = member;
	}
	if (!first)
		return 0;
	*ns = first->settled_ns;
	return first->status;
}

static int array_poll(struct waybuf_fence *base, uint64_t *ns)
{
	struct array_fence *array = array_fence(base);
	return array->any ? poll_any(array, ns) : poll_all(array, ns);
}

static void member_settled(struct waybuf_fence_wait *base, int status)
{
	struct array_wait *wait = waybuf_container_of(base, struct array_wait, base);
	waybuf_fence_check(&wait->array->base);
}

static void array_disable(struct waybuf_fence *base)
{
	struct array_fence *array = array_fence(base);
	for (size_t i = 0; array->waits && i < array->n; i++)
		waybuf_fence_wait_finish(&array->waits[i].base);
	free(array->waits);
	array->waits = NULL;
}

static int watch_members(struct array_fence *array, struct waybuf_loop *loop)
{
	int settled = 0;
	for (size_t i = 0; i < array->n; i++) {
		int ret = waybuf_fence_wait_add(
			&array->waits[i].base, array->members[i], loop, member_settled);
		if (ret < 0)
			return ret;
		settled |= ret;
	}
	return settled;
}

/* A member that settles after the caller has asked may be the one that mattered: ask again. */
static int array_enable(struct waybuf_fence *base, struct waybuf_loop *loop)
{
	struct array_fence *array = array_fence(base);
	array->waits = calloc(array->n, sizeof(*array->waits));
	if (!array->waits)
		return -ENOMEM;
	for (size_t i = 0; i < array->n; i++) {
		array->waits[i].array = array;
		waybuf_fence_wait_init(&array->waits[i].base);
	}
	int ret = watch_members(array, loop);
	if (ret == 1)
		ret = waybuf_fence_status(base) ? 1 : 0;
	if (ret)
		array_disable(base);
	return ret;
}

/* Adds the kernel form of @fence to the sync_file *@sum, which is replaced. */
static int add_to_sum(int *sum, struct waybuf_fence *fence)
{
	int fd = -1, merged = -1;
	int ret = waybuf_fence_to_sync_file(fence, &fd);
	if (ret < 0)
		return ret;
	if (*sum >= 0) {
		ret = waybuf_sync_file_merge(*sum, fd, &merged);
		fd_close(&fd);
		if (ret < 0)
			return ret;
		fd_close(sum);
		fd = merged;
	}
	*sum = fd;
	return 0;
}

/* Nothing is left to wait for, so any member that has a kernel form will do. */
static int settled_to_sync_file(struct array_fence *array, int *out)
{
	int ret = -EOPNOTSUPP;
	for (size_t i = 0; i < array->n && ret == -EOPNOTSUPP; i++)
		ret = waybuf_fence_to_sync_file(array->members[i], out);
	return ret;
}

static int array_to_sync_file(struct waybuf_fence *base, int *out)
{
	struct array_fence *array = array_fence(base);
	if (array->any)
		return -EOPNOTSUPP;
	if (waybuf_fence_status(base))
		return settled_to_sync_file(array, out);

	int sum = -1;
	for (size_t i = array->next; i < array->n; i++) {
		struct waybuf_fence *member = array->members[i];
		/* the one that keeps the array active must be in, so that the sum is never empty */
		if (i > array->next && waybuf_fence_status(member))
			continue;
		int ret = add_to_sum(&sum, member);
		if (ret < 0) {
			fd_close(&sum);
			return ret;
		}
	}
	*out = sum;
	return 0;
}

static int array_set_deadline(struct waybuf_fence *base, uint64_t ns)
{
	struct array_fence *array = array_fence(base);
	int first_error = 0;
	for (size_t i = 0; i < array->n; i++) {
		int ret = waybuf_fence_set_deadline(array->members[i], ns);
		if (ret < 0 && !first_error)
			first_error = ret;
	}
	return first_error;
}

static void array_describe(struct waybuf_fence *base, char *text, size_t size)
{
	const struct array_fence *array = array_fence(base);
	snprintf(text, size, "%s of %zu", array->any ? "any" : "all", array->n);
}

static void unref_all(struct waybuf_fence **fences, size_t n)
{
	for (size_t i = 0; i < n; i++)
		waybuf_fence_unref(fences[i]);
}

static void array_release(struct waybuf_fence *base)
{
	struct array_fence *array = array_fence(base);
	unref_all(array->members, array->n);
	free(array->members);
	free(array);
}

static const struct waybuf_fence_ops array_ops = {
	.name = "array",
	.poll = array_poll,
	.enable = array_enable,
	.disable = array_disable,
	.to_sync_file = array_to_sync_file,
	.set_deadline = array_set_deadline,
	.describe = array_describe,
	.release = array_release,
};

int waybuf_fence_array_create(
	struct waybuf_fence **fences, size_t n, bool any, struct waybuf_fence **out)
{
	assert(n > 0);
	struct array_fence *array = calloc(1, sizeof(*array));
	struct waybuf_fence **members = calloc(n, sizeof(*members));
	if (!array || !members) {
		unref_all(fences, n);
		free(members);
		free(array);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		members[i] = fences[i];
	waybuf_fence_init(&array->base, &array_ops, waybuf_fence_context_alloc(), 1);
	array->any = any;
	array->n = n;
	array->members = members;
	*out = &array->base;
	return 0;
}

struct waybuf_fence *const *waybuf_fence_members(const struct waybuf_fence *fence, size_t *n)
{
	*n = 0;
	if (fence->ops != &array_ops)
		return NULL;
	const struct array_fence *array = waybuf_container_of(fence, struct array_fence, base);
	if (array->any)
		return NULL;
	*n = array->n;
	return array->members;
}
