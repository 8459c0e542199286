/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake/worker.h"
#include "util/fd.h"
#include "util/worker.h"

/*
 * The worker without its thread, for tests in which the same must happen each time: a job runs, and
 * completes, in a later turn of the loop.
 */
struct waybuf_worker {
	struct waybuf_source *source;
	int event_fd;
	struct waybuf_list queued; // waybuf_job.link
	uint64_t owed; /* jobs that came while all were held */
	struct waybuf_list link; // workers
};

static struct waybuf_list workers = {&workers, &workers}; // waybuf_worker.link
static bool held;
static int refusal; /* of the next job; 0: it is taken */

static struct waybuf_job *take(struct waybuf_worker *worker)
{
	if (waybuf_list_empty(&worker->queued))
		return NULL;
	struct waybuf_job *job = waybuf_list_first(&worker->queued, struct waybuf_job, link);
	waybuf_list_remove(&job->link);
	return job;
}

static void run_one(struct waybuf_worker *worker)
{
	struct waybuf_job *job = take(worker);
	if (!job)
		return;
	job->run(job);
	job->done(job);
}

static void handle_queued(int fd, uint32_t mask, void *data)
{
	uint64_t count;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		run_one(data);
}

int waybuf_worker_create(struct waybuf_loop *loop, struct waybuf_worker **out)
{
	int error = -ENOMEM;
	struct waybuf_worker *worker = calloc(1, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	waybuf_list_init(&worker->queued);
	/* a job for each read */
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (worker->event_fd < 0)
		goto err_worker;
	worker->source = waybuf_loop_add_fd(
		loop, worker->event_fd, WAYBUF_LOOP_READABLE, handle_queued, worker, &error);
	if (!worker->source)
		goto err_event_fd;
	waybuf_list_append(&workers, &worker->link);
	*out = worker;
	return 0;

err_event_fd:
	fd_close(&worker->event_fd);
err_worker:
	free(worker);
	return error;
}

void waybuf_worker_destroy(struct waybuf_worker *worker)
{
	if (!worker)
		return;
	struct waybuf_job *job;
	while ((job = take(worker))) {
		job->run(job);
		job->done(job);
	}
	waybuf_list_remove(&worker->link);
	waybuf_source_remove(worker->source);
	fd_close(&worker->event_fd);
	free(worker);
}

int waybuf_worker_submit(struct waybuf_worker *worker, struct waybuf_job *job)
{
	int error = refusal;
	refusal = 0;
	if (error < 0)
		return error;
	waybuf_list_append(&worker->queued, &job->link);
	worker->owed += held;
	if (held)
		return 0;
	return eventfd_write(worker->event_fd, 1) < 0 ? -EAGAIN : 0;
}

void fake_worker_hold(bool hold)
{
	struct waybuf_worker *worker;
	held = hold;
	waybuf_list_for_each(worker, &workers, link) {
		if (!held && worker->owed > 0)
			eventfd_write(worker->event_fd, worker->owed);
		worker->owed = held ? worker->owed : 0;
	}
}

void fake_worker_refuse(int error)
{
	refusal = error;
}
