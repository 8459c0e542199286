/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"

/*
 * waybuf_attachment_v1: constraints in, answers out.
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
		conflict->field & ~(uint32_t)WAYBUF_FIELD_CRITICAL, conflict->plane,
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

static void drop_own(struct attachment *attachment)
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
		drop_own(attachment);
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
	if (attachment->own_ignored)
		attachment->own_ignored--;
	else
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

static int join_pool(struct attachment *attachment, const char *who,
	const struct waybuf_attachment_listener *listener, struct waybuf_attachment **out)
{
	int ret = waybuf_pool_attach(attachment->member->pool->core, attachment->client->account,
		who, listener, attachment, out);
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
	if (!attachment->own) {
		ret = join_pool(attachment, attachment->who, &own_listener, &attachment->own);
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

/* ---- sets ---------------------------------------------------------------------------------- */

/* What the server adds to the access that the client declares. */
static uint64_t added_access(const struct attachment *attachment, uint64_t access)
{
	bool read_only = attachment->member->read_only;
	switch (attachment->kind) {
	case WAYBUF_ATTACHMENT_V1_KIND_CPU:
		/* who declares nothing is a program that maps memory: it does what it may */
		if (!(access & (ACCESS_READS | ACCESS_WRITES)))
			return WAYBUF_ACCESS_CPU_READ | (read_only ? 0 : WAYBUF_ACCESS_CPU_WRITE);
		return (access & ACCESS_READS ? (uint64_t)WAYBUF_ACCESS_CPU_READ : 0) |
			(access & ACCESS_WRITES ? (uint64_t)WAYBUF_ACCESS_CPU_WRITE : 0);
	case WAYBUF_ATTACHMENT_V1_KIND_DISPLAY:
		return WAYBUF_ACCESS_SAMPLE | WAYBUF_ACCESS_SCANOUT;
	default:
		return 0;
	}
}

/* One ACCESS record in front of the client's: the common part comes before the first SET. */
static int prepend_access(
	const struct wl_array *records, uint64_t access, struct waybuf_constraints **out)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(builder, access);
	size_t size;
	const void *record = waybuf_constraints_builder_records(builder, &size);
	char *all = malloc(size + records->size);
	int ret = -ENOMEM;
	if (all) {
		memcpy(all, record, size);
		if (records->size)
			memcpy(all + size, records->data, records->size);
		ret = waybuf_constraints_parse(all, size + records->size, out, NULL);
	}
	free(all);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

/*
 * Decodes the pending set and adds the server's access. A set that fills the limit to the last
 * record leaves no room for that: -ENOSPC.
 */
static int make_set(struct attachment *attachment, struct commit *commit,
	struct waybuf_constraints_error *error)
{
	const struct wl_array *pending = &attachment->pending;
	struct waybuf_constraints *set;
	int ret = waybuf_constraints_parse(pending->data, pending->size, &set, error);
	if (ret < 0)
		return ret;
	uint64_t access = waybuf_constraints_access(set);
	uint64_t added = added_access(attachment, access);
	commit->access = access | added;
	if ((access | added) != access) {
		waybuf_constraints_unref(set);
		ret = prepend_access(pending, added, &set);
		if (ret < 0)
			return ret == -E2BIG ? -ENOSPC : ret;
	}
	commit->set = set;
	return 0;
}

static bool post_set_error(
	struct wl_resource *resource, int ret, const struct waybuf_constraints_error *error)
{
	if (ret == -EINVAL) {
		wl_resource_post_error(resource, WAYBUF_ATTACHMENT_V1_ERROR_MALFORMED,
			"record 0x%x at byte %zu: %s", error->id, error->offset,
			error->reason ? error->reason : "malformed");
		return true;
	}
	if (ret == -E2BIG) {
		wl_resource_post_error(resource, WAYBUF_ATTACHMENT_V1_ERROR_TOO_BIG,
			"the set is above the limit of bytes, SETs or pairs");
		return true;
	}
	return false;
}

static enum waybuf_reason policy(const struct attachment *attachment, const struct commit *commit)
{
	const struct waybuf_server *server = attachment->client->server;
	if (attachment->member->read_only && (commit->access & ACCESS_WRITES))
		return WAYBUF_REASON_DENIED;
	if (attachment->kind == WAYBUF_ATTACHMENT_V1_KIND_DISPLAY &&
		!(server->allocator && server->allocator->options.integrated))
		return WAYBUF_REASON_UNSUPPORTED;
	return WAYBUF_REASON_NONE;
}

static void refuse(struct commit *commit, enum waybuf_reason reason)
{
	waybuf_constraints_unref(commit->set);
	commit->set = NULL;
	commit->reason = reason;
}

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	struct attachment *attachment = wl_resource_get_user_data(resource);
	if (!attachment->reason && !wl_list_empty(&attachment->views)) {
		wl_resource_post_error(resource, WAYBUF_ATTACHMENT_V1_ERROR_CHILDREN,
			"attachment destroyed before its buffers");
		return;
	}
	wl_resource_destroy(resource);
}

/* Only what bounds the memory is checked here; what the records say, when they are committed. */
static void handle_constrain(
	struct wl_client *wl_client, struct wl_resource *resource, struct wl_array *records)
{
	struct attachment *attachment = wl_resource_get_user_data(resource);
	if (attachment->reason)
		return;
	size_t size = attachment->pending.size + records->size;
	if (records->size > WAYBUF_CONSTRAINTS_MAX_CHUNK || size > WAYBUF_CONSTRAINTS_MAX_SIZE) {
		wl_resource_post_error(resource, WAYBUF_ATTACHMENT_V1_ERROR_TOO_BIG,
			"%zu bytes in a request, %zu in the set", records->size, size);
		return;
	}
	if (waybuf_constraints_chunk(records->data, records->size, records->size) !=
		records->size) {
		wl_resource_post_error(resource, WAYBUF_ATTACHMENT_V1_ERROR_MALFORMED,
			"the array ends within a record");
		return;
	}
	if (records->size == 0)
		return;
	void *place = wl_array_add(&attachment->pending, records->size);
	if (!place)
		wl_resource_post_no_memory(resource);
	else
		memcpy(place, records->data, records->size);
}

static bool over_quota(struct attachment *attachment)
{
	if (attachment->client->commits < MAX_COMMITS)
		return false;
	if (wl_list_empty(&attachment->commits))
		return true;
	/* one block stands for a run of these */
	struct commit *last = wl_container_of(attachment->commits.prev, last, link);
	if (last->set || last->reason != WAYBUF_REASON_QUOTA)
		return true;
	last->repeat++;
	attachment->client->commits++;
	return true;
}

static bool counted_with_last(const struct attachment *attachment, uint32_t before)
{
	return attachment->client->commits != before;
}

static void push_commit(struct attachment *attachment, struct commit *commit)
{
	commit->repeat = 1;
	attachment->client->commits++;
	wl_list_insert(attachment->commits.prev, &commit->link);
	commits_run(attachment);
}

/* Fills @commit from the pending set. False: the client has been told of a protocol error. */
static bool decode(struct attachment *attachment, struct commit *commit)
{
	struct waybuf_constraints_error error = {0};
	int ret = make_set(attachment, commit, &error);
	if (post_set_error(attachment->resource, ret, &error))
		return false;
	enum waybuf_reason reason;
	if (ret == -EPROTONOSUPPORT) {
		/* what the set allows is not known: a map is not an error, it fails */
		commit->access = ACCESS_READS | ACCESS_WRITES;
		commit->field = error.id;
		reason = WAYBUF_REASON_CRITICAL_UNKNOWN;
	} else if (ret < 0) {
		reason = ret == -ENOSPC ? WAYBUF_REASON_TOO_HARD : server_reason(ret, NULL);
	} else {
		reason = policy(attachment, commit);
	}
	if (reason)
		refuse(commit, reason);
	return true;
}

static void handle_commit(struct wl_client *wl_client, struct wl_resource *resource)
{
	struct attachment *attachment = wl_resource_get_user_data(resource);
	if (attachment->reason)
		return;
	struct commit *commit = calloc(1, sizeof(*commit));
	if (!commit) {
		wl_resource_post_no_memory(resource);
		return;
	}
	if (!decode(attachment, commit)) {
		free(commit);
		return;
	}
	wl_array_release(&attachment->pending);
	wl_array_init(&attachment->pending);
	attachment->sent = true;
	attachment->access = commit->access;
	uint32_t before = attachment->client->commits;
	if (over_quota(attachment)) {
		refuse(commit, WAYBUF_REASON_QUOTA);
		if (counted_with_last(attachment, before)) {
			free(commit);
			return;
		}
	}
	push_commit(attachment, commit);
}

static bool check_index(struct attachment *attachment, uint32_t index)
{
	if (index >= attachment->member->pool->count) {
		wl_resource_post_error(attachment->resource, WAYBUF_ATTACHMENT_V1_ERROR_BAD_INDEX,
			"no buffer %u in a pool of %u", index, attachment->member->pool->count);
		return false;
	}
	struct view *view;
	wl_list_for_each(view, &attachment->views, link) {
		if (view->index == index) {
			wl_resource_post_error(attachment->resource,
				WAYBUF_ATTACHMENT_V1_ERROR_EXISTS, "buffer %u exists already",
				index);
			return false;
		}
	}
	return true;
}

static void handle_get_buffer(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t id, uint32_t index)
{
	struct attachment *attachment = wl_resource_get_user_data(resource);
	if (!attachment->reason && !check_index(attachment, index))
		return;
	if (!view_create(attachment, id, index))
		wl_resource_post_no_memory(resource);
}

static const struct waybuf_attachment_v1_interface attachment_impl = {
	.destroy = handle_destroy,
	.constrain = handle_constrain,
	.commit = handle_commit,
	.get_buffer = handle_get_buffer,
};

/* ---- life ---------------------------------------------------------------------------------- */

static void drop_commits(struct attachment *attachment)
{
	struct commit *commit, *next;
	wl_list_for_each_safe(commit, next, &attachment->commits, link) {
		attachment->client->commits -= commit->repeat;
		commit_free(commit);
	}
	attachment->busy = false;
}

void attachment_sever(struct attachment *attachment, enum waybuf_reason reason, bool tell)
{
	if (attachment->reason)
		return;
	attachment->reason = reason;
	struct view *view;
	wl_list_for_each(view, &attachment->views, link)
		view_sever(view, reason, tell);
	drop_commits(attachment);
	drop_own(attachment);
	if (attachment->core)
		waybuf_attachment_detach(attachment->core);
	attachment->core = NULL;
	attachment->device = NULL;
	waybuf_constraints_unref(attachment->in_force);
	attachment->in_force = NULL;
}

void attachment_gone(struct attachment *attachment, enum waybuf_reason reason, const char *message)
{
	attachment_sever(attachment, reason, true);
	waybuf_attachment_v1_send_gone(attachment->resource, reason, message);
}

void attachment_orphan(struct attachment *attachment)
{
	attachment->member = NULL;
	wl_list_remove(&attachment->link);
	wl_list_init(&attachment->link);
}

static void attachment_destroyed(struct wl_resource *resource)
{
	struct attachment *attachment = wl_resource_get_user_data(resource);
	attachment_sever(attachment, WAYBUF_REASON_CLOSED, false);
	struct view *view, *next;
	wl_list_for_each_safe(view, next, &attachment->views, link)
		view_orphan(view);
	wl_array_release(&attachment->pending);
	wl_list_remove(&attachment->link);
	free(attachment);
}

static const char *role_name(uint32_t kind)
{
	static const char *const names[] = {"cpu", "device", "display", "other"};
	return names[kind];
}

/* Whom the server speaks for; NULL is no failure: it adds nothing then. */
static int find_device(struct attachment *attachment, uint32_t id)
{
	struct waybuf_server *server = attachment->client->server;
	if (attachment->kind == WAYBUF_ATTACHMENT_V1_KIND_DEVICE) {
		attachment->device = server_find_device(server, id);
		return attachment->device ? 0 : -ENODEV;
	}
	struct waybuf_server_allocator *allocator = server->allocator;
	if (attachment->kind == WAYBUF_ATTACHMENT_V1_KIND_DISPLAY && allocator)
		attachment->device = allocator->display;
	return 0;
}

static void enter(struct attachment *attachment, uint32_t device)
{
	struct server_client *client = attachment->client;
	int ret = find_device(attachment, device);
	if (ret == 0)
		ret = join_pool(attachment, attachment->who, &core_listener, &attachment->core);
	if (ret == 0)
		return;
	enum waybuf_reason reason = server_reason(ret, NULL);
	client_send_usage(client, reason, WAYBUF_RESOURCE_ATTACHMENTS);
	attachment_gone(attachment, reason, "cannot take part");
}

struct attachment *attachment_create(
	struct pool_member *member, uint32_t id, uint32_t kind, uint32_t device)
{
	struct server_client *client = member->client;
	struct attachment *attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return NULL;
	attachment->resource = wl_resource_create(client->client, &waybuf_attachment_v1_interface,
		wl_resource_get_version(member->resource), id);
	if (!attachment->resource) {
		free(attachment);
		return NULL;
	}
	attachment->client = client;
	attachment->member = member;
	attachment->reason = member->reason;
	attachment->kind = kind;
	wl_array_init(&attachment->pending);
	wl_list_init(&attachment->commits);
	wl_list_init(&attachment->views);
	wl_list_insert(member->attachments.prev, &attachment->link);
	wl_resource_set_implementation(
		attachment->resource, &attachment_impl, attachment, attachment_destroyed);
	if (attachment->reason)
		return attachment;
	snprintf(attachment->who, sizeof(attachment->who), "%s#%u", role_name(kind),
		++client->server->last_who);
	enter(attachment, device);
	return attachment;
}
