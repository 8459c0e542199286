/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "constraints/decode.h"
#include "core/format.h"

static const char *const reasons[] = {
	[WAYBUF_REASON_NONE] = "none",
	[WAYBUF_REASON_CONFLICT] = "conflict",
	[WAYBUF_REASON_CRITICAL_UNKNOWN] = "critical unknown",
	[WAYBUF_REASON_UNDERSPECIFIED] = "underspecified",
	[WAYBUF_REASON_UNSUPPORTED] = "unsupported",
	[WAYBUF_REASON_TOO_HARD] = "too hard",
	[WAYBUF_REASON_NO_MEMORY] = "no memory",
	[WAYBUF_REASON_QUOTA] = "quota",
	[WAYBUF_REASON_NO_FDS] = "no fds",
	[WAYBUF_REASON_DEADLINE] = "deadline",
	[WAYBUF_REASON_CANCELLED] = "cancelled",
	[WAYBUF_REASON_BAD_TOKEN] = "bad token",
	[WAYBUF_REASON_BAD_TICKET] = "bad ticket",
	[WAYBUF_REASON_DEVICE_LOST] = "device lost",
	[WAYBUF_REASON_DENIED] = "denied",
	[WAYBUF_REASON_CLOSED] = "closed",
};

const char *waybuf_reason_name(uint32_t reason)
{
	return reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : "failed";
}

static const char *part_name(unsigned int part)
{
	switch (part) {
	case WAYBUF_PART_MULTIPLE:
		return "multiple";
	case WAYBUF_PART_MIN:
		return "min";
	case WAYBUF_PART_MAX:
		return "max";
	case WAYBUF_PART_EXTRA:
		return "extra";
	}
	return "";
}

static void print_pair(FILE *out, uint32_t format, uint64_t modifier)
{
	char fourcc[WAYBUF_FOURCC_LEN], name[WAYBUF_MODIFIER_LEN];
	fprintf(out, "%s %s", waybuf_fourcc_string(format, fourcc),
		waybuf_modifier_string(modifier, name));
}

/* ---- requirements -------------------------------------------------------------------------- */

static void print_number(const struct waybuf_conflict *conflict, FILE *out)
{
	const char *field = waybuf_field_name(conflict->field);
	if (field)
		fprintf(out, "%s", field);
	else
		fprintf(out, "field 0x%04x", conflict->field);
	if (conflict->part != WAYBUF_PART_VALUE)
		fprintf(out, " %s", part_name(conflict->part));
	fprintf(out, " %" PRIu64, conflict->value);
}

static void print_need(const struct waybuf_conflict *conflict, FILE *out)
{
	switch (conflict->field) {
	case WAYBUF_FIELD_ACCESS:
		fputs("access by the CPU", out);
		break;
	case WAYBUF_FIELD_HEAPS:
		fprintf(out, "one of the heaps %s",
			conflict->text ? conflict->text : "that it names");
		break;
	case WAYBUF_FIELD_CACHE:
		fputs(conflict->value == WAYBUF_UNCACHED ? "uncached memory" : "cached memory",
			out);
		break;
	case WAYBUF_FIELD_ONE_FD:
		fputs(conflict->value ? "all planes in one memory"
				      : "each plane in a memory of its own",
			out);
		break;
	case WAYBUF_FIELD_CONTIG:
		fputs("contiguous memory", out);
		break;
	case WAYBUF_FIELD_ADDR_BITS:
		fprintf(out, "memory within %" PRIu64 " address bits", conflict->value);
		break;
	case WAYBUF_FIELD_DMABUF:
		fputs("a dma-buf", out);
		break;
	default:
		print_number(conflict, out);
	}
}

static void print_where(const struct waybuf_conflict *conflict, FILE *out)
{
	bool plane = conflict->plane != WAYBUF_PLANE_ALL;
	if (!conflict->format && !plane)
		return;
	fputs(" (", out);
	if (conflict->format)
		print_pair(out, conflict->format, conflict->modifier);
	if (plane)
		fprintf(out, "%splane %u", conflict->format ? " " : "", conflict->plane);
	fputc(')', out);
}

/* A verb of its own for what is no record: the pairs on offer, the refused import. */
static void print_verb(const struct waybuf_conflict *conflict, const char *verb, FILE *out)
{
	fprintf(out, "%s ", verb);
	if (conflict->format)
		print_pair(out, conflict->format, conflict->modifier);
	else
		fputs("any of what is left", out);
}

static void print_fault(const struct waybuf_conflict *conflict, FILE *out)
{
	switch (conflict->field) {
	case WAYBUF_FIELD_SET:
		fputs("no exporter makes ", out);
		print_pair(out, conflict->format, conflict->modifier);
		break;
	case WAYBUF_FIELD_MAX_SIZE:
		fputs("no exporter has that much memory in one piece", out);
		break;
	case WAYBUF_FIELD_LAYOUT:
		fputs("the storage does not hold the image", out);
		print_where(conflict, out);
		break;
	default:
		fputs("impossible: ", out);
		print_number(conflict, out);
		print_where(conflict, out);
	}
}

void waybuf_conflict_print(const struct waybuf_conflict *conflict, FILE *out)
{
	if (conflict->who < 0) {
		print_fault(conflict, out);
		return;
	}
	fprintf(out, "\"%s\" ", conflict->name ? conflict->name : "?");
	if (conflict->field == WAYBUF_FIELD_SET) {
		print_verb(conflict, "does not take", out);
	} else if (conflict->field == WAYBUF_FIELD_PROBE) {
		print_verb(conflict, "cannot import", out);
	} else {
		fputs("needs ", out);
		print_need(conflict, out);
		print_where(conflict, out);
	}
}

/* ---- explanations -------------------------------------------------------------------------- */

static void print_refusal(const struct waybuf_explanation *explanation, FILE *out)
{
	fputs("refused: ", out);
	if (explanation->n_conflicts == 0)
		fputs(waybuf_reason_name(explanation->reason), out);
	for (uint32_t i = 0; i < explanation->n_conflicts; i++) {
		if (i > 0)
			fputs(", ", out);
		waybuf_conflict_print(&explanation->conflicts[i], out);
	}
	if (explanation->n_conflicts && !explanation->minimal)
		fputs(" (and perhaps not all of these)", out);
	fputc('\n', out);
}

static void print_choice(const struct waybuf_explanation *explanation, FILE *out)
{
	const struct waybuf_solution *solution = &explanation->solution;
	fprintf(out, "chosen: %s ", explanation->exporter);
	print_pair(out, solution->format, solution->modifier);
	fprintf(out, " %ux%u", solution->width, solution->height);
	for (uint32_t p = 0; p < solution->n_planes; p++)
		fprintf(out, ", plane %u: memory %u offset %u stride %u rows %u", p,
			solution->planes[p].slot, solution->planes[p].offset,
			solution->planes[p].stride, solution->planes[p].rows);
	for (uint32_t i = 0; i < solution->n_memory; i++)
		fprintf(out, ", memory %u: %" PRIu64 " bytes", i, solution->memory_size[i]);
	fprintf(out, ", cost %" PRIu64 "%s\n", solution->cost,
		solution->proven ? "" : ", the best found in time");
}

/* The same party does not take any of them: one line. */
static bool is_like(const struct waybuf_loser *a, const struct waybuf_loser *b)
{
	const struct waybuf_conflict *x = &a->conflict, *y = &b->conflict;
	return a->loss == WAYBUF_LOSS_CONFLICT && b->loss == WAYBUF_LOSS_CONFLICT &&
		x->field == WAYBUF_FIELD_SET && y->field == WAYBUF_FIELD_SET &&
		a->modifier == b->modifier && strcmp(a->exporter, b->exporter) == 0 && x->name &&
		y->name && strcmp(x->name, y->name) == 0;
}

static void print_alike(const struct waybuf_loser *losers, uint32_t n, FILE *out)
{
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	fprintf(out, "not %s", losers[0].exporter);
	for (uint32_t i = 0; i < n; i++)
		fprintf(out, " %s", waybuf_fourcc_string(losers[i].format, fourcc));
	fprintf(out, " %s: \"%s\" does not take them\n",
		waybuf_modifier_string(losers[0].modifier, modifier), losers[0].conflict.name);
}

static void print_loser(const struct waybuf_loser *loser, FILE *out)
{
	fprintf(out, "not %s", loser->exporter);
	if (loser->format) {
		fputc(' ', out);
		print_pair(out, loser->format, loser->modifier);
	}
	fputs(": ", out);
	switch (loser->loss) {
	case WAYBUF_LOSS_COST:
		fprintf(out, "costs at least %" PRIu64, loser->cost);
		break;
	case WAYBUF_LOSS_CONFLICT:
		waybuf_conflict_print(&loser->conflict, out);
		break;
	case WAYBUF_LOSS_UNKNOWN_FORMAT:
		fputs("cannot lay out that format", out);
		break;
	case WAYBUF_LOSS_FAILED:
		fputs("failed to make it", out);
		break;
	}
	fputc('\n', out);
}

void waybuf_explanation_print(const struct waybuf_explanation *explanation, FILE *out)
{
	if (explanation->reason == WAYBUF_REASON_NONE)
		print_choice(explanation, out);
	else
		print_refusal(explanation, out);
	for (uint32_t i = 0, n; i < explanation->n_losers; i += n) {
		const struct waybuf_loser *losers = &explanation->losers[i];
		for (n = 1; i + n < explanation->n_losers && is_like(losers, &losers[n]);)
			n++;
		if (n > 1)
			print_alike(losers, n, out);
		else
			print_loser(losers, out);
	}
	if (explanation->n_more_losers)
		fprintf(out, "and %u more\n", explanation->n_more_losers);
}

/* ---- sets ---------------------------------------------------------------------------------- */

static void print_scope(const struct waybuf_scope *scope, FILE *out)
{
	char fourcc[WAYBUF_FOURCC_LEN], name[WAYBUF_MODIFIER_LEN];
	fputs(scope->n_formats ? "" : " any format", out);
	for (uint32_t i = 0; i < scope->n_formats; i++)
		fprintf(out, " %s", waybuf_fourcc_string(scope->formats[i], fourcc));
	fputs(scope->n_modifiers ? " x" : " x any explicit modifier", out);
	for (uint32_t i = 0; i < scope->n_modifiers; i++)
		fprintf(out, " %s", waybuf_modifier_string(scope->modifiers[i], name));
}

static void print_access(uint64_t access, FILE *out)
{
	static const char *const names[] = {"read", "write", "cpu-read", "cpu-write", "sample",
		"render", "scanout", "encode", "decode"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (access >> i & 1)
			fprintf(out, " %s", names[i]);
	}
}

/* Of the manager, or of the kernel. */
static void print_near(const uint64_t value[2], FILE *out)
{
	if (value[0] == UINT64_MAX)
		fprintf(out, " dev %u:%u", major(value[1]), minor(value[1]));
	else
		fprintf(out, " device %" PRIu64, value[0]);
}

static void print_rule(
	const struct waybuf_constraints *set, const struct waybuf_rule *rule, FILE *out)
{
	const struct waybuf_field_info *info = waybuf_field_info(rule->id);
	const char *name;
	size_t pos = 0, length;
	if (info->per_plane && rule->plane != WAYBUF_PLANE_ALL)
		fprintf(out, " plane %u", rule->plane);
	if (rule->id == WAYBUF_FIELD_HEAPS) {
		while (waybuf_rule_next_heap(set, rule, &pos, &name, &length))
			fprintf(out, " %.*s", (int)length, name);
		return;
	}
	if (rule->id == WAYBUF_FIELD_ACCESS) {
		print_access(rule->value[0], out);
		return;
	}
	if (rule->id == WAYBUF_FIELD_NEAR) {
		print_near(rule->value, out);
		return;
	}
	for (size_t i = 0; i < rule->length / 8u; i++) {
		if (info->parts[i])
			fprintf(out, " %s", part_name(info->parts[i]));
		if (info->parts[i] == WAYBUF_PART_MAX && rule->value[i] == WAYBUF_NO_LIMIT)
			fputs(" none", out);
		else
			fprintf(out, " %" PRIu64, rule->value[i]);
	}
}

void waybuf_constraints_print(const struct waybuf_constraints *constraints, FILE *out)
{
	static const char *const strengths[] = {"must", "prefer", "inform"};
	struct waybuf_record record;
	bool whole;
	uint32_t scope = 0, rule = 0;
	for (size_t pos = 0;
		waybuf_record_read(constraints->records, constraints->size, pos, &record, &whole);
		pos += waybuf_record_size(&record)) {
		uint16_t id = waybuf_record_field(&record);
		const char *name = waybuf_field_name(id);
		fprintf(out, "%s%s", scope && id != WAYBUF_FIELD_SET ? "  " : "",
			strengths[record.strength]);
		if (record.weight)
			fprintf(out, " (%u)", record.weight);
		if (name)
			fprintf(out, " %s", name);
		else
			fprintf(out, " field 0x%04x, %u words", record.id, record.words);
		if (id == WAYBUF_FIELD_SET)
			print_scope(&constraints->scopes[scope++], out);
		else if (waybuf_field_info(id))
			print_rule(constraints, &constraints->rules[rule++], out);
		fputc('\n', out);
	}
}
