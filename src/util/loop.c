/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/list.h"
#include "util/loop.h"

struct waybuf_source *waybuf_loop_add_fd(struct waybuf_loop *loop, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	return loop->ops->add_fd(loop, fd, mask, func, data, error);
}

struct waybuf_source *waybuf_loop_add_timer(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	return loop->ops->add_timer(loop, func, data, error);
}

struct waybuf_source *waybuf_loop_add_idle(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	if (loop->ops->add_idle)
		return loop->ops->add_idle(loop, func, data, error);
	*error = -EOPNOTSUPP;
	return NULL;
}

int waybuf_source_arm(struct waybuf_source *source, uint32_t ms)
{
	return source->loop->ops->arm(source, ms);
}

void waybuf_source_remove(struct waybuf_source *source)
{
	if (source)
		source->loop->ops->remove(source);
}

void waybuf_loop_destroy(struct waybuf_loop *loop)
{
	if (loop)
		loop->ops->destroy(loop);
}

/*
 * The epoll loop. A source removed inside a callback may still be named by an event that epoll has
 * already returned, so it is only marked and moved to `removed`, and freed after the batch.
 */
struct epoll_loop {
	struct waybuf_loop base;
	int fd;
	struct waybuf_list removed; // epoll_source.link
};

struct epoll_source {
	struct waybuf_source base;
	int fd;
	bool is_timer;
	waybuf_fd_func_t fd_func; /* NULL once removed */
	waybuf_timer_func_t timer_func;
	void *data;
	struct waybuf_list link; // epoll_loop.removed
};

static struct epoll_loop *epoll_loop(struct waybuf_loop *loop)
{
	return waybuf_container_of(loop, struct epoll_loop, base);
}

static uint32_t epoll_mask(uint32_t mask)
{
	return (mask & WAYBUF_LOOP_READABLE ? (uint32_t)EPOLLIN : 0) |
		(mask & WAYBUF_LOOP_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

static uint32_t loop_mask(uint32_t events)
{
	return (events & EPOLLIN ? (uint32_t)WAYBUF_LOOP_READABLE : 0) |
		(events & EPOLLOUT ? (uint32_t)WAYBUF_LOOP_WRITABLE : 0) |
		(events & (EPOLLHUP | EPOLLERR) ? (uint32_t)WAYBUF_LOOP_HANGUP : 0);
}

static int watch(struct epoll_loop *loop, struct epoll_source *source, uint32_t mask)
{
	struct epoll_event event = {.events = epoll_mask(mask), .data.ptr = source};
	return epoll_ctl(loop->fd, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

static struct epoll_source *source_create(
	struct epoll_loop *loop, int fd, uint32_t mask, int *error)
{
	struct epoll_source *source = calloc(1, sizeof(*source));
	if (!source) {
		*error = -ENOMEM;
		return NULL;
	}
	source->base.loop = &loop->base;
	source->fd = fd;
	waybuf_list_init(&source->link);
	*error = watch(loop, source, mask);
	if (*error < 0) {
		free(source);
		return NULL;
	}
	return source;
}

static struct waybuf_source *epoll_add_fd(struct waybuf_loop *base, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	struct epoll_source *source = source_create(epoll_loop(base), fd, mask, error);
	if (!source)
		return NULL;
	source->fd_func = func;
	source->data = data;
	return &source->base;
}

static struct waybuf_source *epoll_add_timer(
	struct waybuf_loop *base, waybuf_timer_func_t func, void *data, int *error)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0) {
		*error = -errno;
		return NULL;
	}
	struct epoll_source *source =
		source_create(epoll_loop(base), fd, WAYBUF_LOOP_READABLE, error);
	if (!source) {
		close(fd);
		return NULL;
	}
	source->is_timer = true;
	source->timer_func = func;
	source->data = data;
	return &source->base;
}

static int epoll_arm(struct waybuf_source *base, uint32_t ms)
{
	struct epoll_source *source = waybuf_container_of(base, struct epoll_source, base);
	struct itimerspec when = {
		.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
	};
	return timerfd_settime(source->fd, 0, &when, NULL) < 0 ? -errno : 0;
}

static void epoll_remove(struct waybuf_source *base)
{
	struct epoll_source *source = waybuf_container_of(base, struct epoll_source, base);
	struct epoll_loop *loop = epoll_loop(base->loop);
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->is_timer)
		fd_close(&source->fd);
	source->fd_func = NULL;
	source->timer_func = NULL;
	waybuf_list_append(&loop->removed, &source->link);
}

static void free_removed(struct epoll_loop *loop)
{
	struct epoll_source *source, *tmp;
	waybuf_list_for_each_safe(source, tmp, &loop->removed, link) {
		waybuf_list_remove(&source->link);
		free(source);
	}
}

static void epoll_destroy(struct waybuf_loop *base)
{
	struct epoll_loop *loop = epoll_loop(base);
	free_removed(loop);
	fd_close(&loop->fd);
	free(loop);
}

static const struct waybuf_loop_ops epoll_ops = {
	.add_fd = epoll_add_fd,
	.add_timer = epoll_add_timer,
	.arm = epoll_arm,
	.remove = epoll_remove,
	.destroy = epoll_destroy,
};

int waybuf_loop_create_epoll(struct waybuf_loop **out)
{
	struct epoll_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->base.ops = &epoll_ops;
	waybuf_list_init(&loop->removed);
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0) {
		int error = -errno;
		free(loop);
		return error;
	}
	*out = &loop->base;
	return 0;
}

int waybuf_loop_epoll_fd(struct waybuf_loop *loop)
{
	return epoll_loop(loop)->fd;
}

static int run_source(struct epoll_source *source, uint32_t events)
{
	if (source->timer_func) {
		uint64_t expirations;
		if (read(source->fd, &expirations, sizeof(expirations)) < 0)
			return 0; /* disarmed or rearmed since epoll looked */
		source->timer_func(source->data);
		return 1;
	}
	if (!source->fd_func)
		return 0;
	source->fd_func(source->fd, loop_mask(events), source->data);
	return 1;
}

int waybuf_loop_dispatch(struct waybuf_loop *base, int timeout_ms)
{
	struct epoll_loop *loop = epoll_loop(base);
	struct epoll_event events[32];
	int n = epoll_wait(loop->fd, events, 32, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;

	int called = 0;
	for (int i = 0; i < n; i++)
		called += run_source(events[i].data.ptr, events[i].events);
	free_removed(loop);
	return called;
}
