/* SPDX-License-Identifier: MIT */
#include "core/bounded_sync.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

#include "util/fd.h"
#include "util/list.h"

/* EINTR and EAGAIN want a restart; a driver that answers nothing else must not hang us. */
#define SYNC_TRIES 100000
#define IDLE_MS 1000

int unbounded_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags};
	for (int i = 0; i < SYNC_TRIES; i++) {
		if (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) == 0)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	return -errno;
}

struct call {
	int fd;
	uint64_t flags;
	uint64_t owner;
	int error;
	enum { CALL_QUEUED, CALL_RUNNING, CALL_DONE, CALL_ABANDONED } state;
	struct waybuf_list link; // crew.queued or crew.stuck
};

static struct {
	pthread_mutex_t lock; /* what follows, and the state of calls */
	pthread_cond_t work, done;
	struct waybuf_list queued; // call.link
	struct waybuf_list stuck; // call.link, those that were abandoned and are not over
	unsigned threads;
	unsigned idle; /* threads that wait and have not been given a call */
} crew = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void init_crew(void)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&crew.work, &attributes);
	pthread_cond_init(&crew.done, &attributes);
	pthread_condattr_destroy(&attributes);
	waybuf_list_init(&crew.queued);
	waybuf_list_init(&crew.stuck);
}

static struct timespec in_ms(int ms)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

static void call_destroy(struct call *call)
{
	fd_close(&call->fd);
	free(call);
}

/* With an fd of its own, because the caller's may be closed while the call is stuck. */
static int call_create(int fd, uint64_t flags, uint64_t owner, struct call **out)
{
	struct call *call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->flags = flags;
	call->owner = owner;
	waybuf_list_init(&call->link);
	call->fd = fd_dup(fd);
	if (call->fd < 0) {
		int error = call->fd;
		free(call);
		return error;
	}
	*out = call;
	return 0;
}

/* ---- the threads' side --------------------------------------------------------------------- */

/* With the lock held. NULL: nothing came for long enough. */
static struct call *next_call(void)
{
	const struct timespec until = in_ms(IDLE_MS);
	int error = 0;
	while (waybuf_list_empty(&crew.queued)) {
		if (error == ETIMEDOUT && crew.idle > 0) {
			crew.idle--;
			return NULL;
		}
		error = pthread_cond_timedwait(&crew.work, &crew.lock, &until);
	}
	struct call *call = waybuf_list_first(&crew.queued, struct call, link);
	waybuf_list_remove(&call->link);
	return call;
}

/* Nobody waits for it any more. */
static void undo(struct call *call)
{
	if (call->error == 0 && !(call->flags & DMA_BUF_SYNC_END))
		unbounded_sync(call->fd, call->flags | DMA_BUF_SYNC_END);
	call_destroy(call);
}

/* With the lock held, but for the call itself. */
static void run_call(struct call *call)
{
	call->state = CALL_RUNNING;
	pthread_mutex_unlock(&crew.lock);
	int error = unbounded_sync(call->fd, call->flags);
	pthread_mutex_lock(&crew.lock);
	call->error = error;
	if (call->state == CALL_RUNNING) {
		call->state = CALL_DONE;
		pthread_cond_broadcast(&crew.done);
		return;
	}
	waybuf_list_remove(&call->link);
	pthread_mutex_unlock(&crew.lock);
	undo(call);
	pthread_mutex_lock(&crew.lock);
}

static void *thread_main(void *data)
{
	struct call *call;
	pthread_mutex_lock(&crew.lock);
	while ((call = next_call())) {
		run_call(call);
		crew.idle++;
	}
	crew.threads--;
	pthread_mutex_unlock(&crew.lock);
	return NULL;
}

/* ---- the callers' side --------------------------------------------------------------------- */

static int start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, old;
	int error = pthread_attr_init(&attributes);
	if (error)
		return -error;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attributes, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

/* With the lock held: somebody who will take one call. */
static int find_thread(void)
{
	if (crew.idle > 0) {
		crew.idle--;
		return 0;
	}
	if (crew.threads == BOUNDED_SYNC_THREADS)
		return -EBUSY;
	int error = start_thread();
	if (error == 0)
		crew.threads++;
	return error;
}

/* With the lock held. False: it is the thread's now, or nobody has begun with it. */
static bool wait_for(struct call *call, int timeout_ms)
{
	const struct timespec until = in_ms(timeout_ms);
	int error = 0;
	while (call->state != CALL_DONE && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&crew.done, &crew.lock, &until);
	return call->state == CALL_DONE;
}

/* With the lock held. */
static int hand_over(struct call *call, int timeout_ms)
{
	waybuf_list_append(&crew.queued, &call->link);
	pthread_cond_signal(&crew.work);
	if (wait_for(call, timeout_ms)) {
		int error = call->error;
		call_destroy(call);
		return error;
	}
	if (call->state == CALL_RUNNING) {
		call->state = CALL_ABANDONED;
		waybuf_list_append(&crew.stuck, &call->link);
		return -ETIMEDOUT;
	}
	/* the thread that was to take it finds nothing, and waits for the next */
	waybuf_list_remove(&call->link);
	crew.idle++;
	call_destroy(call);
	return -ETIMEDOUT;
}

/* With the lock held. To end a bracket waits for nobody's fences. */
static bool has_its_share(const struct call *call)
{
	const struct call *stuck;
	unsigned n = 0;
	waybuf_list_for_each(stuck, &crew.stuck, link)
		n += stuck->owner == call->owner;
	return call->owner && !(call->flags & DMA_BUF_SYNC_END) && n >= BOUNDED_SYNC_STUCK;
}

int bounded_sync(int fd, uint64_t flags, uint64_t owner, int timeout_ms)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct call *call;
	pthread_once(&once, init_crew);
	int error = call_create(fd, flags, owner, &call);
	if (error < 0)
		return error;
	pthread_mutex_lock(&crew.lock);
	error = has_its_share(call) ? -EBUSY : find_thread();
	if (error == 0)
		error = hand_over(call, timeout_ms);
	else
		call_destroy(call);
	pthread_mutex_unlock(&crew.lock);
	return error;
}
