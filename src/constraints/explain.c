/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/solve.h"

/*
 * An explanation owns all that it shows, names included, because parties and exporters may be gone
 * when somebody asks. It is one block of memory: the struct, its arrays, then the strings.
 */
struct explanation {
	struct waybuf_explanation base;
	uint32_t refs;
};

struct strings {
	/* NULL while counting */
	char *at;
	size_t size;
};

static const char *add_string(struct strings *strings, const char *text, size_t length)
{
	char *out = strings->at;
	strings->size += length + 1;
	if (!out)
		return NULL;
	memcpy(out, text, length);
	out[length] = '\0';
	strings->at += length + 1;
	return out;
}

static const char *add_name(struct strings *strings, const char *name)
{
	const char *text = name ? name : "?";
	return add_string(strings, text, strlen(text));
}

static const struct waybuf_rule *find_heaps(
	const struct waybuf_constraints *set, const struct waybuf_conflict *conflict)
{
	for (uint32_t r = 0; r < set->n_rules; r++) {
		if (set->rules[r].id == WAYBUF_FIELD_HEAPS &&
			waybuf_rule_value(set, &set->rules[r], 0) == conflict->value)
			return &set->rules[r];
	}
	return NULL;
}

/* "system, linux,cma" */
static const char *add_heaps(struct strings *strings, const struct waybuf_constraints *set,
	const struct waybuf_conflict *conflict)
{
	const struct waybuf_rule *rule = find_heaps(set, conflict);
	const char *start = strings->at, *name;
	size_t pos = 0, length;
	if (!rule)
		return NULL;
	while (waybuf_rule_next_heap(set, rule, &pos, &name, &length)) {
		if (strings->at && strings->at != start) {
			memcpy(strings->at - 1, ", ", 2);
			strings->at++;
		}
		strings->size += 2;
		add_string(strings, name, length);
	}
	return start;
}

static void name_conflict(const struct waybuf_ordered *ordered, struct strings *strings,
	const struct waybuf_conflict *from, struct waybuf_conflict *to)
{
	struct waybuf_conflict conflict = *from;
	if (from->who >= 0) {
		const struct waybuf_ordered_party *party = &ordered->parties[from->who];
		const struct waybuf_party *asked = &ordered->request->parties[party->index];
		conflict.who = party->index;
		conflict.role = asked->role;
		conflict.name = add_name(strings, asked->who);
		if (from->field == WAYBUF_FIELD_HEAPS)
			conflict.text = add_heaps(strings, party->set, from);
	}
	if (to)
		*to = conflict;
}

/* With NULL for the arrays it only counts the strings. */
static void fill(const struct waybuf_ordered *ordered, const struct waybuf_result *result,
	struct strings *strings, struct waybuf_conflict *conflicts, struct waybuf_loser *losers)
{
	const struct waybuf_request *request = ordered->request;
	for (uint32_t i = 0; i < result->n_conflicts; i++)
		name_conflict(
			ordered, strings, &result->conflicts[i], conflicts ? &conflicts[i] : NULL);
	for (uint32_t i = 0; i < result->n_losers; i++) {
		const char *name =
			add_name(strings, request->exporters[result->loser_exporters[i]]->name);
		if (losers) {
			losers[i] = result->losers[i];
			losers[i].exporter = name;
		}
		name_conflict(ordered, strings, &result->losers[i].conflict,
			losers ? &losers[i].conflict : NULL);
	}
}

const struct waybuf_explanation *waybuf_explanation_create(
	const struct waybuf_ordered *ordered, const struct waybuf_result *result)
{
	struct strings strings = {0};
	bool solved = result->reason == WAYBUF_REASON_NONE;
	const char *exporter =
		solved ? ordered->request->exporters[result->solution.exporter]->name : NULL;
	fill(ordered, result, &strings, NULL, NULL);
	add_name(&strings, exporter);
	size_t conflicts = result->n_conflicts * sizeof(struct waybuf_conflict);
	size_t losers = result->n_losers * sizeof(struct waybuf_loser);
	struct explanation *made = calloc(1, sizeof(*made) + conflicts + losers + strings.size);
	if (!made)
		return NULL;
	struct waybuf_conflict *conflict_array = (struct waybuf_conflict *)(made + 1);
	struct waybuf_loser *loser_array =
		(struct waybuf_loser *)(conflict_array + result->n_conflicts);
	strings.at = (char *)(loser_array + result->n_losers);
	fill(ordered, result, &strings, conflict_array, loser_array);
	made->refs = 1;
	made->base = (struct waybuf_explanation){
		.reason = result->reason,
		.n_conflicts = result->n_conflicts,
		.conflicts = conflict_array,
		.minimal = result->minimal,
		.n_losers = result->n_losers,
		.losers = loser_array,
		.n_more_losers = result->n_more_losers,
		.exporter = solved ? add_name(&strings, exporter) : NULL,
		.solution = result->solution,
	};
	return &made->base;
}

const struct waybuf_explanation *waybuf_explanation_ref(
	const struct waybuf_explanation *explanation)
{
	struct explanation *object = (struct explanation *)explanation;
	assert(object->refs > 0);
	object->refs++;
	return explanation;
}

void waybuf_explanation_unref(const struct waybuf_explanation *explanation)
{
	struct explanation *object = (struct explanation *)explanation;
	if (object && --object->refs == 0)
		free(object);
}
