/* SPDX-License-Identifier: MIT */
#include "core/device_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/device.h"
#include "fence/wait.h"
#include "util/log.h"

/* Some milliseconds for a GPU that works, and some hundred for one that others keep busy. */
#define COPY_DEADLINE_MS 1000
/* between two looks at a fence that could not be watched */
#define LOOK_AGAIN_MS 10

struct waybuf_device_copy {
	const struct waybuf_device *device; /* compared only: it may have gone */
	struct waybuf_storage *from, *to; /* referenced */
	struct waybuf_fence *fence;
	struct waybuf_fence_wait wait; /* idle: the fence is looked at now and then */
	struct waybuf_deadline deadline;
	uint32_t waited_ms;
	waybuf_device_copy_func_t func; /* NULL: nobody is interested */
	void *data;
	struct waybuf_list link; // waybuf_manager.device_copies
};

static void destroy(struct waybuf_device_copy *copy)
{
	waybuf_fence_wait_finish(&copy->wait);
	waybuf_deadline_cancel(&copy->deadline);
	waybuf_list_remove(&copy->link);
	waybuf_fence_unref(copy->fence);
	waybuf_storage_unref(copy->from);
	waybuf_storage_unref(copy->to);
	free(copy);
}

static void settle(struct waybuf_device_copy *copy, int status)
{
	waybuf_device_copy_func_t func = copy->func;
	void *data = copy->data;
	destroy(copy);
	if (func)
		func(data, status < 0 ? status : 0);
}

static void handle_settled(struct waybuf_fence_wait *wait, int status)
{
	settle(waybuf_container_of(wait, struct waybuf_device_copy, wait), status);
}

static void arm(struct waybuf_device_copy *copy)
{
	bool watched = waybuf_fence_wait_pending(&copy->wait);
	uint32_t ms = watched || !copy->func ? COPY_DEADLINE_MS : LOOK_AGAIN_MS;
	copy->waited_ms += ms;
	waybuf_deadline_arm(&copy->from->manager->deadlines, &copy->deadline, ms);
}

static void give_up(struct waybuf_device_copy *copy)
{
	waybuf_device_copy_func_t func = copy->func;
	waybuf_error("a device did not copy a buffer within %d ms", COPY_DEADLINE_MS);
	copy->func = NULL;
	func(copy->data, -ETIME);
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	struct waybuf_device_copy *copy =
		waybuf_container_of(deadline, struct waybuf_device_copy, deadline);
	int status = waybuf_fence_status(copy->fence);
	if (status != 0) {
		settle(copy, status);
		return;
	}
	arm(copy);
	if (copy->func && copy->waited_ms > COPY_DEADLINE_MS)
		give_up(copy);
}

/*
 * A client can put a fence that never signals onto its memory at the last moment, and then an engine
 * stands still with all that is behind it. While something is overdue there, the others are copied
 * otherwise: one client must not stop the moves of all.
 */
static bool is_stuck(const struct waybuf_manager *manager, const struct waybuf_device *device)
{
	const struct waybuf_device_copy *copy;
	waybuf_list_for_each(copy, &manager->device_copies, link) {
		if (copy->device == device && copy->waited_ms > COPY_DEADLINE_MS)
			return true;
	}
	return false;
}

static bool takes_both(struct waybuf_device *device, const struct waybuf_storage *from,
	const struct waybuf_storage *to)
{
	struct waybuf_manager *manager = from->manager;
	return device->ops->copy && !is_stuck(manager, device) &&
		waybuf_device_probe(manager, device, from->exporter, &from->layout) == 0 &&
		waybuf_device_probe(manager, device, to->exporter, &to->layout) == 0;
}

/* The first device that begins. copy->fence is NULL if it has ended as well. */
static int ask_devices(struct waybuf_device_copy *copy)
{
	struct waybuf_device *device;
	waybuf_list_for_each(device, &copy->from->manager->devices, link) {
		if (!takes_both(device, copy->from, copy->to))
			continue;
		copy->device = device;
		int error = device->ops->copy(
			device, &copy->from->layout, &copy->to->layout, &copy->fence);
		if (error == 0)
			return 0;
		waybuf_debug("device %s does not copy: %s", device->name, strerror(-error));
	}
	return -EOPNOTSUPP;
}

/* 1 if it has ended well, 0 if it is under way, or how it ended. */
static int watch(struct waybuf_device_copy *copy)
{
	int status = copy->fence ? waybuf_fence_status(copy->fence) : 1;
	if (status != 0)
		return status;
	/* unwatched it is looked at */
	waybuf_fence_wait_add(&copy->wait, copy->fence, copy->from->manager->loop, handle_settled);
	arm(copy);
	return 0;
}

int waybuf_device_copy_start(struct waybuf_storage *from, struct waybuf_storage *to,
	waybuf_device_copy_func_t func, void *data, struct waybuf_device_copy **out)
{
	struct waybuf_device_copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	waybuf_fence_wait_init(&copy->wait);
	waybuf_deadline_init(&copy->deadline, handle_deadline);
	waybuf_list_append(&from->manager->device_copies, &copy->link);
	copy->from = waybuf_storage_ref(from);
	copy->to = waybuf_storage_ref(to);
	copy->func = func;
	copy->data = data;
	int ret = ask_devices(copy);
	if (ret == 0)
		ret = watch(copy);
	if (ret == 0)
		*out = copy;
	else
		destroy(copy);
	return ret;
}

void waybuf_device_copy_abandon(struct waybuf_device_copy *copy)
{
	copy->func = NULL;
}

void waybuf_device_copies_finish(struct waybuf_manager *manager)
{
	struct waybuf_device_copy *copy, *tmp;
	waybuf_list_for_each_safe(copy, tmp, &manager->device_copies, link)
		destroy(copy);
}
