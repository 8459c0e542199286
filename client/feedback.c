/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <stdlib.h>
#include <unistd.h>

#include "peer_file.h"

/*
 * The default feedback of linux-dmabuf, as of version 4: a table of pairs, and tranches that name
 * some of them by number. What all tranches name together is what the compositor takes. Version 3
 * lists pairs without a table, but compositors leave LINEAR out there where their driver knows no
 * other modifier, for old clients that took it for a wish; only the implicit one is left then, which
 * says nothing about our memory.
 *
 * A list may change, and is another one as soon as it is whole. Pools that were made by the former keep
 * their memory: what was imported stays so, and the rest is refused as if the compositor had done it.
 */

/* The protocol's: the numbers have 16 bits. */
#define MAX_ENTRIES 65536

struct entry {
	uint32_t format, padding;
	uint64_t modifier;
};
_Static_assert(sizeof(struct entry) == 16, "as in the table");

struct client_feedback {
	struct waybuf_client *client;
	struct zwp_linux_dmabuf_feedback_v1 *proxy;
	struct entry *table; /* of @n; NULL: none has come */
	size_t n;
	bool *named; /* of each entry: by a tranche of the list that is coming */
	struct client_offer incoming;
	bool unreadable; /* lists of this table cannot be known */
};

static void drop_table(struct client_feedback *feedback)
{
	free(feedback->table);
	free(feedback->named);
	feedback->table = NULL;
	feedback->named = NULL;
	feedback->n = 0;
}

/* Of one that cannot be read no list becomes known, and what was known before is the best guess. */
static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, int32_t fd, uint32_t size)
{
	struct client_feedback *feedback = data;
	char *table = NULL;
	drop_table(feedback);
	if (size <= MAX_ENTRIES * sizeof(struct entry) && peer_file_read(fd, size, &table) == 0)
		feedback->named = calloc(size / sizeof(struct entry) + 1, sizeof(bool));
	feedback->table = (struct entry *)table;
	feedback->unreadable = !feedback->named;
	feedback->n = feedback->named ? size / sizeof(struct entry) : 0;
	close(fd);
}

static void handle_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *indices)
{
	struct client_feedback *feedback = data;
	const uint16_t *at = indices->data;
	for (size_t i = 0; i < indices->size / sizeof(*at); i++) {
		/* tranches may share pairs */
		if (at[i] >= feedback->n || feedback->named[at[i]])
			continue;
		const struct entry *entry = &feedback->table[at[i]];
		feedback->named[at[i]] = true;
		client_offer_add(&feedback->incoming, entry->format, entry->modifier);
	}
}

static void handle_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *device)
{
	/* Ours is memory that every device imports, or none does. */
}

static void handle_flags(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, uint32_t flags)
{
	/* What is best for a display is asked of who allocates. */
}

static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy) {}

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct client_feedback *feedback = data;
	struct client_offer *offer = &feedback->client->offer;
	if (!feedback->unreadable) {
		client_offer_finish(offer);
		*offer = feedback->incoming;
		feedback->incoming = (struct client_offer){0};
	}
	/* and what came before a table that cannot be read */
	client_offer_finish(&feedback->incoming);
	/* the next list may be of the same table */
	for (size_t i = 0; i < feedback->n; i++)
		feedback->named[i] = false;
}

static const struct zwp_linux_dmabuf_feedback_v1_listener listener = {
	.done = handle_done,
	.format_table = handle_table,
	.main_device = handle_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_device,
	.tranche_formats = handle_formats,
	.tranche_flags = handle_flags,
};

void client_feedback_start(struct waybuf_client *client)
{
	struct client_feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		return;
	feedback->client = client;
	feedback->proxy = zwp_linux_dmabuf_v1_get_default_feedback(client->dmabuf);
	if (!feedback->proxy) {
		free(feedback);
		return;
	}
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback->proxy, &listener, feedback);
	client->feedback = feedback;
}

void client_feedback_finish(struct waybuf_client *client)
{
	struct client_feedback *feedback = client->feedback;
	if (!feedback)
		return;
	zwp_linux_dmabuf_feedback_v1_destroy(feedback->proxy);
	client_offer_finish(&feedback->incoming);
	drop_table(feedback);
	free(feedback);
	client->feedback = NULL;
}
