/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "core/account.h"

/*
 * waybuf_attachment_v1: requests, and what the client's records become together with what the
 * server adds. What happens to a commit from then on is in attachment_commit.c.
 */

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
	/* NULL: the builder had no memory for it, and a set without it would say too little */
	char *all = record ? malloc(size + records->size) : NULL;
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
	commit->set = set_table_share(&attachment->client->server->sets, set);
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

static void drop_pending(struct attachment *attachment)
{
	struct server_client *client = attachment->client;
	if (client->account)
		waybuf_account_discharge_bytes(client->account, attachment->pending.size);
	wl_array_release(&attachment->pending);
	wl_array_init(&attachment->pending);
	attachment->pending_lost = false;
}

/* There is no answer to a constrain: what is beyond the quota is told by that to the commit. */
static void append(struct attachment *attachment, const struct wl_array *records)
{
	struct waybuf_account *account = attachment->client->account;
	if (attachment->pending_lost)
		return;
	if (waybuf_account_charge_bytes(account, records->size) < 0) {
		drop_pending(attachment);
		attachment->pending_lost = true;
		return;
	}
	void *place = wl_array_add(&attachment->pending, records->size);
	if (!place) {
		waybuf_account_discharge_bytes(account, records->size);
		wl_resource_post_no_memory(attachment->resource);
		return;
	}
	memcpy(place, records->data, records->size);
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
	if (records->size > 0)
		append(attachment, records);
}

/* Fills @commit from the pending set. False: the client has been told of a protocol error. */
static bool decode(struct attachment *attachment, struct commit *commit)
{
	struct waybuf_constraints_error error = {0};
	if (attachment->pending_lost) {
		/* what it allows is not known: a map is not an error, it fails */
		commit->access = ACCESS_READS | ACCESS_WRITES;
		commit_refuse(commit, WAYBUF_REASON_QUOTA);
		return true;
	}
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
		commit_refuse(commit, reason);
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
	drop_pending(attachment);
	attachment->sent = true;
	attachment->access = commit->access;
	attachment_push_commit(attachment, commit);
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

void attachment_sever(struct attachment *attachment, enum waybuf_reason reason, bool tell)
{
	if (attachment->reason)
		return;
	attachment->reason = reason;
	struct view *view;
	wl_list_for_each(view, &attachment->views, link)
		view_sever(view, reason, tell);
	drop_pending(attachment);
	attachment_drop_commits(attachment);
	attachment_drop_own(attachment);
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
		ret = attachment_enter(attachment);
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
