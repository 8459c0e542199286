/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/closing.h"
#include "core/manager.h"
#include "harness.h"

/* A loop that has a "later", which comes when the test says so. */

static struct waybuf_source idle_source;
static waybuf_timer_func_t idle_func;
static void *idle_data;
static unsigned ranges;

int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
	ranges++;
	return __real_close_range(first, last, flags);
}

static struct waybuf_source *add_idle(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	ck_assert(!idle_func);
	idle_func = func;
	idle_data = data;
	idle_source.loop = loop;
	return &idle_source;
}

static void remove_idle(struct waybuf_source *source)
{
	idle_func = NULL;
}

static void run_idle(void)
{
	waybuf_timer_func_t func = idle_func;
	idle_func = NULL;
	func(idle_data);
}

static const struct waybuf_loop_ops ops = {.add_idle = add_idle, .remove = remove_idle};
static const struct waybuf_loop_ops no_idle_ops = {0};

static struct waybuf_manager *make_manager(struct waybuf_loop *loop)
{
	struct waybuf_manager *manager = calloc(1, sizeof(*manager));
	manager->loop = loop;
	return manager;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Numbers @first and up, out of the way of the rest. */
static void open_fds(int first, int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(fcntl(0, F_DUPFD_CLOEXEC, first + i), first + i);
}

static void close_later(struct waybuf_manager *manager, int fd)
{
	struct waybuf_layout layout = {.n_memory = 1, .memory = {{.fd = fd}}};
	waybuf_closing_add(manager, &layout);
	ck_assert_int_eq(layout.memory[0].fd, -1);
}

/* In any order; what is between two rows is somebody else's. */
TEST(rows_are_closed_at_once)
{
	static const int order[] = {303, 300, 302, 306, 301, 305};
	struct waybuf_loop loop = {&ops};
	struct waybuf_manager *manager = make_manager(&loop);
	open_fds(300, 8);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		close_later(manager, order[i]);
	ck_assert(is_open(300) && is_open(306));
	run_idle();
	ck_assert_uint_eq(ranges, 2);
	for (int fd = 300; fd < 308; fd++)
		ck_assert_int_eq(is_open(fd), fd == 304 || fd == 307);
	close(304);
	close(307);
	waybuf_closing_finish(manager);
	free(manager);
}

TEST(never_more_than_the_reserve_bears)
{
	struct waybuf_loop loop = {&ops};
	struct waybuf_manager *manager = make_manager(&loop);
	open_fds(300, CLOSING_MAX + 1);
	for (int i = 0; i < CLOSING_MAX; i++)
		close_later(manager, 300 + i);
	ck_assert(is_open(300));
	close_later(manager, 300 + CLOSING_MAX);
	ck_assert(!is_open(300) && is_open(300 + CLOSING_MAX));
	/* the manager goes, and so does what waits */
	waybuf_closing_finish(manager);
	ck_assert(!is_open(300 + CLOSING_MAX));
	ck_assert(!idle_func);
	free(manager);
}

/* A closed fd is -1, and no neighbour of 0. */
TEST(what_is_closed_already)
{
	struct waybuf_loop loop = {&ops};
	struct waybuf_manager *manager = make_manager(&loop);
	close_later(manager, -1);
	ck_assert_uint_eq(manager->closing_fds.n, 0);
	waybuf_closing_finish(manager);
	free(manager);
}

TEST(now_where_there_is_no_later)
{
	struct waybuf_loop loop = {&ops}, plain = {&no_idle_ops};
	struct waybuf_manager *manager = make_manager(&plain);
	open_fds(300, 2);
	close_later(manager, 300);
	ck_assert(!is_open(300));
	manager->loop = &loop;
	manager->closing = true;
	close_later(manager, 301);
	ck_assert(!is_open(301));
	free(manager);
}

TEST_TIMEOUT(60)
TEST_MAIN("closing")
