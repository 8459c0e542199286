/* SPDX-License-Identifier: MIT */
#include "gate_fixture.h"

#include <stdarg.h>

#include "fake/clock.h"

struct gate_fixture gate_fixture;

/* Commits are known to the gate by the addresses of these. */
static int ids[GATE_COMMITS];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	struct gate_fixture *f = &gate_fixture;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(f->log + f->length, sizeof(f->log) - f->length, format, args);
	va_end(args);
	f->length += (size_t)n;
	ck_assert_uint_lt(f->length, sizeof(f->log));
}

static int id_of(const void *commit)
{
	return (int)((const int *)commit - ids);
}

static void end(int id)
{
	ck_assert_msg(gate_fixture.ends[id]++ == 0, "%d was answered twice", id);
}

static void handle_ready(void *commit)
{
	int id = id_of(commit);
	end(id);
	note("r%d ", id);
	if (gate_fixture.on_ready)
		gate_fixture.on_ready(id);
}

static void handle_fold(void *older, void *newer)
{
	end(id_of(older));
	ck_assert_uint_eq(gate_fixture.ends[id_of(newer)], 0);
	gate_fixture.discards[id_of(newer)] = 0; /* it may have content again */
	note("f%d>%d ", id_of(older), id_of(newer));
}

static void handle_discard(void *commit, enum waybuf_gate_reason reason, int error)
{
	int id = id_of(commit);
	ck_assert_uint_eq(gate_fixture.ends[id], 0);
	ck_assert_msg(gate_fixture.discards[id]++ == 0, "%d was discarded twice", id);
	ck_assert_int_lt(error, 0);
	gate_fixture.error = error;
	note("d%d:%s ", id, waybuf_gate_reason_name(reason));
}

static void handle_cancel(void *commit)
{
	end(id_of(commit));
	note("c%d ", id_of(commit));
}

static const struct waybuf_gate_ops ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_cancel,
};

void gate_set_up(struct waybuf_loop *loop)
{
	struct gate_fixture *f = &gate_fixture;
	memset(f, 0, sizeof(*f));
	f->loop = loop ? loop : fake_clock_init();
	ck_assert_int_eq(waybuf_deadlines_init(&f->deadlines, f->loop), 0);
	ck_assert_int_eq(waybuf_gate_create(f->loop, &f->deadlines, &ops, &f->gate), 0);
}

void gate_tear_down(void)
{
	struct gate_fixture *f = &gate_fixture;
	struct waybuf_gate_stats stats = gate_stats();
	ck_assert_uint_eq(stats.waiting, 0);
	ck_assert_uint_eq(stats.pending, 0);
	ck_assert_uint_eq(stats.submitted,
		stats.ready_now + stats.ready_later + stats.folded + stats.cancelled);
	waybuf_gate_destroy(f->gate);
	waybuf_deadlines_finish(&f->deadlines);
	waybuf_loop_destroy(f->loop);
}

void gate_expect(const char *log)
{
	struct gate_fixture *f = &gate_fixture;
	if (f->length > 0)
		f->log[f->length - 1] = '\0'; /* the last blank */
	ck_assert_str_eq(f->log, log);
	f->length = 0;
	f->log[0] = '\0';
}

struct waybuf_gate_queue *gate_queue(void)
{
	struct waybuf_gate_queue *queue = NULL;
	ck_assert_int_eq(waybuf_gate_queue_create(gate_fixture.gate, &queue), 0);
	return queue;
}

int gate_submit_parts(int id, const struct waybuf_gate_part *parts, size_t n)
{
	return gate_submit_within(id, parts, n, 0);
}

static struct waybuf_gate_request gate_request(
	int id, const struct waybuf_gate_part *parts, size_t n, uint32_t ms)
{
	return (struct waybuf_gate_request){
		.parts = parts,
		.n_parts = n,
		.deadline_ms = ms,
		.commit = &ids[id],
	};
}

int gate_submit_within(int id, const struct waybuf_gate_part *parts, size_t n, uint32_t ms)
{
	struct waybuf_gate_request request = gate_request(id, parts, n, ms);
	return waybuf_gate_submit(gate_fixture.gate, &request);
}

/* It may be over before the call is, so its answers are forgotten first. */
int gate_submit_again(int id, const struct waybuf_gate_part *parts, size_t n, uint32_t ms)
{
	struct waybuf_gate_request request = gate_request(id, parts, n, ms);
	unsigned *ends = &gate_fixture.ends[id], before = *ends;
	*ends = gate_fixture.discards[id] = 0;
	int ret = waybuf_gate_submit_again(gate_fixture.gate, &request);
	if (ret != 0)
		*ends = before;
	return ret;
}

struct waybuf_gate_part gate_part(
	struct waybuf_gate_queue *queue, struct waybuf_fence *const *fence)
{
	return (struct waybuf_gate_part){
		.queue = queue,
		.content = true,
		.fences = fence,
		.n_fences = 1,
	};
}

int gate_submit(int id, struct waybuf_gate_queue *queue, struct waybuf_fence *fence)
{
	struct waybuf_gate_part part = gate_part(queue, &fence);
	return gate_submit_parts(id, &part, 1);
}

int gate_submit_state(int id, struct waybuf_gate_queue *queue)
{
	struct waybuf_gate_part part = {.queue = queue};
	return gate_submit_parts(id, &part, 1);
}

struct waybuf_gate_stats gate_stats(void)
{
	struct waybuf_gate_stats stats;
	waybuf_gate_get_stats(gate_fixture.gate, &stats);
	return stats;
}
