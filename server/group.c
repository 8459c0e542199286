/* SPDX-License-Identifier: MIT */
#include "group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "core/account.h"

/*
 * A desktop's user runs many programs, whose sum stays far below eight times what is generous for
 * one. A sandbox is one program in several processes.
 */
#define USER_FACTOR 8
#define CONTEXT_FACTOR 2

static void group_destroy(struct server_group *group)
{
	wl_list_remove(&group->link);
	waybuf_account_unref(group->account);
	free(group->context);
	free(group);
}

static void reap(struct waybuf_server *server)
{
	struct server_group *group, *next;
	wl_list_for_each_safe(group, next, &server->groups, link)
		if (group->account->refs == 1)
			group_destroy(group);
}

void server_groups_finish(struct waybuf_server *server)
{
	struct server_group *group, *next;
	wl_list_for_each_safe(group, next, &server->groups, link)
		group_destroy(group);
}

static uint32_t times(uint32_t limit, uint32_t factor)
{
	return limit > UINT32_MAX / factor ? UINT32_MAX : limit * factor;
}

static int open_account(
	struct waybuf_server *server, struct wl_client *client, struct server_group *group)
{
	const struct waybuf_server_options *options = &server->options;
	struct waybuf_limits limits;
	char name[64];
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] =
			times(server->limits.max[i], group->context ? CONTEXT_FACTOR : USER_FACTOR);
	if (options->group_limits)
		options->group_limits(options->data, client, &limits);
	if (group->context)
		snprintf(name, sizeof(name), "context %.48s", group->context);
	else
		snprintf(name, sizeof(name), "user %u", (unsigned)group->uid);
	group->account = waybuf_account_create(server->manager, name, &limits);
	return group->account ? 0 : -1;
}

static bool is_in(const struct server_group *group, uid_t uid, const char *context)
{
	if (!group->context || !context)
		return !group->context && !context && group->uid == uid;
	return strcmp(group->context, context) == 0;
}

static struct server_group *create(
	struct waybuf_server *server, struct wl_client *client, uid_t uid, const char *context)
{
	struct server_group *group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->uid = uid;
	if (context && !(group->context = strdup(context)))
		goto err_group;
	if (open_account(server, client, group) < 0)
		goto err_context;
	wl_list_insert(&server->groups, &group->link);
	return group;

err_context:
	free(group->context);
err_group:
	free(group);
	return NULL;
}

struct server_group *server_group_get(
	struct waybuf_server *server, struct wl_client *client, const char *context)
{
	struct server_group *group;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	wl_client_get_credentials(client, &pid, &uid, &gid);
	reap(server);
	wl_list_for_each(group, &server->groups, link)
		if (is_in(group, uid, context))
			return group;
	return create(server, client, uid, context);
}

unsigned server_group_count(const struct waybuf_server *server, const struct server_group *group)
{
	const struct server_client *client;
	unsigned n = 0;
	wl_list_for_each(client, &server->clients, link)
		n += client->account && client->account->group == group->account;
	return n;
}
