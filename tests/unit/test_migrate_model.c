/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>

#include "core_fixture.h"

/*
 * Readers, writers and newcomers at random. Each write fills the whole image with its serial; each
 * read must find one number everywhere, the one of the grant's serial, in whatever storage it was
 * given. A newcomer wants another stride each time, so that the memory keeps moving.
 */

#define SEATS 4
#define BUFFERS 2
#define ROUNDS 12000
#define WIDTH 40
#define HEIGHT 12

struct actor {
	struct party party;
	struct seat seats[BUFFERS];
	int state[BUFFERS]; /* 0 idle, 1 mapped or asked */
	enum waybuf_direction direction[BUFFERS];
	bool seen[BUFFERS]; /* the grant was looked at */
};

struct model {
	struct fixture f;
	struct waybuf_pool *pool;
	struct actor actors[SEATS];
	struct party newcomer;
	struct waybuf_claim *claims[BUFFERS];
	uint64_t reads, writes, moves, refusals;
};

static uint32_t *map_image(const struct waybuf_layout *layout)
{
	uint32_t *pixels = mmap(NULL, layout->memory[0].size, PROT_READ | PROT_WRITE, MAP_SHARED,
		layout->memory[0].fd, 0);
	ck_assert_ptr_ne(pixels, MAP_FAILED);
	return pixels;
}

static void check_image(const struct waybuf_layout *layout, uint64_t serial)
{
	uint32_t *pixels = map_image(layout);
	bool same = true;
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++)
			same = same && pixels[y * layout->planes[0].stride / 4 + x] == serial;
	}
	munmap(pixels, layout->memory[0].size);
	ck_assert_msg(same, "a torn or stale image");
}

static void fill_image(const struct waybuf_layout *layout, uint64_t serial)
{
	uint32_t *pixels = map_image(layout);
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++)
			pixels[y * layout->planes[0].stride / 4 + x] = (uint32_t)serial;
	}
	munmap(pixels, layout->memory[0].size);
}

/* What a participant does with a grant, some time before it gives it back. */
static void use_grant(struct model *m, struct actor *actor, uint32_t i)
{
	struct seat *seat = &actor->seats[i];
	ck_assert_msg(seat->failed == 0, "map failed: %s", strerror(-seat->error));
	if (!seat->answered || actor->seen[i])
		return;
	actor->seen[i] = true;
	ck_assert_uint_eq(seat->flags & WAYBUF_GRANT_UNDEFINED, 0);
	if (actor->direction[i] & WAYBUF_WRITE) {
		check_image(&seat->layout, seat->serial - 1);
		/* half done until it is given back */
		fill_image(&seat->layout, seat->serial | 0x80000000);
		m->writes++;
	} else {
		check_image(&seat->layout, seat->serial);
		m->reads++;
	}
}

static void step_view(struct model *m, struct actor *actor, uint32_t i, uint64_t value)
{
	struct seat *seat = &actor->seats[i];
	if (actor->state[i] == 0) {
		actor->direction[i] = value & 1 ? WAYBUF_READ : WAYBUF_READ_WRITE;
		actor->state[i] = 1;
		actor->seen[i] = false;
		seat_map(seat, actor->direction[i]);
		return;
	}
	use_grant(m, actor, i);
	if (!seat->answered)
		return;
	/* a reader looks again at the very end: its storage must have stood still */
	if (actor->direction[i] == WAYBUF_READ)
		check_image(&seat->layout, seat->serial);
	else
		fill_image(&seat->layout, seat->serial);
	seat_unmap(seat, NULL);
	actor->state[i] = 0;
}

static void step_claim(struct model *m, uint32_t i)
{
	struct waybuf_buffer *buffer = waybuf_pool_buffer(m->pool, i);
	struct waybuf_grant grant;
	if (m->claims[i]) {
		waybuf_claim_end(m->claims[i], NULL);
		m->claims[i] = NULL;
	} else if (!waybuf_buffer_writer(buffer) &&
		waybuf_buffer_claim(buffer, &m->claims[i]) == 0) {
		waybuf_claim_latch(m->claims[i], &grant);
		check_image(grant.layout, grant.serial);
	}
}

/* Exactly this stride: what the last newcomer liked, the next one does not. */
static struct waybuf_constraints *exact_stride(uint64_t stride)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	uint32_t format = DRM_FORMAT_XRGB8888;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, stride, stride, stride);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

static void step_newcomer(struct model *m, uint64_t value)
{
	if (m->newcomer.attachment) {
		if (m->newcomer.accepted && m->newcomer.outcome == WAYBUF_MIGRATED)
			m->moves++;
		m->refusals += m->newcomer.refused;
		/* sometimes in the middle of it */
		if (m->newcomer.answered || value % 8 == 0)
			party_detach(&m->newcomer);
		return;
	}
	party_attach(&m->newcomer, m->pool, m->f.account, "newcomer");
	party_commit(&m->newcomer, exact_stride(192 + 64 * (value % 5)));
}

static void step(struct model *m, uint64_t value)
{
	struct actor *actor = &m->actors[value / 16 % SEATS];
	uint32_t i = (uint32_t)(value / 256 % BUFFERS);
	switch (value % 16) {
	case 0:
		step_newcomer(m, value >> 20);
		break;
	case 1:
		step_claim(m, i);
		break;
	case 2:
	case 3:
		ck_assert_int_ge(waybuf_manager_dispatch(m->f.manager, 1), 0);
		break;
	default:
		step_view(m, actor, i, value >> 20);
	}
}

static void finish(struct model *m)
{
	if (m->newcomer.attachment)
		party_detach(&m->newcomer);
	for (uint32_t i = 0; i < BUFFERS; i++)
		waybuf_claim_end(m->claims[i], NULL);
	for (int a = 0; a < SEATS; a++) {
		for (uint32_t i = 0; i < BUFFERS; i++)
			seat_close(&m->actors[a].seats[i]);
		party_detach(&m->actors[a].party);
	}
	waybuf_pool_unref(m->pool);
	/* what the worker is still at is charged until it is done */
	fixture_settle(&m->f, 0);
	fixture_finish(&m->f);
}

TEST(moving_memory_is_never_torn_or_stale)
{
	struct model m = {0};
	uint64_t random = harness_seed();
	fixture_init(&m.f);
	m.pool = fixture_pool(&m.f, WIDTH, HEIGHT, BUFFERS);
	for (int a = 0; a < SEATS; a++) {
		party_attach(&m.actors[a].party, m.pool, m.f.account, "actor");
		party_commit(&m.actors[a].party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
		for (uint32_t i = 0; i < BUFFERS; i++)
			seat_open(&m.actors[a].seats[i], &m.actors[a].party, i);
	}
	for (int round = 0; round < ROUNDS; round++)
		step(&m, harness_random(&random));
	/* it was worth the while */
	ck_assert_uint_gt(m.reads, 500);
	ck_assert_uint_gt(m.writes, 500);
	ck_assert_uint_gt(m.moves, 20);
	finish(&m);
}

TEST_TIMEOUT(100)
TEST_MAIN("migrate-model")
