/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "core/account.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/utf8.h"

/*
 * The waybuf_allocator_v1 global: batches, pools, and what this server does not do. Timelines are
 * not announced as a capability, so that asking for them is answered as the protocol says of
 * servers without them; and neither are tickets, where there is no key for them.
 */
#define ALLOCATOR_VERSION 1

/* Bad tokens per connection and minute before even good ones are bad. */
#define MAX_BAD_TOKENS 10
#define BAD_TOKEN_WINDOW_MS 60000

static void send_usage(
	struct wl_resource *resource, struct waybuf_account *account, enum waybuf_resource what)
{
	uint32_t used = waybuf_account_used(account, what);
	/* what others in its group have is not there for it */
	waybuf_allocator_v1_send_usage(
		resource, what, used, used + waybuf_account_left(account, what));
}

void client_send_usage(
	struct server_client *client, enum waybuf_reason reason, enum waybuf_resource what)
{
	if (!client->account)
		return;
	if (reason != WAYBUF_REASON_QUOTA && reason != WAYBUF_REASON_NO_MEMORY)
		return;
	struct wl_resource *resource;
	wl_resource_for_each(resource, &client->allocators) {
		send_usage(resource, client->account, WAYBUF_RESOURCE_KIB);
		if (reason == WAYBUF_REASON_QUOTA && what != WAYBUF_RESOURCE_KIB)
			send_usage(resource, client->account, what);
	}
}

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static bool check_pool_arguments(struct wl_resource *resource, uint32_t width, uint32_t height,
	uint32_t count, uint32_t flags, const char *name)
{
	if (width == 0 || height == 0 || width > WAYBUF_POOL_V1_LIMIT_SIZE ||
		height > WAYBUF_POOL_V1_LIMIT_SIZE) {
		wl_resource_post_error(resource, WAYBUF_ALLOCATOR_V1_ERROR_BAD_SIZE,
			"%u x %u is no size of a pool", width, height);
		return false;
	}
	if (count == 0 || count > WAYBUF_POOL_V1_LIMIT_COUNT) {
		wl_resource_post_error(resource, WAYBUF_ALLOCATOR_V1_ERROR_BAD_COUNT,
			"a pool of %u buffers", count);
		return false;
	}
	if (strlen(name) > WAYBUF_ALLOCATOR_V1_LIMIT_NAME || !utf8_valid(name)) {
		wl_resource_post_error(resource, WAYBUF_ALLOCATOR_V1_ERROR_BAD_NAME,
			"the name of a pool is at most %d bytes of UTF-8",
			WAYBUF_ALLOCATOR_V1_LIMIT_NAME);
		return false;
	}
	if (flags & ~(uint32_t)WAYBUF_ALLOCATOR_V1_POOL_FLAGS_OWN_MEMORY) {
		wl_resource_post_error(
			resource, WAYBUF_ALLOCATOR_V1_ERROR_BAD_FLAGS, "unknown flags 0x%x", flags);
		return false;
	}
	return true;
}

static int declare_pool(struct server_client *client, const struct waybuf_export_info *info,
	struct server_pool **out)
{
	struct waybuf_server *server = client->server;
	const struct waybuf_server_options *options = &server->options;
	if (options->may_create_pool &&
		options->may_create_pool(options->data, client->client, info) < 0)
		return -EACCES;
	/* they are charged until somebody looks */
	token_expire(&server->tokens, clock_now_ms());
	struct waybuf_pool *core;
	int ret = waybuf_pool_create(server->manager, client->account, info, &core);
	if (ret < 0)
		return ret;
	*out = server_pool_create(server, core, info);
	return *out ? 0 : -ENOMEM;
}

static void fail_member(
	struct pool_member *member, int error, enum waybuf_resource what, const char *message)
{
	enum waybuf_reason reason = server_reason(error, NULL);
	client_send_usage(member->client, reason, what);
	pool_member_fail(member, reason, message);
}

/* The pools are counted, and so are the buffers: tell what ran out. */
static enum waybuf_resource scarce(struct server_client *client)
{
	uint32_t pools = waybuf_account_left(client->account, WAYBUF_RESOURCE_POOLS);
	return pools == 0 ? WAYBUF_RESOURCE_POOLS : WAYBUF_RESOURCE_BUFFERS;
}

static void enter_own(struct pool_member *member, struct server_pool *pool, uint32_t flags)
{
	pool_member_enter(member, pool);
	if (flags & WAYBUF_ALLOCATOR_V1_POOL_FLAGS_OWN_MEMORY)
		pool_member_supply(member);
}

static void handle_create_pool(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t id, uint32_t width, uint32_t height, uint32_t min_count, uint32_t flags,
	const char *name)
{
	struct server_client *client = wl_resource_get_user_data(resource);
	if (!check_pool_arguments(resource, width, height, min_count, flags, name))
		return;
	struct pool_member *member =
		pool_member_create(client, (uint32_t)wl_resource_get_version(resource), id);
	if (!member) {
		wl_resource_post_no_memory(resource);
		return;
	}
	if (!client->server) {
		pool_member_fail(member, WAYBUF_REASON_CLOSED, "the server is shutting down");
		return;
	}
	struct waybuf_export_info info = {
		.width = width,
		.height = height,
		.count = min_count,
		.name = *name ? name : NULL,
	};
	struct server_pool *pool;
	int ret = declare_pool(client, &info, &pool);
	if (ret < 0)
		fail_member(member, ret, scarce(client), "the pool cannot be created");
	else
		enter_own(member, pool, flags);
}

/* A connection that keeps guessing is not worth an answer that could be good. */
static bool may_guess(struct server_client *client, uint64_t now)
{
	if (client->bad_tokens && now - client->bad_since >= BAD_TOKEN_WINDOW_MS)
		client->bad_tokens = 0;
	return client->bad_tokens <= MAX_BAD_TOKENS;
}

static void note_bad_guess(struct server_client *client, uint64_t now)
{
	if (client->bad_tokens++ == 0)
		client->bad_since = now;
}

static void join(struct pool_member *member, const char *token)
{
	struct server_client *client = member->client;
	uint64_t now = clock_now_ms();
	struct token_rights rights;
	if (!may_guess(client, now) ||
		!token_use(&client->server->tokens, token, now, client->context, &rights)) {
		note_bad_guess(client, now);
		pool_member_fail_late(member, WAYBUF_REASON_BAD_TOKEN);
		return;
	}
	struct pool_member *minter = rights.owner;
	int ret = waybuf_account_charge(client->account, WAYBUF_RESOURCE_POOLS, 1);
	if (ret < 0) {
		fail_member(member, ret, WAYBUF_RESOURCE_POOLS, "too many memberships");
		return;
	}
	member->charged = true;
	member->read_only = rights.read_only;
	pool_member_enter(member, minter->pool);
}

static void handle_join_pool(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t id, const char *token)
{
	struct server_client *client = wl_resource_get_user_data(resource);
	struct pool_member *member =
		pool_member_create(client, (uint32_t)wl_resource_get_version(resource), id);
	if (!member)
		wl_resource_post_no_memory(resource);
	else if (!client->server)
		pool_member_fail(member, WAYBUF_REASON_CLOSED, "the server is shutting down");
	else
		join(member, token);
}

static void handle_restore_pool(struct wl_client *wl_client, struct wl_resource *resource,
	uint32_t id, struct wl_array *ticket)
{
	struct server_client *client = wl_resource_get_user_data(resource);
	struct pool_member *member =
		pool_member_create(client, (uint32_t)wl_resource_get_version(resource), id);
	if (!member) {
		wl_resource_post_no_memory(resource);
		return;
	}
	if (!client->server)
		pool_member_fail(member, WAYBUF_REASON_CLOSED, "the server is shutting down");
	else if (ticket->size > WAYBUF_ALLOCATOR_V1_LIMIT_TICKET)
		pool_member_fail(member, WAYBUF_REASON_BAD_TICKET, "no ticket is that long");
	else
		restore_pool(member, ticket);
}

static void handle_import_timeline(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t id, int32_t fd)
{
	close(fd);
	wl_resource_post_error(
		resource, WAYBUF_ALLOCATOR_V1_ERROR_NO_TIMELINES, "timelines were not announced");
}

static const struct waybuf_allocator_v1_interface allocator_impl = {
	.destroy = handle_destroy,
	.create_pool = handle_create_pool,
	.join_pool = handle_join_pool,
	.restore_pool = handle_restore_pool,
	.import_timeline = handle_import_timeline,
};

/* ---- batches ------------------------------------------------------------------------------- */

static void send_device(struct wl_resource *resource, const struct server_device *device)
{
	struct server_client *client = wl_resource_get_user_data(resource);
	/* a number that names a node which the sandbox hides is a fingerprint and nothing else */
	dev_t dev = device->base.devnum;
	struct wl_array array = {0};
	if (device->has_dev && !client->context) {
		array.data = &dev;
		array.size = sizeof(dev);
	}
	waybuf_allocator_v1_send_device(
		resource, device->base.id, device->base.kind, &array, device->name);
}

static void send_batch(struct wl_resource *resource)
{
	struct server_client *client = wl_resource_get_user_data(resource);
	struct waybuf_server *server = client->server;
	uint32_t capabilities = WAYBUF_ALLOCATOR_V1_CAPABILITY_SYNC_FILE;
	if (server->allocator && server->allocator->options.integrated)
		capabilities |= WAYBUF_ALLOCATOR_V1_CAPABILITY_INTEGRATED;
	if (server_ticket_key(server))
		capabilities |= WAYBUF_ALLOCATOR_V1_CAPABILITY_RESTORE;
	waybuf_allocator_v1_send_capabilities(resource, capabilities);
	struct server_device *device;
	wl_list_for_each(device, &server->devices, link)
		send_device(resource, device);
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		send_usage(resource, client->account, (enum waybuf_resource)i);
	waybuf_allocator_v1_send_done(resource);
}

void allocator_devices_changed(struct waybuf_server *server)
{
	struct server_client *client;
	wl_list_for_each(client, &server->clients, link) {
		struct wl_resource *resource;
		wl_resource_for_each(resource, &client->allocators)
			send_batch(resource);
	}
}

static void lose_device(struct pool_member *member, const struct server_device *device)
{
	struct attachment *attachment;
	wl_list_for_each(attachment, &member->attachments, link) {
		if (attachment->device == device)
			attachment_gone(
				attachment, WAYBUF_REASON_DEVICE_LOST, "the device was removed");
	}
}

void allocator_device_lost(struct waybuf_server *server, struct server_device *device)
{
	struct server_pool *pool;
	wl_list_for_each(pool, &server->pools, link) {
		struct pool_member *member;
		wl_list_for_each(member, &pool->members, link)
			lose_device(member, device);
	}
}

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void bind_allocator(struct wl_client *wl_client, void *data, uint32_t version, uint32_t id)
{
	struct waybuf_server_allocator *allocator = data;
	struct server_client *client = server_client_get(allocator->server, wl_client);
	struct wl_resource *resource =
		wl_resource_create(wl_client, &waybuf_allocator_v1_interface, (int)version, id);
	if (!client || !resource) {
		wl_client_post_no_memory(wl_client);
		return;
	}
	wl_resource_set_implementation(resource, &allocator_impl, client, unlink_resource);
	wl_list_insert(&client->allocators, wl_resource_get_link(resource));
	send_batch(resource);
}

static int add_display(struct waybuf_server_allocator *allocator)
{
	const struct waybuf_server_allocator_options *options = &allocator->options;
	if (!options->integrated || !options->display)
		return 0;
	struct waybuf_server_device_info info = {
		.kind = WAYBUF_DEVICE_OTHER,
		.name = "display",
		.ops = options->display,
		.data = options->data,
	};
	return server_device_create(allocator->server, &info, &allocator->display);
}

/* Why, for the log and for whoever comes with a ticket. */
static const char *key_problem(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "no tickets: this server was built without nettle";
	case -EBUSY:
		return "no tickets: another server uses the ticket file";
	case -EPERM:
	case -ELOOP:
		return "no tickets: the ticket file is not a file of our own with mode 0600";
	case -EBADMSG:
		return "no tickets: the ticket file is something else";
	default:
		return "no tickets: the ticket file cannot be used";
	}
}

/* Without it the rest works. */
static void open_key(struct waybuf_server_allocator *allocator)
{
	const char *path = allocator->options.ticket_file;
	/* the caller's; what counts is the file */
	allocator->options.ticket_file = NULL;
	int ret = path ? ticket_key_open(path, &allocator->key) : 0;
	if (ret == 0)
		return;
	allocator->no_key = key_problem(ret);
	if (ret == -EOPNOTSUPP)
		waybuf_info("%s", allocator->no_key);
	else
		waybuf_error("%s: %s: %s", allocator->no_key, path, strerror(-ret));
}

int waybuf_server_allocator_create(struct waybuf_server *server,
	const struct waybuf_server_allocator_options *options, struct waybuf_server_allocator **out)
{
	if (server->allocator)
		return -EEXIST;
	struct waybuf_server_allocator *allocator = calloc(1, sizeof(*allocator));
	if (!allocator)
		return -ENOMEM;
	allocator->server = server;
	if (options)
		allocator->options = *options;
	int ret = add_display(allocator);
	if (ret < 0)
		goto err_allocator;
	open_key(allocator);
	ret = -ENOMEM;
	allocator->global = wl_global_create(server->display, &waybuf_allocator_v1_interface,
		ALLOCATOR_VERSION, allocator, bind_allocator);
	if (!allocator->global)
		goto err_display;
	server->allocator = allocator;
	if (out)
		*out = allocator;
	return 0;

err_display:
	ticket_key_close(allocator->key);
	server_device_destroy(allocator->display);
err_allocator:
	free(allocator);
	return ret;
}

void waybuf_server_allocator_destroy(struct waybuf_server_allocator *allocator)
{
	if (!allocator)
		return;
	wl_global_destroy(allocator->global);
	allocator->server->allocator = NULL;
	server_device_destroy(allocator->display);
	ticket_key_close(allocator->key);
	free(allocator);
}
