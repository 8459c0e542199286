/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/worker.h"

/*
 * Each side wakes the other up by a byte in a pipe, if it is needed: one that is on its way to sleep
 * asks for it, and there is never more than one. Why pipes: who writes to one tells the scheduler
 * that it is about to wait itself (a sync wake-up), so that the other may have its CPU at once. A
 * futex, and so a condition, and an eventfd do not, and waking up another CPU can take longer than
 * what is to be done there.
 */
struct waybuf_worker {
	struct waybuf_source *source;
	int to_thread[2], to_loop[2]; /* pipes */

	pthread_t thread;
	bool running; /* the thread exists; only the loop's thread looks */

	pthread_mutex_t lock; /* what follows */
	struct waybuf_list queued; // waybuf_job.link
	struct waybuf_list finished; // waybuf_job.link
	unsigned n_finished;
	bool sleeps; /* the thread wants a byte */
	bool told; /* there is a byte for the loop */
	bool stop;
};

/* With the lock held: sets *@flag. Whether it was set before. */
static bool exchange(bool *flag, bool value)
{
	bool before = *flag;
	*flag = value;
	return before;
}

/* Cannot fail, or have to wait: there is room for more than one byte. */
static void wake_up(const int fds[2])
{
	ssize_t written = write(fds[1], "", 1);
	(void)written;
}

/* A byte that is left over from before is a round more, and so is a signal. */
static void sleep_on(const int fds[2])
{
	char byte;
	ssize_t n = read(fds[0], &byte, 1);
	(void)n;
}

/* NULL: there will be none. */
static struct waybuf_job *wait_for_job(struct waybuf_worker *worker)
{
	struct waybuf_job *job = NULL;
	pthread_mutex_lock(&worker->lock);
	while (waybuf_list_empty(&worker->queued) && !worker->stop) {
		worker->sleeps = true;
		pthread_mutex_unlock(&worker->lock);
		sleep_on(worker->to_thread);
		pthread_mutex_lock(&worker->lock);
	}
	worker->sleeps = false;
	if (!waybuf_list_empty(&worker->queued)) {
		job = waybuf_list_first(&worker->queued, struct waybuf_job, link);
		waybuf_list_remove(&job->link);
	}
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void give_back(struct waybuf_worker *worker, struct waybuf_job *job)
{
	pthread_mutex_lock(&worker->lock);
	waybuf_list_append(&worker->finished, &job->link);
	worker->n_finished++;
	bool told = exchange(&worker->told, true);
	pthread_mutex_unlock(&worker->lock);
	/* outside, so that the loop does not wake up only to wait for the lock */
	if (!told)
		wake_up(worker->to_loop);
}

static void *thread_main(void *data)
{
	struct waybuf_worker *worker = data;
	struct waybuf_job *job;
	while ((job = wait_for_job(worker))) {
		job->run(job);
		give_back(worker, job);
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

static void handle_finished(int fd, uint32_t mask, void *data)
{
	struct waybuf_worker *worker = data;
	struct waybuf_job *job;
	char byte;
	if (read(fd, &byte, 1) != 1)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->told = false;
	unsigned n = worker->n_finished;
	pthread_mutex_unlock(&worker->lock);
	/* as many as there are now: a job that resubmits itself cannot keep the loop here */
	while (n-- > 0 && (job = take_finished(worker)))
		job->done(job);
}

static void close_pipe(int fds[2])
{
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* The loop never waits for a byte, and the thread always. */
static int open_pipes(struct waybuf_worker *worker)
{
	if (pipe2(worker->to_loop, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (pipe2(worker->to_thread, O_CLOEXEC) < 0) {
		int error = -errno;
		close_pipe(worker->to_loop);
		return error;
	}
	return 0;
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
	error = open_pipes(worker);
	if (error < 0)
		goto err_worker;
	worker->source = waybuf_loop_add_fd(
		loop, worker->to_loop[0], WAYBUF_LOOP_READABLE, handle_finished, worker, &error);
	if (!worker->source)
		goto err_pipes;
	*out = worker;
	return 0;

err_pipes:
	close_pipe(worker->to_thread);
	close_pipe(worker->to_loop);
err_worker:
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
	bool sleeps = exchange(&worker->sleeps, false);
	pthread_mutex_unlock(&worker->lock);
	if (sleeps)
		wake_up(worker->to_thread);
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
	close_pipe(worker->to_thread);
	close_pipe(worker->to_loop);
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
	bool sleeps = exchange(&worker->sleeps, false);
	pthread_mutex_unlock(&worker->lock);
	if (sleeps)
		wake_up(worker->to_thread);
	return 0;
}
