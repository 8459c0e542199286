/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct pollfd;
struct waybuf_client;
struct wl_display;
struct wl_event_queue;
struct wl_registry;

/* A connection, as far as the library uses it. */
struct client_link {
	struct waybuf_client *client;
	const char *peer; /* for people: who is at the other end */
	struct wl_display *display; /* NULL: there is none */
	bool owned;
	struct wl_event_queue *queue;
	struct wl_display *wrapper; /* of the display, on the queue */
	struct wl_registry *registry;
	/* negative errno of a broken connection, for good */
	int broken;
};

/* Queue and registry on the display that is there. -ENOMEM. */
int client_link_open(struct client_link *link);
/* Closes what is open; nothing else may be left on its queue. */
void client_link_close(struct client_link *link);
/* 0, or the error of a connection that broke. */
int client_link_check(struct client_link *link);
bool client_link_is_live(const struct client_link *link);
/* wl_display_roundtrip_queue() with a limit. As client_wait(), and -ENOMEM. */
int client_link_roundtrip(struct client_link *link, int64_t deadline_ms);
/* Runs listeners: the library's own, or @everything. Their number, or the error. */
int client_link_dispatch(struct client_link *link, bool everything);
/* Before a poll: sends, and fills @pollfd. False: events are there already, nothing was begun. */
bool client_link_prepare(struct client_link *link, struct pollfd *pollfd);
/* Ends what prepare began. 1: something came; 0: nothing did; or the error. */
int client_link_read(struct client_link *link, const struct pollfd *pollfd);
void client_link_cancel(struct client_link *link, const struct pollfd *pollfd);
/* 0, -EAGAIN or the error. */
int client_link_flush(struct client_link *link);

#endif
