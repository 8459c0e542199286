/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>

#include "soak/torn.h"

/*
 * Two processes draw and look, while the memory under them moves between the exporters of this
 * machine and between strides, as newcomers ask for it. A newcomer is this process, which also has
 * the server. 500 maps; 10,000 with WAYBUF_TEST_SOAK.
 */

struct world {
	struct crew crew;
	struct fixture_server server;
	struct fixture_client owner;
	struct fixture_pool pool;
	pid_t pids[TORN_ROLES];
	unsigned moves, fits, late;
	unsigned wrapped, to_heap, back; /* where the image went */
	char exporter[64];
};

/* Where a newcomer wants the image. */
struct demand {
	const char *heap; /* as HEAPS names it */
	uint32_t stride; /* exactly; 0: any */
};

/*
 * The first is what shared memory has already, so its pages are wrapped. The last is a device that
 * the server speaks for.
 */
static const struct demand demands[] = {
	{"udmabuf", 0},
	{"system", 256},
	{"memfd", 512},
	{"udmabuf", 320},
	{"system", 240},
	{"memfd", 240},
	{"udmabuf", 240},
	{NULL, 256},
};
#define N_DEMANDS (sizeof(demands) / sizeof(demands[0]))

static void ask(struct world *w, struct fixture_attachment *newcomer, const struct demand *demand)
{
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	if (!demand->heap) {
		raw_attachment_create_device(
			&w->pool, newcomer, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, w->server.device);
		raw_attachment_commit_format(newcomer, WAYBUF_ACCESS_SAMPLE, format);
		return;
	}
	raw_attachment_create(&w->pool, newcomer, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_heaps(builder, &demand->heap, 1);
	if (demand->stride)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, demand->stride, demand->stride, demand->stride);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(newcomer, builder);
}

/* Where the images are now, by a look of our own. */
static void look(struct world *w, struct fixture_attachment *newcomer, const struct demand *demand)
{
	struct fixture_buffer buffer;
	raw_buffer_get(newcomer, &buffer, 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_wait(&w->owner, &buffer.answers, 1);
	ck_assert_uint_eq(buffer.mapped, 1);
	if (demand->stride)
		ck_assert_uint_eq(buffer.stride[0] % demand->stride, 0);
	if (demand->heap)
		ck_assert_ptr_nonnull(strstr(buffer.exporter, demand->heap));
	bool was_memfd = strcmp(w->exporter, "memfd") == 0;
	bool same_rows = demand == &demands[0];
	w->wrapped += was_memfd && same_rows && strcmp(buffer.exporter, "udmabuf") == 0;
	w->to_heap += strcmp(buffer.exporter, "heap system") == 0;
	w->back += !was_memfd && strcmp(buffer.exporter, "memfd") == 0;
	snprintf(w->exporter, sizeof(w->exporter), "%s", buffer.exporter);
	waybuf_buffer_v1_unmap(buffer.proxy);
	raw_buffer_destroy(&buffer);
}

static void move(struct world *w, const struct demand *demand)
{
	struct fixture_attachment newcomer;
	ask(w, &newcomer, demand);
	for (int i = 0; i < 500 && newcomer.accepted + newcomer.refused == 0; i++)
		client_run(&w->owner, 10);
	ck_assert_uint_eq(newcomer.accepted + newcomer.refused, 1);
	if (newcomer.refused) {
		/* nothing but a writer who could not be heard in time */
		ck_assert_uint_eq(newcomer.reason, WAYBUF_REASON_DEADLINE);
		w->late++;
	} else if (newcomer.outcome == WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED) {
		w->moves++;
		look(w, &newcomer, demand);
	} else {
		w->fits++;
	}
	raw_attachment_destroy(&newcomer);
}

static void check_crew(struct world *w)
{
	for (int i = 0; i < TORN_ROLES; i++)
		ck_assert(!crew_ended(&w->crew, w->pids[i]));
}

static void session(struct world *w)
{
	raw_pool_create(&w->owner, &w->pool, TORN_WIDTH, TORN_HEIGHT, TORN_COUNT);
	waybuf_pool_v1_export_token(w->pool.proxy, TORN_ROLES, 30, 0);
	client_wait(&w->owner, &w->pool.tokens, 1);
	unsigned before = torn_board->done;
	unsigned writes = torn_board->writes;
	memcpy(torn_board->token, w->pool.token, sizeof(torn_board->token));
	torn_board->sessions++;
	snprintf(w->exporter, sizeof(w->exporter), "memfd");
	/* something is to be there that can be moved */
	while (torn_board->writes < writes + 4) {
		client_run(&w->owner, 5);
		check_crew(w);
	}
	for (unsigned i = 0; torn_board->done < before + TORN_ROLES; i++) {
		move(w, &demands[i % N_DEMANDS]);
		check_crew(w);
	}
	raw_pool_destroy(&w->pool);
	ck_assert(client_sync(&w->owner));
}

static void world_init(struct world *w)
{
	static const struct fixture_server_options options = {
		.exporters = "memfd,udmabuf,heap system", .device = true};
	*w = (struct world){0};
	if (access("/dev/udmabuf", R_OK | W_OK) < 0 || access("/dev/dma_heap/system", R_OK) < 0)
		SKIP("no /dev/udmabuf or no /dev/dma_heap/system");
	uint64_t seed = harness_seed();
	torn_board = crew_share(sizeof(*torn_board));
	crew_init(&w->crew, torn_roles);
	fixture_server_init(&w->server, &options);
	client_init(&w->owner, &w->server);
	for (unsigned i = 0; i < TORN_ROLES; i++)
		w->pids[i] =
			crew_start(&w->crew, i, seed + i, fixture_server_connect(&w->server, NULL));
}

static void world_finish(struct world *w)
{
	torn_board->over = true;
	for (int i = 0; i < TORN_ROLES; i++) {
		while (!crew_ended(&w->crew, w->pids[i]))
			client_run(&w->owner, 5);
	}
	client_finish(&w->owner);
	fixture_server_finish(&w->server);
	crew_finish(&w->crew);
}

TEST(never_torn_never_stale)
{
	struct world w;
	bool soak = getenv("WAYBUF_TEST_SOAK") != NULL;
	unsigned sessions = soak ? 20 : 4, rounds = soak ? 250 : 64;
	world_init(&w);
	torn_board->rounds = rounds;
	for (unsigned i = 0; i < sessions; i++)
		session(&w);
	printf("# %u reads, %u writes, %u generations seen; %u moves (%u wrapped, %u to a heap, "
	       "%u back to shared memory), %u that fitted, %u late\n",
		torn_board->reads, torn_board->writes, torn_board->generations, w.moves, w.wrapped,
		w.to_heap, w.back, w.fits, w.late);
	ck_assert_uint_eq(torn_board->reads + torn_board->writes, TORN_ROLES * sessions * rounds);
	ck_assert_uint_gt(w.moves, 4 * sessions);
	ck_assert_uint_gt(w.wrapped, 0);
	ck_assert_uint_gt(w.to_heap, 0);
	ck_assert_uint_gt(w.back, 0);
	ck_assert_uint_lt(w.late, w.moves);
	world_finish(&w);
}

__attribute__((constructor)) static void set_timeout(void)
{
	harness_set_timeout(getenv("WAYBUF_TEST_SOAK") ? 1800 : 200);
}

TEST_MAIN("torn-frames")
