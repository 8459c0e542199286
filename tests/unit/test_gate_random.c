/* SPDX-License-Identifier: MIT */
#include "fake/clock.h"
#include "gate_fixture.h"
#include "gate_model.h"

/*
 * The gate against the model: after each step of a random history both must have said the same
 * things in the same order. WAYBUF_TEST_SEED=N replays a run.
 */
enum { RUNS = 6, STEPS = 1500, SHORT_RUNS = 1200, SHORT_STEPS = 50 };

/* A fence under way, and the part it was submitted for. */
struct flight {
	struct waybuf_timeline *timeline;
	int origin, queue;
};

struct request {
	struct waybuf_gate_part parts[MODEL_QUEUES];
	struct waybuf_fence *fences[MODEL_QUEUES][MODEL_FENCES];
	size_t n;
};

/* What is done with a commit that has become ready: nothing, or it is put back. */
struct answer {
	int name;
	bool again;
	int expected;
	struct request request;
};

static struct {
	uint64_t random;
	struct model model;
	struct waybuf_gate_queue *queues[MODEL_QUEUES];
	struct flight flights[MODEL_COMMITS * MODEL_FENCES * 4];
	int n_flights, n_origins;
	/* the model's, of this step; the gate has to ask for them in this order */
	struct answer answers[MODEL_COMMITS];
	int n_answers, answered;
} run;

static unsigned dice(unsigned sides)
{
	return (unsigned)(harness_random(&run.random) >> 33) % sides;
}

static bool is_taken(uint64_t when_ms)
{
	for (int i = run.model.first; i < run.model.n; i++)
		if (run.model.commits[i].alive && run.model.commits[i].due_ms == when_ms)
			return true;
	return false;
}

/* Each has a time of its own, so that it does not matter who is asked first. */
static uint32_t choose_deadline(void)
{
	uint32_t ms = 1 + dice(300);
	while (is_taken(run.model.now_ms + ms))
		ms++;
	return ms;
}

static struct waybuf_fence *make_fence(struct model_part *part, int queue)
{
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	unsigned kind = dice(20);
	ck_assert_int_eq(waybuf_timeline_create("random", &timeline), 0);
	if (kind == 0)
		ck_assert_int_eq(waybuf_timeline_fail(timeline, 1, -EIO), 0);
	else if (kind < 8)
		ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	part->failed |= kind == 0;
	if (kind < 8) {
		waybuf_timeline_destroy(timeline);
		return fence;
	}
	part->pending++;
	ck_assert_int_lt(run.n_flights, (int)(sizeof(run.flights) / sizeof(run.flights[0])));
	run.flights[run.n_flights++] = (struct flight){timeline, part->origin, queue};
	return fence;
}

static void add_part(struct request *request, int place, int queue)
{
	struct model_part *model = &run.model.commits[place].parts[queue];
	struct waybuf_gate_part *part = &request->parts[request->n++];
	*model = (struct model_part){.there = true, .origin = ++run.n_origins};
	model->content = dice(4) > 0;
	*part = (struct waybuf_gate_part){.queue = run.queues[queue], .content = model->content};
	if (!model->content)
		return;
	part->n_fences = dice(MODEL_FENCES + 1);
	part->fences = request->fences[queue];
	for (size_t i = 0; i < part->n_fences; i++)
		request->fences[queue][i] = make_fence(model, queue);
	model->unwatched = dice(40) == 0;
	part->error = model->unwatched ? -EMFILE : 0;
}

static void drop_fences(struct request *request)
{
	for (int q = 0; q < MODEL_QUEUES; q++)
		for (int i = 0; i < MODEL_FENCES; i++)
			waybuf_fence_unref(request->fences[q][i]);
}

/* ---- once more ------------------------------------------------------------------------------ */

static int choose_again(struct answer *answer, int place)
{
	answer->again = true;
	for (int q = 0; q < MODEL_QUEUES; q++)
		if (run.model.commits[place].parts[q].there)
			add_part(&answer->request, place, q);
	return model_submit_again(&run.model, place);
}

static void model_ready(int place)
{
	struct answer *answer = &run.answers[run.n_answers++];
	memset(answer, 0, sizeof(*answer));
	answer->name = run.model.commits[place].name;
	if (dice(6) == 0)
		answer->expected = choose_again(answer, place);
}

static void put_back(struct answer *answer)
{
	struct request *request = &answer->request;
	int ret = gate_submit_again(answer->name, request->parts, request->n, 0);
	ck_assert_int_eq(ret, answer->expected);
	drop_fences(request);
}

static void gate_ready(int name)
{
	ck_assert_int_lt(run.answered, run.n_answers);
	struct answer *answer = &run.answers[run.answered++];
	ck_assert_int_eq(answer->name, name);
	if (answer->again)
		put_back(answer);
}

/* That was ready at once, and is not after all. Its deadline was chosen with the commit. */
static void put_back_at_once(uint32_t deadline)
{
	struct answer answer = {.name = run.model.n};
	answer.expected = choose_again(&answer, run.model.n);
	int ret = gate_submit_again(answer.name, answer.request.parts, answer.request.n, deadline);
	ck_assert_int_eq(ret, answer.expected);
	drop_fences(&answer.request);
}

static void submit(void)
{
	struct request request = {0};
	run.model.n++;
	unsigned transaction = dice(3) == 0;
	int first = (int)dice(MODEL_QUEUES);
	for (int i = 0; i < MODEL_QUEUES; i++)
		if (i == 0 || (transaction && dice(2)))
			add_part(&request, run.model.n, (first + i) % MODEL_QUEUES);
	uint32_t deadline = choose_deadline();
	int expected = model_submit(&run.model, deadline);
	int ret = gate_submit_within(run.model.n, request.parts, request.n, deadline);
	ck_assert_int_eq(ret, expected);
	drop_fences(&request);
	if (ret == 1 && dice(6) == 0)
		put_back_at_once(deadline);
}

static void settle(void)
{
	if (run.n_flights == 0)
		return;
	int i = (int)dice((unsigned)run.n_flights);
	struct flight flight = run.flights[i];
	run.flights[i] = run.flights[--run.n_flights];
	bool fails = dice(10) == 0;
	model_settle(&run.model, flight.origin, flight.queue, fails);
	if (fails)
		ck_assert_int_eq(waybuf_timeline_fail(flight.timeline, 1, -EIO), 0);
	else
		ck_assert_int_eq(waybuf_timeline_signal(flight.timeline, 1), 0);
	waybuf_timeline_destroy(flight.timeline);
}

/* A device is gone or was reset: all its work ends in an error, in no order. */
static void lose_device(void)
{
	for (int n = run.n_flights; n > 0; n--) {
		int i = (int)dice((unsigned)run.n_flights);
		struct flight flight = run.flights[i];
		run.flights[i] = run.flights[--run.n_flights];
		model_settle(&run.model, flight.origin, flight.queue, true);
		ck_assert_int_eq(waybuf_timeline_fail(flight.timeline, 1, -ENODEV), 0);
		waybuf_timeline_destroy(flight.timeline);
	}
}

static void advance(void)
{
	uint64_t ms = dice(60);
	model_advance(&run.model, ms);
	fake_clock_advance(ms);
}

static void destroy_queue(void)
{
	int q = (int)dice(MODEL_QUEUES);
	model_destroy_queue(&run.model, q);
	waybuf_gate_queue_destroy(run.queues[q]);
	run.queues[q] = gate_queue();
}

/* A client dies with its surfaces, a few of all, or the server with all of them. */
static void destroy_queues(unsigned most)
{
	for (unsigned n = 1 + dice(most); n > 0; n--)
		destroy_queue();
}

static void compare(void)
{
	gate_expect(model_log(&run.model));
	ck_assert_int_eq(run.answered, run.n_answers);
	run.answered = run.n_answers = 0;
	ck_assert_int_eq((int)gate_stats().waiting, model_waiting(&run.model));
}

static void step(void)
{
	unsigned what = dice(100);
	if (what < 45 && run.model.n < MODEL_COMMITS - 1)
		submit();
	else if (what < 85)
		settle();
	else if (what < 96)
		advance();
	else if (what < 98)
		destroy_queue();
	else if (what < 99)
		destroy_queues(MODEL_QUEUES);
	else
		lose_device();
	compare();
}

static void history(uint64_t seed, int steps)
{
	memset(&run, 0, sizeof(run));
	run.random = seed;
	gate_set_up(NULL);
	model_init(&run.model, fake_clock.now_ms);
	run.model.on_ready = model_ready;
	gate_fixture.on_ready = gate_ready;
	for (int q = 0; q < MODEL_QUEUES; q++)
		run.queues[q] = gate_queue();
	for (int i = 0; i < steps; i++)
		step();
	for (int q = 0; q < MODEL_QUEUES; q++) {
		model_destroy_queue(&run.model, q);
		waybuf_gate_queue_destroy(run.queues[q]);
		compare();
	}
	while (run.n_flights > 0)
		waybuf_timeline_destroy(run.flights[--run.n_flights].timeline);
	gate_expect("");
	gate_tear_down();
}

TEST(agrees_with_the_model)
{
	uint64_t seed = harness_seed();
	for (uint64_t i = 0; i < RUNS; i++)
		history(seed + i, STEPS);
}

/* Short ones end with much under way: what is left over at the end is different each time. */
TEST(agrees_with_the_model_to_the_end)
{
	uint64_t seed = harness_seed();
	for (int n = harness_tries(SHORT_RUNS); n > 0; n--)
		history(seed++, SHORT_STEPS);
}

TEST_TIMEOUT(100)
TEST_MAIN("gate-random")
