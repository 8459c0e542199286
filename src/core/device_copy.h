/* SPDX-License-Identifier: MIT */
#ifndef CORE_DEVICE_COPY_H
#define CORE_DEVICE_COPY_H

#include "core/storage.h"

/*
 * A copy of one storage to another of the same image by the engine of a device that takes both: the
 * only way out of a tiling that no CPU reads, and with a GPU the fastest out of any.
 *
 * The loop starts it and watches its fence. A device may hang, so there is a deadline; but what it
 * has begun to read and write must not be freed under it, so both storages stay until the fence has
 * settled, whatever became of whoever wanted the copy.
 */
struct waybuf_device_copy;

/*
 * @error is 0; -ETIME: the device may still be at it, and the target is lost; or what its fence says:
 * it is over, and the target undefined. From the loop. The copy is gone by then.
 */
typedef void (*waybuf_device_copy_func_t)(void *data, int error);

/*
 * 1: it is done already, and no call comes; 0: one call comes. -EOPNOTSUPP: no device has an engine
 * that takes both; -ENOMEM; or how a copy has ended that began at once: no device is at it.
 */
int waybuf_device_copy_start(struct waybuf_storage *from, struct waybuf_storage *to,
	waybuf_device_copy_func_t func, void *data, struct waybuf_device_copy **out);

/* Nobody wants the outcome any more: no call comes. The storages stay as long as the device needs them. */
void waybuf_device_copy_abandon(struct waybuf_device_copy *copy);

/* For the end of the manager, when no work of a device can matter any more. */
void waybuf_device_copies_finish(struct waybuf_manager *manager);

#endif
