/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core/device.h"
#include "core/storage.h"
#include "core_fixture.h"

/* Devices that are asked to import what was made, and what is remembered of their answers. */

struct fake_device {
	struct waybuf_device base;
	const char *takes; /* exporter; NULL: everything */
	int refusal;
	unsigned probes;
	bool destroyed;
};

static int get_constraints(
	struct waybuf_device *device, uint64_t access, struct waybuf_constraints **out)
{
	*out = reader_constraints(DRM_FORMAT_XRGB8888, 0, false);
	return 0;
}

static int probe(struct waybuf_device *base, const struct waybuf_layout *layout)
{
	struct fake_device *device = (struct fake_device *)base;
	device->probes++;
	ck_assert_uint_eq(layout->width, 64);
	ck_assert_int_ge(layout->memory[0].fd, 0);
	if (!device->takes || strcmp(device->takes, layout->exporter) == 0)
		return 0;
	return device->refusal;
}

static void destroy(struct waybuf_device *base)
{
	((struct fake_device *)base)->destroyed = true;
}

static const struct waybuf_device_ops device_ops = {
	.constraints = get_constraints,
	.probe = probe,
	.destroy = destroy,
};

struct scene {
	struct fixture f;
	struct fake_exporter *other;
	struct fake_device device;
	struct waybuf_pool *pool;
	struct party painter, plane;
	struct seat seat;
};

static void scene_pool(struct scene *s)
{
	s->pool = fixture_pool(&s->f, 64, 64, 1);
	party_attach(&s->painter, s->pool, s->f.account, "painter");
	party_commit(&s->painter, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	party_attach(&s->plane, s->pool, s->f.account, "plane");
	waybuf_attachment_set_device(s->plane.attachment, &s->device.base);
	seat_open(&s->seat, &s->painter, 0);
}

static void scene_close_pool(struct scene *s)
{
	seat_close(&s->seat);
	party_detach(&s->painter);
	party_detach(&s->plane);
	waybuf_pool_unref(s->pool);
}

static void scene_init(struct scene *s, const char *takes, int refusal)
{
	*s = (struct scene){0};
	fixture_init(&s->f);
	s->other = fake_exporter_add(&s->f, "other", 10, false, false);
	s->device = (struct fake_device){
		.base = {.ops = &device_ops, .kind = WAYBUF_DEVICE_KMS, .name = "fake"},
		.takes = takes,
		.refusal = refusal,
	};
	ck_assert_int_eq(waybuf_manager_add_device(s->f.manager, &s->device.base), 0);
	scene_pool(s);
}

static void scene_finish(struct scene *s)
{
	scene_close_pool(s);
	fixture_finish(&s->f);
	ck_assert(s->device.destroyed);
}

static void commit_plane(struct scene *s)
{
	party_commit(&s->plane, reader_constraints(DRM_FORMAT_XRGB8888, 0, false));
}

TEST(what_is_refused_is_made_elsewhere)
{
	struct scene s;
	scene_init(&s, "other", -EINVAL);
	commit_plane(&s);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	ck_assert_str_eq(s.seat.layout.exporter, "other");
	ck_assert_uint_eq(s.device.probes, 2);
	seat_unmap(&s.seat, NULL);
	/* both answers are remembered */
	scene_close_pool(&s);
	scene_pool(&s);
	commit_plane(&s);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	ck_assert_str_eq(s.seat.layout.exporter, "other");
	ck_assert_uint_eq(s.device.probes, 2);
	ck_assert_uint_eq(s.other->allocated, 2);
	seat_unmap(&s.seat, NULL);
	scene_finish(&s);
}

TEST(refused_everywhere_fails_the_map)
{
	struct scene s;
	scene_init(&s, "nothing", -EINVAL);
	commit_plane(&s);
	ck_assert_uint_eq(s.plane.accepted, 1);
	seat_map(&s.seat, WAYBUF_WRITE);
	fixture_wait(&s.f, &s.seat.answered);
	ck_assert_uint_eq(s.seat.failed, 1);
	ck_assert_uint_eq(waybuf_account_bytes(s.f.account), 0);
	seat_unmap(&s.seat, NULL);
	/* from now on it is known before anything is made */
	commit_plane(&s);
	ck_assert_uint_eq(s.plane.refused, 1);
	ck_assert_int_eq(s.plane.reason, WAYBUF_REASON_CONFLICT);
	ck_assert_ptr_nonnull(strstr(s.plane.conflicts, "plane"));
	scene_finish(&s);
}

TEST(busy_is_no_answer)
{
	struct scene s;
	scene_init(&s, "nothing", -EBUSY);
	commit_plane(&s);
	seat_map(&s.seat, WAYBUF_WRITE);
	fixture_wait(&s.f, &s.seat.answered);
	ck_assert_int_eq(s.seat.error, -EBUSY);
	seat_unmap(&s.seat, NULL);
	s.device.takes = NULL;
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	ck_assert_str_eq(s.seat.layout.exporter, "memfd");
	seat_unmap(&s.seat, NULL);
	scene_finish(&s);
}

TEST(late_device_moves_the_memory)
{
	struct scene s;
	scene_init(&s, "other", -EINVAL);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	ck_assert_str_eq(s.seat.layout.exporter, "memfd");
	pattern_fill(&s.seat.layout, 2);
	seat_unmap(&s.seat, NULL);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&s.f, &s.seat, WAYBUF_READ);
	ck_assert_str_eq(s.seat.layout.exporter, "other");
	ck_assert(pattern_check(&s.seat.layout, 2));
	seat_unmap(&s.seat, NULL);
	scene_finish(&s);
}

/* A fit that turns out to be none when it is used. */
TEST(refusal_in_use_is_learnt)
{
	struct scene s;
	scene_init(&s, NULL, -EINVAL);
	commit_plane(&s);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	ck_assert_str_eq(s.seat.layout.exporter, "memfd");
	seat_unmap(&s.seat, NULL);
	struct waybuf_storage *storage = waybuf_buffer_storage(waybuf_pool_buffer(s.pool, 0));
	ck_assert_int_eq(waybuf_device_known(s.f.manager, &s.device.base, storage->exporter,
				 DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR),
		1);
	waybuf_device_refused(
		s.f.manager, &s.device.base, storage->exporter, &storage->layout, -ERANGE);
	ck_assert_int_eq(waybuf_device_known(s.f.manager, &s.device.base, storage->exporter,
				 DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR),
		-ERANGE);
	commit_plane(&s);
	fixture_wait(&s.f, &s.plane.answered);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&s.f, &s.seat, WAYBUF_READ);
	ck_assert_str_eq(s.seat.layout.exporter, "other");
	seat_unmap(&s.seat, NULL);
	scene_finish(&s);
}

struct framebuffer {
	struct waybuf_import base;
	unsigned *destroyed;
};

static void destroy_framebuffer(struct waybuf_import *import)
{
	struct framebuffer *fb = waybuf_container_of(import, struct framebuffer, base);
	(*fb->destroyed)++;
	free(fb);
}

static void add_framebuffer(struct waybuf_storage *storage, const void *owner, unsigned *destroyed)
{
	struct framebuffer *fb = calloc(1, sizeof(*fb));
	ck_assert_ptr_nonnull(fb);
	fb->base.owner = owner;
	fb->base.destroy = destroy_framebuffer;
	fb->destroyed = destroyed;
	waybuf_storage_add_import(storage, &fb->base);
}

TEST(imports_live_as_long_as_storage_and_device)
{
	struct scene s;
	unsigned destroyed = 0;
	scene_init(&s, NULL, 0);
	commit_plane(&s);
	seat_grant(&s.f, &s.seat, WAYBUF_WRITE);
	seat_unmap(&s.seat, NULL);
	struct waybuf_storage *storage = waybuf_buffer_storage(waybuf_pool_buffer(s.pool, 0));
	ck_assert_ptr_null(waybuf_storage_find_import(storage, &s.device.base));
	add_framebuffer(storage, &s.device.base, &destroyed);
	add_framebuffer(storage, &s, &destroyed);
	ck_assert_ptr_nonnull(waybuf_storage_find_import(storage, &s.device.base));
	waybuf_manager_remove_device(s.f.manager, &s.device.base);
	ck_assert(s.device.destroyed);
	ck_assert_uint_eq(destroyed, 1);
	ck_assert_ptr_null(waybuf_storage_find_import(storage, &s.device.base));
	/* its attachment goes on without it */
	commit_plane(&s);
	ck_assert_int_eq(s.plane.outcome, WAYBUF_FITS);
	ck_assert_ptr_null(waybuf_manager_find_device(s.f.manager, 1));
	scene_close_pool(&s);
	ck_assert_uint_eq(destroyed, 2);
	fixture_finish(&s.f);
}

TEST(incomplete_devices_are_refused)
{
	struct fixture f;
	static const struct waybuf_device_ops no_constraints = {.probe = probe};
	struct waybuf_device device = {.name = "x"};
	fixture_init(&f);
	ck_assert_int_eq(waybuf_manager_add_device(f.manager, &device), -EINVAL);
	device.ops = &no_constraints;
	ck_assert_int_eq(waybuf_manager_add_device(f.manager, &device), -EINVAL);
	device.ops = &device_ops;
	device.name = NULL;
	ck_assert_int_eq(waybuf_manager_add_device(f.manager, &device), -EINVAL);
	fixture_finish(&f);
}

TEST_MAIN("device")
