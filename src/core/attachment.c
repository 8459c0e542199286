/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/device.h"
#include "core/migrate.h"
#include "core/pool.h"

/*
 * A participant and its constraints. A commit is answered once, in the order of commits of the
 * pool: at once, unless memory has to be moved for it or for one before it.
 */

int waybuf_pool_attach(struct waybuf_pool *pool, struct waybuf_account *account, const char *who,
	const struct waybuf_attachment_listener *listener, void *data,
	struct waybuf_attachment **out)
{
	int error = waybuf_account_charge(account, WAYBUF_RESOURCE_ATTACHMENTS, 1);
	if (error < 0)
		return error;
	struct waybuf_attachment *attachment = calloc(1, sizeof(*attachment));
	if (attachment)
		attachment->who = strdup(who);
	if (!attachment || !attachment->who) {
		free(attachment);
		waybuf_account_discharge(account, WAYBUF_RESOURCE_ATTACHMENTS, 1);
		return -ENOMEM;
	}
	attachment->pool = waybuf_pool_ref(pool);
	attachment->account = waybuf_account_ref(account);
	attachment->key = ++pool->manager->next_key;
	attachment->listener = listener;
	attachment->data = data;
	waybuf_list_init(&attachment->views);
	waybuf_list_append(&pool->attachments, &attachment->link);
	*out = attachment;
	return 0;
}

void waybuf_attachment_set_role(struct waybuf_attachment *attachment, uint32_t role)
{
	attachment->role = role;
}

void waybuf_attachment_set_device(
	struct waybuf_attachment *attachment, struct waybuf_device *device)
{
	attachment->device = device;
	attachment->pool->epoch++;
}

struct waybuf_pool *waybuf_attachment_pool(struct waybuf_attachment *attachment)
{
	return attachment->pool;
}

static void commit_destroy(struct waybuf_commit *commit)
{
	waybuf_list_remove(&commit->link);
	waybuf_constraints_unref(commit->set);
	free(commit);
}

int waybuf_attachment_detach(struct waybuf_attachment *attachment)
{
	struct waybuf_pool *pool = attachment->pool;
	if (!waybuf_list_empty(&attachment->views))
		return -EBUSY;
	struct waybuf_commit *commit, *tmp;
	waybuf_list_for_each_safe(commit, tmp, &pool->commits, link) {
		if (commit->attachment == attachment)
			commit_destroy(commit);
	}
	waybuf_list_remove(&attachment->link);
	waybuf_pool_cancel_relocation(pool, attachment);
	waybuf_constraints_unref(attachment->set);
	waybuf_account_discharge(attachment->account, WAYBUF_RESOURCE_ATTACHMENTS, 1);
	waybuf_account_unref(attachment->account);
	free(attachment->who);
	free(attachment);
	pool->epoch++;
	waybuf_pool_next_commit(pool);
	waybuf_pool_unref(pool);
	return 0;
}

/* ---- answers ------------------------------------------------------------------------------- */

bool waybuf_view_is_held(const struct waybuf_view *view)
{
	const struct waybuf_attachment *attachment = view->attachment;
	return attachment->candidate || (attachment->undecided > 0 && !attachment->set);
}

/* The buffers that @attachment sees, referenced: a listener may destroy the views meanwhile. */
static size_t reference_buffers(
	struct waybuf_attachment *attachment, struct waybuf_buffer **buffers)
{
	size_t n = 0;
	struct waybuf_view *view;
	waybuf_list_for_each(view, &attachment->views, attachment_link)
		buffers[n++] = waybuf_buffer_ref(view->buffer);
	return n;
}

void waybuf_attachment_decided(struct waybuf_attachment *attachment, struct waybuf_constraints *set,
	enum waybuf_outcome outcome, int error, const struct waybuf_explanation *why)
{
	struct waybuf_buffer *buffers[WAYBUF_MAX_COUNT];
	attachment->undecided--;
	attachment->error = error;
	if (error == 0) {
		waybuf_constraints_ref(set);
		waybuf_constraints_unref(attachment->set);
		attachment->set = set;
		attachment->pool->epoch++;
	}
	size_t n = reference_buffers(attachment, buffers);
	if (error == 0)
		attachment->listener->accepted(attachment->data, outcome);
	else
		attachment->listener->refused(attachment->data, error, why);
	/* maps that waited for this answer are granted, or fail for want of a set */
	while (n > 0) {
		waybuf_buffer_kick(buffers[--n]);
		waybuf_buffer_unref(buffers[n]);
	}
}

/* ---- decisions ----------------------------------------------------------------------------- */

static uint64_t hold_with(
	const struct waybuf_attachment *attachment, const struct waybuf_constraints *set)
{
	uint64_t sum = waybuf_constraints_hold(set);
	struct waybuf_attachment *other;
	waybuf_list_for_each(other, &attachment->pool->attachments, link) {
		if (other != attachment && other->set && sum <= WAYBUF_MAX_COUNT)
			sum += waybuf_constraints_hold(other->set);
	}
	return sum;
}

/* Everybody holds some at a time, so there must be as many as they hold together. */
static int grow(struct waybuf_attachment *attachment, const struct waybuf_constraints *set)
{
	uint64_t hold = hold_with(attachment, set);
	if (hold > WAYBUF_MAX_COUNT)
		return -EINVAL;
	return waybuf_pool_grow(attachment->pool, (uint32_t)hold);
}

bool waybuf_attachment_fits(struct waybuf_attachment *attachment, struct waybuf_constraints *set,
	const struct waybuf_storage *storage)
{
	return waybuf_attachment_check(attachment, set, storage, NULL) == 0 &&
		(!attachment->device ||
			waybuf_device_probe(attachment->pool->manager, attachment->device,
				storage->exporter, &storage->layout) == 0);
}

/*
 * How many buffers have memory of the present configuration, and how many of those have memory that
 * @set cannot use.
 */
static uint32_t count_backed(
	struct waybuf_attachment *attachment, struct waybuf_constraints *set, uint32_t *misfits)
{
	struct waybuf_pool *pool = attachment->pool;
	uint32_t backed = 0;
	*misfits = 0;
	for (uint32_t i = 0; i < pool->count; i++) {
		/* memory of an earlier configuration binds nobody */
		if (!pool->buffers[i]->storage || waybuf_buffer_is_stale(pool->buffers[i]))
			continue;
		backed++;
		*misfits += !waybuf_attachment_fits(attachment, set, pool->buffers[i]->storage);
	}
	return backed;
}

/* Somebody else's memory cannot be moved, so a misfit is a refusal. */
static int decide_foreign(struct waybuf_attachment *attachment, struct waybuf_constraints *set,
	const struct waybuf_explanation **why)
{
	const struct waybuf_storage *storage = attachment->pool->buffers[0]->storage;
	int error = waybuf_attachment_explain_misfit(attachment, set, storage, why);
	return error == -ENOMEM ? error : -EADDRNOTAVAIL;
}

static void decide(struct waybuf_attachment *attachment, struct waybuf_constraints *set)
{
	struct waybuf_pool *pool = attachment->pool;
	const struct waybuf_explanation *why = NULL;
	struct waybuf_solution solution;
	uint32_t misfits;
	uint32_t backed = count_backed(attachment, set, &misfits);
	enum waybuf_outcome outcome = backed ? WAYBUF_FITS : WAYBUF_DECLARED;
	int error = 0;
	if (pool->foreign && misfits > 0)
		error = decide_foreign(attachment, set, &why);
	else if (backed == 0 || misfits > 0)
		error = waybuf_pool_solve(pool, attachment, set, NULL, 0, &solution, &why);
	if (error == 0)
		error = grow(attachment, set);
	if (error == 0 && misfits > 0) {
		error = waybuf_pool_relocate(attachment, set);
		if (error == 0)
			goto out; /* answered when the memory has moved */
	}
	waybuf_attachment_decided(attachment, set, outcome, error, why);
out:
	waybuf_explanation_unref(why);
}

/* Nothing is moved while somebody may still come with newer contents. */
static bool must_wait(const struct waybuf_commit *commit)
{
	uint32_t misfits = 0;
	if (commit->attachment->pool->settling)
		count_backed(commit->attachment, commit->set, &misfits);
	return misfits > 0;
}

void waybuf_pool_next_commit(struct waybuf_pool *pool)
{
	waybuf_pool_ref(pool);
	while (!pool->relocation && !waybuf_list_empty(&pool->commits)) {
		struct waybuf_commit *commit =
			waybuf_list_first(&pool->commits, struct waybuf_commit, link);
		if (must_wait(commit))
			break;
		struct waybuf_attachment *attachment = commit->attachment;
		struct waybuf_constraints *set = waybuf_constraints_ref(commit->set);
		commit_destroy(commit);
		decide(attachment, set);
		waybuf_constraints_unref(set);
	}
	waybuf_pool_unref(pool);
}

int waybuf_attachment_commit(
	struct waybuf_attachment *attachment, struct waybuf_constraints *constraints)
{
	struct waybuf_commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return -ENOMEM;
	commit->attachment = attachment;
	commit->set = waybuf_constraints_ref(constraints);
	waybuf_list_append(&attachment->pool->commits, &commit->link);
	attachment->undecided++;
	waybuf_pool_next_commit(attachment->pool);
	return 0;
}
