/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kit.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "single-pixel-buffer-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* The connection of a case: globals, waiting with a limit, and protocol errors. */

/* What libwayland has to say is told with the case, if that fails. */
static char said[256];

static void handle_log(const char *format, va_list args)
{
	vsnprintf(said, sizeof(said), format, args);
	said[strcspn(said, "\n")] = '\0';
}

int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- dispatching ----------------------------------------------------------------------------- */

/* False: the connection is broken. */
static bool dispatch(struct client *client, int64_t ms)
{
	while (wl_display_prepare_read(client->display) < 0)
		if (wl_display_dispatch_pending(client->display) < 0)
			return false;
	wl_display_flush(client->display);
	struct pollfd poll_fd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	if (poll(&poll_fd, 1, (int)ms) != 1)
		wl_display_cancel_read(client->display);
	else if (wl_display_read_events(client->display) < 0)
		return false;
	return wl_display_dispatch_pending(client->display) >= 0;
}

static const char *error_of(struct client *client, uint32_t *code)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	*code = 0;
	if (wl_display_get_error(client->display) != EPROTO)
		return "broken connection";
	*code = wl_display_get_protocol_error(client->display, &interface, &id);
	return interface ? interface->name : "?";
}

static void fail_of_error(struct client *client)
{
	uint32_t code;
	const char *interface = error_of(client, &code);
	FAIL("unexpected error %u of %s (%s)", code, interface, said);
}

bool client_wait(struct client *client, const int *flag, int count, int ms)
{
	int64_t end = now_ms() + ms, left;
	while (*flag < count && (left = end - now_ms()) > 0)
		if (!dispatch(client, left))
			fail_of_error(client);
	return *flag >= count;
}

void client_idle(struct client *client)
{
	const int never = 0;
	client_wait(client, &never, 1, MOMENT_MS);
}

/* ---- round trips ----------------------------------------------------------------------------- */

static void handle_done(void *data, struct wl_callback *callback, uint32_t value)
{
	*(int *)data = 1;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener callback_listener = {.done = handle_done};

/* False: the connection is broken. @done may be set after we have given up. */
static bool round_trip(struct client *client, int ms, int *done)
{
	int64_t end = now_ms() + ms, left = ms;
	wl_callback_add_listener(wl_display_sync(client->display), &callback_listener, done);
	while (!*done && left > 0) {
		if (!dispatch(client, left))
			return false;
		left = end - now_ms();
	}
	return true;
}

const char *client_round(struct client *client, uint32_t *code)
{
	int *done = calloc(1, sizeof(*done));
	EXPECT(done, "out of memory");
	if (!round_trip(client, PATIENCE_MS, done))
		return error_of(client, code);
	EXPECT(*done, "the server does not answer a round trip");
	return NULL;
}

bool client_answered(struct client *client, int ms)
{
	int *done = calloc(1, sizeof(*done));
	EXPECT(done, "out of memory");
	if (!round_trip(client, ms, done))
		fail_of_error(client);
	return *done;
}

void client_alive(struct client *client)
{
	uint32_t code;
	if (client_round(client, &code))
		fail_of_error(client);
}

void client_errs(struct client *client, const struct wl_interface *interface, uint32_t code,
	const char *name)
{
	uint32_t got;
	const char *where = client_round(client, &got);
	EXPECT(where, "no error, where %s (%u) was due", name, code);
	EXPECT(got == code && strcmp(where, interface->name) == 0,
		"error %u of %s (%s), where %s (%u) of %s was due", got, where, said, name, code,
		interface->name);
}

/* ---- globals --------------------------------------------------------------------------------- */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *client = data;
	const struct {
		const struct wl_interface *interface;
		void *slot;
		uint32_t version;
	} wanted[] = {
		{&wl_compositor_interface, &client->compositor, 4},
		{&wl_subcompositor_interface, &client->subcompositor, 1},
		{&wl_shm_interface, &client->shm, 1},
		{&xdg_wm_base_interface, &client->wm_base, 1},
		{&wp_presentation_interface, &client->presentation, 1},
		{&wp_single_pixel_buffer_manager_v1_interface, &client->single_pixel, 1},
		{&zwp_linux_dmabuf_v1_interface, &client->dmabuf, 4},
		{&wp_linux_drm_syncobj_manager_v1_interface, &client->syncobj, 1},
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t most = wanted[i].version;
		if (strcmp(interface, wanted[i].interface->name) == 0)
			*(void **)wanted[i].slot = wl_registry_bind(registry, name,
				wanted[i].interface, version < most ? version : most);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* ---- the device that the server names -------------------------------------------------------- */

static void handle_feedback_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback) {}

static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, int32_t fd, uint32_t size)
{
	close(fd);
}

static void handle_main_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *device)
{
	struct client *client = data;
	if (device->size == sizeof(client->main_device))
		memcpy(&client->main_device, device->data, device->size);
}

static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback) {}

static void handle_tranche_array(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, struct wl_array *array)
{
}

static void handle_tranche_flags(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *feedback, uint32_t flags)
{
}

static const struct zwp_linux_dmabuf_feedback_v1_listener feedback_listener = {
	.done = handle_feedback_done,
	.format_table = handle_table,
	.main_device = handle_main_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_tranche_array,
	.tranche_formats = handle_tranche_array,
	.tranche_flags = handle_tranche_flags,
};

static void ask_for_device(struct client *client)
{
	if (!client->dmabuf || wl_proxy_get_version((struct wl_proxy *)client->dmabuf) < 4)
		return;
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		zwp_linux_dmabuf_v1_get_default_feedback(client->dmabuf);
	zwp_linux_dmabuf_feedback_v1_add_listener(feedback, &feedback_listener, client);
	client_alive(client);
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* False: there is no server. */
static bool connect_to_server(struct client *client)
{
	wl_log_set_handler_client(handle_log);
	*client = (struct client){.drm = -1, .display = wl_display_connect(NULL)};
	if (!client->display)
		return false;
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	return wl_display_roundtrip(client->display) >= 0;
}

/* In a process of its own, which is rid of all that libwayland keeps. */
bool server_offers_syncobj(bool *there)
{
	struct client client;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		alarm(LIMIT_S);
		_exit(!connect_to_server(&client) ? 1 : client.syncobj ? 3 : 2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		status = 0;
	*there = WEXITSTATUS(status) > 1;
	return WEXITSTATUS(status) == 3;
}

void client_open(struct client *client)
{
	EXPECT(connect_to_server(client), "cannot connect to the server");
	EXPECT(client->syncobj, "the server has ceased to offer wp_linux_drm_syncobj_manager_v1");
	if (client->wm_base)
		xdg_wm_base_add_listener(client->wm_base, &wm_base_listener, client);
	ask_for_device(client);
	client->drm = timeline_device_open(client->main_device);
}

void client_close(struct client *client)
{
	/* what was sent is sent */
	wl_display_flush(client->display);
	wl_display_disconnect(client->display);
	client->display = NULL;
}
