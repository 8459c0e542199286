/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <wayland-server-core.h>

#include "loop.h"
#include "util/list.h"

/*
 * wl_event_loop already promises what waybuf_loop wants: no callback inside an add, and a source
 * may be removed from any callback, its own included, after which none of its events is delivered.
 * So this only translates, and each source is a small block around a wl_event_source.
 */
struct event_loop {
	struct waybuf_loop base;
	struct wl_event_loop *host;
	struct waybuf_list idles; // event_source.link
};

struct event_source {
	struct waybuf_source base;
	struct wl_event_source *source;
	waybuf_fd_func_t fd_func;
	waybuf_timer_func_t timer_func;
	void *data;
	struct waybuf_list link; // event_loop.idles
};

static struct event_loop *event_loop(struct waybuf_loop *base)
{
	return waybuf_container_of(base, struct event_loop, base);
}

static struct event_source *event_source(struct waybuf_source *base)
{
	return waybuf_container_of(base, struct event_source, base);
}

static uint32_t host_mask(uint32_t mask)
{
	return (mask & WAYBUF_LOOP_READABLE ? (uint32_t)WL_EVENT_READABLE : 0) |
		(mask & WAYBUF_LOOP_WRITABLE ? (uint32_t)WL_EVENT_WRITABLE : 0);
}

static uint32_t our_mask(uint32_t mask)
{
	return (mask & WL_EVENT_READABLE ? (uint32_t)WAYBUF_LOOP_READABLE : 0) |
		(mask & WL_EVENT_WRITABLE ? (uint32_t)WAYBUF_LOOP_WRITABLE : 0) |
		(mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR) ? (uint32_t)WAYBUF_LOOP_HANGUP : 0);
}

/* The callback may remove the source and so free it: nothing is touched after the call. */
static int dispatch_fd(int fd, uint32_t mask, void *data)
{
	struct event_source *source = data;
	source->fd_func(fd, our_mask(mask), source->data);
	return 0;
}

static int dispatch_timer(void *data)
{
	struct event_source *source = data;
	source->timer_func(source->data);
	return 0;
}

/* libwayland says NULL only; the errno behind it may be that of a failed dup or epoll_ctl. */
static struct waybuf_source *source_finish(struct event_source *source, int *error)
{
	if (source->source)
		return &source->base;
	*error = errno ? -errno : -ENOMEM;
	free(source);
	return NULL;
}

static struct event_source *source_create(struct waybuf_loop *loop, void *data, int *error)
{
	struct event_source *source = calloc(1, sizeof(*source));
	if (!source) {
		*error = -ENOMEM;
		return NULL;
	}
	source->base.loop = loop;
	source->data = data;
	waybuf_list_init(&source->link);
	errno = 0;
	return source;
}

static struct waybuf_source *loop_add_fd(struct waybuf_loop *loop, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	struct event_source *source = source_create(loop, data, error);
	if (!source)
		return NULL;
	source->fd_func = func;
	source->source = wl_event_loop_add_fd(
		event_loop(loop)->host, fd, host_mask(mask), dispatch_fd, source);
	return source_finish(source, error);
}

static struct waybuf_source *loop_add_timer(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	struct event_source *source = source_create(loop, data, error);
	if (!source)
		return NULL;
	source->timer_func = func;
	source->source = wl_event_loop_add_timer(event_loop(loop)->host, dispatch_timer, source);
	return source_finish(source, error);
}

/* libwayland removes its source after the call, and ours is not needed for that. */
static void dispatch_idle(void *data)
{
	struct event_source *idle = data;
	const struct event_source source = *idle;
	waybuf_list_remove(&idle->link);
	free(idle);
	source.timer_func(source.data);
}

static struct waybuf_source *loop_add_idle(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	struct event_source *source = source_create(loop, data, error);
	if (!source)
		return NULL;
	source->timer_func = func;
	source->source = wl_event_loop_add_idle(event_loop(loop)->host, dispatch_idle, source);
	if (source->source)
		waybuf_list_append(&event_loop(loop)->idles, &source->link);
	return source_finish(source, error);
}

static int loop_arm(struct waybuf_source *base, uint32_t ms)
{
	errno = 0;
	if (wl_event_source_timer_update(event_source(base)->source, (int)ms) < 0)
		return errno ? -errno : -ENOMEM;
	return 0;
}

static void loop_remove(struct waybuf_source *base)
{
	struct event_source *source = event_source(base);
	wl_event_source_remove(source->source);
	waybuf_list_remove(&source->link);
	free(source);
}

/* A host that goes in the middle of a turn: what was left for its end has fds to close. */
static void loop_destroy(struct waybuf_loop *base)
{
	struct event_loop *loop = event_loop(base);
	while (!waybuf_list_empty(&loop->idles)) {
		struct event_source *idle =
			waybuf_list_first(&loop->idles, struct event_source, link);
		wl_event_source_remove(idle->source);
		dispatch_idle(idle);
	}
	free(loop);
}

static const struct waybuf_loop_ops loop_ops = {
	.add_fd = loop_add_fd,
	.add_timer = loop_add_timer,
	.add_idle = loop_add_idle,
	.arm = loop_arm,
	.remove = loop_remove,
	.destroy = loop_destroy,
};

int server_loop_create(struct wl_event_loop *host, struct waybuf_loop **out)
{
	struct event_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->base.ops = &loop_ops;
	loop->host = host;
	waybuf_list_init(&loop->idles);
	*out = &loop->base;
	return 0;
}
