/* SPDX-License-Identifier: MIT */
#ifndef UTIL_LOOP_H
#define UTIL_LOOP_H

#include <stdint.h>

/*
 * The event loop, as the mechanism sees it: somebody's. A compositor has a wl_event_loop, a client
 * has its own poll, a test has neither, so the loop is a table of operations given by the host
 * (server/ gives one on wl_event_loop) and waybuf_loop_create_epoll() makes one for those that
 * have none. All callbacks run on the thread that dispatches the loop, never inside an add.
 */
struct waybuf_loop;
struct waybuf_source;

enum { WAYBUF_LOOP_READABLE = 1, WAYBUF_LOOP_WRITABLE = 2, WAYBUF_LOOP_HANGUP = 4 };

typedef void (*waybuf_fd_func_t)(int fd, uint32_t mask, void *data);
typedef void (*waybuf_timer_func_t)(void *data);

struct waybuf_loop_ops {
	/* borrows @fd until the source is removed; NULL and errno-free: *error gets -errno */
	struct waybuf_source *(*add_fd)(struct waybuf_loop *loop, int fd, uint32_t mask,
		waybuf_fd_func_t func, void *data, int *error);
	/* a timer that is not armed */
	struct waybuf_source *(*add_timer)(
		struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error);
	/*
	 * calls @func once, when what is being dispatched is done and before anything is waited for,
	 * or when the loop is destroyed; in the order in which they were added, the host's own among
	 * them. The source is gone by then. NULL: this loop has no such thing
	 */
	struct waybuf_source *(*add_idle)(
		struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error);
	/* fires once after @ms milliseconds; 0 disarms */
	int (*arm)(struct waybuf_source *source, uint32_t ms);
	/* safe from inside any callback, the source's own included; no call follows */
	void (*remove)(struct waybuf_source *source);
	void (*destroy)(struct waybuf_loop *loop);
};

struct waybuf_loop {
	const struct waybuf_loop_ops *ops;
};

struct waybuf_source {
	struct waybuf_loop *loop;
};

struct waybuf_source *waybuf_loop_add_fd(struct waybuf_loop *loop, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error);
struct waybuf_source *waybuf_loop_add_timer(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error);
/* -EOPNOTSUPP where the loop has no add_idle. */
struct waybuf_source *waybuf_loop_add_idle(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error);
int waybuf_source_arm(struct waybuf_source *source, uint32_t ms);
/* NULL is a no-op. */
void waybuf_source_remove(struct waybuf_source *source);
/* NULL is a no-op. All sources must have been removed. */
void waybuf_loop_destroy(struct waybuf_loop *loop);

/* A loop of our own on epoll. Returns 0 or a negative errno. */
int waybuf_loop_create_epoll(struct waybuf_loop **out);
/* The epoll fd, borrowed: readable when waybuf_loop_dispatch() has work. */
int waybuf_loop_epoll_fd(struct waybuf_loop *loop);
/* Waits at most @timeout_ms (-1: for ever) and runs what is due. The number of callbacks run, or -errno. */
int waybuf_loop_dispatch(struct waybuf_loop *loop, int timeout_ms);

#endif
