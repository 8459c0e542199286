/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "objects.h"

/* Above what the quotas of buffers, pools and attachments allow together. */
#define MOST_OBJECTS 65536
/* Where the ids begin that the server gives. */
#define SERVER_IDS 0xff000000

struct watched {
	struct wl_client *client;
	struct wl_listener created, destroyed;
};

/*
 * Nothing has to be counted: libwayland takes only the id after the largest one, or one that is free
 * again, so that a large id is the mark of as many objects.
 */
static void handle_created(struct wl_listener *listener, void *data)
{
	struct watched *watched = wl_container_of(listener, watched, created);
	uint32_t id = wl_resource_get_id(data);
	if (id > MOST_OBJECTS && id < SERVER_IDS)
		wl_client_post_no_memory(watched->client);
}

static void handle_destroyed(struct wl_listener *listener, void *data)
{
	struct watched *watched = wl_container_of(listener, watched, destroyed);
	wl_list_remove(&watched->created.link);
	wl_list_remove(&watched->destroyed.link);
	free(watched);
}

static void handle_client(struct wl_listener *listener, void *data)
{
	struct wl_client *client = data;
	struct watched *watched = calloc(1, sizeof(*watched));
	if (!watched) {
		wl_client_post_no_memory(client);
		return;
	}
	watched->client = client;
	watched->created.notify = handle_created;
	watched->destroyed.notify = handle_destroyed;
	wl_client_add_resource_created_listener(client, &watched->created);
	wl_client_add_destroy_listener(client, &watched->destroyed);
}

void objects_watch(struct objects *objects, struct wl_display *display)
{
	objects->client_created.notify = handle_client;
	wl_display_add_client_created_listener(display, &objects->client_created);
}
