/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"

/*
 * Commits of waybuf_attachment_v1, from their place in the queue to their answer.
 *
 * A participant of the protocol is one or two of the mechanism: `core` with the client's set, and
 * `own` with what the server adds for a device or for the display. They are two, because a set
 * bounds the choice by the union of its SETs, and the server's and the client's must intersect.
 * What the server adds depends on the access that the client declares; so each commit first puts
 * `own` in force, then `core`, and if that is refused takes `own` back to what it was.
 *
 * Commits are answered in order, and the mechanism may take as long as a migration does. So they
 * queue here: the first is with the mechanism (`busy`), the others wait, the refused ones for their
 * turn. Since the answer may come from within the call that asks, commits_run() is a loop that
 * callbacks only prod.
 */

/* Commits of one client without an answer; further ones are refused in their turn. */
#define MAX_COMMITS 16

static void commits_run(struct attachment *attachment);

/* ---- events -------------------------------------------------------------------------------- */

/* The first roles are the kinds of attachments; what belongs to nobody is the storage's. */
static uint32_t role_of(const struct waybuf_conflict *conflict)
{
	return conflict->who < 0 ? (uint32_t)WAYBUF_ATTACHMENT_V1_ROLE_EXPORTER : conflict->role;
}

static void send_conflict(struct attachment *attachment, const struct waybuf_conflict *conflict)
{
	bool own = conflict->name && strcmp(conflict->name, attachment->who) == 0;
	uint64_t modifier = conflict->format ? conflict->modifier : 0x00ffffffffffffffull;
	bool numeric = conflict->field != WAYBUF_FIELD_SET && conflict->field != WAYBUF_FIELD_HEAPS;
	uint64_t value = numeric ? conflict->value : 0;
	waybuf_attachment_v1_send_conflict(attachment->resource, role_of(conflict), own,
		conflict->field & ~(uint32_t)WAYBUF_FIELD_CRITICAL, conflict->part, conflict->plane,
		conflict->format, (uint32_t)(modifier >> 32), (uint32_t)modifier,
		(uint32_t)(value >> 32), (uint32_t)value);
}

void attachment_send_conflicts(struct attachment *attachment, enum waybuf_reason reason,
	const struct waybuf_explanation *why)
{
	const uint32_t most = 64;
	if (!why || reason != WAYBUF_REASON_CONFLICT)
		return;
	for (uint32_t i = 0; i < why->n_conflicts && i < most; i++)
		send_conflict(attachment, &why->conflicts[i]);
}

static void send_refused(
	struct attachment *attachment, enum waybuf_reason reason, const char *message)
{
	attachment->last_refusal = reason;
	client_send_usage(attachment->client, reason, WAYBUF_RESOURCE_KIB);
	waybuf_attachment_v1_send_refused(attachment->resource, reason, message);
}

/* ---- the queue of commits ------------------------------------------------------------------ */

static struct commit *first_commit(struct attachment *attachment)
{
	struct commit *commit = wl_container_of(attachment->commits.next, commit, link);
	return commit;
}

static void commit_free(struct commit *commit)
{
	waybuf_constraints_unref(commit->set);
	waybuf_constraints_unref(commit->own_set);
	wl_list_remove(&commit->link);
	free(commit);
}

void attachment_drop_own(struct attachment *attachment)
{
	if (attachment->own)
		waybuf_attachment_detach(attachment->own);
	attachment->own = NULL;
	waybuf_constraints_unref(attachment->own_set);
	attachment->own_set = NULL;
	attachment->own_ignored = 0;
}

static void finish_commit(struct attachment *attachment)
{
	struct commit *commit = first_commit(attachment);
	attachment->busy = false;
	attachment->client->commits -= commit->repeat;
	commit_free(commit);
	commits_run(attachment);
}

static void core_accepted(void *data, enum waybuf_outcome outcome)
{
	struct attachment *attachment = data;
	struct commit *commit = first_commit(attachment);
	waybuf_constraints_unref(attachment->in_force);
	attachment->in_force = waybuf_constraints_ref(commit->set);
	attachment->access_in_force = commit->access;
	waybuf_constraints_unref(attachment->own_set);
	attachment->own_set = commit->own_set;
	commit->own_set = NULL;
	if (commit->own_outcome > outcome)
		outcome = commit->own_outcome;
	server_pool_check_count(attachment->member->pool);
	waybuf_attachment_v1_send_accepted(attachment->resource, outcome);
	finish_commit(attachment);
}

/* The client's set was refused, the server's is in force already: back to the former one. */
static void take_back_own(struct attachment *attachment)
{
	if (!attachment->own)
		return;
	if (!attachment->own_set) {
		attachment_drop_own(attachment);
		return;
	}
	attachment->own_ignored++;
	if (waybuf_attachment_commit(attachment->own, attachment->own_set) < 0)
		attachment->own_ignored--;
}

static void commit_refused(
	struct attachment *attachment, int error, const struct waybuf_explanation *why)
{
	enum waybuf_reason reason = server_reason(error, why);
	char message[SERVER_MESSAGE_SIZE];
	server_message(message, error, why);
	attachment_send_conflicts(attachment, reason, why);
	send_refused(attachment, reason, message);
	take_back_own(attachment);
	finish_commit(attachment);
}

static void core_refused(void *data, int error, const struct waybuf_explanation *why)
{
	commit_refused(data, error, why);
}

static const struct waybuf_attachment_listener core_listener = {
	.accepted = core_accepted,
	.refused = core_refused,
};

static void ask_core(struct attachment *attachment)
{
	int ret = waybuf_attachment_commit(attachment->core, first_commit(attachment)->set);
	if (ret < 0)
		commit_refused(attachment, ret, NULL);
}

static void own_accepted(void *data, enum waybuf_outcome outcome)
{
	struct attachment *attachment = data;
	if (attachment->own_ignored) {
		attachment->own_ignored--;
		return;
	}
	first_commit(attachment)->own_outcome = outcome;
	ask_core(attachment);
}

static void own_refused(void *data, int error, const struct waybuf_explanation *why)
{
	struct attachment *attachment = data;
	if (attachment->own_ignored)
		attachment->own_ignored--;
	else
		commit_refused(attachment, error, why);
}

static const struct waybuf_attachment_listener own_listener = {
	.accepted = own_accepted,
	.refused = own_refused,
};

static int join_pool(struct attachment *attachment,
	const struct waybuf_attachment_listener *listener, struct waybuf_attachment **out)
{
	int ret = waybuf_pool_attach(attachment->member->pool->core, attachment->client->account,
		attachment->who, listener, attachment, out);
	if (ret == 0)
		waybuf_attachment_set_role(*out, attachment->kind);
	return ret;
}

static int ask_own(struct attachment *attachment, struct commit *commit)
{
	struct server_device *device = attachment->device;
	int ret = device->ops->constraints(device->data, commit->access, &commit->own_set);
	if (ret < 0)
		return ret;
	struct set_table *sets = &attachment->client->server->sets;
	commit->own_set = set_table_share(sets, commit->own_set);
	if (!attachment->own) {
		ret = join_pool(attachment, &own_listener, &attachment->own);
		if (ret < 0)
			return ret;
		waybuf_attachment_set_device(attachment->own, &device->base);
	}
	return waybuf_attachment_commit(attachment->own, commit->own_set);
}

/* Hands the first commit to the mechanism. A failure here is not answered by it. */
static void ask(struct attachment *attachment, struct commit *commit)
{
	attachment->busy = true;
	if (!attachment->device) {
		ask_core(attachment);
		return;
	}
	int ret = ask_own(attachment, commit);
	if (ret < 0)
		commit_refused(attachment, ret, NULL);
}

static void send_critical(struct attachment *attachment, uint16_t field)
{
	struct waybuf_conflict conflict = {
		.role = attachment->kind,
		.name = attachment->who,
		.field = field,
		.plane = WAYBUF_PLANE_ALL,
	};
	send_conflict(attachment, &conflict);
}

/* Answers a commit that was refused on arrival. */
static void refuse_first(struct attachment *attachment, struct commit *commit)
{
	if (commit->reason == WAYBUF_REASON_CRITICAL_UNKNOWN)
		send_critical(attachment, commit->field);
	for (uint32_t i = 0; i < commit->repeat; i++)
		send_refused(attachment, commit->reason, waybuf_reason_name(commit->reason));
	attachment->client->commits -= commit->repeat;
	commit_free(commit);
}

static void resume_views(struct attachment *attachment)
{
	struct view *view, *next;
	wl_list_for_each_safe(view, next, &attachment->views, link)
		view_resume(view);
}

static void commits_run(struct attachment *attachment)
{
	if (attachment->running)
		return;
	attachment->running = true;
	while (!attachment->busy && !wl_list_empty(&attachment->commits)) {
		struct commit *commit = first_commit(attachment);
		if (commit->set)
			ask(attachment, commit);
		else
			refuse_first(attachment, commit);
	}
	attachment->running = false;
	if (wl_list_empty(&attachment->commits))
		resume_views(attachment);
}

/* One block stands for a run of these, so that a client cannot pile them up. */
static bool join_last(struct attachment *attachment)
{
	if (wl_list_empty(&attachment->commits))
		return false;
	struct commit *last = wl_container_of(attachment->commits.prev, last, link);
	if (last->set || last->reason != WAYBUF_REASON_QUOTA)
		return false;
	last->repeat++;
	attachment->client->commits++;
	return true;
}

void commit_refuse(struct commit *commit, enum waybuf_reason reason)
{
	waybuf_constraints_unref(commit->set);
	commit->set = NULL;
	commit->reason = reason;
}

void attachment_push_commit(struct attachment *attachment, struct commit *commit)
{
	wl_list_init(&commit->link);
	if (attachment->client->commits >= MAX_COMMITS) {
		commit_refuse(commit, WAYBUF_REASON_QUOTA);
		if (join_last(attachment)) {
			commit_free(commit);
			return;
		}
	}
	commit->repeat = 1;
	attachment->client->commits++;
	wl_list_insert(attachment->commits.prev, &commit->link);
	commits_run(attachment);
}

void attachment_drop_commits(struct attachment *attachment)
{
	struct commit *commit, *next;
	wl_list_for_each_safe(commit, next, &attachment->commits, link) {
		attachment->client->commits -= commit->repeat;
		commit_free(commit);
	}
	attachment->busy = false;
}

int attachment_enter(struct attachment *attachment)
{
	return join_pool(attachment, &core_listener, &attachment->core);
}
