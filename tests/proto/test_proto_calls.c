/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "fail_where.h"
#include "fake/sync.h"
#include "syncobj_kit.h"

/*
 * The host's side of the server library: what each of its calls refuses, and says when there is no
 * memory. What clients do wrong is elsewhere.
 */

/* ---- nonsense ------------------------------------------------------------------------------ */

static int take_all(void *data, const struct waybuf_layout *layout)
{
	return 0;
}

static int no_needs(void *data, uint64_t access, struct waybuf_constraints **out)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	int ret = builder ? waybuf_constraints_builder_finish(builder, out) : -ENOMEM;
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static const struct waybuf_server_device_ops device_ops = {.constraints = no_needs};

TEST(an_exporter_that_does_not_exist)
{
	struct waybuf_server *server;
	struct wl_display *display = wl_display_create();
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd,no-such", 1), 0);
	ck_assert_int_eq(waybuf_server_create(display, NULL, &server), -EINVAL);
	wl_display_destroy(display);
}

TEST(one_of_each_global)
{
	const struct waybuf_server_dmabuf_options options = {.feedback = &fixture_feedback};
	struct fixture_server server;
	struct waybuf_server_dmabuf *dmabuf = NULL;
	struct waybuf_server_allocator *allocator = NULL;
	struct waybuf_server_monitor *monitor = NULL;
	fixture_server_init(&server, NULL);
	ck_assert_int_eq(waybuf_server_dmabuf_create(server.server, &options, &dmabuf), -EEXIST);
	ck_assert_int_eq(waybuf_server_allocator_create(server.server, NULL, &allocator), -EEXIST);
	ck_assert_int_eq(waybuf_server_monitor_create(server.server, NULL, &monitor), -EEXIST);
	ck_assert(!dmabuf && !allocator && !monitor);
	fixture_server_finish(&server);
}

static const struct waybuf_dmabuf_pair some_pair = {1, 0};
static const struct waybuf_tranche good_tranche = {.target = 1, .pairs = &some_pair, .n_pairs = 1};
static const struct waybuf_tranche empty_tranche = {.target = 1};
static const struct waybuf_feedback bad_feedbacks[] = {
	{1, NULL, 0},
	{2, &good_tranche, 1},
	{1, &empty_tranche, 1},
};

TEST(feedback_that_says_nothing)
{
	const struct fixture_server_options options = {.no_dmabuf = true};
	struct fixture_server without, with;
	struct waybuf_server_dmabuf_options none = {0};
	struct waybuf_server_dmabuf *dmabuf;
	fixture_server_init(&without, &options);
	fixture_server_init(&with, NULL);
	ck_assert_int_eq(waybuf_server_dmabuf_create(without.server, &none, &dmabuf), -EINVAL);
	for (size_t i = 0; i < 3; i++) {
		const struct waybuf_server_dmabuf_options bad = {.feedback = &bad_feedbacks[i]};
		ck_assert_int_eq(
			waybuf_server_dmabuf_create(without.server, &bad, &dmabuf), -EINVAL);
		ck_assert_int_eq(
			waybuf_server_dmabuf_set_feedback(with.dmabuf, &bad_feedbacks[i]), -EINVAL);
	}
	fixture_server_finish(&with);
	fixture_server_finish(&without);
}

TEST(feedback_of_a_surface_that_says_nothing)
{
	struct fixture_server server;
	struct fixture_client client;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	struct wl_surface *surface = wl_compositor_create_surface(client.compositor);
	ck_assert(client_sync(&client));
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(waybuf_server_dmabuf_set_surface_feedback(
					 server.dmabuf, server.surface, &bad_feedbacks[i]),
			-EINVAL);
	wl_surface_destroy(surface);
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST(operations_that_are_missing)
{
	static const struct waybuf_server_device_ops no_ops;
	const struct waybuf_server_allocator_options display = {
		.integrated = true, .display = &no_ops};
	const struct waybuf_server_device_info devices[] = {
		{.name = "a"}, {.name = "b", .ops = &no_ops}};
	const struct waybuf_gate_ops no_gate_ops = {0};
	const struct fixture_server_options options = {.no_allocator = true};
	struct fixture_server server;
	struct waybuf_server_allocator *allocator;
	struct waybuf_gate *gate;
	uint32_t id;
	fixture_server_init(&server, &options);
	ck_assert_int_eq(
		waybuf_server_allocator_create(server.server, &display, &allocator), -EINVAL);
	ck_assert_int_eq(waybuf_server_add_device(server.server, &devices[0], &id), -EINVAL);
	ck_assert_int_eq(waybuf_server_add_device(server.server, &devices[1], &id), -EINVAL);
	ck_assert_int_eq(waybuf_server_gate_create(server.server, &no_gate_ops, &gate), -EINVAL);
	fixture_server_finish(&server);
}

TEST(probes_of_nothing)
{
	const struct waybuf_probe probes[] = {
		{.width = 8, .height = 8},
		{.width = 0, .height = 8, .import_test = take_all},
		{.width = 8, .height = 0, .import_test = take_all},
	};
	const struct waybuf_probe good = {.width = 8, .height = 8, .import_test = take_all};
	struct fixture_server server;
	struct waybuf_dmabuf_pair pair = some_pair;
	fixture_server_init(&server, NULL);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(
			waybuf_server_probe_pairs(server.server, &probes[i], &pair, 1), -EINVAL);
	ck_assert_int_eq(waybuf_server_probe_pairs(server.server, &good, NULL, 65536), -EINVAL);
	fixture_server_finish(&server);
}

TEST(a_driver_without_timelines)
{
	struct fixture_server server;
	struct waybuf_server_syncobj *syncobj;
	kernel_set_up();
	fake_kernel.timelines = false;
	fixture_server_init(&server, NULL);
	const struct waybuf_server_syncobj_options options = {.drm_fd = kernel_open_drm()};
	ck_assert_int_eq(
		waybuf_server_syncobj_create(server.server, &options, &syncobj), -EOPNOTSUPP);
	close(options.drm_fd);
	fixture_server_finish(&server);
	kernel_tear_down();
}

TEST(no_fds_for_timelines)
{
	struct fixture_server server;
	struct waybuf_server_syncobj *syncobj;
	struct rlimit limit, none;
	kernel_set_up();
	fixture_server_init(&server, NULL);
	const struct waybuf_server_syncobj_options options = {.drm_fd = kernel_open_drm()};
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){(rlim_t)harness_count_fds(), limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int ret = waybuf_server_syncobj_create(server.server, &options, &syncobj);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(ret, -EMFILE);
	close(options.drm_fd);
	fixture_server_finish(&server);
	kernel_tear_down();
}

/* ---- no memory ----------------------------------------------------------------------------- */

struct call {
	const char *name;
	/* Calls it once, and undoes what a success has done. */
	int (*run)(struct fixture_server *server);
};

static void ignore(void *commit) {}

static void ignore_fold(void *older, void *newer) {}

static void ignore_discard(void *commit, enum waybuf_gate_reason reason, int error) {}

static const struct waybuf_gate_ops gate_ops = {ignore, ignore_fold, ignore_discard, ignore};

static int server_create(struct fixture_server *server)
{
	struct waybuf_server *made = NULL;
	int ret = waybuf_server_create(server->display, NULL, &made);
	waybuf_server_destroy(made);
	return ret;
}

static int dmabuf_create(struct fixture_server *server)
{
	const struct waybuf_server_dmabuf_options options = {.feedback = &fixture_feedback};
	struct waybuf_server_dmabuf *dmabuf = NULL;
	int ret = waybuf_server_dmabuf_create(server->server, &options, &dmabuf);
	waybuf_server_dmabuf_destroy(dmabuf);
	return ret;
}

static int allocator_create(struct fixture_server *server)
{
	const struct waybuf_server_allocator_options options = {
		.integrated = true, .display = &device_ops};
	struct waybuf_server_allocator *allocator = NULL;
	int ret = waybuf_server_allocator_create(server->server, &options, &allocator);
	waybuf_server_allocator_destroy(allocator);
	return ret;
}

static int monitor_create(struct fixture_server *server)
{
	struct waybuf_server_monitor *monitor = NULL;
	int ret = waybuf_server_monitor_create(server->server, NULL, &monitor);
	waybuf_server_monitor_destroy(monitor);
	return ret;
}

static int add_device(struct fixture_server *server)
{
	const struct waybuf_server_device_info info = {.name = "one", .ops = &device_ops};
	uint32_t id = 0;
	int ret = waybuf_server_add_device(server->server, &info, &id);
	waybuf_server_remove_device(server->server, id);
	return ret;
}

static int gate_create(struct fixture_server *server)
{
	struct waybuf_gate *gate = NULL;
	int ret = waybuf_server_gate_create(server->server, &gate_ops, &gate);
	waybuf_gate_destroy(gate);
	return ret;
}

static int probe_pairs(struct fixture_server *server)
{
	const struct waybuf_probe probe = {.width = 8, .height = 8, .import_test = take_all};
	struct waybuf_dmabuf_pair pair = some_pair;
	int ret = waybuf_server_probe_pairs(server->server, &probe, &pair, 1);
	return ret < 0 ? ret : 0;
}

static int set_feedback(struct fixture_server *server)
{
	return waybuf_server_dmabuf_set_feedback(server->dmabuf, &fixture_feedback);
}

static int set_surface_feedback(struct fixture_server *server)
{
	int ret = waybuf_server_dmabuf_set_surface_feedback(
		server->dmabuf, server->surface, &fixture_feedback);
	if (ret == 0)
		waybuf_server_dmabuf_set_surface_feedback(server->dmabuf, server->surface, NULL);
	return ret;
}

/* Said first when something is due. */
static int set_plane_result(struct fixture_server *server)
{
	return waybuf_server_dmabuf_set_plane_result(
		server->dmabuf, server->surface, WAYBUF_PLANE_COULD, &good_tranche);
}

static const struct call beginnings[] = {
	{"waybuf_server_create", server_create},
	{"waybuf_server_dmabuf_create", dmabuf_create},
	{"waybuf_server_allocator_create", allocator_create},
	{"waybuf_server_monitor_create", monitor_create},
	{"waybuf_server_add_device", add_device},
	{"waybuf_server_gate_create", gate_create},
	{"waybuf_server_probe_pairs", probe_pairs},
};

static const struct call with_surface[] = {
	{"waybuf_server_dmabuf_set_plane_result", set_plane_result},
	{"waybuf_server_dmabuf_set_feedback", set_feedback},
	{"waybuf_server_dmabuf_set_surface_feedback", set_surface_feedback},
};

static void sweep(const struct call *call, struct fixture_server *server)
{
	unsigned failures = 0;
	bool happened = true;
	for (unsigned n = 1; happened; n++) {
		fail_alloc_at(n);
		fail_here(true);
		int ret = call->run(server);
		fail_here(false);
		happened = fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert_msg(ret == 0 || (happened && ret == -ENOMEM), "%s: allocation %u: %s",
			call->name, n, strerror(-ret));
		failures += ret < 0;
		ck_assert_uint_lt(n, 500);
	}
	ck_assert_msg(failures > 0, "%s never fails", call->name);
}

TEST(no_memory_to_begin_with)
{
	const struct fixture_server_options options = {
		.no_dmabuf = true, .no_allocator = true, .no_monitor = true};
	struct fixture_server server;
	fail_elsewhere(false);
	fail_here(false);
	fixture_server_init(&server, &options);
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		sweep(&beginnings[i], &server);
	fixture_server_finish(&server);
}

TEST(no_memory_for_feedback)
{
	struct fixture_server server;
	struct fixture_client client;
	fail_elsewhere(false);
	fail_here(false);
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	struct wl_surface *surface = wl_compositor_create_surface(client.compositor);
	ck_assert(client_sync(&client));
	for (size_t i = 0; i < sizeof(with_surface) / sizeof(with_surface[0]); i++)
		sweep(&with_surface[i], &server);
	wl_surface_destroy(surface);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* Made at the first call, and not again. */
TEST(no_memory_for_an_account)
{
	const struct fixture_server_options options = {
		.no_dmabuf = true, .no_allocator = true, .no_monitor = true};
	struct fixture_server server;
	struct wl_client *client;
	unsigned n = 0;
	fail_elsewhere(false);
	fail_here(false);
	fixture_server_init(&server, &options);
	int fd = fixture_server_connect(&server, &client);
	struct waybuf_account *account = NULL;
	while (!account) {
		fail_alloc_at(++n);
		fail_here(true);
		account = waybuf_server_client_account(server.server, client);
		fail_here(false);
		bool happened = fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert(account || happened);
		ck_assert_uint_lt(n, 50);
	}
	ck_assert_uint_gt(n, 1);
	close(fd);
	fixture_server_finish(&server);
}

/* Lines of a report, in the callback that is asked for them. */
static void add_lines(void *data, struct waybuf_report *report)
{
	static char line[100000];
	unsigned *failures = data, n = 0;
	bool happened = true;
	/* longer than what there is room for */
	memset(line, ' ', sizeof(line) - 1);
	memcpy(line, "{\"type\": \"host\"}", 16);
	while (happened) {
		fail_alloc_at(++n);
		fail_here(true);
		int ret = waybuf_report_add(report, line);
		fail_here(false);
		happened = fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert(ret == 0 || (happened && ret == -ENOMEM));
		*failures += ret < 0;
	}
	ck_assert_int_eq(waybuf_report_add(report, "[1]"), -EINVAL);
	ck_assert_int_eq(waybuf_report_add(report, "{\"type\":\n1}"), -EINVAL);
	ck_assert_int_eq(waybuf_report_add(report, "{"), -EINVAL);
}

TEST(lines_of_a_report)
{
	const struct fixture_server_options options = {.no_monitor = true};
	unsigned failures = 0;
	const struct waybuf_server_monitor_options monitor = {.data = &failures, .info = add_lines};
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_report report = {0};
	fail_elsewhere(false);
	fail_here(false);
	fixture_server_init(&server, &options);
	ck_assert_int_eq(waybuf_server_monitor_create(server.server, &monitor, &server.monitor), 0);
	client_init(&client, &server);
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, ""));
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(report.ready, 1);
	ck_assert_uint_gt(failures, 0);
	ck_assert_ptr_nonnull(strstr(report.text, "host"));
	raw_report_finish(&report);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* ---- commits ------------------------------------------------------------------------------- */

/* The client shows its dma-buf; the host has not looked yet. */
static void show(struct world *w)
{
	wl_surface_attach(w->surface, w->buffer, 0, 0);
	wl_surface_commit(w->surface);
	ck_assert(client_sync(&w->client));
}

TEST(no_memory_for_a_use)
{
	struct world w;
	struct waybuf_use *use = NULL;
	unsigned n = 0;
	fail_elsewhere(false);
	fail_here(false);
	world_init(&w);
	show(&w);
	while (!use) {
		fail_alloc_at(++n);
		fail_here(true);
		int ret = waybuf_use_begin(w.server.committed, &use);
		fail_here(false);
		fail_alloc_at(0);
		ck_assert_int_eq(ret, use ? 0 : -ENOMEM);
		ck_assert_uint_lt(n, 20);
	}
	ck_assert_uint_gt(n, 2);
	waybuf_use_end(use, NULL);
	world_finish(&w);
}

/* A commit in one call, whose @n-th allocation fails. */
static int use_commit(struct world *w, unsigned n, struct waybuf_use **use)
{
	static int commit;
	struct waybuf_gate *gate;
	struct waybuf_gate_queue *queue;
	ck_assert_int_eq(waybuf_server_gate_create(w->server.server, &gate_ops, &gate), 0);
	ck_assert_int_eq(waybuf_gate_queue_create(gate, &queue), 0);
	const struct waybuf_use_commit_info info = {
		.surface = w->server.surface,
		.attached = true,
		.buffer = w->server.committed,
		.gate = gate,
		.queue = queue,
		.commit = &commit,
	};
	fail_alloc_at(n);
	fail_here(true);
	int ret = waybuf_use_commit(&info, use);
	fail_here(false);
	waybuf_gate_queue_destroy(queue);
	waybuf_gate_destroy(gate);
	return ret;
}

TEST(a_commit_without_points)
{
	struct world w;
	struct waybuf_use *use;
	fail_elsewhere(false);
	fail_here(false);
	world_init(&w);
	show(&w);
	ck_assert_int_eq(use_commit(&w, 0, &use), -EPROTO);
	ck_assert_ptr_null(use);
	client_expect_error(&w.client, &wp_linux_drm_syncobj_surface_v1_interface,
		WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT);
	world_finish(&w);
}

/* The fake kernel below has memory enough. */
static void handle_inside(bool inside)
{
	static bool counted;
	if (inside)
		counted = fail_counts();
	fail_here(counted && !inside);
}

/* True if nothing failed any more. @refused: it was said so. */
static bool try_use_commit(unsigned n, bool *refused)
{
	struct world w;
	struct waybuf_use *use = NULL;
	world_init(&w);
	set_acquire(&w, 0, 7);
	set_release(&w, 1, 7);
	show(&w);
	fake_kernel.inside = handle_inside;
	int ret = use_commit(&w, n, &use);
	bool happened = fail_alloc_happened();
	fail_alloc_at(0);
	*refused = ret < 0;
	ck_assert_msg(ret == 0 || ret == 1 || (happened && ret == -ENOMEM), "%d", ret);
	ck_assert(ret >= 0 || !use);
	waybuf_use_end(use, NULL);
	ck_assert(client_sync(&w.client) == (ret >= 0));
	ck_assert_int_eq(wl_display_get_error(w.client.display), ret < 0 ? ENOMEM : 0);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 7), 0);
	world_finish(&w);
	return !happened;
}

TEST(no_memory_for_a_commit)
{
	unsigned n = 0, failures = 0;
	bool refused, complete = false;
	fail_elsewhere(false);
	fail_here(false);
	while (!complete) {
		complete = try_use_commit(++n, &refused);
		failures += refused;
		ck_assert_uint_lt(n, 100);
	}
	ck_assert_uint_gt(failures, 2);
}

/* There is room for a few readers of a commit, and then there has to be made some. */
TEST(no_memory_for_a_reader)
{
	struct world w;
	struct waybuf_syncobj_points points;
	unsigned readers = 0;
	int ret = 0;
	fail_elsewhere(false);
	fail_here(false);
	world_init(&w);
	commit_good(&w, 1, 7, &points);
	for (fail_alloc_at(1); ret == 0 && readers < 100; readers += ret == 0) {
		fail_here(true);
		ret = waybuf_release_point_ref(points.release);
		fail_here(false);
	}
	ck_assert_int_eq(ret, -ENOMEM);
	/* it is none, and the others still are; the next one may be */
	ck_assert_int_eq(waybuf_release_point_ref(points.release), 0);
	for (unsigned i = 0; i < readers + 1; i++)
		waybuf_release_point_unref(points.release, NULL);
	ck_assert_uint_eq(reached(&w, 1), 0);
	waybuf_syncobj_points_finish(&points);
	ck_assert_uint_eq(reached(&w, 1), 7);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 1), 0);
	world_finish(&w);
}

/* A buffer that gets its memory between commit and latch. */
TEST(no_memory_for_a_latch)
{
	const struct fixture_server_options options = {.integrated = true};
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool = {0};
	struct fixture_attachment attachment = {0};
	struct fixture_buffer buffer = {.fd = -1, .fence = -1};
	struct fixture_wl_buffer wl_buffer;
	struct waybuf_use *use;
	struct waybuf_grant grant;
	fail_elsewhere(false);
	fail_here(false);
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 64, 48, 2);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&attachment);
	raw_buffer_get(&attachment, &buffer, 0);
	raw_buffer_wl_buffer(&buffer, &wl_buffer);
	struct wl_surface *surface = wl_compositor_create_surface(client.compositor);
	wl_surface_attach(surface, wl_buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&client));
	ck_assert_int_eq(waybuf_use_begin(server.committed, &use), 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_wait(&client, &buffer.answers, 1);
	waybuf_buffer_v1_unmap(buffer.proxy);
	ck_assert(client_sync(&client));

	fail_alloc_at(1);
	fail_here(true);
	int ret = waybuf_use_latch(use, &grant);
	fail_here(false);
	fail_alloc_at(0);
	ck_assert_int_eq(ret, -ENOMEM);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	waybuf_use_end(use, NULL);

	wl_surface_destroy(surface);
	wl_buffer_destroy(wl_buffer.proxy);
	raw_buffer_destroy(&buffer);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	ck_assert(client_sync(&client));
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST_MAIN("proto-calls")
