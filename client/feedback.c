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
 * It is asked for once: a list that changes under pools that were made by it would change nothing.
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
	bool *named; /* of each entry: by a tranche so far */
};

static void drop_table(struct client_feedback *feedback)
{
	free(feedback->table);
	free(feedback->named);
	feedback->table = NULL;
	feedback->named = NULL;
	feedback->n = 0;
}

/* One that cannot be read names nothing. */
static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, int32_t fd, uint32_t size)
{
	struct client_feedback *feedback = data;
	char *table = NULL;
	drop_table(feedback);
	if (size <= MAX_ENTRIES * sizeof(struct entry) && peer_file_read(fd, size, &table) == 0)
		feedback->named = calloc(size / sizeof(struct entry) + 1, sizeof(bool));
	feedback->table = (struct entry *)table;
	feedback->n = feedback->named ? size / sizeof(struct entry) : 0;
	close(fd);
}

static void handle_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *indices)
{
	struct client_feedback *feedback = data;
	const uint16_t *index;
	wl_array_for_each(index, indices) {
		/* tranches may share pairs */
		if (*index >= feedback->n || feedback->named[*index])
			continue;
		const struct entry *entry = &feedback->table[*index];
		feedback->named[*index] = true;
		client_foreign_add(feedback->client, entry->format, entry->modifier);
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
	client_feedback_finish(feedback->client);
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
	drop_table(feedback);
	free(feedback);
	client->feedback = NULL;
}
