/* SPDX-License-Identifier: MIT */
#ifndef UTIL_WORKER_H
#define UTIL_WORKER_H

#include "util/list.h"
#include "util/loop.h"

/*
 * One thread for what may block: allocating and zeroing memory, DMA_BUF_IOCTL_SYNC, copies. A job
 * runs on the thread and then completes on the loop, so that only `run` has to think about threads.
 * Jobs run in the order of submission. The thread starts with the first job.
 */
struct waybuf_worker;

struct waybuf_job {
	/* on the thread: touches nothing but what the job owns */
	void (*run)(struct waybuf_job *job);
	/* on the loop's thread; may free the job or submit it again, but not destroy the worker */
	void (*done)(struct waybuf_job *job);
	struct waybuf_list link; // waybuf_worker.queued or .finished
};

int waybuf_worker_create(struct waybuf_loop *loop, struct waybuf_worker **out);
/* Runs what is queued to its end, completes it, and joins the thread. NULL is a no-op. */
void waybuf_worker_destroy(struct waybuf_worker *worker);
/* Borrows @job until its `done`. Fails only before the first job, when no thread can be had: -EAGAIN. */
int waybuf_worker_submit(struct waybuf_worker *worker, struct waybuf_job *job);

#endif
