/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/exporter.h"
#include "proto/dmabuf_kit.h"
#include "util/fd.h"

/* linux-dmabuf with real dma-bufs: what is taken, and what does not fit into its file. */

#define LINEAR DRM_FORMAT_MOD_LINEAR
#define XR24 DRM_FORMAT_XRGB8888
#define PAGE 4096u

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct raw_params params;
	int fd;
};

static void world_init(struct world *w, size_t size, const struct fixture_server_options *options)
{
	w->fd = make_dmabuf(size);
	fixture_server_init(&w->server, options);
	client_init(&w->client, &w->server);
	raw_params_create(&w->client, &w->params);
}

static void world_finish(struct world *w)
{
	close(w->fd);
	raw_params_destroy(&w->params);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

static void add(struct world *w, uint32_t plane, uint32_t offset, uint32_t stride)
{
	raw_params_add(&w->params, w->fd, plane, offset, stride, LINEAR);
}

static void create(struct world *w, int32_t width, int32_t height, uint32_t format)
{
	zwp_linux_buffer_params_v1_create(w->params.proxy, width, height, format, 0);
}

static void expect_created(struct world *w)
{
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(w->params.failed, 0);
	ck_assert_uint_eq(w->params.created, 1);
	ck_assert_uint_eq(w->server.imports, 1);
	world_finish(w);
}

static void expect_error(struct world *w, uint32_t code)
{
	client_expect_error(&w->client, &zwp_linux_buffer_params_v1_interface, code);
	world_finish(w);
}

/* ---- what is taken ------------------------------------------------------------------------- */

TEST(exactly_as_large_as_the_image)
{
	struct world w;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	expect_created(&w);
}

TEST(padded_rows_behind_an_offset)
{
	struct world w;
	world_init(&w, 17 * PAGE, NULL);
	add(&w, 0, PAGE, 1024);
	create(&w, 200, 64, XR24);
	expect_created(&w);
}

/* Chroma of an odd height has the half row, rounded up. */
TEST(nv12_of_odd_size)
{
	struct world w;
	world_init(&w, 2 * PAGE, NULL);
	add(&w, 0, 0, 64);
	add(&w, 1, 64 * 63, 64);
	create(&w, 63, 63, DRM_FORMAT_NV12);
	expect_created(&w);
}

/*
 * IMC2: the two chroma planes side by side in the same rows. No mistake, so no error; but the
 * mechanism cannot say what of such rows belongs to which plane.
 */
TEST(chroma_side_by_side)
{
	struct world w;
	world_init(&w, 2 * PAGE, NULL);
	add(&w, 0, 0, 64);
	add(&w, 1, 64 * 64, 64);
	add(&w, 2, 64 * 64 + 32, 64);
	create(&w, 64, 63, DRM_FORMAT_YUV420);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

/* Buffers stay when all that they were made by is gone. */
TEST(wl_buffers_outlive_the_factory)
{
	struct world w;
	struct waybuf_use *use;
	struct waybuf_grant grant;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.created, 1);
	struct fixture_wl_buffer buffer = w.params.buffer;
	w.params.buffer.proxy = NULL;
	raw_params_destroy(&w.params);
	zwp_linux_dmabuf_v1_destroy(w.client.dmabuf);
	w.client.dmabuf = NULL;
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	ck_assert_uint_eq(grant.layout->height, 64);
	waybuf_use_end(use, NULL);
	wl_surface_destroy(surface);
	wl_buffer_destroy(buffer.proxy);
	close(w.fd);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

TEST(created_immediately)
{
	struct world w;
	struct waybuf_use *use;
	struct waybuf_grant grant;
	struct waybuf_server_buffer_info info;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	raw_wl_buffer_listen(&w.params.buffer,
		zwp_linux_buffer_params_v1_create_immed(
			w.params.proxy, 256, 64, XR24, ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT));
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, w.params.buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 0);
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.committed, &info), 0);
	ck_assert_uint_eq(info.width, 256);
	ck_assert_uint_eq(info.flags, WAYBUF_DMABUF_Y_INVERT);
	ck_assert(!info.follows && !info.inert);
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	ck_assert_uint_eq(grant.layout->planes[0].stride, 1024);
	ck_assert_uint_eq(grant.layout->memory[0].size, 16 * PAGE);
	/* the client goes, the frame stays */
	wl_surface_destroy(surface);
	wl_buffer_destroy(w.params.buffer.proxy);
	w.params.buffer.proxy = NULL;
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(grant.layout->height, 64);
	waybuf_use_end(use, NULL);
	world_finish(&w);
}

/* What our own exporter made is known when it comes back, and is the same buffer. */
TEST(own_memory_is_recognised)
{
	struct world w;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
	struct fixture_server_options options = {.exporters = "udmabuf", .integrated = true};
	world_init(&w, PAGE, &options);
	raw_pool_create(&w.client, &pool, 64, 64, 1);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&attachment);
	raw_buffer_get(&attachment, &buffer, 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_wait(&w.client, &buffer.answers, 1);
	ck_assert_uint_eq(buffer.mapped, 1);
	ck_assert_uint_eq(buffer.kind, WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF);
	waybuf_buffer_v1_unmap(buffer.proxy);
	raw_params_add(&w.params, buffer.fd, 0, buffer.offset[0], buffer.stride[0], LINEAR);
	create(&w, 64, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.created, 1);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, w.params.buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	struct waybuf_buffer *shown = waybuf_buffer_from_resource(w.server.committed);
	const struct waybuf_layout *layout = waybuf_buffer_layout(shown);
	ck_assert_str_eq(layout->exporter, "udmabuf");
	/* and so the next write waits for the screen */
	struct waybuf_use *use;
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_run(&w.client, 30);
	ck_assert_uint_eq(buffer.mapped, 1);
	waybuf_use_end(use, NULL);
	client_wait(&w.client, &buffer.mapped, 2);
	waybuf_buffer_v1_unmap(buffer.proxy);
	wl_surface_destroy(surface);
	raw_buffer_destroy(&buffer);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	world_finish(&w);
}

/* ---- what the kernel says ------------------------------------------------------------------ */

static bool without_lseek;

off64_t __real_lseek64(int fd, off64_t offset, int whence);
off64_t __wrap_lseek64(int fd, off64_t offset, int whence);

off64_t __wrap_lseek64(int fd, off64_t offset, int whence)
{
	if (!without_lseek)
		return __real_lseek64(fd, offset, whence);
	errno = ESPIPE;
	return -1;
}

/* No reason to believe the client: the size is in /proc as well. */
TEST(size_without_lseek)
{
	struct world w;
	without_lseek = true;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	expect_created(&w);
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	create(&w, 256, 65, XR24);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

/* The dma-buf's name is anybody's choice, and stands in the same file. */
TEST(exporter_under_any_name)
{
	char exporter[FD_EXPORTER_LEN];
	uint64_t size;
	int fd = make_dmabuf(2 * PAGE);
	exporter_set_name(fd, "a\nexp_name:\tb\nsize:\t1");
	ck_assert_int_eq(fd_dmabuf_info(fd, &size, exporter), 0);
	ck_assert_str_eq(exporter, "udmabuf");
	ck_assert_uint_eq(size, 2 * PAGE);
	close(fd);
}

/* ---- who samples --------------------------------------------------------------------------- */

/* A target of the fixture's sampling tranche, and one of its scanout tranche alone. */
TEST(sampled_by_a_device_that_is_offered)
{
	struct world w;
	struct waybuf_server_buffer_info info;
	const dev_t device = 0xe280;
	world_init(&w, 16 * PAGE, NULL);
	raw_params_set_device(&w.params, &device, sizeof(device));
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.created, 1);
	ck_assert(w.server.has_device);
	ck_assert_uint_eq(w.server.sampling_device, device);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, w.params.buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.committed, &info), 0);
	ck_assert(info.has_device);
	ck_assert_uint_eq(info.device, device);
	wl_surface_destroy(surface);
	world_finish(&w);
}

TEST(sampled_by_a_device_that_is_not)
{
	struct world w;
	const dev_t device = 0xe201;
	world_init(&w, 16 * PAGE, NULL);
	raw_params_set_device(&w.params, &device, sizeof(device));
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	ck_assert_uint_eq(w.server.imports, 0);
	world_finish(&w);
}

/* The numbers of the first render node and of the primary node of its device. */
static void find_nodes(dev_t *render, dev_t *primary)
{
	struct stat st;
	glob_t found;
	if (stat("/dev/dri/renderD128", &st) < 0)
		SKIP("no render node");
	*render = st.st_rdev;
	ck_assert_int_eq(glob("/sys/class/drm/renderD128/device/drm/card*", 0, NULL, &found), 0);
	char path[64];
	snprintf(path, sizeof(path), "/dev/dri/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	ck_assert_int_eq(stat(path, &st), 0);
	*primary = st.st_rdev;
}

/* Which node of a device the server names is not specified, nor is the client's. */
TEST(sampled_by_another_node_of_the_device)
{
	static const struct waybuf_dmabuf_pair pair = {XR24, LINEAR};
	struct world w;
	dev_t render, primary;
	find_nodes(&render, &primary);
	world_init(&w, 16 * PAGE, NULL);
	const struct waybuf_tranche tranche = {primary, WAYBUF_TRANCHE_SAMPLING, &pair, 1};
	const struct waybuf_feedback feedback = {primary, &tranche, 1};
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &feedback), 0);
	raw_params_set_device(&w.params, &render, sizeof(render));
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.server.sampling_device, render);
	expect_created(&w);
}

/* ---- what is advertised ------------------------------------------------------------------ */

struct tests {
	const char *exporter; /* from this one alone; NULL: from any */
	uint32_t never; /* a format */
	unsigned n, n_never;
};

static int import_one(void *data, const struct waybuf_layout *layout)
{
	struct tests *tests = data;
	struct waybuf_buffer *buffer;
	struct waybuf_manager *manager;
	tests->n++;
	tests->n_never += layout->format == tests->never;
	if (tests->exporter && strcmp(layout->exporter, tests->exporter) != 0)
		return -EINVAL;
	/* an image that lies in its memory, which is real */
	ck_assert_int_eq(waybuf_manager_create(NULL, &manager), 0);
	struct waybuf_account *account = waybuf_account_create(manager, "test", NULL);
	ck_assert_int_eq(waybuf_buffer_import(manager, account, layout, &buffer), 0);
	waybuf_buffer_unref(buffer);
	waybuf_account_unref(account);
	waybuf_manager_destroy(manager);
	return layout->format == tests->never ? -EINVAL : 0;
}

TEST(only_pairs_that_were_imported)
{
	const struct waybuf_dmabuf_pair all[] = {
		{DRM_FORMAT_NV12, LINEAR},
		{DRM_FORMAT_RGB565, LINEAR},
		{XR24, FIXTURE_TILED_MODIFIER},
		{0xdeadbeef, LINEAR},
		{DRM_FORMAT_YUV420, LINEAR},
		{XR24, LINEAR},
	};
	static const char *const exporters[] = {NULL, "udmabuf", "heap system"};
	close(make_dmabuf(PAGE));
	close(make_heap_dmabuf(PAGE));
	for (size_t i = 0; i < 3; i++) {
		struct tests tests = {.exporter = exporters[i], .never = DRM_FORMAT_RGB565};
		const struct waybuf_probe probe = {63, 31, import_one, &tests};
		struct waybuf_dmabuf_pair pairs[6];
		struct fixture_server server;
		fixture_server_init(&server, NULL);
		memcpy(pairs, all, sizeof(all));
		ck_assert_int_eq(waybuf_server_probe_pairs(server.server, &probe, pairs, 6), 3);
		ck_assert_uint_eq(pairs[0].format, DRM_FORMAT_NV12);
		ck_assert_uint_eq(pairs[1].format, DRM_FORMAT_YUV420);
		ck_assert_uint_eq(pairs[2].format, XR24);
		ck_assert_uint_eq(pairs[2].modifier, LINEAR);
		/* what one exporter's memory is refused with is tried with the next one's */
		ck_assert_uint_eq(tests.n_never, 2);
		ck_assert_uint_eq(tests.n, exporters[i] && i == 2 ? 8 : 5);
		fixture_server_finish(&server);
	}
}

TEST(bad_probes)
{
	struct waybuf_dmabuf_pair pair = {XR24, LINEAR};
	const struct waybuf_probe probes[] = {
		{0, 1, import_one, NULL}, {1, 0, import_one, NULL}, {1, 1, NULL, NULL}};
	struct fixture_server server;
	fixture_server_init(&server, NULL);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(
			waybuf_server_probe_pairs(server.server, &probes[i], &pair, 1), -EINVAL);
	fixture_server_finish(&server);
}

/* ---- what does not fit --------------------------------------------------------------------- */

TEST(one_row_too_many)
{
	struct world w;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	create(&w, 256, 65, XR24);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

TEST(offset_beyond_the_end)
{
	struct world w;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0xffffff00, 1024);
	create(&w, 256, 1, XR24);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

/* The check that no other compositor makes: the rows of the second plane. */
TEST(chroma_beyond_the_end)
{
	struct world w;
	world_init(&w, 2 * PAGE, NULL);
	add(&w, 0, 0, 64);
	add(&w, 1, 2 * PAGE - 64 * 31, 64);
	create(&w, 64, 64, DRM_FORMAT_NV12);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

TEST(planes_that_overlap)
{
	struct world w;
	world_init(&w, 4 * PAGE, NULL);
	add(&w, 0, 0, 64);
	add(&w, 1, PAGE - 64, 64);
	create(&w, 64, 64, DRM_FORMAT_NV12);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

/* The same memory behind another fd is the same memory. */
TEST(planes_that_overlap_behind_two_fds)
{
	struct world w;
	world_init(&w, 4 * PAGE, NULL);
	int second = fcntl(w.fd, F_DUPFD_CLOEXEC, 0);
	add(&w, 0, 0, 64);
	raw_params_add(&w.params, second, 1, 0, 64, LINEAR);
	close(second);
	create(&w, 64, 64, DRM_FORMAT_NV12);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

TEST(enormous)
{
	struct world w;
	world_init(&w, PAGE, NULL);
	add(&w, 0, 0, UINT32_MAX);
	create(&w, INT32_MAX / 4, INT32_MAX, XR24);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

/* ---- what the host says -------------------------------------------------------------------- */

TEST(refused_by_the_renderer)
{
	struct world w;
	struct fixture_server_options options = {.import_result = -EINVAL};
	world_init(&w, 16 * PAGE, &options);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

/* No way to say "no buffer" to who has one already: it is inert, and the client lives. */
TEST(refused_immediately)
{
	struct world w;
	struct waybuf_server_buffer_info info;
	struct fixture_server_options options = {.import_result = -EINVAL};
	world_init(&w, 16 * PAGE, &options);
	add(&w, 0, 0, 1024);
	w.params.buffer.proxy =
		zwp_linux_buffer_params_v1_create_immed(w.params.proxy, 256, 64, XR24, 0);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, w.params.buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.committed, &info), 0);
	ck_assert(info.inert);
	wl_surface_destroy(surface);
	world_finish(&w);
}

/* A wl_buffer of @fd; tests so far in all. */
static unsigned import_with(struct world *w, int fd, uint32_t format, uint32_t flags)
{
	struct raw_params params;
	raw_params_create(&w->client, &params);
	raw_params_add(&params, fd, 0, 0, 1024, LINEAR);
	zwp_linux_buffer_params_v1_create(params.proxy, 256, 64, format, flags);
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(params.created, 1);
	raw_params_destroy(&params);
	return w->server.imports;
}

/* Once for each kind, if the host vouches for it: this device, this exporter, this image. */
TEST(tested_once_for_each_kind)
{
	struct world w;
	struct fixture_server_options options = {.import_result = WAYBUF_IMPORT_KIND};
	int heap = make_heap_dmabuf(16 * PAGE), other = make_dmabuf(16 * PAGE);
	world_init(&w, 16 * PAGE, &options);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 1);
	ck_assert_uint_eq(import_with(&w, other, XR24, 0), 1);
	ck_assert_uint_eq(import_with(&w, heap, XR24, 0), 2);
	ck_assert_uint_eq(import_with(&w, heap, XR24, 0), 2);
	ck_assert_uint_eq(import_with(&w, w.fd, DRM_FORMAT_ARGB8888, 0), 3);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 1), 4);
	/* another feedback: there may be another renderer */
	struct waybuf_feedback feedback = fixture_feedback;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &feedback), 0);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 4);
	feedback.main_device = 0xe201;
	ck_assert_int_eq(waybuf_server_dmabuf_set_feedback(w.server.dmabuf, &feedback), 0);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 5);
	close(heap);
	close(other);
	world_finish(&w);
}

TEST(tested_each_time_if_nobody_vouches)
{
	struct world w;
	world_init(&w, 16 * PAGE, NULL);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 1);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 2);
	world_finish(&w);
}

/* What the kernel says in /proc is as good as what it says otherwise. */
TEST(bounds_of_a_kind_that_is_known)
{
	struct world w;
	struct fixture_server_options options = {.import_result = WAYBUF_IMPORT_KIND};
	world_init(&w, 16 * PAGE, &options);
	import_with(&w, w.fd, XR24, 0);
	add(&w, 0, 0, 1024);
	create(&w, 256, 65, XR24);
	expect_error(&w, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_OUT_OF_BOUNDS);
}

static void expect_report(struct world *w, const char *needle)
{
	struct fixture_report report;
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(w->client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, ""));
	client_wait(&w->client, &report.ready, 1);
	ck_assert_msg(strstr(report.text, needle), "%s is not in %s", needle, report.text);
	raw_report_finish(&report);
}

/* At its use: the client goes on, and its kind is tested again. */
TEST(import_that_fails_later)
{
	struct world w;
	struct waybuf_use *use;
	struct fixture_server_options options = {.import_result = WAYBUF_IMPORT_KIND};
	world_init(&w, 16 * PAGE, &options);
	import_with(&w, w.fd, XR24, 0);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.server.imports, 1);
	struct wl_surface *surface = wl_compositor_create_surface(w.client.compositor);
	wl_surface_attach(surface, w.params.buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	waybuf_server_dmabuf_import_failed(w.server.dmabuf, use, -EXDEV);
	waybuf_use_end(use, NULL);
	ck_assert_uint_eq(import_with(&w, w.fd, XR24, 0), 2);
	expect_report(&w, "at its first use, memory of udmabuf: Invalid cross-device link");
	wl_surface_destroy(surface);
	world_finish(&w);
}

/* `failed` has no words: they are in the monitor's report. */
TEST(refusals_have_a_reason)
{
	struct world w;
	struct fixture_server_options options = {.import_result = -EXDEV};
	world_init(&w, 16 * PAGE, &options);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	expect_report(&w,
		"\"buffer\":\"256x64 XR24:LINEAR\",\"reason\":\"neither renderer nor "
		"display take it: Invalid cross-device link\",\"times\":1");
	world_finish(&w);
}

TEST(unknown_flags)
{
	struct world w;
	world_init(&w, 16 * PAGE, NULL);
	add(&w, 0, 0, 1024);
	zwp_linux_buffer_params_v1_create(w.params.proxy, 256, 64, XR24, 8);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	world_finish(&w);
}

TEST(quota)
{
	struct world w;
	struct waybuf_limits limits;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] = 1024;
	limits.max[WAYBUF_RESOURCE_FDS] = 0;
	struct fixture_server_options options = {.limits = &limits};
	world_init(&w, 16 * PAGE, &options);
	add(&w, 0, 0, 1024);
	create(&w, 256, 64, XR24);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.params.failed, 1);
	ck_assert_uint_eq(w.server.imports, 0);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("dmabuf")
