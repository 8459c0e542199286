/* SPDX-License-Identifier: MIT */
#ifndef CORE_MANAGER_H
#define CORE_MANAGER_H

#include <waybuf/buffer.h>
#include <waybuf/interfaces/exporter.h>

#include "constraints/negotiate.h"
#include "core/closing.h"
#include "core/recycle.h"
#include "util/deadline.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/loop.h"
#include "util/worker.h"

#define EXPORT_BUCKETS 256 /* a power of two */

struct waybuf_manager {
	struct waybuf_loop *loop;
	bool owns_loop;
	struct waybuf_worker *worker;
	struct waybuf_deadlines deadlines;
	struct waybuf_cache *cache;

	/* owned; caps[i] is &exporters[i]->caps, as the solver wants them */
	struct waybuf_exporter *exporters[WAYBUF_MAX_EXPORTERS];
	const struct waybuf_exporter_caps *caps[WAYBUF_MAX_EXPORTERS];
	uint32_t n_exporters;

	/* memory of ours by inode, so that an fd that comes back is recognised */
	struct waybuf_list exports[EXPORT_BUCKETS]; // storage_id.link
	struct waybuf_list devices; // waybuf_device.link
	struct waybuf_list facts; // device_fact.link
	struct waybuf_list pools; // waybuf_pool.link
	uint32_t next_device;
	uint64_t next_key; /* of attachments */
	struct waybuf_list device_copies; // waybuf_device_copy.link
	struct waybuf_list lingering; // waybuf_storage.linger_link
	struct waybuf_deadline linger_check;
	struct waybuf_recycler recycler;
	struct waybuf_closing closing_fds;
	bool closing; /* no more work is taken */
};

/* Hands @job to the worker. As waybuf_worker_submit(); -ESHUTDOWN when the manager is going. */
int waybuf_manager_submit(struct waybuf_manager *manager, struct waybuf_job *job);

/* As waybuf_manager_add_default_exporters(), whatever the environment says. */
int waybuf_manager_add_all_exporters(struct waybuf_manager *manager, int drm_fd);

/* What the first exporter says that knows; 0: none does. */
uint32_t waybuf_manager_plane_count(
	struct waybuf_manager *manager, uint32_t format, uint64_t modifier);

static inline struct waybuf_list *waybuf_manager_bucket(
	struct waybuf_manager *manager, const struct fd_id *id)
{
	return &manager->exports[(id->ino ^ id->dev) & (EXPORT_BUCKETS - 1)];
}

#endif
