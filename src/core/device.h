/* SPDX-License-Identifier: MIT */
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include <sys/types.h>

#include <waybuf/device.h>

#include "core/manager.h"

/*
 * A device that the server can speak for. What it needs it says itself; whether it really takes a
 * buffer is found by trying one, once for each (exporter, format, modifier), and remembered,
 * refusals too: no table of driver names knows it better.
 */
struct waybuf_device;

struct waybuf_device_ops {
	/*
	 * Required. What the device needs in order to use images as @access says (enum
	 * waybuf_access bits): a new reference. 0, -EOPNOTSUPP (it can do no such thing), -ENOMEM.
	 */
	int (*constraints)(
		struct waybuf_device *device, uint64_t access, struct waybuf_constraints **out);
	/*
	 * Optional. Imports a buffer for real and lets it go again. 0: taken. A refusal is the
	 * errno that the import gave; -ENOMEM, -EMFILE, -ENFILE and -EBUSY are no answer and not
	 * remembered.
	 */
	int (*probe)(struct waybuf_device *device, const struct waybuf_layout *layout);
	/*
	 * Optional. Starts a copy of @from into @to, two images of one format, size and number of
	 * planes that `probe` has taken, without waiting for anything. *fence (for the caller; NULL:
	 * it is over) settles when neither is touched any more; both layouts are valid until then.
	 * 0, or a negative errno: it does not do that, and nothing was touched.
	 */
	int (*copy)(struct waybuf_device *device, const struct waybuf_layout *from,
		const struct waybuf_layout *to, struct waybuf_fence **fence);
	/* Optional. The manager lets go of it. */
	void (*destroy)(struct waybuf_device *device);
};

/* Embedded in its owner's struct, which fills in what is above the line. */
struct waybuf_device {
	const struct waybuf_device_ops *ops;
	enum waybuf_device_kind kind;
	dev_t devnum; /* 0: none */
	const char *name;

	uint32_t id; /* 1, 2, ...; never used again */
	struct waybuf_list link; // waybuf_manager.devices
};

/* Taken until waybuf_manager_remove_device() or the end of the manager. -EINVAL: no constraints. */
int waybuf_manager_add_device(struct waybuf_manager *manager, struct waybuf_device *device);

/* The device went away. Facts, imports and its place in attachments are forgotten; then destroy. */
void waybuf_manager_remove_device(struct waybuf_manager *manager, struct waybuf_device *device);

/* Borrowed; NULL if there is none, any more or so far. */
struct waybuf_device *waybuf_manager_find_device(struct waybuf_manager *manager, uint32_t id);

/*
 * 0 if @device takes what @exporter made, by trying or from memory; else the errno. What nobody
 * here made (NULL) is tried each time. A device
 * without `probe` takes everything that meets its constraints.
 */
int waybuf_device_probe(struct waybuf_manager *manager, struct waybuf_device *device,
	const struct waybuf_exporter *exporter, const struct waybuf_layout *layout);

/* An import that fit in the probe was refused in use: remembered as a refusal from now on. */
void waybuf_device_refused(struct waybuf_manager *manager, struct waybuf_device *device,
	const struct waybuf_exporter *exporter, const struct waybuf_layout *layout, int error);

/* What is known without trying: 1 takes it, 0 nothing known, or the errno of the refusal. */
int waybuf_device_known(struct waybuf_manager *manager, const struct waybuf_device *device,
	const struct waybuf_exporter *exporter, uint32_t format, uint64_t modifier);

/*
 * Appends one exclusion for each refusal by @device, up to @max in all. @who is its index among
 * the parties. Returns the new number.
 */
size_t waybuf_device_exclusions(struct waybuf_manager *manager, const struct waybuf_device *device,
	int32_t who, struct waybuf_exclusion *exclusions, size_t n, size_t max);

/*
 * The attachment speaks for @device (borrowed; NULL: for none), which is therefore asked to import
 * whatever the pool's buffers are made of.
 */
void waybuf_attachment_set_device(
	struct waybuf_attachment *attachment, struct waybuf_device *device);

/* For the end of the manager. */
void waybuf_devices_finish(struct waybuf_manager *manager);

#endif
