/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "waybuf-allocator-v1-server-protocol.h"

static struct fixture fixture;

static void start(void)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
}

/* ---- options ------------------------------------------------------------------------------- */

static struct waybuf_constraints *constraints_with(uint64_t access)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	struct waybuf_constraints *constraints = NULL;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, access);
	waybuf_constraints_builder_set(builder, &format, 1, NULL, 0);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &constraints), 0);
	waybuf_constraints_builder_destroy(builder);
	return constraints;
}

static void refuse_options(const struct waybuf_client_pool_options *options, const char *says)
{
	struct waybuf_client_pool *pool = NULL;
	ck_assert_int_eq(waybuf_client_pool_create(fixture.client, options, &pool), -EINVAL);
	ck_assert_ptr_null(pool);
	ck_client_says(&fixture, says);
}

TEST(bad_options)
{
	start();
	static const char long_name[] = "a name of sixty-five bytes is one more than what the "
					"protocol takes";
	struct waybuf_constraints *reading = constraints_with(WAYBUF_ACCESS_CPU_READ);
	const struct {
		struct waybuf_client_pool_options options;
		const char *says;
	} cases[] = {
		{{.width = 0, .height = 1}, "no size"},
		{{.width = 1, .height = 0}, "no size"},
		{{.width = 65537, .height = 1}, "no size"},
		{{.width = 1, .height = UINT32_MAX}, "no size"},
		{{.width = 1, .height = 1, .count = 65}, "65 buffers"},
		{{.width = 1, .height = 1, .name = long_name}, "name"},
		{{.width = 1, .height = 1, .name = "\xff"}, "name"},
		{{.width = 1, .height = 1, .name = "\xc0\x80"}, "name"},
		{{.width = 1, .height = 1, .name = "\xed\xa0\x80"}, "name"},
		{{.width = 1, .height = 1, .name = "\xe2\x82"}, "name"},
		{{.width = 1, .height = 1, .constraints = reading}, "ACCESS"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse_options(&cases[i].options, cases[i].says);
	waybuf_constraints_unref(reading);
	/* None of them reached the server. */
	ck_assert_str_eq(fixture_heard(&fixture), "");
	fixture_finish(&fixture);
}

TEST(what_is_declared)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 0);
	ck_assert_str_eq(fixture_heard(&fixture),
		"create64x32*2:test attach-kind0 constrain commit attach-kind2 commit get0 get1 ");
	ck_assert_uint_eq(waybuf_client_pool_get_count(pool), 2);
	fixture_finish(&fixture);
}

/* The bytes of the example in the protocol. */
TEST(default_records)
{
	start();
	static const uint8_t expected[] = {0x10, 0, 0, 0xff, 0, 0, 1, 0, 0x0c, 0, 0, 0, 0, 0, 0, 0,
		0x01, 0, 0, 0xff, 0, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x58, 0x52, 0x32, 0x34, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	fixture_pool(&fixture, 1);
	fixture_heard(&fixture);
	ck_assert_uint_eq(fixture.server.records_size, sizeof(expected));
	ck_assert_mem_eq(fixture.server.records, expected, sizeof(expected));
	fixture_finish(&fixture);
}

TEST(own_constraints)
{
	start();
	struct waybuf_constraints *rendering = constraints_with(WAYBUF_ACCESS_RENDER);
	struct waybuf_client_pool_options options = {
		.width = 64, .height = 32, .constraints = rendering};
	struct waybuf_client_pool *pool = NULL;
	ck_client_ok(&fixture, waybuf_client_pool_create(fixture.client, &options, &pool));
	waybuf_constraints_unref(rendering);
	/* No CPU, so kind other; no display. */
	ck_assert_str_eq(
		fixture_heard(&fixture), "create64x32*2: attach-kind3 constrain commit get0 get1 ");
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EINVAL);
	ck_client_says(&fixture, "without display");
	fixture_finish(&fixture);
}

TEST(count_raised_by_others)
{
	fake_init(&fixture.server);
	fixture.server.configured_count = 5;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	fixture_acquire(pool);
	ck_assert_uint_eq(waybuf_client_pool_get_count(pool), 5);
	fixture_finish(&fixture);
}

/* ---- acquire ------------------------------------------------------------------------------- */

TEST(memory_on_demand)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 3);
	fixture_heard(&fixture);
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	ck_assert_str_eq(fixture_heard(&fixture), "map0 ");
	struct waybuf_client_buffer *second = fixture_acquire(pool);
	ck_assert_str_eq(fixture_heard(&fixture), "map1 ");
	ck_assert_uint_eq(waybuf_client_buffer_get_index(first), 0);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(second), 1);
	ck_client_ok(&fixture, waybuf_client_buffer_release(second));
	ck_client_ok(&fixture, waybuf_client_buffer_release(first));
	/* One that has memory is taken again before a third is asked for. */
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_assert_str_eq(fixture_heard(&fixture), "unmap1 unmap0 map0 ");
	fixture_finish(&fixture);
}

TEST(what_is_granted)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	ck_assert_uint_eq(layout->generation, 1);
	ck_assert_uint_eq(layout->width, 64);
	ck_assert_uint_eq(layout->height, 32);
	ck_assert_uint_eq(layout->format, DRM_FORMAT_XRGB8888);
	ck_assert_uint_eq(layout->modifier, DRM_FORMAT_MOD_LINEAR);
	ck_assert_uint_eq(layout->n_planes, 1);
	ck_assert_uint_eq(layout->planes[0].stride, 256);
	ck_assert_uint_eq(layout->n_memory, 1);
	ck_assert_uint_eq(layout->memory[0].size, 8192);
	ck_assert_str_eq(layout->exporter, "fake exporter");
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), WAYBUF_GRANT_FRESH);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(buffer), 1);
	ck_assert_int_eq(waybuf_client_buffer_get_fence(buffer), -1);

	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_assert_ptr_null(waybuf_client_buffer_get_layout(buffer));
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), 0);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(buffer), 0);
	ck_assert_int_eq(waybuf_client_buffer_get_fence(buffer), -1);
	/* The same memory, so the server does not send it again. */
	fixture_acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), 0);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(buffer), 2);
	fixture_finish(&fixture);
}

TEST(polling)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_HOLD;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 4);
	struct waybuf_client_buffer *buffer = NULL;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EAGAIN);
		fixture_heard(&fixture);
	}
	/* It asked once, and not for a further buffer each time. */
	ck_assert_uint_eq(fixture.server.maps, 1);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, -1, &buffer), -EINVAL);
	ck_assert_ptr_null(buffer);
	fixture_finish(&fixture);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void grant_first(struct fake_server *server, void *data)
{
	server->answer = FAKE_GRANT;
	fake_grant(&server->buffers[0]);
}

TEST(bounded_wait)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_HOLD;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	int64_t before = now_ms();
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 100, &buffer), -ETIMEDOUT);
	ck_assert_int_ge(now_ms() - before, 100);
	ck_client_says(&fixture, "100 ms");
	/* The question stays open, and a late answer is taken. */
	fake_call(&fixture.server, grant_first, NULL);
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 5000, &buffer));
	fixture_finish(&fixture);
}

static void chatter(struct fake_server *server, void *data)
{
	for (int i = 0; i < 10; i++)
		waybuf_allocator_v1_send_usage(server->allocator, 0, 1, 2);
}

static void *chatter_on(void *data)
{
	atomic_bool *stop = data;
	/* As fast as the client reads; libwayland ends the connection of one that is slower. */
	struct timespec pause = {.tv_nsec = 200 * 1000};
	while (!*stop) {
		fake_call(&fixture.server, chatter, NULL);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Events that never end are no reason to wait for ever. */
TEST(bounded_wait_in_a_storm)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_HOLD;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	atomic_bool stop = false;
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, chatter_on, &stop), 0);
	int64_t before = now_ms();
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 100, &buffer), -ETIMEDOUT);
	int64_t taken = now_ms() - before;
	stop = true;
	pthread_join(thread, NULL);
	ck_assert_int_ge(taken, 100);
	ck_assert_int_lt(taken, 3000);
	fixture_finish(&fixture);
}

TEST(all_acquired)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	fixture_acquire(pool);
	fixture_acquire(pool);
	struct waybuf_client_buffer *third = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &third), -EBUSY);
	ck_client_says(&fixture, "all 2");
	fixture_finish(&fixture);
}

/* ---- CPU ----------------------------------------------------------------------------------- */

static void read_memory(struct fake_server *server, void *data)
{
	ck_assert_int_eq(pread(server->buffers[0].memfd, data, 8192, 0), 8192);
}

TEST(drawing_reaches_the_memory)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	ck_assert_uint_eq(image.width, 64);
	ck_assert_uint_eq(image.height, 32);
	ck_assert_uint_eq(image.format, DRM_FORMAT_XRGB8888);
	ck_assert_uint_eq(image.n_planes, 1);
	ck_assert_uint_eq(image.planes[0].rows, 32);
	for (uint32_t y = 0; y < image.height; y++)
		memset((char *)image.planes[0].data + y * image.planes[0].stride, (int)y + 1, 256);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));

	uint8_t seen[8192];
	fake_call(&fixture.server, read_memory, seen);
	for (uint32_t i = 0; i < sizeof(seen); i++)
		ck_assert_uint_eq(seen[i], i / 256 + 1);
	fixture_finish(&fixture);
}

static void *signal_later(void *data)
{
	struct timespec delay = {.tv_nsec = 50 * 1000 * 1000};
	nanosleep(&delay, NULL);
	uint64_t one = 1;
	ck_assert_int_eq(write(*(int *)data, &one, sizeof(one)), sizeof(one));
	return NULL;
}

/* The library polls a fence and knows nothing else of it, so an eventfd does. */
TEST(fence_before_drawing)
{
	fake_init(&fixture.server);
	int signal = eventfd(0, EFD_CLOEXEC);
	fixture.server.fence = dup(signal);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_ge(waybuf_client_buffer_get_fence(buffer), 0);

	pthread_t thread;
	int64_t before = now_ms();
	ck_assert_int_eq(pthread_create(&thread, NULL, signal_later, &signal), 0);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	ck_assert_int_ge(now_ms() - before, 49);
	ck_assert_int_eq(waybuf_client_buffer_get_fence(buffer), -1);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	pthread_join(thread, NULL);
	close(signal);
	fixture_finish(&fixture);
}

TEST(fence_that_never_signals)
{
	fake_init(&fixture.server);
	int signal = eventfd(0, EFD_CLOEXEC);
	fixture.server.fence = dup(signal);
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), -ETIMEDOUT);
	ck_client_says(&fixture, "fence");
	/* Nothing is open, so the buffer can be given back. */
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	close(signal);
	fixture_finish(&fixture);
}

TEST(not_linear)
{
	fake_init(&fixture.server);
	fixture.server.layout.modifier = 0x0100000000000001;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), -EINVAL);
	ck_client_says(&fixture, "not linear");
	fixture_finish(&fixture);
}

/* ---- order --------------------------------------------------------------------------------- */

TEST(calls_out_of_order)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	fixture_heard(&fixture);

	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, NULL), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, 0, &image), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, 4, &image), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ_WRITE, &image));
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EINVAL);
	ck_client_says(&fixture, "end_cpu comes first");
	ck_assert_int_eq(waybuf_client_buffer_release(buffer), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	ck_assert_str_eq(fixture_heard(&fixture), "");

	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_assert_int_eq(waybuf_client_buffer_release(buffer), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), -EINVAL);
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), -EINVAL);
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 ");
	fixture_finish(&fixture);
}

/* ---- sharing ------------------------------------------------------------------------------- */

static void migrate(struct fake_server *server, void *data)
{
	server->layout.generation++;
}

static void retire(struct fake_server *server, void *data)
{
	waybuf_buffer_v1_send_retired(server->buffers[0].resource, 1);
}

/* What a decoder refers to is shown, as often as one likes, and asked for again when both are done. */
TEST(shared_buffer)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image, again;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ_WRITE, &image));
	memset(image.planes[0].data, 0x77, 256);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_share(buffer));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 map0 ");
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "damage surface-commit damage surface-commit ");
	ck_assert_int_eq(*(uint8_t *)image.planes[0].data, 0x77);
	ck_assert_int_eq(waybuf_client_buffer_release(buffer), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	/* Later scopes read, too. */
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &again), -EINVAL);
	ck_client_says(&fixture, "only read");
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ, &again));
	ck_assert_ptr_eq(again.planes[0].data, image.planes[0].data);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 map0 ");
	fixture_finish(&fixture);
}

TEST(share_mistakes)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_client_ok(&fixture, waybuf_client_buffer_share(buffer));
	ck_assert_int_eq(waybuf_client_buffer_share(buffer), -EINVAL);
	ck_client_says(&fixture, "shared already");
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_assert_int_eq(waybuf_client_buffer_share(buffer), -EINVAL);
	ck_client_says(&fixture, "not acquired");
	fixture_finish(&fixture);
}

/* Memory that is being read stays, whatever becomes of the buffer meanwhile. */
TEST(shared_while_it_moves)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	memset(image.planes[0].data, 0x77, 256);
	fake_call(&fixture.server, migrate, NULL);
	ck_client_ok(&fixture, waybuf_client_buffer_share(buffer));
	fixture_heard(&fixture);
	fake_call(&fixture.server, retire, NULL);
	fixture_heard(&fixture);
	ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
	ck_assert_int_eq(*(uint8_t *)image.planes[0].data, 0x77);
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 1);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_assert_ptr_eq(fixture_acquire(pool), buffer);
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 2);
	fixture_finish(&fixture);
}

/* ---- present ------------------------------------------------------------------------------- */

TEST(present_and_ask_again)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	/* The write is over before the commit, the next one is asked for behind it. */
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 damage surface-commit map0 ");
	ck_assert_int_eq(waybuf_client_buffer_present(first, fixture.surface), -EINVAL);

	struct waybuf_client_buffer *second = fixture_acquire(pool);
	ck_assert_ptr_ne(second, first);
	ck_client_ok(&fixture, waybuf_client_buffer_present(second, fixture.surface));
	/* The second commit gave the first back. */
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	ck_assert_ptr_eq(fixture_acquire(pool), second);
	ck_assert_uint_eq(fixture.server.create_wl_buffers, 2);
	fixture_finish(&fixture);
}

TEST(display_keeps_the_only_buffer)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 50, &buffer), -ETIMEDOUT);
	fixture_finish(&fixture);
}

static void fail_wl_buffer(struct fake_server *server, void *data)
{
	waybuf_buffer_v1_send_wl_buffer_failed(server->buffers[0].resource,
		server->buffers[0].wl_buffer, WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED, "as told");
}

TEST(wl_buffer_that_fails)
{
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	fixture_heard(&fixture);
	fake_call(&fixture.server, fail_wl_buffer, NULL);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(first), 0);
	ck_assert_int_eq(waybuf_client_buffer_present(first, fixture.surface), -EOPNOTSUPP);
	ck_client_says(&fixture, "as told");
	/* It is still ours, and a new wl_buffer may do. */
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	fixture_heard(&fixture);
	ck_assert_uint_eq(fixture.server.create_wl_buffers, 3);
	fixture_finish(&fixture);
}

TEST_TIMEOUT(30)
TEST_MAIN("client-pool")
