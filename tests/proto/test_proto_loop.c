/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <wayland-server-core.h>

#include "fence/impl.h"
#include "fence/wait.h"
#include "harness.h"
#include "loop.h"

/* The mechanism's loop on a wl_event_loop, and what has time until its turn is over. */

/* What has happened, a letter each. */
static char story[16];

static void tell(char letter)
{
	size_t length = strlen(story);
	ck_assert_uint_lt(length + 1, sizeof(story));
	story[length] = letter;
}

static void tell_letter(void *data)
{
	tell(*(const char *)data);
}

struct loops {
	struct wl_event_loop *host;
	struct waybuf_loop *loop;
};

static void loops_init(struct loops *loops)
{
	memset(story, 0, sizeof(story));
	loops->host = wl_event_loop_create();
	ck_assert_ptr_nonnull(loops->host);
	ck_assert_int_eq(server_loop_create(loops->host, &loops->loop), 0);
}

static void loops_finish(struct loops *loops)
{
	waybuf_loop_destroy(loops->loop);
	wl_event_loop_destroy(loops->host);
}

static struct waybuf_source *add_idle(struct loops *loops, const char *letter)
{
	int error;
	struct waybuf_source *source =
		waybuf_loop_add_idle(loops->loop, tell_letter, (void *)letter, &error);
	ck_assert_ptr_nonnull(source);
	return source;
}

TEST(idles_take_turns_with_those_of_the_host)
{
	struct loops loops;
	loops_init(&loops);
	add_idle(&loops, "a");
	wl_event_loop_add_idle(loops.host, tell_letter, (void *)"b");
	waybuf_source_remove(add_idle(&loops, "c"));
	add_idle(&loops, "d");
	wl_event_loop_dispatch(loops.host, 0);
	wl_event_loop_dispatch(loops.host, 0);
	ck_assert_str_eq(story, "abd");
	loops_finish(&loops);
}

TEST(idles_are_not_lost_with_the_loop)
{
	struct loops loops;
	loops_init(&loops);
	add_idle(&loops, "a");
	waybuf_source_remove(add_idle(&loops, "b"));
	add_idle(&loops, "c");
	waybuf_loop_destroy(loops.loop);
	ck_assert_str_eq(story, "ac");
	wl_event_loop_dispatch(loops.host, 0);
	ck_assert_str_eq(story, "ac");
	wl_event_loop_destroy(loops.host);
}

/* ---- a fence that an eventfd settles --------------------------------------------------------- */

struct fence {
	struct waybuf_fence base;
	int fd;
	struct waybuf_source *source;
};

static void readable(int fd, uint32_t mask, void *data)
{
	struct fence *fence = data;
	tell('r');
	waybuf_fence_status(&fence->base);
	waybuf_fence_announce(&fence->base);
}

static int fence_poll(struct waybuf_fence *base, uint64_t *ns)
{
	return 1;
}

/* The first question comes before anybody watches. */
static int not_yet(struct waybuf_fence *base, uint64_t *ns)
{
	return 0;
}

static void fence_disable(struct waybuf_fence *base)
{
	struct fence *fence = waybuf_container_of(base, struct fence, base);
	tell('d');
	waybuf_source_remove(fence->source);
}

static void fence_release(struct waybuf_fence *base)
{
	struct fence *fence = waybuf_container_of(base, struct fence, base);
	tell('x');
	close(fence->fd);
	free(fence);
}

static const struct waybuf_fence_ops settled_ops = {
	.name = "settled",
	.poll = fence_poll,
	.disable = fence_disable,
	.release = fence_release,
};

static int fence_enable(struct waybuf_fence *base, struct waybuf_loop *loop)
{
	struct fence *fence = waybuf_container_of(base, struct fence, base);
	int error = 0;
	fence->source =
		waybuf_loop_add_fd(loop, fence->fd, WAYBUF_LOOP_READABLE, readable, fence, &error);
	base->ops = &settled_ops;
	return error;
}

static const struct waybuf_fence_ops active_ops = {
	.name = "active",
	.poll = not_yet,
	.enable = fence_enable,
	.release = fence_release,
};

static struct waybuf_fence *make_fence(void)
{
	struct fence *fence = calloc(1, sizeof(*fence));
	waybuf_fence_init(&fence->base, &active_ops, waybuf_fence_context_alloc(), 1);
	fence->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(fence->fd, 0);
	return &fence->base;
}

/* Who waits for it: a gate, say, that has a frame to show then. */
struct waiter {
	struct waybuf_fence_wait wait;
	struct loops *loops;
	void (*then)(struct waiter *waiter);
};

static void told(struct waybuf_fence_wait *wait, int status)
{
	struct waiter *waiter = waybuf_container_of(wait, struct waiter, wait);
	ck_assert_int_eq(status, 1);
	tell('w');
	waiter->then(waiter);
}

static void await(struct waiter *waiter, struct loops *loops, void (*then)(struct waiter *waiter))
{
	struct waybuf_fence *fence = make_fence();
	*waiter = (struct waiter){.loops = loops, .then = then};
	waybuf_fence_wait_init(&waiter->wait);
	ck_assert_int_eq(waybuf_fence_wait_add(&waiter->wait, fence, loops->loop, told), 0);
	waybuf_fence_unref(fence);
}

static void repaint_later(struct waiter *waiter)
{
	wl_event_loop_add_idle(waiter->loops->host, tell_letter, (void *)"p");
}

/* The repaint is not behind the fds of the fence that led to it. */
TEST(fence_lets_go_when_the_turn_is_over)
{
	struct loops loops;
	struct waiter waiter;
	loops_init(&loops);
	await(&waiter, &loops, repaint_later);
	wl_event_loop_dispatch(loops.host, 0);
	ck_assert_str_eq(story, "rwpdx");
	loops_finish(&loops);
}

static void dispatch_again(struct waiter *waiter)
{
	wl_event_loop_dispatch(waiter->loops->host, 0);
}

/* A host that dispatches in a callback: the fence is readable still, and tells nobody twice. */
TEST(fence_is_announced_once)
{
	struct loops loops;
	struct waiter waiter;
	loops_init(&loops);
	await(&waiter, &loops, dispatch_again);
	wl_event_loop_dispatch(loops.host, 0);
	ck_assert_uint_eq(strspn(story, "rwdx"), strlen(story));
	ck_assert_ptr_eq(strchr(story, 'w'), strrchr(story, 'w'));
	ck_assert_ptr_eq(strchr(story, 'd'), strrchr(story, 'd'));
	ck_assert_str_eq(story + strlen(story) - 2, "dx");
	loops_finish(&loops);
}

static int take_down(int fd, uint32_t mask, void *data)
{
	struct loops *loops = data;
	waybuf_loop_destroy(loops->loop);
	loops->loop = NULL;
	tell('t');
	return 0;
}

/* The same turn brings the end of the host: nothing of the fence is left, and nothing comes after. */
TEST(fence_lets_go_with_the_loop)
{
	struct loops loops;
	struct waiter waiter;
	loops_init(&loops);
	await(&waiter, &loops, repaint_later);
	int fd = eventfd(1, EFD_CLOEXEC);
	struct wl_event_source *source =
		wl_event_loop_add_fd(loops.host, fd, WL_EVENT_READABLE, take_down, &loops);
	wl_event_loop_dispatch(loops.host, 0);
	ck_assert_str_eq(story, "rwdxtp");
	wl_event_source_remove(source);
	close(fd);
	loops_finish(&loops);
}

TEST_MAIN("proto-loop")
