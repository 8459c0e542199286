/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/worker.h"

TEST(checked_arithmetic_refuses_to_wrap)
{
	uint64_t out = 7;
	ck_assert(!checked_add(UINT64_MAX, 1, &out));
	ck_assert(!checked_mul(UINT64_C(1) << 33, UINT64_C(1) << 33, &out));
	ck_assert(!checked_round_up(UINT64_MAX, 4096, &out));
	ck_assert(!checked_lcm(UINT64_MAX, UINT64_MAX - 1, &out));
	uint32_t out32 = 7;
	ck_assert(!checked_u32(UINT64_C(1) << 32, &out32));
	ck_assert_uint_eq(out, 7);
	ck_assert_uint_eq(out32, 7);
}

TEST(checked_arithmetic_computes)
{
	uint64_t out;
	ck_assert(checked_round_up(1920, 256, &out) && out == 2048);
	ck_assert(checked_round_up(2048, 256, &out) && out == 2048);
	ck_assert(checked_round_up(100, 36, &out) && out == 108);
	ck_assert(checked_lcm(64, 36, &out) && out == 576);
	ck_assert(checked_lcm(UINT64_MAX, UINT64_MAX, &out) && out == UINT64_MAX);
}

struct item {
	int value;
	struct waybuf_list link;
};

TEST(list_keeps_order_and_survives_double_remove)
{
	struct waybuf_list head;
	struct item a = {.value = 1}, b = {.value = 2}, c = {.value = 3};
	waybuf_list_init(&head);
	waybuf_list_append(&head, &b.link);
	waybuf_list_append(&head, &c.link);
	waybuf_list_insert(&head, &a.link);
	int expected = 1;
	struct item *item, *tmp;
	waybuf_list_for_each(item, &head, link)
		ck_assert_int_eq(item->value, expected++);
	waybuf_list_remove(&b.link);
	waybuf_list_remove(&b.link);
	expected = 0;
	waybuf_list_for_each_safe(item, tmp, &head, link) {
		expected += item->value;
		waybuf_list_remove(&item->link);
	}
	ck_assert_int_eq(expected, 4);
	ck_assert(waybuf_list_empty(&head));
}

TEST(fd_size_asks_the_kernel)
{
	uint64_t size;
	int fd = memfd_create("size", MFD_CLOEXEC);
	ck_assert_int_eq(fd_size(fd, &size), -EINVAL);
	ck_assert_int_eq(ftruncate(fd, 12345), 0);
	ck_assert_int_eq(fd_size(fd, &size), 0);
	ck_assert_uint_eq(size, 12345);
	int copy = fd;
	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(fd_size(copy, &size), -EBADF);
}

TEST(fd_kind_tells_memfd_from_the_rest)
{
	enum fd_kind kind;
	int fd = memfd_create("kind", MFD_CLOEXEC);
	ck_assert_int_eq(fd_kind(fd, &kind), 0);
	ck_assert_int_eq(kind, FD_MEMFD);
	fd_close(&fd);
	int pipes[2];
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(fd_kind(pipes[0], &kind), 0);
	ck_assert_int_eq(kind, FD_OTHER);
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
	ck_assert_int_eq(fd_kind(-1, &kind), -EBADF);
}

TEST(what_is_no_dmabuf_has_no_exporter)
{
	uint64_t size;
	char exporter[FD_EXPORTER_LEN];
	int fd = memfd_create("exporter", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(fd_dmabuf_info(fd, &size, exporter), -EINVAL);
	close(fd);
	ck_assert_int_eq(fd_dmabuf_info(fd, &size, exporter), -ENOENT);
}

TEST(fd_dup_is_cloexec_and_the_same_file)
{
	int fd = memfd_create("dup", MFD_CLOEXEC);
	int copy = fd_dup(fd);
	ck_assert_int_ge(copy, 0);
	ck_assert(fcntl(copy, F_GETFD) & FD_CLOEXEC);
	struct fd_id a, b;
	ck_assert_int_eq(fd_identify(fd, &a), 0);
	ck_assert_int_eq(fd_identify(copy, &b), 0);
	ck_assert(fd_id_equal(&a, &b));
	fd_close(&copy);
	copy = memfd_create("dup", MFD_CLOEXEC);
	ck_assert_int_eq(fd_identify(copy, &b), 0);
	ck_assert(!fd_id_equal(&a, &b));
	fd_close(&copy);
	fd_close(&fd);
	ck_assert_int_eq(fd_dup(-1), -EBADF);
}

static char logged[64];

static void keep_message(enum waybuf_log_level level, const char *text, void *data)
{
	snprintf(logged, sizeof(logged), "%d %s", (int)level, text);
}

TEST(fd_count_free_sees_what_is_taken)
{
	int fds[3], before = fd_count_free();
	ck_assert_int_gt(before, 3);
	for (int i = 0; i < 3; i++)
		fds[i] = fd_dup(STDOUT_FILENO);
	ck_assert_int_eq(fd_count_free(), before - 3);
	for (int i = 0; i < 3; i++)
		fd_close(&fds[i]);
	ck_assert_int_eq(fd_count_free(), before);
}

TEST(fd_limit_is_read_near_the_limit_and_now_and_then)
{
	struct fd_limit limit = {0};
	struct rlimit before, low;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 200;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert(!fd_limit_is_near(&limit, 167, 32));
	ck_assert(fd_limit_is_near(&limit, 168, 32));
	/* raised: read at once, as it seems near */
	low.rlim_cur = 300;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert(!fd_limit_is_near(&limit, 168, 32));
	/* lowered: a few are not told */
	low.rlim_cur = 100;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	int n = 0;
	while (!fd_limit_is_near(&limit, 90, 32))
		n++;
	ck_assert_int_lt(n, FD_LIMIT_TRUST);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(what_is_no_dmabuf_is_identified)
{
	struct fd_id id, other;
	bool is_dmabuf = true;
	uint64_t size = 1;
	int fd = memfd_create("no dma-buf", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(fd_identify_dmabuf(fd, &id, &is_dmabuf, &size), 0);
	ck_assert(!is_dmabuf);
	ck_assert_uint_eq(size, 0);
	ck_assert_int_eq(fd_identify(fd, &other), 0);
	ck_assert(fd_id_equal(&id, &other));
	fd_close(&fd);
	ck_assert_int_eq(fd_identify_dmabuf(-1, &id, &is_dmabuf, &size), -EBADF);
}

TEST(fd_is_path_tells_what_was_opened_by_its_path)
{
	int path = open("/", O_PATH | O_CLOEXEC), fd = open("/", O_RDONLY | O_CLOEXEC);
	ck_assert(fd_is_path(path));
	ck_assert(!fd_is_path(fd));
	close(path);
	close(fd);
	ck_assert(!fd_is_path(-1));
}

TEST(log_filters_and_keeps_errno)
{
	waybuf_error("nobody listens %d", 0);
	waybuf_log_set_handler(keep_message, NULL, WAYBUF_LOG_INFO);
	errno = EXDEV;
	waybuf_info("seen %d", 5);
	waybuf_debug("not seen");
	ck_assert_str_eq(logged, "2 seen 5");
	ck_assert_int_eq(errno, EXDEV);
}

struct counter {
	struct waybuf_loop *loop;
	struct waybuf_source *source;
	int calls;
};

static void count_fd(int fd, uint32_t mask, void *data)
{
	struct counter *counter = data;
	counter->calls++;
	waybuf_source_remove(counter->source);
}

static void count_timer(void *data)
{
	struct counter *counter = data;
	counter->calls++;
}

TEST(loop_calls_and_forgets_a_removed_source)
{
	struct counter counter = {0};
	int error, pipes[2];
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(waybuf_loop_create_epoll(&counter.loop), 0);
	counter.source = waybuf_loop_add_fd(
		counter.loop, pipes[0], WAYBUF_LOOP_READABLE, count_fd, &counter, &error);
	ck_assert_int_eq(waybuf_loop_dispatch(counter.loop, 0), 0);
	ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	ck_assert_int_eq(waybuf_loop_dispatch(counter.loop, 1000), 1);
	ck_assert_int_eq(waybuf_loop_dispatch(counter.loop, 0), 0);
	ck_assert_int_eq(counter.calls, 1);
	ck_assert_ptr_null(waybuf_loop_add_fd(
		counter.loop, 9999, WAYBUF_LOOP_READABLE, count_fd, &counter, &error));
	ck_assert_int_eq(error, -EBADF);
	waybuf_loop_destroy(counter.loop);
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
}

TEST(loop_timer_fires_once_and_can_be_disarmed)
{
	struct counter counter = {0};
	int error;
	ck_assert_int_eq(waybuf_loop_create_epoll(&counter.loop), 0);
	counter.source = waybuf_loop_add_timer(counter.loop, count_timer, &counter, &error);
	ck_assert_int_eq(waybuf_source_arm(counter.source, 1), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(counter.loop, 1000), 1);
	ck_assert_int_eq(waybuf_source_arm(counter.source, 1), 0);
	ck_assert_int_eq(waybuf_source_arm(counter.source, 0), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(counter.loop, 20), 0);
	ck_assert_int_eq(counter.calls, 1);
	waybuf_source_remove(counter.source);
	waybuf_loop_destroy(counter.loop);
}

struct squares {
	struct waybuf_job job;
	int number, square, done;
};

static void run_square(struct waybuf_job *job)
{
	struct squares *squares = waybuf_container_of(job, struct squares, job);
	squares->square = squares->number * squares->number;
}

static void square_done(struct waybuf_job *job)
{
	waybuf_container_of(job, struct squares, job)->done++;
}

TEST(worker_completes_jobs_on_the_loop)
{
	struct waybuf_loop *loop;
	struct waybuf_worker *worker;
	struct squares squares[100];
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	ck_assert_int_eq(waybuf_worker_create(loop, &worker), 0);
	for (int i = 0; i < 100; i++) {
		squares[i] = (struct squares){
			.job = {.run = run_square, .done = square_done}, .number = i};
		ck_assert_int_eq(waybuf_worker_submit(worker, &squares[i].job), 0);
	}
	while (!squares[99].done)
		ck_assert_int_ge(waybuf_loop_dispatch(loop, 1000), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(squares[i].done, 1);
		ck_assert_int_eq(squares[i].square, i * i);
	}
	waybuf_worker_destroy(worker);
	waybuf_loop_destroy(loop);
}

TEST(worker_destroy_completes_what_is_queued)
{
	struct waybuf_loop *loop;
	struct waybuf_worker *worker;
	struct squares squares[20];
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	ck_assert_int_eq(waybuf_worker_create(loop, &worker), 0);
	for (int i = 0; i < 20; i++) {
		squares[i] = (struct squares){
			.job = {.run = run_square, .done = square_done}, .number = i};
		ck_assert_int_eq(waybuf_worker_submit(worker, &squares[i].job), 0);
	}
	waybuf_worker_destroy(worker);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(squares[i].done, 1);
	waybuf_loop_destroy(loop);
}

/* @first hands two jobs on; the second of them runs until the first is done. */
struct chain {
	struct waybuf_job first, second, third;
	struct waybuf_worker *worker;
	atomic_bool third_runs, second_is_done;
	bool lost;
};

static void run_nothing(struct waybuf_job *job) {}

static void first_done(struct waybuf_job *job)
{
	struct chain *chain = waybuf_container_of(job, struct chain, first);
	ck_assert_int_eq(waybuf_worker_submit(chain->worker, &chain->second), 0);
	ck_assert_int_eq(waybuf_worker_submit(chain->worker, &chain->third), 0);
	/* by then the second one has been announced */
	while (!chain->third_runs)
		sched_yield();
}

static void second_done(struct waybuf_job *job)
{
	waybuf_container_of(job, struct chain, second)->second_is_done = true;
}

static void run_third(struct waybuf_job *job)
{
	struct chain *chain = waybuf_container_of(job, struct chain, third);
	chain->third_runs = true;
	for (int i = 0; i < 5000 && !chain->second_is_done; i++)
		usleep(1000);
	chain->lost = !chain->second_is_done;
}

/* What is finished while others complete is neither lost nor completed among them, without end. */
TEST(worker_completes_what_is_finished_meanwhile)
{
	struct waybuf_loop *loop;
	struct chain chain = {
		.first = {.run = run_nothing, .done = first_done},
		.second = {.run = run_nothing, .done = second_done},
		.third = {.run = run_third, .done = run_nothing},
	};
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	ck_assert_int_eq(waybuf_worker_create(loop, &chain.worker), 0);
	ck_assert_int_eq(waybuf_worker_submit(chain.worker, &chain.first), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert(!chain.second_is_done);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert(chain.second_is_done);
	waybuf_worker_destroy(chain.worker);
	ck_assert(!chain.lost);
	waybuf_loop_destroy(loop);
}

TEST_MAIN("util")
