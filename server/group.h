/* SPDX-License-Identifier: MIT */
#ifndef SERVER_GROUP_H
#define SERVER_GROUP_H

#include "server.h"

/*
 * What connections have in common that could be one program: the security context, or the user
 * outside of any. Each has an account of its own, with limits that are generous for one program; the
 * group's account bounds their sum, so that a thousand connections are no thousand quotas.
 *
 * A group lives as long as something is charged to it, its connections or not: memory that others
 * still hold is not forgotten because its payer has connected anew.
 */
struct server_group {
	struct waybuf_account *account;
	uid_t uid; /* outside of security contexts */
	char *context; /* NULL: outside */
	struct wl_list link; // waybuf_server.groups
};

/* The one of @client, in @context (NULL: in none); made if it is the first. NULL: -ENOMEM. */
struct server_group *server_group_get(
	struct waybuf_server *server, struct wl_client *client, const char *context);
/* The clients are gone. */
void server_groups_finish(struct waybuf_server *server);

/* How many of @server's connections are in it. */
unsigned server_group_count(const struct waybuf_server *server, const struct server_group *group);

#endif
