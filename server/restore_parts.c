/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "core/account.h"

/*
 * Storages of several files come back file by file. What has come is kept with the membership, one
 * storage for each buffer, so that nobody can leave more with us than the pool has; the fds are on
 * the account of whoever sent them.
 */

static bool same_storage(const struct ticket *a, const struct ticket *b)
{
	const struct waybuf_layout *m = &a->layout, *n = &b->layout;
	return a->epoch == b->epoch && m->generation == n->generation &&
		a->rank_epoch == b->rank_epoch && a->rank_generation == b->rank_generation &&
		a->config_epoch == b->config_epoch && a->config == b->config &&
		!((a->flags ^ b->flags) & TICKET_CURRENT) && m->n_memory == n->n_memory &&
		m->n_planes == n->n_planes && m->format == n->format &&
		m->modifier == n->modifier && m->width == n->width && m->height == n->height &&
		memcmp(m->planes, n->planes, sizeof(m->planes)) == 0 &&
		memcmp(a->exporter, b->exporter, sizeof(a->exporter)) == 0;
}

static struct restore_part *find(struct pool_member *member, uint32_t index)
{
	struct restore_part *part;
	wl_list_for_each(part, &member->parts, link) {
		if (part->ticket.index == index)
			return part;
	}
	return NULL;
}

static struct restore_part *create(struct pool_member *member, const struct ticket *ticket)
{
	struct restore_part *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->ticket = *ticket;
	part->missing = ticket->layout.n_memory;
	wl_list_insert(member->parts.prev, &part->link);
	return part;
}

static int add(
	struct pool_member *member, struct restore_part *part, const struct ticket *ticket, int fd)
{
	struct waybuf_memory *memory = &part->ticket.layout.memory[ticket->slot];
	if (memory->fd >= 0) {
		/* the same file again */
		fd_close(&fd);
		return part->missing == 0;
	}
	int ret = waybuf_account_charge(member->client->account, WAYBUF_RESOURCE_FDS, 1);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	*memory = ticket->layout.memory[ticket->slot];
	memory->fd = fd;
	part->ids[ticket->slot] = ticket->id;
	part->missing--;
	/* the one that was added to last */
	wl_list_remove(&part->link);
	wl_list_insert(member->parts.prev, &part->link);
	return part->missing == 0;
}

int restore_part_add(struct pool_member *member, const struct ticket *ticket, int fd)
{
	struct restore_part *part = find(member, ticket->index);
	if (part && !same_storage(&part->ticket, ticket)) {
		restore_part_destroy(member, part);
		part = NULL;
	}
	if (!part)
		part = create(member, ticket);
	if (!part) {
		fd_close(&fd);
		return -ENOMEM;
	}
	int ret = add(member, part, ticket, fd);
	if (ret < 0 && part->missing == part->ticket.layout.n_memory)
		restore_part_destroy(member, part);
	return ret;
}

void restore_part_destroy(struct pool_member *member, struct restore_part *part)
{
	struct waybuf_layout *layout = &part->ticket.layout;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		fd_close(&layout->memory[i].fd);
	/* the account is closed before its objects when a connection ends, and still there */
	waybuf_account_discharge(
		member->client->account, WAYBUF_RESOURCE_FDS, layout->n_memory - part->missing);
	wl_list_remove(&part->link);
	free(part);
}

void restore_parts_finish(struct pool_member *member)
{
	struct restore_part *part, *next;
	wl_list_for_each_safe(part, next, &member->parts, link)
		restore_part_destroy(member, part);
}
