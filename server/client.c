/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "client.h"
#include "core/account.h"
#include "group.h"
#include "util/clock.h"
#include "wl_buffer.h"

/* The name of a process, for people; whoever lies about it fools nobody but the reader. */
static void read_comm(pid_t pid, char *text, size_t size)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	snprintf(text, size, "?");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		n = 0;
	text[n] = '\0';
	for (char *c = text; *c; c++) {
		if (*c == '\n')
			*c = '\0';
		else if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	}
}

static void name_client(struct server_client *client)
{
	pid_t pid;
	uid_t uid;
	gid_t gid;
	wl_client_get_credentials(client->client, &pid, &uid, &gid);
	client->uid = uid;
	char comm[32];
	read_comm(pid, comm, sizeof(comm));
	snprintf(client->name, sizeof(client->name), "%s[%d]", comm, (int)pid);
}

static void close_account(struct server_client *client)
{
	if (client->account)
		waybuf_account_close(client->account);
	waybuf_account_unref(client->account);
	client->account = NULL;
}

static void client_destroyed(struct wl_listener *listener, void *data)
{
	struct server_client *client = wl_container_of(listener, client, destroy);
	wl_list_remove(&client->destroy.link);
	wl_list_remove(&client->link);
	close_account(client);
	free(client->context);
	free(client);
}

struct server_client *server_client_find(
	struct waybuf_server *server, const struct wl_client *wl_client)
{
	/* libwayland keeps the listeners per client, so this does not search all clients */
	struct wl_listener *listener = wl_client_get_destroy_late_listener(
		(struct wl_client *)wl_client, client_destroyed);
	struct server_client *client;
	if (listener) {
		client = wl_container_of(listener, client, destroy);
		if (client->server == server)
			return client;
	}
	/* a second server on the same display */
	wl_list_for_each(client, &server->clients, link) {
		if (client->client == wl_client)
			return client;
	}
	return NULL;
}

static int open_account(struct server_client *client)
{
	struct waybuf_server *server = client->server;
	const struct waybuf_server_options *options = &server->options;
	struct waybuf_limits limits = server->limits;
	if (options->client_limits)
		options->client_limits(options->data, client->client, &limits);
	struct server_group *group = server_group_get(server, client->client, client->context);
	if (!group)
		return -ENOMEM;
	client->account = waybuf_account_create(server->manager, client->name, &limits);
	if (!client->account)
		return -ENOMEM;
	/* which cannot fail: it is new */
	return waybuf_account_set_group(client->account, group->account);
}

static int note_context(struct server_client *client)
{
	const struct waybuf_server_options *options = &client->server->options;
	const char *context = NULL;
	if (options->security_context)
		context = options->security_context(options->data, client->client);
	if (!context)
		return 0;
	client->context = strdup(context);
	return client->context ? 0 : -ENOMEM;
}

struct server_client *server_client_get(struct waybuf_server *server, struct wl_client *wl_client)
{
	struct server_client *client = server_client_find(server, wl_client);
	if (client)
		return client;
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->server = server;
	client->client = wl_client;
	client->id = ++server->last_client;
	client->since_ms = clock_now_ms();
	name_client(client);
	if (note_context(client) < 0 || open_account(client) < 0)
		goto err_client;
	wl_list_init(&client->allocators);
	wl_list_init(&client->members);
	wl_list_init(&client->buffers);
	client->destroy.notify = client_destroyed;
	wl_client_add_destroy_late_listener(wl_client, &client->destroy);
	wl_list_insert(&server->clients, &client->link);
	return client;

err_client:
	free(client->context);
	free(client);
	return NULL;
}

void server_client_sever(struct server_client *client)
{
	struct pool_member *member, *next_member;
	wl_list_for_each_safe(member, next_member, &client->members, client_link)
		pool_member_fail(member, WAYBUF_REASON_CLOSED, "the server is shutting down");
	struct server_buffer *buffer, *next_buffer;
	wl_list_for_each_safe(buffer, next_buffer, &client->buffers, link)
		server_buffer_sever(buffer);
	close_account(client);
	client->server = NULL;
	wl_list_remove(&client->link);
	wl_list_init(&client->link);
}

bool server_client_trusted(struct waybuf_server *server, struct wl_client *client)
{
	const struct waybuf_server_options *options = &server->options;
	pid_t pid;
	uid_t uid;
	gid_t gid;
	wl_client_get_credentials(client, &pid, &uid, &gid);
	return uid == geteuid() && options->security_context &&
		!options->security_context(options->data, client);
}

struct waybuf_account *waybuf_server_client_account(
	struct waybuf_server *server, struct wl_client *wl_client)
{
	struct server_client *client = server_client_get(server, wl_client);
	return client ? client->account : NULL;
}
