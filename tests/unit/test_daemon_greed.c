/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "guest/daemon_fixture.h"
#include "xdg-shell-client-protocol.h"

/*
 * Clients that break no rule, and ask for more of everything than anybody needs. That may be their
 * end, and it is nobody else's: a second client is served all the while.
 */

struct scenario {
	struct daemon daemon;
	struct client greedy;
};

static void begin(struct scenario *s)
{
	daemon_start(&s->daemon, NULL);
	client_connect(&s->greedy, &s->daemon);
}

static void show_something(const struct daemon *daemon)
{
	struct client client;
	struct window window;
	struct picture picture;
	client_connect(&client, daemon);
	window_init(&window, &client);
	picture_init(&client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, 1);
	window_show(&window, &picture);
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&client);
}

static void end(struct scenario *s)
{
	show_something(&s->daemon);
	client_disconnect(&s->greedy);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

/* Proxies that are forgotten in the end, without a word to the server. */
struct hoard {
	struct wl_proxy **proxies;
	size_t n;
};

static void *keep(struct hoard *hoard, void *proxy)
{
	/* twice as many each time, because some hoards are large */
	if ((hoard->n & (hoard->n - 1)) == 0) {
		size_t room = hoard->n ? 2 * hoard->n : 1;
		hoard->proxies = realloc(hoard->proxies, room * sizeof(*hoard->proxies));
	}
	ck_assert_ptr_nonnull(hoard->proxies);
	hoard->proxies[hoard->n++] = proxy;
	return proxy;
}

static void forget(struct hoard *hoard)
{
	while (hoard->n > 0)
		wl_proxy_destroy(hoard->proxies[--hoard->n]);
	free(hoard->proxies);
}

/* How many pools it got before the connection ended, @most at most. */
static size_t hoard_pools(struct hoard *hoard, struct client *client, size_t most)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	bool alive = true;
	while (alive && hoard->n < most) {
		keep(hoard, wl_shm_create_pool(client->shm, fd, 4096));
		alive = (hoard->n % 8 && hoard->n < most) || client_sync(client);
	}
	close(fd);
	return hoard->n;
}

TEST(pools_without_end)
{
	struct scenario s;
	struct hoard hoard = {0};
	begin(&s);
	ck_assert_uint_lt(hoard_pools(&hoard, &s.greedy, 2000), 2000);
	forget(&hoard);
	end(&s);
}

static int count_fds(pid_t pid)
{
	char path[32];
	int n = -2;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Nobody keeps the last fds, without which nobody else's message could be received. */
TEST(pools_until_fds_run_out)
{
	struct scenario s;
	struct hoard hoard = {0};
	struct rlimit limit, few = {160, 160};
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	begin(&s);
	while (hoard_pools(&hoard, &s.greedy, hoard.n + 1) < 400 &&
		wl_display_get_error(s.greedy.display) == 0)
		ck_assert_int_lt(count_fds(s.daemon.pid), 150);
	forget(&hoard);
	end(&s);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A pool that grows keeps its file once, whatever sizes of it are in use. */
TEST(pool_that_grows)
{
	struct scenario s;
	struct hoard hoard = {0};
	begin(&s);
	int fd = memfd_create("pool", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(s.greedy.shm, fd, 4096);
	bool alive = true;
	for (int32_t i = 1; alive && i < 2000; i++) {
		keep(&hoard, wl_shm_pool_create_buffer(pool, 0, 8, 8, 32, WL_SHM_FORMAT_XRGB8888));
		wl_shm_pool_resize(pool, 4096 + i * 16);
		alive = i % 8 || client_sync(&s.greedy);
	}
	ck_assert(!alive);
	close(fd);
	wl_shm_pool_destroy(pool);
	forget(&hoard);
	end(&s);
}

TEST(regions_in_pieces)
{
	struct scenario s;
	begin(&s);
	struct wl_region *region = wl_compositor_create_region(s.greedy.compositor);
	for (int32_t i = 0; i < 150000; i++) {
		wl_region_add(region, i % 500 * 2, i / 500 * 2, 1, 1);
		if (i % 5000 == 0)
			ck_assert_msg(client_sync(&s.greedy), "no answer after %d pieces", i);
	}
	wl_region_subtract(region, 0, 0, 1, 1);
	struct window window;
	window_init(&window, &s.greedy);
	wl_surface_set_opaque_region(window.surface, region);
	wl_surface_commit(window.surface);
	/* all of it has to be over in time for one answer */
	ck_assert(client_sync(&s.greedy));
	window_finish(&window);
	wl_region_destroy(region);
	end(&s);
}

TEST(windows_without_end)
{
	struct scenario s;
	struct hoard hoard = {0};
	begin(&s);
	bool alive = true;
	for (int i = 0; alive && i < 3000; i++) {
		struct wl_surface *surface =
			keep(&hoard, wl_compositor_create_surface(s.greedy.compositor));
		keep(&hoard,
			xdg_surface_get_toplevel(keep(
				&hoard, xdg_wm_base_get_xdg_surface(s.greedy.wm_base, surface))));
		alive = i % 100 || client_sync(&s.greedy);
	}
	ck_assert(!alive);
	forget(&hoard);
	end(&s);
}

/* Of @parent, each of the one before if @deep; how many it got before the connection ended. */
static int hoard_subsurfaces(
	struct hoard *hoard, struct client *client, struct wl_surface *parent, bool deep, int most)
{
	for (int i = 0; i < most; i++) {
		struct wl_surface *surface =
			keep(hoard, wl_compositor_create_surface(client->compositor));
		keep(hoard,
			wl_subcompositor_get_subsurface(client->subcompositor, surface, parent));
		if (!client_sync(client))
			return i;
		if (deep)
			parent = surface;
	}
	return most;
}

/* The greedy one was disconnected, and comes again; others are served meanwhile. */
static void come_again(struct scenario *s, struct hoard *hoard)
{
	forget(hoard);
	*hoard = (struct hoard){0};
	ck_assert_int_eq(wl_display_get_error(s->greedy.display), ENOMEM);
	client_disconnect(&s->greedy);
	show_something(&s->daemon);
	client_connect(&s->greedy, &s->daemon);
}

/* Trees that are put on top of each other; as above. */
static int hoard_parents(struct hoard *hoard, struct client *client, int most)
{
	struct wl_surface *child = keep(hoard, wl_compositor_create_surface(client->compositor));
	for (int i = 0; i < most; i++) {
		struct wl_surface *parent =
			keep(hoard, wl_compositor_create_surface(client->compositor));
		keep(hoard, wl_subcompositor_get_subsurface(client->subcompositor, child, parent));
		if (!client_sync(client))
			return i;
		child = parent;
	}
	return most;
}

TEST(subsurfaces_without_end)
{
	struct scenario s;
	struct hoard hoard = {0};
	begin(&s);
	struct wl_surface *parent = keep(&hoard, wl_compositor_create_surface(s.greedy.compositor));
	ck_assert_int_eq(hoard_subsurfaces(&hoard, &s.greedy, parent, false, 2000), 256);
	come_again(&s, &hoard);
	parent = keep(&hoard, wl_compositor_create_surface(s.greedy.compositor));
	ck_assert_int_eq(hoard_subsurfaces(&hoard, &s.greedy, parent, true, 2000), 16);
	come_again(&s, &hoard);
	ck_assert_int_eq(hoard_parents(&hoard, &s.greedy, 2000), 16);
	forget(&hoard);
	end(&s);
}

#define TURNS 2000

/* As many as there may be, and everything about them changes all the time. */
TEST(subsurfaces_that_never_rest)
{
	struct scenario s;
	struct hoard hoard = {0};
	struct window window;
	struct picture picture;
	begin(&s);
	window_init(&window, &s.greedy);
	picture_init(&s.greedy, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(hoard_subsurfaces(&hoard, &s.greedy, window.surface, false, 256), 256);
	for (size_t i = 0; i < hoard.n; i += 2) {
		wl_surface_attach((struct wl_surface *)hoard.proxies[i], picture.buffer, 0, 0);
		wl_surface_commit((struct wl_surface *)hoard.proxies[i]);
	}
	wl_surface_attach(window.surface, picture.buffer, 0, 0);
	wl_surface_commit(window.surface);
	for (int32_t i = 0; i < TURNS; i++) {
		size_t n = (size_t)i * 7 % 256;
		struct wl_subsurface *subsurface = (struct wl_subsurface *)hoard.proxies[2 * n + 1];
		wl_subsurface_set_position(subsurface, i % 300, i % 200);
		wl_subsurface_place_below(subsurface, window.surface);
		wl_surface_attach((struct wl_surface *)hoard.proxies[2 * n], picture.buffer, 0, 0);
		wl_surface_commit((struct wl_surface *)hoard.proxies[2 * n]);
		wl_surface_commit(window.surface);
		if (i % 1000 == 0) {
			ck_assert_msg(client_sync(&s.greedy), "no answer after %d turns", i);
			show_something(&s.daemon);
		}
	}
	ck_assert(client_sync(&s.greedy));
	window_finish(&window);
	picture_finish(&picture);
	forget(&hoard);
	end(&s);
}

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	uint32_t *serials = data;
	if (!serials[0])
		serials[0] = serial;
	serials[1] = serial;
}

static const struct xdg_surface_listener listener = {.configure = handle_configure};

static void ask_for_configures(struct client *client, struct xdg_toplevel *toplevel)
{
	for (int i = 0; i < 1000; i++) {
		xdg_toplevel_set_maximized(toplevel);
		ck_assert(i % 50 || client_sync(client));
	}
	ck_assert(client_sync(client));
}

TEST(configures_without_answer)
{
	struct scenario s;
	uint32_t serials[2] = {0};
	begin(&s);
	struct wl_surface *surface = wl_compositor_create_surface(s.greedy.compositor);
	struct xdg_surface *xdg = xdg_wm_base_get_xdg_surface(s.greedy.wm_base, surface);
	xdg_surface_add_listener(xdg, &listener, serials);
	struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(xdg);
	wl_surface_commit(surface);
	ask_for_configures(&s.greedy, toplevel);
	xdg_surface_ack_configure(xdg, serials[1]);
	ck_assert(client_sync(&s.greedy));
	serials[0] = 0;
	ask_for_configures(&s.greedy, toplevel);
	/* too long ago to be remembered */
	xdg_surface_ack_configure(xdg, serials[0]);
	ck_assert(!client_sync(&s.greedy));
	xdg_toplevel_destroy(toplevel);
	xdg_surface_destroy(xdg);
	wl_surface_destroy(surface);
	end(&s);
}

/* Goes, and comes again above all others, who are each told that they are not on top any more. */
static void map_again(struct window *window, struct picture *picture)
{
	int configured = window->configured;
	wl_surface_attach(window->surface, NULL, 0, 0);
	wl_surface_commit(window->surface);
	wl_surface_commit(window->surface);
	ck_assert(client_wait(window->client, &window->configured, configured + 1, PATIENCE_MS));
	wl_surface_attach(window->surface, picture->buffer, 0, 0);
	wl_surface_commit(window->surface);
	ck_assert(client_sync(window->client));
}

/* Who does not look for a while has not got everything to read that happened meanwhile. */
TEST(comes_and_goes_without_end)
{
	struct scenario s;
	struct client sleeper;
	struct window asleep, restless;
	struct picture below, above;
	begin(&s);
	client_connect(&sleeper, &s.daemon);
	window_init(&asleep, &sleeper);
	picture_init(&sleeper, &below, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&asleep, &below);
	window_init(&restless, &s.greedy);
	picture_init(&s.greedy, &above, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&restless, &above);
	ck_assert(client_sync(&sleeper));
	int before = asleep.configured;
	for (int i = 0; i < 400; i++)
		map_again(&restless, &above);
	ck_assert(client_sync(&sleeper) && client_sync(&sleeper));
	/* of a state that has changed, and of what it has become since */
	ck_assert_int_ge(asleep.configured, before + 1);
	ck_assert_int_le(asleep.configured, before + 2);
	picture_finish(&above);
	window_finish(&restless);
	picture_finish(&below);
	window_finish(&asleep);
	client_disconnect(&sleeper);
	end(&s);
}

/* Objects of any kind: these are as cheap as they come. */
TEST(objects_without_end)
{
	enum { ENOUGH = 65536, TOO_MANY = ENOUGH + 1000 };
	struct scenario s;
	struct hoard hoard = {0};
	begin(&s);
	bool alive = true;
	while (alive && hoard.n < TOO_MANY) {
		keep(&hoard, wl_compositor_create_region(s.greedy.compositor));
		alive = hoard.n % 100 || client_sync(&s.greedy);
	}
	ck_assert(!alive);
	ck_assert_int_eq(wl_display_get_error(s.greedy.display), ENOMEM);
	/* the others are the client's globals and the like */
	ck_assert_uint_ge(hoard.n, ENOUGH - 200);
	forget(&hoard);
	end(&s);
}

/* About a quarter of a megabyte of answers, as libwayland writes requests: the socket holds them. */
TEST(reads_late)
{
	enum { ANSWERS = 10000 };
	struct scenario s;
	int answers = 0;
	begin(&s);
#if WAYLAND_VERSION_MAJOR == 1 && WAYLAND_VERSION_MINOR < 23
	SKIP("libwayland keeps 4 KiB for a client, and no more");
#endif
	for (int i = 0; i < ANSWERS; i++)
		callback_count(wl_display_sync(s.greedy.display), &answers);
	while (wl_display_flush(s.greedy.display) < 0)
		ck_assert_int_eq(errno, EAGAIN);
	/* everything has been asked, and answered as far as that goes */
	show_something(&s.daemon);
	ck_assert(client_wait(&s.greedy, &answers, ANSWERS, PATIENCE_MS));
	end(&s);
}

#define CAPTURES 200

static void handle_transform(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t transform)
{
}

static void handle_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void handle_time(void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec)
{
}

static void handle_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame)
{
	++*(int *)data;
}

static void handle_failed(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason)
{
	ck_abort_msg("a capture failed: %u", reason);
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
	.transform = handle_transform,
	.damage = handle_damage,
	.presentation_time = handle_time,
	.ready = handle_ready,
	.failed = handle_failed,
};

static void ask_for_captures(
	struct hoard *hoard, struct client *client, struct wl_buffer *buffer, int *ready)
{
	struct ext_image_capture_source_v1 *source = keep(hoard,
		ext_output_image_capture_source_manager_v1_create_source(
			client->sources, client->output));
	for (int i = 0; i < CAPTURES; i++) {
		struct ext_image_copy_capture_session_v1 *session = keep(hoard,
			ext_image_copy_capture_manager_v1_create_session(
				client->captures, source, 0));
		struct ext_image_copy_capture_frame_v1 *frame =
			keep(hoard, ext_image_copy_capture_session_v1_create_frame(session));
		ext_image_copy_capture_frame_v1_add_listener(frame, &frame_listener, ready);
		ext_image_copy_capture_frame_v1_attach_buffer(frame, buffer);
		ext_image_copy_capture_frame_v1_capture(frame);
	}
	ck_assert(client_sync(client));
}

static void handle_size(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t width, uint32_t height)
{
}

static void handle_shm_format(
	void *data, struct ext_image_copy_capture_session_v1 *session, uint32_t format)
{
}

static void handle_device(
	void *data, struct ext_image_copy_capture_session_v1 *session, struct wl_array *device)
{
}

static void handle_dmabuf_format(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t format, struct wl_array *modifiers)
{
}

static void handle_session_done(void *data, struct ext_image_copy_capture_session_v1 *session) {}

static void handle_stopped(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	*(int *)data += 1;
}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
	.buffer_size = handle_size,
	.shm_format = handle_shm_format,
	.dmabuf_device = handle_device,
	.dmabuf_format = handle_dmabuf_format,
	.done = handle_session_done,
	.stopped = handle_stopped,
};

/* Each hears of each frame, so that there are not as many as there can be objects. */
TEST(sessions_without_end)
{
	struct scenario s;
	struct hoard hoard = {0};
	int stopped = 0;
	begin(&s);
	struct ext_image_capture_source_v1 *source = keep(&hoard,
		ext_output_image_capture_source_manager_v1_create_source(
			s.greedy.sources, s.greedy.output));
	for (int i = 0; i < 1100; i++) {
		struct ext_image_copy_capture_session_v1 *session = keep(&hoard,
			ext_image_copy_capture_manager_v1_create_session(
				s.greedy.captures, source, 0));
		ext_image_copy_capture_session_v1_add_listener(
			session, &session_listener, &stopped);
	}
	ck_assert(client_sync(&s.greedy));
	ck_assert_int_eq(stopped, 1100 - 1024);
	forget(&hoard);
	end(&s);
}

/* How many there are when something has been shown meanwhile; all are, in the end. */
static int capture_and_show(struct scenario *s, struct wl_buffer *buffer)
{
	struct hoard hoard = {0};
	int ready = 0;
	ask_for_captures(&hoard, &s->greedy, buffer, &ready);
	/* the first one was alone, the others came while it was made */
	ck_assert(client_wait(&s->greedy, &ready, 1, PATIENCE_MS));
	show_something(&s->daemon);
	ck_assert(client_sync(&s->greedy));
	int meanwhile = ready;
	bool all = client_wait(&s->greedy, &ready, CAPTURES, 60000);
	ck_assert_msg(all, "%d of %d captures", ready, CAPTURES);
	forget(&hoard);
	return meanwhile;
}

/*
 * Whoever draws is not made to wait until all captures have been copied, which takes a tenth of a
 * second: a busy machine may have let this program wait for as long, but not each time.
 */
TEST(captures_without_end)
{
	struct scenario s;
	struct picture picture;
	int ready = CAPTURES;
	begin(&s);
	picture_init(&s.greedy, &picture, PICTURE_SHM, (uint32_t)s.greedy.width,
		(uint32_t)s.greedy.height, DRM_FORMAT_XRGB8888);
	for (int tries = 0; tries < 10 && ready == CAPTURES; tries++)
		ready = capture_and_show(&s, picture.buffer);
	ck_assert_int_lt(ready, CAPTURES);
	printf("# %d of %d\n", ready, CAPTURES);
	picture_finish(&picture);
	end(&s);
}

#define BINDINGS 500
#define FEEDBACKS 200

static void bind_output(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct hoard *hoard = data;
	for (int i = 0; i < BINDINGS && strcmp(interface, wl_output_interface.name) == 0; i++)
		keep(hoard, wl_registry_bind(registry, name, &wl_output_interface, 1));
}

static void ignore_removal(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener binding_listener = {bind_output, ignore_removal};

/* Each feedback names the output as often as it is bound: of that there is an end, too. */
TEST(outputs_bound_without_end)
{
	struct scenario s;
	struct hoard hoard = {0};
	struct window window;
	struct picture picture;
	begin(&s);
	wl_registry_add_listener(
		keep(&hoard, wl_display_get_registry(s.greedy.display)), &binding_listener, &hoard);
	ck_assert(client_sync(&s.greedy) && client_sync(&s.greedy));
	ck_assert_uint_eq(hoard.n, BINDINGS + 1);
	window_init(&window, &s.greedy);
	picture_init(&s.greedy, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	for (int i = 1; i < FEEDBACKS; i++)
		window_ask(&window);
	window_commit(&window, &picture);
	ck_assert(client_wait(&s.greedy, &window.presented, FEEDBACKS, PATIENCE_MS));
	ck_assert_int_ge(window.outputs, FEEDBACKS);
	ck_assert_int_le(window.outputs, 8 * FEEDBACKS);
	show_something(&s.daemon);
	window_finish(&window);
	picture_finish(&picture);
	forget(&hoard);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-greed")
