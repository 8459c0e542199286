/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "client_priv.h"
#include "client_surface.h"
#include "waybuf-allocator-v1-server-protocol.h"

/* A compositor without an allocator, and an allocation service on a connection of its own. */
static struct fixture fixture;
static struct fake_server service;
static char folder[64];
static int idle_fd; /* of the pair that a fake server always has */

static void init(void)
{
	snprintf(folder, sizeof(folder), "/tmp/waybuf-beside-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("XDG_RUNTIME_DIR", folder, 1);
	unsetenv("WAYBUF_DISPLAY");
	fake_init(&fixture.server);
	fixture.server.no_allocator = true;
	fixture.server.has_dmabuf = fixture.server.has_shm = true;
	fake_init(&service);
	service.socket = "waybuf-0";
	/* it shows buffers of others, not ours */
	service.capabilities = WAYBUF_ALLOCATOR_V1_CAPABILITY_INTEGRATED |
		WAYBUF_ALLOCATOR_V1_CAPABILITY_SYNC_FILE;
	service.device_kinds[0] = WAYBUF_ALLOCATOR_V1_DEVICE_KIND_KMS;
	service.n_devices = 1;
	service.layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF;
}

static void start(void)
{
	idle_fd = fake_start(&service);
	fixture_start(&fixture);
}

static void finish(void)
{
	fixture_finish(&fixture);
	close(idle_fd);
	fake_stop(&service);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void take_log(struct fake_server *server, void *data)
{
	memcpy(data, server->log, sizeof(server->log));
	server->log[0] = '\0';
}

/* Requests before this one have arrived when it is answered. */
static const char *service_heard(void)
{
	static char log[sizeof(service.log)];
	waybuf_client_flush(fixture.client);
	ck_assert_int_eq(client_link_roundtrip(&fixture.client->beside, client_now_ms() + 5000), 0);
	fake_call(&service, take_log, log);
	return log;
}

static bool asks_for(uint32_t format)
{
	return memmem(service.records, service.records_size, &format, sizeof(format));
}

static void ck_path(
	const struct waybuf_client_pool *pool, enum waybuf_client_path path, const char *reason)
{
	const char *text = waybuf_client_pool_get_path_reason(pool);
	ck_assert_msg(waybuf_client_pool_get_path(pool) == path, "%s: %s",
		waybuf_client_path_name(waybuf_client_pool_get_path(pool)), text);
	ck_assert_msg(strstr(text, reason), "\"%s\" does not have \"%s\"", text, reason);
}

/* ---- a service ----------------------------------------------------------------------------- */

TEST(memory_of_the_service)
{
	init();
	start();
	ck_assert_uint_eq(waybuf_client_get_capabilities(fixture.client), WAYBUF_CLIENT_SYNC_FILE);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "the service at waybuf-0");
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_str_eq(waybuf_client_buffer_get_layout(buffer)->exporter, "fake exporter");
	/* the compositor's pairs are an attachment of kind other: the service's devices are not its */
	ck_assert_ptr_nonnull(strstr(service_heard(),
		"attach-kind0 constrain commit attach-kind3 constrain commit get0 get1 map0 "));
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "add0:0+256 import64x32 damage surface-commit ");
	/* memory that the compositor can import, which is not what a program that draws by CPU needs */
	ck_assert(asks_for(DRM_FORMAT_XRGB8888));
	ck_assert_ptr_nonnull(memmem(service.records, service.records_size, "udmabuf", 7));
	/* the write map stays until the compositor is done */
	ck_assert_str_eq(service_heard(), "");
	finish();
}

static void put_in_order(struct fake_server *server, void *data)
{
	fake_grant(&server->buffers[0]);
}

/* An event of the service wakes the program's loop, and dispatch takes it away. */
TEST(one_fd_for_both)
{
	init();
	service.answer = FAKE_HOLD;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	struct pollfd pollfd = {.fd = waybuf_client_get_fd(fixture.client), .events = POLLIN};
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EAGAIN);
	service_heard();
	fixture_heard(&fixture);
	while (waybuf_client_dispatch(fixture.client, 0) > 0)
		;
	ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
	fake_call(&service, put_in_order, NULL);
	ck_assert_int_eq(poll(&pollfd, 1, 5000), 1);
	ck_assert_int_gt(waybuf_client_dispatch(fixture.client, 0) +
			waybuf_client_dispatch(fixture.client, 0),
		0);
	ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 0, &buffer));
	finish();
}

TEST(a_service_that_cannot)
{
	init();
	service.answer = FAKE_FAIL;
	service.reason = WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED;
	start();
	fixture.client->udmabuf = NULL;
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_path(pool, WAYBUF_CLIENT_PATH_SHM, "the service: no memory to draw in");
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	finish();
}

/* Shared memory cannot go through linux-dmabuf: another service would give the same. */
TEST(a_service_without_dmabufs)
{
	init();
	service.layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_MEMFD;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	buffer = fixture_acquire(pool);
	ck_assert_int_ge(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_UDMABUF);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	finish();
}

/* Of another kind it might take them, and there is none: the pool goes another way. */
TEST(the_compositor_refuses)
{
	init();
	fixture.server.refuses_imports = true;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_says(&fixture, "does not import");
	/* as long as the program has a buffer nothing is taken away from it */
	struct waybuf_client_buffer *other = fixture_acquire(pool);
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "");
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	ck_client_ok(&fixture, waybuf_client_buffer_release(other));
	/* ARGB and NV12 are left, which the program does not want: the service is asked, and says so */
	service_heard();
	fixture_acquire(pool);
	ck_assert_ptr_nonnull(strstr(service_heard(), "constrain commit"));
	ck_assert(asks_for(DRM_FORMAT_ARGB8888));
	ck_assert(!asks_for(DRM_FORMAT_XRGB8888));
	finish();
}

static void make_memory_of(struct fake_server *server, void *data)
{
	server->layout.format = *(uint32_t *)data;
}

/* Presents a buffer that the compositor refuses, and gives it back. */
static void present_in_vain(struct waybuf_client_pool *pool, uint32_t format)
{
	fake_call(&service, make_memory_of, &format);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
}

/* A service that gives the same again and again does not fill what is noted of the pool. */
TEST(refused_again_and_again)
{
	init();
	fixture.server.refuses_imports = true;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	for (int i = 0; i <= CLIENT_MAX_REFUSED; i++)
		present_in_vain(pool, DRM_FORMAT_XRGB8888);
	present_in_vain(pool, DRM_FORMAT_ARGB8888);
	fixture_acquire(pool);
	service_heard();
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "");
	ck_assert(asks_for(DRM_FORMAT_NV12));
	ck_assert(!asks_for(DRM_FORMAT_XRGB8888));
	ck_assert(!asks_for(DRM_FORMAT_ARGB8888));
	finish();
}

/* One that always finds another kind is left alone in the end. */
TEST(refused_too_often)
{
	init();
	fixture.server.refuses_imports = true;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	for (uint32_t i = 0; i <= CLIENT_MAX_REFUSED; i++)
		present_in_vain(pool, fourcc_code('?', '?', '?', 'A' + i));
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_int_ge(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_UDMABUF);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	finish();
}

static void list(struct fake_server *server, void *data)
{
	fake_send_tranche(server, *(uint32_t *)data);
	fake_send_done(server);
}

enum { XR24 = 1 << 0, AB24 = 1 << 5 };

/* The compositor takes these pairs from now on, and the client has heard. */
static void change_list(uint32_t pairs)
{
	fake_call(&fixture.server, list, &pairs);
	fixture_heard(&fixture);
	ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
}

/* What was not listed for a while is as good as before when it is listed again. */
TEST(listed_again)
{
	init();
	fixture.server.dmabuf_version = 4;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	change_list(AB24);
	present_in_vain(pool, DRM_FORMAT_XRGB8888);
	change_list(XR24);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	service_heard();
	ck_assert(asks_for(DRM_FORMAT_XRGB8888));
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "");
	finish();
}

/* The first buffer is shown, and the second one is refused: the compositor takes other pairs now. */
static struct waybuf_client_pool *show_and_change_list(void)
{
	init();
	fixture.server.dmabuf_version = 4;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	change_list(AB24);
	service_heard();
	present_in_vain(pool, DRM_FORMAT_XRGB8888);
	fake_call(&service, make_memory_of, &(uint32_t){DRM_FORMAT_ABGR8888});
	return pool;
}

/* What is shown stays until something of another kind has taken its place, which frees it. */
TEST(the_list_changes_while_one_is_shown)
{
	struct waybuf_client_pool *pool = show_and_change_list();
	service_heard();
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	/* of those before only the second one is given up */
	const char *heard = service_heard();
	ck_assert_ptr_nonnull(strstr(heard, "destroy1 create64x32*2:test "));
	ck_assert_ptr_null(strstr(heard, "map0 destroy0"));
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 1);
	for (int i = 0; i < 3; i++) {
		const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
		ck_assert_uint_eq(layout->format, DRM_FORMAT_ABGR8888);
		ck_assert_uint_eq(layout->generation, 2);
		ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
		buffer = fixture_acquire(pool);
	}
	ck_assert_ptr_nonnull(strstr(service_heard(), "unmap0 destroy0 "));
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 2);
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "");
	finish();
}

/* It changes once more before the compositor has given anything back. */
TEST(the_list_changes_twice)
{
	struct waybuf_client_pool *pool = show_and_change_list();
	struct wl_surface *other = client_surface_create(fixture.display);
	ck_client_ok(&fixture, waybuf_client_buffer_present(fixture_acquire(pool), other));
	/* the fake knows one surface only, and gives the first buffer back when it likes */
	change_list(XR24);
	present_in_vain(pool, DRM_FORMAT_ABGR8888);
	fake_call(&service, make_memory_of, &(uint32_t){DRM_FORMAT_XRGB8888});
	for (int i = 0; i < 3; i++)
		ck_client_ok(&fixture,
			waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	fixture_acquire(pool);
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 2);
	client_surface_destroy(other);
	finish();
}

static void raise_count(struct fake_server *server, void *data)
{
	waybuf_pool_v1_send_configured(data, 2, 64, 32, 3);
}

static void tell_pool(struct fake_server *server, void *data)
{
	*(struct wl_resource **)data = server->pool;
}

/* Events of the membership that what is shown belongs to are not about the one that the pool has now. */
TEST(the_former_membership_goes_on)
{
	struct wl_resource *former = NULL;
	struct waybuf_client_pool *pool = show_and_change_list();
	fake_call(&service, tell_pool, &former);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	fake_call(&service, raise_count, former);
	service_heard();
	ck_assert_uint_eq(waybuf_client_pool_get_count(pool), 2);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	fixture_acquire(pool);
	finish();
}

/* ---- none ---------------------------------------------------------------------------------- */

static void check_none(const char *reason)
{
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	ck_assert_int_ge(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_UDMABUF);
	ck_assert_msg(strstr(waybuf_client_pool_get_path_reason(pool), reason), "%s",
		waybuf_client_pool_get_path_reason(pool));
	fixture_acquire(pool);
	finish();
}

TEST(not_there)
{
	init();
	setenv("WAYBUF_DISPLAY", "elsewhere", 1);
	start();
	check_none("no service at elsewhere: No such file or directory");
}

TEST(not_wanted)
{
	init();
	setenv("WAYBUF_DISPLAY", "none", 1);
	start();
	check_none("none is wanted");
}

TEST(an_endless_name)
{
	static char name[300];
	memset(name, 'a', sizeof(name) - 1);
	init();
	setenv("WAYBUF_DISPLAY", name, 1);
	start();
	check_none("File name too long");
}

TEST(no_allocator_there)
{
	init();
	service.no_allocator = true;
	start();
	check_none("it offers none");
}

TEST(one_that_is_silent)
{
	init();
	service.silent = true;
	start();
	check_none("Connection timed out");
}

/* ---- its end ------------------------------------------------------------------------------- */

static void hang_up(struct fake_server *server, void *data)
{
	wl_client_destroy(server->client);
}

TEST(buffers_outlive_it)
{
	init();
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 3);
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	struct waybuf_client_buffer *second = fixture_acquire(pool);
	fake_call(&service, hang_up, NULL);
	/* what the program has is shown, and what the compositor has comes back */
	ck_client_ok(&fixture, waybuf_client_buffer_present(second, fixture.surface));
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "has ended");
	for (int i = 0; i < 10; i++) {
		ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
		first = fixture_acquire(pool);
	}
	ck_client_ok(&fixture, waybuf_client_buffer_release(first));
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
	/* it took its socket along when it was stopped */
	finish();
}

/* Nobody makes another kind of it any more, so the pool takes another path. */
TEST(its_memory_is_refused)
{
	init();
	fixture.server.refuses_imports = true;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	fake_call(&service, hang_up, NULL);
	while (fixture.client->service)
		ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 100), 0);
	fixture.client->next_look_ms = INT64_MAX;
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	buffer = fixture_acquire(pool);
	ck_path(pool, WAYBUF_CLIENT_PATH_SHM, "has ended");
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 2);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	finish();
}

/* Of what is shown from before a change of the list nothing is left with it, either. */
TEST(it_ends_after_a_change)
{
	struct waybuf_client_pool *pool = show_and_change_list();
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_client_ok(&fixture, waybuf_client_buffer_release(fixture_acquire(pool)));
	fake_call(&service, hang_up, NULL);
	while (fixture.client->service)
		ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 100), 0);
	for (int i = 0; i < 3; i++) {
		ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
		buffer = fixture_acquire(pool);
	}
	ck_path(pool, WAYBUF_CLIENT_PATH_SERVICE, "has ended");
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 2);
	finish();
}

/* The next pool is with it again, and those before keep what they have. */
TEST(it_comes_back)
{
	init();
	start();
	struct waybuf_client_pool *before = fixture_pool(&fixture, 2);
	fixture_acquire(before);
	fake_call(&service, hang_up, NULL);
	while (fixture.client->service)
		ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 100), 0);
	fixture.client->next_look_ms = 0;
	struct waybuf_client_pool *after = fixture_pool(&fixture, 1);
	ck_path(after, WAYBUF_CLIENT_PATH_SERVICE, "the service at waybuf-0");
	ck_path(before, WAYBUF_CLIENT_PATH_SERVICE, "has ended");
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(after), fixture.surface));
	finish();
}

/* One that had nothing yet has another path; so has what is made afterwards. */
TEST(nothing_was_made)
{
	init();
	service.answer = FAKE_HOLD;
	start();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EAGAIN);
	fake_call(&service, hang_up, NULL);
	fixture.client->next_look_ms = INT64_MAX;
	fixture_acquire(pool);
	ck_path(pool, WAYBUF_CLIENT_PATH_SHM, "has ended");
	ck_path(fixture_pool(&fixture, 1), WAYBUF_CLIENT_PATH_SHM, "has ended");
	finish();
}

TEST_TIMEOUT(30)
TEST_MAIN("client-beside")
