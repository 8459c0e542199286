/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/worker.h"

struct waybuf_worker {
	struct waybuf_source *source;
	int event_fd; /* counts finished jobs towards the loop */

	pthread_t thread;
	bool running; /* the thread exists; only the loop's thread looks */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;
	struct waybuf_list queued; // waybuf_job.link
	struct waybuf_list finished; // waybuf_job.link
	bool stop;
};

static void notify(struct waybuf_worker *worker)
{
	uint64_t one = 1;
	/* cannot fail: the counter holds 2^64-2 and each job adds one */
	ssize_t written = write(worker->event_fd, &one, sizeof(one));
	(void)written;
}

static void *thread_main(void *data)
{
	struct waybuf_worker *worker = data;
	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (waybuf_list_empty(&worker->queued) && !worker->stop)
			pthread_cond_wait(&worker->wake, &worker->lock);
		if (waybuf_list_empty(&worker->queued))
			break;
		struct waybuf_job *job =
			waybuf_list_first(&worker->queued, struct waybuf_job, link);
		waybuf_list_remove(&job->link);
		pthread_mutex_unlock(&worker->lock);
		job->run(job);
		pthread_mutex_lock(&worker->lock);
		waybuf_list_append(&worker->finished, &job->link);
		pthread_mutex_unlock(&worker->lock);
		/* outside, so that the loop does not wake up only to wait for the lock */
		notify(worker);
		pthread_mutex_lock(&worker->lock);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static struct waybuf_job *take_finished(struct waybuf_worker *worker)
{
	struct waybuf_job *job = NULL;
	pthread_mutex_lock(&worker->lock);
	if (!waybuf_list_empty(&worker->finished)) {
		job = waybuf_list_first(&worker->finished, struct waybuf_job, link);
		waybuf_list_remove(&job->link);
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void handle_finished(int fd, uint32_t mask, void *data)
{
	struct waybuf_worker *worker = data;
	uint64_t count;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	/* as many as were announced: a job that resubmits itself cannot keep the loop here */
	struct waybuf_job *job;
	while (count-- > 0 && (job = take_finished(worker)))
		job->done(job);
}

int waybuf_worker_create(struct waybuf_loop *loop, struct waybuf_worker **out)
{
	int error = -ENOMEM;
	struct waybuf_worker *worker = calloc(1, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	waybuf_list_init(&worker->queued);
	waybuf_list_init(&worker->finished);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->event_fd < 0) {
		error = -errno;
		goto err_worker;
	}
	worker->source = waybuf_loop_add_fd(
		loop, worker->event_fd, WAYBUF_LOOP_READABLE, handle_finished, worker, &error);
	if (!worker->source)
		goto err_event_fd;
	*out = worker;
	return 0;

err_event_fd:
	fd_close(&worker->event_fd);
err_worker:
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
	return error;
}

static void stop_thread(struct waybuf_worker *worker)
{
	if (!worker->running)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->stop = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
}

void waybuf_worker_destroy(struct waybuf_worker *worker)
{
	if (!worker)
		return;
	stop_thread(worker);
	struct waybuf_job *job;
	while ((job = take_finished(worker)))
		job->done(job);
	waybuf_source_remove(worker->source);
	fd_close(&worker->event_fd);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/*
 * The host's signals are the host's: our thread takes none, but for those that it causes itself. A
 * fault that is blocked ends the program without asking its handler.
 */
static int start_thread(struct waybuf_worker *worker)
{
	sigset_t all, old;
	sigfillset(&all);
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&worker->thread, NULL, thread_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return -error;
	worker->running = true;
	return 0;
}

int waybuf_worker_submit(struct waybuf_worker *worker, struct waybuf_job *job)
{
	if (!worker->running) {
		int error = start_thread(worker);
		if (error < 0)
			return error;
	}
	pthread_mutex_lock(&worker->lock);
	waybuf_list_append(&worker->queued, &job->link);
	pthread_mutex_unlock(&worker->lock);
	pthread_cond_signal(&worker->wake);
	return 0;
}
