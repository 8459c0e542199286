/* SPDX-License-Identifier: MIT */
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <wayland-version.h>

#include "unread.h"

struct told {
	struct wl_client *client;
	struct wl_listener created, destroyed;
	unsigned events; /* since it was found to read */
	unsigned asked; /* objects, while it has more room */
	bool has_room;
	struct wl_event_source *idle; /* it is looked whether it needs that still */
};

static void set_most(struct wl_client *client, size_t bytes)
{
#if WAYLAND_VERSION_MAJOR > 1 || WAYLAND_VERSION_MINOR >= 23
	wl_client_set_max_buffer_size(client, bytes);
#endif
}

/* Nothing waits to be sent while the socket is not full; its size is the administrator's to choose. */
static bool has_read(struct wl_client *client)
{
	int fd = wl_client_get_fd(client), unread, size;
	socklen_t len = sizeof(size);
	wl_client_flush(client);
	return ioctl(fd, SIOCOUTQ, &unread) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && unread < size / 2;
}

/* Nothing waits: less room than what does would be the client's end at its next event. */
static void take_room(struct told *told)
{
	told->events = 0;
	if (told->has_room)
		set_most(told->client, UNREAD_LEAST);
	told->has_room = false;
}

static void make_room(struct told *told)
{
	told->has_room = true;
	set_most(told->client, UNREAD_LEAST + (size_t)told->events * UNREAD_ROOM);
}

static void handle_idle(void *data)
{
	struct told *told = data;
	told->idle = NULL;
	if (has_read(told->client))
		take_room(told);
}

/*
 * Who is told nothing any more, and asks, does not keep the room. Not at once: the requests of this
 * turn, which may need it, are in a buffer of the same size.
 */
static void handle_created(struct wl_listener *listener, void *data)
{
	struct told *told = wl_container_of(listener, told, created);
	if (!told->has_room || told->idle || ++told->asked % UNREAD_STEP)
		return;
	struct wl_display *display = wl_client_get_display(told->client);
	told->idle = wl_event_loop_add_idle(wl_display_get_event_loop(display), handle_idle, told);
}

static void handle_destroyed(struct wl_listener *listener, void *data)
{
	struct told *told = wl_container_of(listener, told, destroyed);
	if (told->idle)
		wl_event_source_remove(told->idle);
	wl_list_remove(&told->created.link);
	wl_list_remove(&told->destroyed.link);
	free(told);
}

/* What is in the socket costs no call in vain. More than the administrator grants is cut, not refused. */
static void widen_socket(struct wl_client *client)
{
	const int size = UNREAD_SOCKET;
	setsockopt(wl_client_get_fd(client), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void handle_client(struct wl_listener *listener, void *data)
{
	struct wl_client *client = data;
	struct told *told = calloc(1, sizeof(*told));
	if (!told) {
		wl_client_post_no_memory(client);
		return;
	}
	widen_socket(client);
	told->client = client;
	told->created.notify = handle_created;
	told->destroyed.notify = handle_destroyed;
	wl_client_add_resource_created_listener(client, &told->created);
	wl_client_add_destroy_listener(client, &told->destroyed);
}

void unread_watch(struct unread *unread, struct wl_display *display)
{
#if WAYLAND_VERSION_MAJOR > 1 || WAYLAND_VERSION_MINOR >= 23
	wl_display_set_default_max_buffer_size(display, UNREAD_LEAST);
#endif
	unread->client_created.notify = handle_client;
	wl_display_add_client_created_listener(display, &unread->client_created);
}

void unread_tell(struct wl_client *client)
{
	struct wl_listener *listener = wl_client_get_destroy_listener(client, handle_destroyed);
	struct told *told = listener ? wl_container_of(listener, told, destroyed) : NULL;
	if (!told || ++told->events % UNREAD_STEP)
		return;
	if (has_read(client))
		take_room(told);
	else if (told->events <= (UNREAD_MOST - UNREAD_LEAST) / UNREAD_ROOM)
		make_room(told);
}
