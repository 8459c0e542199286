/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "allocator.h"
#include "core/account.h"
#include "core/restore.h"
#include "core/storage.h"
#include "util/utf8.h"

/*
 * Pools and memory of a server that was restarted: its clients come with the fds and the tickets
 * that they have kept, and go on.
 *
 * The first ticket of a pool rebuilds it, as that client's pool, and others join; so whoever comes
 * first is its creator until the one comes who was (server_pool_promote). Sizes come from tickets,
 * too, and those of the latest configuration win. Memory is then adopted buffer by buffer, by rank
 * (core/restore.h).
 *
 * A refusal is told to that client alone: an event on the object that it used. Those of memory have
 * a sentence each, as what is wrong is for people to find out; before the seal is known to be good
 * there is only one.
 */
static const char bad_seal[] = "the ticket is damaged, or not one of this server's";

struct ticket_key *server_ticket_key(const struct waybuf_server *server)
{
	return server && server->allocator ? server->allocator->key : NULL;
}

/* ---- issuing ------------------------------------------------------------------------------- */

int restore_name_pool(struct server_pool *pool)
{
	restore_note_config(pool);
	return server_ticket_key(pool->server) ? ticket_key_name_pool(pool->uuid) : 0;
}

void restore_note_config(struct server_pool *pool)
{
	const struct ticket_key *key = server_ticket_key(pool->server);
	pool->config_epoch = key ? key->epoch : 0;
	pool->config_origin = pool->config;
}

static void describe_pool(struct pool_member *member, struct ticket *ticket)
{
	struct server_pool *pool = member->pool;
	ticket->flags = (member->read_only ? (uint32_t)TICKET_READ_ONLY : 0) |
		(server_pool_creator(pool) == member ? (uint32_t)TICKET_CREATOR : 0);
	ticket->uid = member->client->uid;
	ticket_context(member->client->context, ticket->context);
	memcpy(ticket->pool, pool->uuid, sizeof(ticket->pool));
	ticket->config_epoch = pool->config_epoch;
	ticket->config = pool->config_origin;
	ticket->width = pool->width;
	ticket->height = pool->height;
	ticket->count = pool->count;
	snprintf(ticket->name, sizeof(ticket->name), "%s", pool->name);
}

bool restore_issue(const struct view *view, const struct waybuf_layout *layout, uint32_t slot,
	uint8_t sealed[TICKET_SIZE])
{
	const struct ticket_key *key = server_ticket_key(view->client->server);
	struct waybuf_buffer *buffer = waybuf_view_buffer(view->core);
	const struct waybuf_storage *storage = waybuf_buffer_storage(buffer);
	/* only what is newest is worth one */
	if (!key || !storage || &storage->layout != layout)
		return false;
	struct ticket ticket = {
		.epoch = key->epoch,
		.index = view->index,
		.slot = slot,
		.layout = *layout,
		.id = storage->ids[slot].id,
	};
	describe_pool(view->attachment->member, &ticket);
	if (!waybuf_buffer_is_outdated(buffer))
		ticket.flags |= TICKET_CURRENT;
	if (!waybuf_buffer_rank(buffer, &ticket.rank_epoch, &ticket.rank_generation)) {
		ticket.rank_epoch = key->epoch;
		ticket.rank_generation = layout->generation;
	}
	/* buffers beyond those that members have been told of are rare, and on their way */
	if (ticket.count <= ticket.index)
		ticket.count = ticket.index + 1;
	ticket_exporter(layout->exporter, ticket.exporter);
	ticket_seal(key, &ticket, sealed);
	return true;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* NULL, or what is wrong with it. */
static const char *open_ticket(
	const struct pool_member *member, const struct wl_array *array, struct ticket *ticket)
{
	const struct server_client *client = member->client;
	uint8_t context[sizeof(ticket->context)];
	if (!ticket_open(server_ticket_key(client->server), array->data, array->size, ticket))
		return bad_seal;
	ticket_context(client->context, context);
	if (ticket->uid != client->uid || memcmp(context, ticket->context, sizeof(context)) != 0)
		return "the ticket was given to another user or sandbox";
	return NULL;
}

/* ---- pools --------------------------------------------------------------------------------- */

static struct server_pool *find_pool(struct waybuf_server *server, const struct ticket *ticket)
{
	struct server_pool *pool;
	wl_list_for_each(pool, &server->pools, link) {
		if (!pool->closing && memcmp(pool->uuid, ticket->pool, TICKET_POOL) == 0)
			return pool;
	}
	return NULL;
}

static int rebuild(struct server_client *client, struct ticket *ticket, struct server_pool **out)
{
	struct waybuf_server *server = client->server;
	const struct waybuf_server_options *options = &server->options;
	/* it may have been cut within a character */
	for (size_t n = strlen(ticket->name); n > 0 && !utf8_valid(ticket->name); n--)
		ticket->name[n - 1] = '\0';
	const struct waybuf_export_info info = {
		.width = ticket->width,
		.height = ticket->height,
		.count = ticket->count,
		.name = ticket->name[0] ? ticket->name : NULL,
	};
	if (options->may_create_pool &&
		options->may_create_pool(options->data, client->client, &info) < 0)
		return -EACCES;
	struct waybuf_pool *core;
	int ret = waybuf_pool_create(server->manager, client->account, &info, &core);
	if (ret < 0)
		return ret;
	struct server_pool *pool = server_pool_create(server, core, &info);
	if (!pool)
		return -ENOMEM;
	memcpy(pool->uuid, ticket->pool, sizeof(pool->uuid));
	pool->config_epoch = ticket->config_epoch;
	pool->config_origin = ticket->config;
	if (ticket_key_is_shared(server_ticket_key(server), pool->uuid))
		waybuf_pool_settle(core);
	*out = pool;
	return 0;
}

/* The latest configuration counts, whoever knows of it. */
static void take_config(struct server_pool *pool, const struct ticket *ticket)
{
	if (ticket->config_epoch < pool->config_epoch ||
		(ticket->config_epoch == pool->config_epoch &&
			ticket->config <= pool->config_origin))
		return;
	server_pool_reconfigure(pool, ticket->width, ticket->height);
	pool->config_epoch = ticket->config_epoch;
	pool->config_origin = ticket->config;
}

static void fail(struct pool_member *member, int error, const char *message)
{
	enum waybuf_reason reason = server_reason(error, NULL);
	client_send_usage(member->client, reason, WAYBUF_RESOURCE_POOLS);
	pool_member_fail(member, reason, message);
}

static void enter(struct pool_member *member, struct server_pool *pool, const struct ticket *ticket)
{
	member->read_only = ticket->flags & TICKET_READ_ONLY;
	member->was_creator = ticket->flags & TICKET_CREATOR;
	member->restored = true;
	/* what the others would not be told of otherwise; who cannot pay for it has fewer */
	if (waybuf_pool_restore_count(pool->core, ticket->count) == 0)
		server_pool_check_count(pool);
	take_config(pool, ticket);
	pool_member_enter(member, pool);
	if (member->was_creator)
		server_pool_promote(member);
}

static void join(struct pool_member *member, struct server_pool *pool, const struct ticket *ticket)
{
	int ret = waybuf_account_charge(member->client->account, WAYBUF_RESOURCE_POOLS, 1);
	if (ret < 0) {
		fail(member, ret, "too many memberships");
		return;
	}
	member->charged = true;
	/* from now on it is, even if no token was ever given */
	ticket_key_note_shared(server_ticket_key(pool->server), pool->uuid);
	enter(member, pool, ticket);
}

void restore_pool(struct pool_member *member, const struct wl_array *array)
{
	struct waybuf_server *server = member->client->server;
	const struct ticket_key *key = server_ticket_key(server);
	if (!key) {
		const char *why = server->allocator ? server->allocator->no_key : NULL;
		pool_member_fail(member, WAYBUF_REASON_UNSUPPORTED,
			why ? why : "this server does not take tickets");
		return;
	}
	struct ticket ticket;
	const char *problem = open_ticket(member, array, &ticket);
	struct server_pool *pool = problem ? NULL : find_pool(server, &ticket);
	if (!problem && !pool && ticket.epoch >= key->epoch)
		problem = "the pool has ended";
	if (problem) {
		pool_member_fail(member, WAYBUF_REASON_BAD_TICKET, problem);
		return;
	}
	if (pool) {
		join(member, pool, &ticket);
		return;
	}
	int ret = rebuild(member->client, &ticket, &pool);
	if (ret < 0)
		fail(member, ret, "the pool cannot be rebuilt");
	else
		enter(member, pool, &ticket);
}

/* ---- memory -------------------------------------------------------------------------------- */

struct answer {
	enum waybuf_reason reason;
	const char *message;
};

#define OK ((struct answer){WAYBUF_REASON_NONE, ""})

static struct answer bad_ticket(const char *message)
{
	return (struct answer){WAYBUF_REASON_BAD_TICKET, message};
}

static struct waybuf_exporter *find_exporter(
	struct waybuf_manager *manager, const struct ticket *ticket)
{
	for (uint32_t i = 0; i < manager->n_exporters; i++) {
		uint8_t digest[sizeof(ticket->exporter)];
		ticket_exporter(manager->exporters[i]->caps.name, digest);
		if (memcmp(digest, ticket->exporter, sizeof(digest)) == 0)
			return manager->exporters[i];
	}
	return NULL;
}

static struct answer refuse(struct pool_member *member, int error)
{
	struct answer answer = {server_reason(error, NULL), strerror(-error)};
	switch (error) {
	case -ESTALE:
		return bad_ticket("the buffer has later contents than these");
	case -EBUSY:
		return bad_ticket("the buffer has got other memory, or the memory is in use");
	case -EINVAL:
		return bad_ticket("the image is of no known format, or does not lie in its memory");
	case -EOPNOTSUPP:
		answer.reason = WAYBUF_REASON_CONFLICT;
		answer.message = "the memory is not what the participants need now";
		break;
	case -EDQUOT:
		answer.message = "over the quota of the client that pays";
		break;
	}
	/* the account of somebody else is nobody's business */
	if (waybuf_pool_account(member->pool->core) == member->client->account)
		client_send_usage(member->client, answer.reason, WAYBUF_RESOURCE_FDS);
	return answer;
}

static struct answer adopt(struct pool_member *member, struct restore_part *part)
{
	struct server_pool *pool = member->pool;
	const struct ticket *ticket = &part->ticket;
	struct waybuf_restore_offer offer = {
		.exporter = find_exporter(pool->server->manager, ticket),
		.layout = ticket->layout,
		.epoch = ticket->rank_epoch,
		.generation = ticket->rank_generation,
		.current = (ticket->flags & TICKET_CURRENT) &&
			ticket->config_epoch == pool->config_epoch &&
			ticket->config == pool->config_origin,
	};
	if (!offer.exporter)
		return (struct answer){
			WAYBUF_REASON_DEVICE_LOST, "what made the memory is not there any more"};
	memcpy(offer.ids, part->ids, sizeof(offer.ids));
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		part->ticket.layout.memory[i].fd = -1;
	struct waybuf_buffer *buffer = waybuf_pool_buffer(pool->core, ticket->index);
	int ret = waybuf_buffer_restore(buffer, &offer);
	return ret < 0 ? refuse(member, ret) : OK;
}

static struct answer take_memory(struct pool_member *member, const struct ticket *ticket, int fd)
{
	struct server_pool *pool = member->pool;
	take_config(pool, ticket);
	int ret = waybuf_pool_restore_count(pool->core, ticket->count);
	if (ret == 0)
		ret = restore_part_add(member, ticket, fd);
	else
		fd_close(&fd);
	server_pool_check_count(pool);
	if (ret < 0)
		return refuse(member, ret);
	if (ret == 0)
		return OK;
	struct restore_part *part = wl_container_of(member->parts.prev, part, link);
	struct answer answer = adopt(member, part);
	restore_part_destroy(member, part);
	return answer;
}

/* @fd is taken. */
static struct answer examine(struct pool_member *member, int fd, const struct ticket *ticket)
{
	const struct server_pool *pool = member->pool;
	const char *problem = NULL;
	if (memcmp(pool->uuid, ticket->pool, TICKET_POOL) != 0)
		problem = "the ticket is of another pool";
	else
		problem = ticket_check_file(ticket, fd);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(pool->core, ticket->index);
	bool known =
		!problem && buffer && waybuf_buffer_has_memory(buffer, ticket->slot, &ticket->id);
	if (!problem && !known && ticket->epoch >= server_ticket_key(pool->server)->epoch)
		problem = "memory of the running server is not given back to it";
	if (!problem && !known)
		return take_memory(member, ticket, fd);
	if (known)
		waybuf_buffer_confirm(buffer, ticket->rank_epoch, ticket->rank_generation);
	fd_close(&fd);
	return problem ? bad_ticket(problem) : OK;
}

void restore_memory(struct pool_member *member, int fd, const struct wl_array *array)
{
	struct ticket ticket;
	struct answer answer;
	uint32_t index = UINT32_MAX, generation = 0;
	const char *problem = NULL;
	if (!member->restored)
		problem = "this membership was not made with a ticket";
	else if (!server_ticket_key(member->client->server))
		problem = "this server takes no tickets any more";
	else
		problem = open_ticket(member, array, &ticket);
	if (problem) {
		fd_close(&fd);
		answer = bad_ticket(problem);
	} else {
		index = ticket.index;
		generation = ticket.layout.generation;
		answer = examine(member, fd, &ticket);
	}
	waybuf_pool_v1_send_restored(
		member->resource, index, generation, answer.reason, answer.message);
}
