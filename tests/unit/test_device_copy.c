/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core/device.h"
#include "core_fixture.h"
#include "exporter/exporter.h"

/*
 * Memory that moves by the engine of a device. What the fake one leaves in the target is another
 * picture than the source has, so that it is seen who copied.
 */
#define DRAWN 5
#define BY_ENGINE 77
#define TILED fourcc_mod_code(VIVANTE, 1)

enum behaviour { AT_ONCE, LATER, DECLINES };

struct engine {
	struct waybuf_device base;
	enum behaviour behaviour;
	struct waybuf_timeline *timeline;
	uint64_t point;
	struct waybuf_layout from, to;
	unsigned asked;
	bool destroyed;
};

static int get_constraints(
	struct waybuf_device *base, uint64_t access, struct waybuf_constraints **out)
{
	*out = reader_constraints(DRM_FORMAT_XRGB8888, 0, false);
	return 0;
}

static int copy(struct waybuf_device *base, const struct waybuf_layout *from,
	const struct waybuf_layout *to, struct waybuf_fence **fence)
{
	struct engine *engine = (struct engine *)base;
	engine->asked++;
	engine->from = *from;
	engine->to = *to;
	ck_assert_ptr_null(*fence);
	if (engine->behaviour == DECLINES)
		return -EOPNOTSUPP;
	pattern_fill(to, BY_ENGINE);
	if (engine->behaviour == LATER)
		ck_assert_int_eq(
			waybuf_timeline_fence(engine->timeline, ++engine->point, fence), 0);
	return 0;
}

static void destroy(struct waybuf_device *base)
{
	((struct engine *)base)->destroyed = true;
}

static const struct waybuf_device_ops engine_ops = {
	.constraints = get_constraints,
	.copy = copy,
	.destroy = destroy,
};

struct scene {
	struct fixture f;
	struct engine engine;
	struct waybuf_pool *pool;
	struct party painter, plane;
	struct seat seat;
};

/* A picture in a memfd, and a plane that is going to ask for contiguous memory. */
static void scene_init(struct scene *s, enum behaviour behaviour)
{
	*s = (struct scene){0};
	fixture_init(&s->f);
	fake_exporter_add(&s->f, "contiguous", 50, false, true);
	s->engine.base = (struct waybuf_device){.ops = &engine_ops, .name = "engine"};
	s->engine.behaviour = behaviour;
	ck_assert_int_eq(waybuf_timeline_create("engine", &s->engine.timeline), 0);
	ck_assert_int_eq(waybuf_manager_add_device(s->f.manager, &s->engine.base), 0);
	s->pool = fixture_pool(&s->f, 64, 64, 1);
	party_attach(&s->painter, s->pool, s->f.account, "painter");
	party_commit(&s->painter, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	party_attach(&s->plane, s->pool, s->f.account, "plane");
	seat_open(&s->seat, &s->painter, 0);
	seat_grant(&s->f, &s->seat, WAYBUF_WRITE);
	pattern_fill(&s->seat.layout, DRAWN);
	seat_unmap(&s->seat, NULL);
}

static void scene_finish(struct scene *s)
{
	if (s->seat.view)
		seat_close(&s->seat);
	party_detach(&s->painter);
	if (s->plane.attachment)
		party_detach(&s->plane);
	waybuf_pool_unref(s->pool);
	fixture_finish(&s->f);
	waybuf_timeline_destroy(s->engine.timeline);
	ck_assert(s->engine.destroyed);
}

static void commit_plane(struct scene *s)
{
	party_commit(&s->plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
}

static void settle(struct scene *s, int error)
{
	if (error < 0)
		waybuf_timeline_fail(s->engine.timeline, s->engine.point, error);
	else
		waybuf_timeline_signal(s->engine.timeline, s->engine.point);
}

static void check_picture(struct scene *s, const char *exporter, uint32_t seed)
{
	seat_grant(&s->f, &s->seat, WAYBUF_READ);
	ck_assert_str_eq(s->seat.layout.exporter, exporter);
	ck_assert(pattern_check(&s->seat.layout, seed));
	seat_unmap(&s->seat, NULL);
}

static void run_until_asked(struct scene *s)
{
	for (int i = 0; i < 1000 && s->engine.asked == 0; i++)
		fixture_run(&s->f, 5);
	ck_assert_uint_eq(s->engine.asked, 1);
}

TEST(engine_copies)
{
	struct scene s;
	scene_init(&s, LATER);
	commit_plane(&s);
	run_until_asked(&s);
	/* not before its fence has signalled */
	ck_assert(!s.plane.answered);
	ck_assert_str_eq(s.engine.from.exporter, "memfd");
	ck_assert_uint_eq(s.engine.to.planes[0].stride, 1024);
	settle(&s, 0);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	check_picture(&s, "contiguous", BY_ENGINE);
	scene_finish(&s);
}

TEST(engine_that_is_done_at_once)
{
	struct scene s;
	scene_init(&s, AT_ONCE);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	check_picture(&s, "contiguous", BY_ENGINE);
	scene_finish(&s);
}

TEST(engine_that_declines_leaves_it_to_the_cpu)
{
	struct scene s;
	scene_init(&s, DECLINES);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_uint_eq(s.engine.asked, 1);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	check_picture(&s, "contiguous", DRAWN);
	scene_finish(&s);
}

/* An error means undefined contents, and that the engine is not at it any more. */
TEST(engine_that_fails_leaves_it_to_the_cpu)
{
	struct scene s;
	scene_init(&s, LATER);
	commit_plane(&s);
	run_until_asked(&s);
	settle(&s, -EIO);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	check_picture(&s, "contiguous", DRAWN);
	scene_finish(&s);
}

/* The newcomer fails, the picture stays; what the engine may still write is charged until it is not. */
TEST(engine_that_hangs)
{
	struct scene s;
	scene_init(&s, LATER);
	uint64_t before = waybuf_account_bytes(s.f.account);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_uint_eq(s.plane.refused, 1);
	ck_assert_int_eq(s.plane.error, -ETIME);
	check_picture(&s, "memfd", DRAWN);
	ck_assert_uint_eq(waybuf_account_bytes(s.f.account), before + 64 * 1024);
	settle(&s, 0);
	ck_assert_uint_eq(waybuf_account_bytes(s.f.account), before);
	check_picture(&s, "memfd", DRAWN);
	scene_finish(&s);
}

/* And meanwhile the CPU copies for everybody else. */
TEST(engine_that_hangs_is_not_asked_again)
{
	struct scene s;
	scene_init(&s, LATER);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.error, -ETIME);
	ck_assert_uint_eq(s.engine.asked, 1);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	ck_assert_uint_eq(s.engine.asked, 1);
	check_picture(&s, "contiguous", DRAWN);
	/* it was only slow: the next move is its again */
	settle(&s, 0);
	s.engine.behaviour = AT_ONCE;
	party_commit(&s.plane, reader_constraints(DRM_FORMAT_XRGB8888, 2048, true));
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_uint_eq(s.engine.asked, 2);
	check_picture(&s, "contiguous", BY_ENGINE);
	scene_finish(&s);
}

/* It leaves while the engine is at it: nobody waits for that, and nothing is freed under it. */
TEST(newcomer_leaves_meanwhile)
{
	struct scene s;
	scene_init(&s, LATER);
	uint64_t before = waybuf_account_bytes(s.f.account);
	commit_plane(&s);
	run_until_asked(&s);
	party_detach(&s.plane);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	pattern_fill(&s.seat.layout, 6);
	seat_unmap(&s.seat, NULL);
	ck_assert_uint_gt(waybuf_account_bytes(s.f.account), before);
	settle(&s, 0);
	ck_assert_uint_eq(waybuf_account_bytes(s.f.account), before);
	check_picture(&s, "memfd", 6);
	scene_finish(&s);
}

/* The end of everything, with an engine that never says a word. */
TEST(manager_ends_meanwhile)
{
	struct scene s;
	scene_init(&s, LATER);
	commit_plane(&s);
	run_until_asked(&s);
	seat_close(&s.seat);
	party_detach(&s.plane);
	party_detach(&s.painter);
	waybuf_pool_unref(s.pool);
	struct waybuf_account *account = waybuf_account_ref(s.f.account);
	waybuf_account_unref(s.f.account);
	waybuf_manager_destroy(s.f.manager);
	ck_assert_uint_eq(waybuf_account_bytes(account), 0);
	waybuf_account_unref(account);
	waybuf_timeline_destroy(s.engine.timeline);
	ck_assert(s.engine.destroyed);
}

/* ---- memory that no CPU can read ------------------------------------------------------------ */

static const struct waybuf_format_modifier tiled_pairs[] = {
	{.format = DRM_FORMAT_XRGB8888, .modifier = TILED},
};

static int allocate_tiled(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	struct waybuf_layout *layout = &allocation->layout;
	uint64_t size = (uint64_t)allocation->width * 4 * allocation->height;
	int fd = exporter_create_memfd("tiled", size);
	if (fd < 0)
		return fd;
	layout->format = allocation->solution->format;
	layout->modifier = allocation->solution->modifier;
	layout->n_planes = layout->n_memory = 1;
	layout->planes[0] = (struct waybuf_plane){.stride = allocation->width * 4};
	layout->memory[0] =
		(struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_MEMFD, .size = size};
	return 0;
}

static void destroy_exporter(struct waybuf_exporter *exporter)
{
	free(exporter);
}

static const struct waybuf_exporter_ops tiled_ops = {
	.allocate = allocate_tiled,
	.release = exporter_release_nothing,
	.destroy = destroy_exporter,
};

static void add_tiled_exporter(struct fixture *f)
{
	struct waybuf_exporter *exporter = calloc(1, sizeof(*exporter));
	ck_assert_ptr_nonnull(exporter);
	exporter->ops = &tiled_ops;
	exporter->caps = (struct waybuf_exporter_caps){
		.name = "tiled",
		.kind = WAYBUF_EXPORTER_IMAGE,
		.page_size = 4096,
		.pairs = tiled_pairs,
		.n_pairs = 1,
	};
	ck_assert_int_eq(waybuf_manager_add_exporter(f->manager, exporter), 0);
}

static struct waybuf_constraints *gpu_constraints(void)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	static const uint64_t tiled = TILED, linear = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	ck_assert_ptr_nonnull(builder);
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, 100);
	waybuf_constraints_builder_set(builder, &format, 1, &tiled, 1);
	waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &linear, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

/* A GPU draws a tiled image, and then somebody wants to read it with the CPU. */
static void read_tiled(enum behaviour behaviour, struct scene *s)
{
	*s = (struct scene){0};
	fixture_init(&s->f);
	add_tiled_exporter(&s->f);
	s->engine.base = (struct waybuf_device){.ops = &engine_ops, .name = "engine"};
	s->engine.behaviour = behaviour;
	ck_assert_int_eq(waybuf_timeline_create("engine", &s->engine.timeline), 0);
	ck_assert_int_eq(waybuf_manager_add_device(s->f.manager, &s->engine.base), 0);
	s->pool = fixture_pool(&s->f, 64, 64, 1);
	party_attach(&s->painter, s->pool, s->f.account, "gpu");
	party_commit(&s->painter, gpu_constraints());
	seat_open(&s->seat, &s->painter, 0);
	seat_grant(&s->f, &s->seat, WAYBUF_WRITE);
	ck_assert_uint_eq(s->seat.layout.modifier, TILED);
	seat_unmap(&s->seat, NULL);
	party_attach(&s->plane, s->pool, s->f.account, "reader");
	party_commit(&s->plane, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	fixture_wait(&s->f, &s->plane.answered);
}

TEST(tiled_memory_needs_the_engine)
{
	struct scene s;
	read_tiled(DECLINES, &s);
	ck_assert_uint_eq(s.plane.refused, 1);
	seat_grant(&s.f, &s.seat, WAYBUF_READ);
	ck_assert_uint_eq(s.seat.layout.modifier, TILED);
	seat_unmap(&s.seat, NULL);
	scene_finish(&s);

	read_tiled(AT_ONCE, &s);
	ck_assert_uint_eq(s.plane.accepted, 1);
	ck_assert_uint_eq(s.engine.from.modifier, TILED);
	check_picture(&s, "memfd", BY_ENGINE);
	scene_finish(&s);
}

TEST_TIMEOUT(20)
TEST_MAIN("device-copy")
