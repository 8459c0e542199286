/* SPDX-License-Identifier: MIT */
#include "gate_model.h"

#include <stdarg.h>
#include <string.h>

#include "harness.h"

static void __attribute__((format(printf, 2, 3))) note(struct model *model, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(
		model->log + model->length, sizeof(model->log) - model->length, format, args);
	va_end(args);
	model->length += (size_t)n;
	ck_assert_uint_lt(model->length, sizeof(model->log));
}

void model_init(struct model *model, uint64_t now_ms)
{
	memset(model, 0, sizeof(*model));
	model->now_ms = now_ms;
	model->first = 1;
}

static bool share(const struct model_commit *a, const struct model_commit *b)
{
	for (int q = 0; q < MODEL_QUEUES; q++)
		if (a->parts[q].there && b->parts[q].there)
			return true;
	return false;
}

/* All of @set that are connected with @from; older ones only, or both ways. */
static void connect(const struct model *model, int from, bool older_only, bool *set)
{
	memset(set, 0, MODEL_COMMITS * sizeof(*set));
	set[from] = true;
	for (bool again = true; again;) {
		again = false;
		for (int x = model->first; x <= model->n; x++) {
			if (set[x] || !model->commits[x].alive)
				continue;
			for (int y = older_only ? x + 1 : model->first; y <= model->n && !set[x];
				y++)
				set[x] = set[y] && share(&model->commits[x], &model->commits[y]);
			again |= set[x];
		}
	}
}

static bool can_go(const struct model *model, int id, bool *closure)
{
	connect(model, id, true, closure);
	for (int q = 0; q < MODEL_QUEUES; q++) {
		int newest = id;
		while (newest >= model->first &&
			!(closure[newest] && model->commits[newest].parts[q].content))
			newest--;
		if (newest >= model->first && model->commits[newest].parts[q].pending)
			return false;
	}
	return true;
}

static void go(struct model *model, int id, const bool *closure)
{
	struct model_commit *commit = &model->commits[id];
	commit->alive = false;
	commit->oldest = id;
	for (int x = id - 1; x >= model->first; x--) {
		if (!closure[x])
			continue;
		commit->oldest = x;
		model->commits[x].alive = false;
		for (int q = 0; q < MODEL_QUEUES; q++)
			commit->parts[q].there |= model->commits[x].parts[q].there;
		note(model, "f%d>%d ", model->commits[x].name, commit->name);
	}
}

static void let_go(struct model *model)
{
	static bool closure[MODEL_COMMITS];
	for (int id = model->n; id >= model->first; id--) {
		if (!model->commits[id].alive || !can_go(model, id, closure))
			continue;
		go(model, id, closure);
		note(model, "r%d ", model->commits[id].name);
		if (model->on_ready)
			model->on_ready(id);
		id = model->n + 1; /* start over */
	}
}

static bool is_pending(const struct model_commit *commit)
{
	bool pending = false;
	for (int q = 0; q < MODEL_QUEUES; q++)
		pending |= commit->parts[q].there && commit->parts[q].pending;
	return pending;
}

static void discard(struct model *model, int id, const char *reason)
{
	struct model_commit *commit = &model->commits[id];
	for (int q = 0; q < MODEL_QUEUES; q++)
		commit->parts[q] = (struct model_part){.there = commit->parts[q].there};
	commit->when_ms = 0;
	note(model, "d%d:%s ", commit->name, reason);
}

static int length_of(const struct model *model, int queue)
{
	int n = 0;
	for (int x = model->first; x <= model->n; x++)
		n += model->commits[x].alive && model->commits[x].parts[queue].there;
	return n;
}

static bool is_crowded(const struct model *model, int id)
{
	for (int q = 0; q < MODEL_QUEUES; q++)
		if (model->commits[id].parts[q].there && length_of(model, q) > 2)
			return true;
	return false;
}

static bool is_first(const struct model *model, int id)
{
	for (int x = model->first; x < id; x++)
		if (model->commits[x].alive && share(&model->commits[x], &model->commits[id]))
			return false;
	return true;
}

static void fold(struct model *model, int older, int newer)
{
	struct model_commit *from = &model->commits[older], *to = &model->commits[newer];
	for (int q = 0; q < MODEL_QUEUES; q++) {
		struct model_part *part = &from->parts[q];
		if (!part->there || to->parts[q].content || (to->parts[q].there && !part->content))
			continue;
		if (part->pending && (!to->when_ms || from->when_ms < to->when_ms))
			to->when_ms = to->due_ms = from->when_ms;
		to->parts[q] = *part;
	}
	from->alive = false;
	note(model, "f%d>%d ", from->name, to->name);
}

static void compact(struct model *model, int id)
{
	static bool component[MODEL_COMMITS], chosen[MODEL_COMMITS];
	connect(model, id, false, component);
	for (int x = model->first; x < id; x++)
		chosen[x] = component[x] && !is_first(model, x);
	for (int x = id - 1; x >= model->first; x--)
		if (chosen[x])
			fold(model, x, id);
}

static const char *lost(const struct model_commit *commit)
{
	const char *reason = NULL;
	for (int q = 0; q < MODEL_QUEUES; q++) {
		const struct model_part *part = &commit->parts[q];
		if (part->content && !part->pending && part->failed)
			return "undefined";
		if (part->content && part->unwatched)
			reason = "unwatched";
	}
	return reason;
}

int model_submit(struct model *model, uint32_t deadline_ms)
{
	static bool closure[MODEL_COMMITS];
	int id = model->n;
	struct model_commit *commit = &model->commits[id];
	commit->alive = true;
	commit->name = id;
	commit->due_ms = model->now_ms + deadline_ms;
	if (is_pending(commit))
		commit->when_ms = commit->due_ms;
	if (lost(commit))
		discard(model, id, lost(commit));
	bool goes = can_go(model, id, closure);
	if (!goes && is_crowded(model, id)) {
		compact(model, id);
		goes = can_go(model, id, closure);
	}
	if (goes)
		go(model, id, closure);
	let_go(model);
	return goes;
}

int model_submit_again(struct model *model, int place)
{
	static bool closure[MODEL_COMMITS];
	int id = model->commits[place].oldest;
	struct model_commit *commit = &model->commits[id];
	*commit = model->commits[place];
	commit->alive = true;
	commit->when_ms = is_pending(commit) ? commit->due_ms : 0;
	if (lost(commit))
		discard(model, id, lost(commit));
	commit->alive = !can_go(model, id, closure);
	return !commit->alive;
}

void model_settle(struct model *model, int origin, int queue, bool failed)
{
	int id = model->first;
	while (id <= model->n &&
		!(model->commits[id].alive && model->commits[id].parts[queue].origin == origin))
		id++;
	if (id > model->n)
		return;
	struct model_part *part = &model->commits[id].parts[queue];
	part->failed |= failed;
	if (--part->pending > 0)
		return;
	if (!is_pending(&model->commits[id]))
		model->commits[id].when_ms = 0;
	if (part->failed)
		discard(model, id, "undefined");
	let_go(model);
}

/* What has been over for long is not looked at again. Not while one may still come back. */
static void forget(struct model *model)
{
	while (model->first <= model->n && !model->commits[model->first].alive)
		model->first++;
}

/* A timer takes a millisecond at least, for what should have been over before, too. */
void model_advance(struct model *model, uint64_t ms)
{
	if (ms == 0)
		return;
	uint64_t until = model->now_ms + ms;
	for (;;) {
		int first = 0;
		for (int x = model->first; x <= model->n; x++) {
			const struct model_commit *commit = &model->commits[x];
			if (commit->alive && commit->when_ms && commit->when_ms <= until &&
				(!first || commit->when_ms < model->commits[first].when_ms))
				first = x;
		}
		if (!first)
			break;
		discard(model, first, "deadline");
		let_go(model);
	}
	model->now_ms = until;
}

void model_destroy_queue(struct model *model, int queue)
{
	for (int x = model->first; x <= model->n; x++) {
		struct model_commit *commit = &model->commits[x];
		if (!commit->alive || !commit->parts[queue].there)
			continue;
		commit->parts[queue] = (struct model_part){0};
		if (!is_pending(commit))
			commit->when_ms = 0;
		commit->alive = false;
		for (int q = 0; q < MODEL_QUEUES; q++)
			commit->alive |= commit->parts[q].there;
		if (!commit->alive)
			note(model, "c%d ", commit->name);
	}
	let_go(model);
}

int model_waiting(const struct model *model)
{
	int n = 0;
	for (int x = model->first; x <= model->n; x++)
		n += model->commits[x].alive;
	return n;
}

const char *model_log(struct model *model)
{
	forget(model);
	if (model->length > 0)
		model->log[model->length - 1] = '\0';
	else
		model->log[0] = '\0';
	model->length = 0;
	return model->log;
}
