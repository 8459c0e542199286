/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
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

	/* Counts jobs towards the thread, which a condition would wake into a lock that its waker has
	 * just had, and that costs each of them a call. */
	sem_t wake;
	pthread_mutex_t lock; /* what follows */
	struct waybuf_list queued; // waybuf_job.link
	struct waybuf_list finished; // waybuf_job.link
	unsigned n_finished;
};

static void notify(struct waybuf_worker *worker)
{
	uint64_t one = 1;
	/* cannot fail: the counter holds 2^64-2 and each job adds one */
	ssize_t written = write(worker->event_fd, &one, sizeof(one));
	(void)written;
}

/* NULL: it is to stop, and there is nothing left to be done. */
static struct waybuf_job *wait_for_job(struct waybuf_worker *worker)
{
	struct waybuf_job *job = NULL;
	/* it only fails when a handler of a signal has come in between */
	while (sem_wait(&worker->wake) < 0)
		continue;
	pthread_mutex_lock(&worker->lock);
	if (!waybuf_list_empty(&worker->queued)) {
		job = waybuf_list_first(&worker->queued, struct waybuf_job, link);
		waybuf_list_remove(&job->link);
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void finish_job(struct waybuf_worker *worker, struct waybuf_job *job)
{
	pthread_mutex_lock(&worker->lock);
	waybuf_list_append(&worker->finished, &job->link);
	worker->n_finished++;
	pthread_mutex_unlock(&worker->lock);
	/* outside, so that the loop does not wake up only to wait for the lock */
	notify(worker);
}

static void *thread_main(void *data)
{
	struct waybuf_worker *worker = data;
	struct waybuf_job *job;
	while ((job = wait_for_job(worker))) {
		job->run(job);
		finish_job(worker, job);
	}
	return NULL;
}

static struct waybuf_job *take_finished(struct waybuf_worker *worker)
{
	struct waybuf_job *job = NULL;
	pthread_mutex_lock(&worker->lock);
	if (!waybuf_list_empty(&worker->finished)) {
		job = waybuf_list_first(&worker->finished, struct waybuf_job, link);
		waybuf_list_remove(&job->link);
		worker->n_finished--;
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static unsigned count_finished(struct waybuf_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	unsigned n = worker->n_finished;
	pthread_mutex_unlock(&worker->lock);
	return n;
}

/* The counter is reset last: whoever waits for what is done is not to wait for that call. */
static void handle_finished(int fd, uint32_t mask, void *data)
{
	struct waybuf_worker *worker = data;
	struct waybuf_job *job;
	uint64_t count;
	/* as many as there are now: a job that resubmits itself cannot keep the loop here */
	for (unsigned n = count_finished(worker); n > 0 && (job = take_finished(worker)); n--)
		job->done(job);
	ssize_t got = read(fd, &count, sizeof(count));
	(void)got;
	/* what was finished meanwhile may have been announced by what was read */
	if (count_finished(worker) > 0)
		notify(worker);
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
	sem_init(&worker->wake, 0, 0);
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
	sem_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
	return error;
}

static void stop_thread(struct waybuf_worker *worker)
{
	if (!worker->running)
		return;
	/* one more than there are jobs */
	sem_post(&worker->wake);
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
	sem_destroy(&worker->wake);
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
	sem_post(&worker->wake);
	return 0;
}
