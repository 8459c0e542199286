/* SPDX-License-Identifier: MIT */
#include "proto/restore_kit.h"

#include <unistd.h>

static char folder[64], path[96];
static struct fixture_server_options kept_options;

static void init_server(struct race *race, const struct fixture_server_options *options)
{
	if (options)
		kept_options = *options;
	kept_options.ticket_file = path;
	fixture_server_init(&race->server, &kept_options);
}

static bool gives_tickets(struct race *race)
{
	struct fixture_client client;
	client_init(&client, &race->server);
	bool gives = client.capabilities & WAYBUF_ALLOCATOR_V1_CAPABILITY_RESTORE;
	client_finish(&client);
	return gives;
}

void kit_start(struct race *race, const struct fixture_server_options *options)
{
	*race = (struct race){0};
	kept_options = (struct fixture_server_options){0};
	snprintf(folder, sizeof(folder), "/tmp/waybuf-restore-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tickets", folder);
	init_server(race, options);
	if (!gives_tickets(race)) {
		kit_finish(race);
		SKIP("built without nettle");
	}
}

void kit_restart(struct race *race, const struct fixture_server_options *options)
{
	fixture_server_finish(&race->server);
	init_server(race, options);
}

void kit_forget(struct race *race)
{
	fixture_server_finish(&race->server);
	ck_assert_int_eq(unlink(path), 0);
	init_server(race, NULL);
}

void kit_finish(struct race *race)
{
	fixture_server_finish(&race->server);
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

void kit_reseal(struct race *race, struct keepsake *keepsake, void (*change)(struct ticket *ticket))
{
	struct ticket_key *key = NULL;
	struct ticket ticket;
	fixture_server_finish(&race->server);
	ck_assert_int_eq(ticket_key_open(path, &key), 0);
	ck_assert(ticket_open(key, keepsake->ticket, keepsake->size, &ticket));
	change(&ticket);
	ticket_seal(key, &ticket, keepsake->ticket);
	ticket_key_close(key);
	init_server(race, NULL);
}

void side_open(struct race *race, struct side *side, uint32_t count)
{
	*side = (struct side){0};
	client_init(&side->client, &race->server);
	raw_pool_create(&side->client, &side->pool, 60, RACE_HEIGHT, count);
	side_attach_cpu(side);
	client_wait(&side->client, &side->attachment.accepted, 1);
}

void side_close(struct side *side)
{
	if (!side->left)
		side_leave(side);
	client_finish(&side->client);
}

void side_keep(const struct side *side, struct keepsake *keepsake)
{
	const struct fixture_buffer *buffer = &side->buffer;
	ck_assert_uint_eq(buffer->ticket_size, 256);
	*keepsake = (struct keepsake){
		.size = buffer->ticket_size,
		.fd = dup(buffer->fd),
		.generation = buffer->generation,
		.stride = buffer->stride[0],
	};
	ck_assert_int_ge(keepsake->fd, 0);
	memcpy(keepsake->ticket, buffer->ticket, buffer->ticket_size);
}

void keepsake_close(struct keepsake *keepsake)
{
	close(keepsake->fd);
	keepsake->fd = -1;
}

static bool is_answered(const struct side *side)
{
	return side->pool.configured || side->pool.failed;
}

void side_return(struct race *race, struct side *side, const struct keepsake *keepsake)
{
	struct wl_array ticket = {.data = (void *)keepsake->ticket, .size = keepsake->size};
	*side = (struct side){0};
	client_init(&side->client, &race->server);
	raw_pool_listen(
		&side->pool, waybuf_allocator_v1_restore_pool(side->client.allocator, &ticket));
	ck_assert(client_sync(&side->client));
	ck_assert(is_answered(side));
}

void side_resume(struct race *race, struct side *side, const struct keepsake *keepsake)
{
	side_return(race, side, keepsake);
	ck_assert_msg(side->pool.configured == 1, "not a member: %s", side->pool.message);
}

uint32_t side_offer(struct side *side, int fd, const void *data, size_t size)
{
	struct wl_array ticket = {.data = (void *)data, .size = size};
	unsigned restored = side->pool.restored;
	waybuf_pool_v1_restore(side->pool.proxy, fd, &ticket);
	client_wait(&side->client, &side->pool.restored, restored + 1);
	ck_assert_uint_eq(side->pool.restored, restored + 1);
	ck_assert_int_eq(side->pool.message[0] != '\0', side->pool.restored_reason != 0);
	return side->pool.restored_reason;
}

uint32_t side_restore(struct side *side, const struct keepsake *keepsake)
{
	uint32_t reason = side_offer(side, keepsake->fd, keepsake->ticket, keepsake->size);
	ck_assert_uint_eq(side->pool.restored_generation, keepsake->generation);
	return reason;
}

void side_said(const struct side *side, const char *needle)
{
	ck_assert_msg(strstr(side->pool.message, needle), "no \"%s\" in \"%s\"", needle,
		side->pool.message);
}
