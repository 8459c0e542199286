/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alpha-modifier-v1-client-protocol.h"
#include "content-type-v1-client-protocol.h"
#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "guest/daemon_fixture.h"
#include "presentation-time-client-protocol.h"
#include "single-pixel-buffer-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "waybuf-allocator-v1-client-protocol.h"
#include "waybuf/constraints.h"
#include "xdg-output-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/*
 * A client that ends after any of its requests, and in the middle of any. It does a bit of
 * everything, and its words go through this process, which lets so many of them pass and then hangs
 * up on both. A neighbour notices nothing, and what the daemon holds is in the end what it held.
 */

/* ---- the client ---------------------------------------------------------------------------- */

/* A process of its own: where it ends is nobody's business. */
static void go_on(struct client *client)
{
	if (!client_sync(client))
		_exit(0);
}

static void *bind_global(struct client *client, const struct wl_interface *interface)
{
	void *proxy = client_bind(client, interface, 9);
	if (!proxy)
		_exit(0);
	return proxy;
}

/* A child that is cropped, faded and told of, beside a pixel. */
static void show_window(struct client *client, struct window *window, struct picture *picture)
{
	struct wp_viewporter *viewporter = bind_global(client, &wp_viewporter_interface);
	struct wp_alpha_modifier_v1 *modifiers =
		bind_global(client, &wp_alpha_modifier_v1_interface);
	struct wp_content_type_manager_v1 *types =
		bind_global(client, &wp_content_type_manager_v1_interface);
	struct wp_single_pixel_buffer_manager_v1 *pixels =
		bind_global(client, &wp_single_pixel_buffer_manager_v1_interface);
	struct wl_surface *child = wl_compositor_create_surface(client->compositor);
	struct wl_subsurface *role =
		wl_subcompositor_get_subsurface(client->subcompositor, child, window->surface);
	struct wp_viewport *viewport = wp_viewporter_get_viewport(viewporter, child);
	struct wp_alpha_modifier_surface_v1 *modifier =
		wp_alpha_modifier_v1_get_surface(modifiers, child);
	struct wp_content_type_v1 *type =
		wp_content_type_manager_v1_get_surface_content_type(types, child);
	wp_viewport_set_source(viewport, 0, 0, wl_fixed_from_int(8), wl_fixed_from_int(8));
	wp_viewport_set_destination(viewport, 20, 30);
	wp_alpha_modifier_surface_v1_set_multiplier(modifier, UINT32_MAX / 2);
	wp_content_type_v1_set_content_type(type, WP_CONTENT_TYPE_V1_TYPE_VIDEO);
	wl_subsurface_set_position(role, 3, 4);
	wl_surface_attach(child, picture->buffer, 0, 0);
	wl_surface_commit(child);
	window_commit(window, picture);
	struct wl_buffer *pixel = wp_single_pixel_buffer_manager_v1_create_u32_rgba_buffer(
		pixels, UINT32_MAX, 0, 0, UINT32_MAX);
	wl_subsurface_set_desync(role);
	wp_viewport_set_source(viewport, wl_fixed_from_int(-1), wl_fixed_from_int(-1),
		wl_fixed_from_int(-1), wl_fixed_from_int(-1));
	wl_surface_attach(child, pixel, 0, 0);
	wl_surface_commit(child);
	go_on(client);
	wl_buffer_destroy(pixel);
	wp_content_type_v1_destroy(type);
	wp_alpha_modifier_surface_v1_destroy(modifier);
	wl_subsurface_destroy(role);
	wp_viewport_destroy(viewport);
	wl_surface_destroy(child);
}

static void handle_menu(void *data, struct xdg_surface *surface, uint32_t serial)
{
	xdg_surface_ack_configure(surface, serial);
}

static const struct xdg_surface_listener menu_listener = {.configure = handle_menu};

static void show_menu(struct client *client, struct window *window, struct picture *picture)
{
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(client->wm_base);
	struct wl_surface *surface = wl_compositor_create_surface(client->compositor);
	struct xdg_surface *xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, surface);
	xdg_positioner_set_size(positioner, 10, 10);
	xdg_positioner_set_anchor_rect(positioner, 1, 1, 1, 1);
	struct xdg_popup *popup =
		xdg_surface_get_popup(xdg_surface, window->xdg_surface, positioner);
	xdg_surface_add_listener(xdg_surface, &menu_listener, NULL);
	wl_surface_commit(surface);
	go_on(client);
	wl_surface_attach(surface, picture->buffer, 0, 0);
	wl_surface_commit(surface);
	xdg_popup_reposition(popup, positioner, 1);
	go_on(client);
	xdg_popup_destroy(popup);
	xdg_surface_destroy(xdg_surface);
	wl_surface_destroy(surface);
	xdg_positioner_destroy(positioner);
}

/* Two pictures are asked for, and one of them is given up. */
static void take_pictures(struct client *client)
{
	struct picture target;
	struct zxdg_output_manager_v1 *outputs =
		bind_global(client, &zxdg_output_manager_v1_interface);
	zxdg_output_v1_destroy(zxdg_output_manager_v1_get_xdg_output(outputs, client->output));
	picture_init(client, &target, PICTURE_SHM, (uint32_t)client->width,
		(uint32_t)client->height, DRM_FORMAT_XRGB8888);
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(
			client->sources, client->output);
	for (int i = 0; i < 2; i++) {
		struct ext_image_copy_capture_session_v1 *session =
			ext_image_copy_capture_manager_v1_create_session(
				client->captures, source, 0);
		struct ext_image_copy_capture_frame_v1 *frame =
			ext_image_copy_capture_session_v1_create_frame(session);
		ext_image_copy_capture_frame_v1_attach_buffer(frame, target.buffer);
		ext_image_copy_capture_frame_v1_damage_buffer(frame, 0, 0, 5, 5);
		ext_image_copy_capture_frame_v1_capture(frame);
		if (i == 0)
			ext_image_copy_capture_frame_v1_destroy(frame);
		ext_image_copy_capture_session_v1_destroy(session);
	}
	ext_image_capture_source_v1_destroy(source);
	go_on(client);
}

static void constrain(struct waybuf_attachment_v1 *attachment)
{
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	size_t size;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	const void *records = waybuf_constraints_builder_records(builder, &size);
	struct wl_array array = {.size = size, .data = (void *)(uintptr_t)records};
	waybuf_attachment_v1_constrain(attachment, &array);
	waybuf_attachment_v1_commit(attachment);
	waybuf_constraints_builder_destroy(builder);
}

/* Two buffers are allocated, and one of them is shown. */
static void allocate(struct client *client, struct window *window)
{
	struct waybuf_allocator_v1 *allocator = bind_global(client, &waybuf_allocator_v1_interface);
	struct waybuf_pool_v1 *pool =
		waybuf_allocator_v1_create_pool(allocator, 64, 64, 2, 0, "cut");
	struct waybuf_attachment_v1 *attachment =
		waybuf_pool_v1_attach(pool, WAYBUF_ATTACHMENT_V1_KIND_CPU, 0);
	constrain(attachment);
	struct waybuf_buffer_v1 *buffers[2];
	for (uint32_t i = 0; i < 2; i++) {
		buffers[i] = waybuf_attachment_v1_get_buffer(attachment, i);
		waybuf_buffer_v1_map(buffers[i], WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	}
	waybuf_pool_v1_export_token(pool, 1, 1, 0);
	go_on(client);
	waybuf_buffer_v1_unmap(buffers[0]);
	struct wl_buffer *buffer = waybuf_buffer_v1_create_wl_buffer(buffers[0]);
	wl_surface_attach(window->surface, buffer, 0, 0);
	wl_surface_commit(window->surface);
	waybuf_buffer_v1_map(buffers[0], WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	waybuf_pool_v1_reconfigure(pool, 32, 32);
	go_on(client);
	wl_buffer_destroy(buffer);
	waybuf_buffer_v1_destroy(buffers[0]);
	waybuf_attachment_v1_destroy(attachment);
	waybuf_pool_v1_destroy(pool);
	waybuf_allocator_v1_destroy(allocator);
}

static _Noreturn void be_client(int socket)
{
	struct client client;
	struct window window;
	struct picture picture;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* what it complains of is what is done to it */
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(nowhere, STDOUT_FILENO);
	dup2(nowhere, STDERR_FILENO);
	client_connect_to(&client, socket);
	picture_init(&client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_init(&window, &client);
	show_window(&client, &window, &picture);
	show_menu(&client, &window, &picture);
	take_pictures(&client);
	allocate(&client, &window);
	window_finish(&window);
	picture_finish(&picture);
	go_on(&client);
	_exit(0);
}

/* ---- the wire ------------------------------------------------------------------------------ */

#define MOST_FDS 28
#define HEADER 8

struct wire {
	int client, server;
	unsigned requests, most; /* that have passed, and that may */
	uint8_t bytes[65536]; /* from the client, and not passed on yet */
	size_t size;
	int fds[MOST_FDS];
	size_t n_fds;
};

/* Of the request that begins at @at; 0: it is not there as a whole. */
static size_t request_size(const struct wire *wire, size_t at)
{
	uint32_t word;
	if (wire->size < at + HEADER)
		return 0;
	memcpy(&word, wire->bytes + at + 4, sizeof(word));
	return wire->size < at + (word >> 16) ? 0 : word >> 16;
}

/* False: the other end has hung up. */
static bool receive(int from, struct wire *wire, void *bytes, size_t room, size_t *size)
{
	char control[CMSG_SPACE(MOST_FDS * sizeof(int))];
	struct iovec vector = {bytes, room};
	struct msghdr message = {.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t ret = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	*size = ret > 0 ? (size_t)ret : 0;
	for (struct cmsghdr *part = ret > 0 ? CMSG_FIRSTHDR(&message) : NULL; part;
		part = CMSG_NXTHDR(&message, part)) {
		size_t n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		ck_assert_uint_le(wire->n_fds + n, MOST_FDS);
		memcpy(wire->fds + wire->n_fds, CMSG_DATA(part), n * sizeof(int));
		wire->n_fds += n;
	}
	return ret > 0;
}

/* With all fds that have come so far. Who has hung up misses it. */
static void pass_on(int to, struct wire *wire, const void *bytes, size_t size)
{
	char control[CMSG_SPACE(MOST_FDS * sizeof(int))] = {0};
	struct iovec vector = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	if (size == 0)
		return;
	if (wire->n_fds > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(wire->n_fds * sizeof(int));
		struct cmsghdr *part = CMSG_FIRSTHDR(&message);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(wire->n_fds * sizeof(int));
		memcpy(CMSG_DATA(part), wire->fds, wire->n_fds * sizeof(int));
	}
	ssize_t ret = sendmsg(to, &message, MSG_NOSIGNAL);
	ck_assert(ret == (ssize_t)size || (ret < 0 && (errno == EPIPE || errno == ECONNRESET)));
	while (wire->n_fds > 0)
		close(wire->fds[--wire->n_fds]);
}

/* False when enough has passed: then every other time half of the next one has, too. */
static bool pass_requests(struct wire *wire)
{
	size_t end = 0, next;
	while (wire->requests < wire->most && (next = request_size(wire, end)) > 0) {
		end += next;
		wire->requests++;
	}
	bool enough = wire->requests == wire->most;
	if (enough && wire->most % 2 && request_size(wire, end) > 0)
		end += request_size(wire, end) / 2;
	pass_on(wire->server, wire, wire->bytes, end);
	wire->size -= end;
	memmove(wire->bytes, wire->bytes + end, wire->size);
	return !enough;
}

static bool pass_what_comes(struct wire *wire)
{
	uint8_t events[65536];
	size_t size;
	struct pollfd fds[2] = {
		{.fd = wire->client, .events = POLLIN}, {.fd = wire->server, .events = POLLIN}};
	ck_assert_int_gt(poll(fds, 2, PATIENCE_MS), 0);
	if (fds[1].revents) {
		if (!receive(wire->server, wire, events, sizeof(events), &size))
			return false;
		pass_on(wire->client, wire, events, size);
	}
	if (!fds[0].revents)
		return true;
	if (!receive(wire->client, wire, wire->bytes + wire->size, sizeof(wire->bytes) - wire->size,
		    &size))
		return false;
	wire->size += size;
	return pass_requests(wire);
}

static int connect_to(const struct daemon *daemon)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/test", daemon->folder);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* How many requests have passed, @most at most. */
static unsigned run_client(const struct daemon *daemon, unsigned most)
{
	static struct wire wire;
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wire = (struct wire){.client = pair[0], .server = connect_to(daemon), .most = most};
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(pair[0]);
		close(wire.server);
		be_client(pair[1]);
	}
	close(pair[1]);
	while (pass_what_comes(&wire))
		;
	close(wire.client);
	close(wire.server);
	while (wire.n_fds > 0)
		close(wire.fds[--wire.n_fds]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	return wire.requests;
}

/* ---- what is left of it -------------------------------------------------------------------- */

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

TEST(after_every_request)
{
	struct daemon daemon;
	struct client neighbour;
	struct window window;
	struct picture picture;
	daemon_start(&daemon, (const char *const[]){"--headless=320x200@200", NULL});
	client_connect(&neighbour, &daemon);
	window_init(&window, &neighbour);
	picture_init(&neighbour, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&window, &picture);
	unsigned all = run_client(&daemon, UINT32_MAX);
	window_show(&window, &picture);
	int fds = count_fds(daemon.pid);
	printf("# %u requests\n", all);
	/* it got to the end */
	ck_assert_uint_gt(all, 120);
	for (unsigned n = 0; n < all; n++) {
		/* answers to what the daemon tells now and then are more or fewer */
		ck_assert_uint_ge(run_client(&daemon, n) + 8, n);
		if (n % 16 == 0)
			window_show(&window, &picture);
	}
	for (int i = 0; i < 100 && count_fds(daemon.pid) > fds; i++)
		window_show(&window, &picture);
	ck_assert_int_le(count_fds(daemon.pid), fds);
	ck_assert_int_eq(window.discarded, 0);
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&neighbour);
	/* and a sanitizer finds nothing that was left */
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-cut")
