/* SPDX-License-Identifier: MIT */
#include "soak/torn.h"

#include <unistd.h>

struct torn_board *torn_board;

/* ---- stamps -------------------------------------------------------------------------------- */

enum { SERIAL, GENERATION, ROW, FIRST_PIXEL };

/* What a write that is not finished leaves for everybody who looks too early. */
#define UNFINISHED 0x80000000u

static uint32_t pixel(uint32_t serial, uint32_t x, uint32_t y)
{
	return serial * 0x9e3779b1u ^ (y << 16 | x);
}

static void stamp_row(uint32_t *row, uint32_t serial, uint32_t generation, uint32_t y)
{
	row[SERIAL] = serial;
	row[GENERATION] = generation;
	row[ROW] = y;
	for (uint32_t x = FIRST_PIXEL; x < TORN_WIDTH; x++)
		row[x] = pixel(serial, x, y);
}

static bool row_is(const uint32_t *row, uint32_t serial, uint32_t generation, uint32_t y)
{
	bool same = row[SERIAL] == serial && row[GENERATION] == generation && row[ROW] == y;
	for (uint32_t x = FIRST_PIXEL; x < TORN_WIDTH; x++)
		same = same && row[x] == pixel(serial, x, y);
	return same;
}

/* ---- images -------------------------------------------------------------------------------- */

/* A buffer and its mapping, which is renewed with each generation. */
struct image {
	struct fixture_buffer buffer;
	struct waybuf_cpu *cpu;
	uint32_t generation;
};

static void open_memory(struct image *image)
{
	const struct fixture_buffer *buffer = &image->buffer;
	if (image->cpu && image->generation == buffer->generation)
		return;
	ck_assert_uint_gt(buffer->generation, image->generation);
	waybuf_cpu_destroy(image->cpu);
	const struct waybuf_memory memory = {
		.fd = buffer->fd,
		.kind = buffer->kind == WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF ? WAYBUF_MEMORY_DMABUF
									    : WAYBUF_MEMORY_MEMFD,
		.size = buffer->size,
	};
	ck_assert_int_eq(waybuf_cpu_create(&memory, "torn", 0, &image->cpu), 0);
	image->generation = buffer->generation;
	torn_board->generations++;
}

static uint8_t *begin(struct image *image, enum waybuf_direction direction)
{
	void *data;
	open_memory(image);
	ck_assert_int_eq(waybuf_cpu_begin_access(image->cpu, direction), 0);
	ck_assert_int_eq(waybuf_cpu_vmap(image->cpu, &data), 0);
	return (uint8_t *)data + image->buffer.offset[0];
}

static void end(struct image *image, enum waybuf_direction direction)
{
	ck_assert_int_eq(waybuf_cpu_vunmap(image->cpu), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(image->cpu, direction), 0);
}

static uint32_t *row_at(const struct image *image, uint8_t *data, uint32_t y)
{
	return (uint32_t *)(void *)(data + (size_t)y * image->buffer.stride[0]);
}

/* Each row is of the write @serial, which one generation saw, this one or an older. */
static void check(struct image *image, uint32_t serial)
{
	uint8_t *data = begin(image, WAYBUF_READ);
	uint32_t generation = row_at(image, data, 0)[GENERATION];
	bool same = generation >= 1 && generation <= image->generation;
	uint32_t y;
	for (y = 0; same && y < TORN_HEIGHT; y++)
		same = row_is(row_at(image, data, y), serial, generation, y);
	if (!same) {
		const uint32_t *row = row_at(image, data, y ? y - 1 : 0);
		ck_abort_msg("%s generation %u: write %u expected, row %u has %#x, %u, %u",
			image->buffer.exporter, image->generation, serial, y ? y - 1 : 0,
			row[SERIAL], row[GENERATION], row[ROW]);
	}
	end(image, WAYBUF_READ);
}

static void draw(struct image *image, uint32_t mark, unsigned pause_us)
{
	uint32_t serial = (uint32_t)image->buffer.serial | mark;
	uint8_t *data = begin(image, WAYBUF_WRITE);
	for (uint32_t y = 0; y < TORN_HEIGHT; y++) {
		stamp_row(row_at(image, data, y), serial, image->generation, y);
		if (y == TORN_HEIGHT / 2 && pause_us)
			usleep(pause_us);
	}
	end(image, WAYBUF_WRITE);
}

/* ---- roles --------------------------------------------------------------------------------- */

static void map(struct fixture_client *client, struct image *image, uint32_t direction)
{
	unsigned answers = image->buffer.answers;
	waybuf_buffer_v1_map(image->buffer.proxy, direction);
	client_wait(client, &image->buffer.answers, answers + 1);
	if (image->buffer.failed)
		ck_abort_msg("map failed: reason %u", image->buffer.reason);
	ck_assert_uint_eq(image->buffer.flags & WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED, 0);
}

static void write_once(struct fixture_client *client, struct image *image, uint64_t random)
{
	map(client, image, WAYBUF_BUFFER_V1_DIRECTION_BOTH);
	if (!(image->buffer.flags & WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH))
		check(image, (uint32_t)image->buffer.serial - 1);
	draw(image, UNFINISHED, random % 4 ? 0 : (unsigned)(random >> 8) % 3000);
	draw(image, 0, 0);
	waybuf_buffer_v1_unmap(image->buffer.proxy);
	torn_board->writes++;
}

/* Looks again at the end: what it was given must have stood still. */
static void read_once(struct fixture_client *client, struct image *image, uint64_t random)
{
	map(client, image, WAYBUF_BUFFER_V1_DIRECTION_READ);
	if (!(image->buffer.flags & WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH)) {
		check(image, (uint32_t)image->buffer.serial);
		client_run(client, (int)(random >> 8) % 4);
		check(image, (uint32_t)image->buffer.serial);
	}
	waybuf_buffer_v1_unmap(image->buffer.proxy);
	torn_board->reads++;
}

static void take_part(struct fixture_client *client, uint64_t *random,
	void (*once)(struct fixture_client *client, struct image *image, uint64_t random))
{
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct image images[TORN_COUNT] = {0};
	raw_pool_listen(&pool, waybuf_allocator_v1_join_pool(client->allocator, torn_board->token));
	client_wait(client, &pool.configured, 1);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&attachment);
	for (uint32_t i = 0; i < TORN_COUNT; i++)
		raw_buffer_get(&attachment, &images[i].buffer, i);
	ck_assert(client_sync(client));
	torn_board->ready++;
	for (unsigned round = 0; round < torn_board->rounds; round++) {
		uint64_t value = harness_random(random);
		once(client, &images[value % TORN_COUNT], value >> 8);
	}
	for (uint32_t i = 0; i < TORN_COUNT; i++) {
		waybuf_cpu_destroy(images[i].cpu);
		raw_buffer_destroy(&images[i].buffer);
	}
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	ck_assert(client_sync(client));
	torn_board->done++;
}

static void play(struct fixture_client *client, uint64_t seed,
	void (*once)(struct fixture_client *client, struct image *image, uint64_t random))
{
	uint64_t random = seed;
	for (unsigned session = 0; !torn_board->over;) {
		client_run(client, 2);
		if (torn_board->sessions == session)
			continue;
		session = torn_board->sessions;
		take_part(client, &random, once);
	}
}

static void writer(struct fixture_client *client, uint64_t seed)
{
	play(client, seed, write_once);
}

static void reader(struct fixture_client *client, uint64_t seed)
{
	play(client, seed, read_once);
}

const crew_role_t torn_roles[TORN_ROLES] = {[TORN_WRITER] = writer, [TORN_READER] = reader};
