/* SPDX-License-Identifier: MIT */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include "server.h"

/*
 * What the server knows of one connection. Made when the connection first does something that
 * counts, and gone after all its resources are: every object made for a resource may point to it.
 */
struct server_client {
	/* NULL once the server is destroyed while the connection lives */
	struct waybuf_server *server;
	struct wl_client *client;
	struct waybuf_account *account;
	/* for the monitor, never reused */
	uint32_t id;
	uint64_t since_ms;
	/* comm[pid] of the peer */
	char name[48];
	uid_t uid;
	/* security context, NULL if it is in none */
	char *context;
	/* commits without an answer, maps in the queue: bounded per client */
	uint32_t commits, queued_maps;
	/* of linux-dmabuf parameters that no buffer was made of yet */
	uint32_t kept_planes;
	/* token guesses that were wrong, in the minute that began at bad_since (ms) */
	uint32_t bad_tokens;
	uint64_t bad_since;
	/* reports that it may still ask for, as of reports_at (ms); see pool_v1.c */
	uint32_t reports_left;
	uint64_t reports_at;
	struct wl_list allocators; // wl_resource links of the bound allocators
	struct wl_list members; // pool_member.client_link
	struct wl_list buffers; // server_buffer.link
	struct wl_listener destroy;
	struct wl_list link; // waybuf_server.clients
};

/* NULL: -ENOMEM. */
struct server_client *server_client_get(struct waybuf_server *server, struct wl_client *client);

/* NULL if the connection has never done anything that counts. */
struct server_client *server_client_find(
	struct waybuf_server *server, const struct wl_client *client);

/* The server goes: the client's objects become inert. */
void server_client_sever(struct server_client *client);

/* Whether the other end is our own user, outside any security context. */
bool server_client_trusted(struct waybuf_server *server, struct wl_client *client);

#endif
