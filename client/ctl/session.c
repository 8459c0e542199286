/* SPDX-License-Identifier: MIT */
#include "ctl.h"
#include "util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <wayland-client.h>

static int64_t now_ms(void)
{
	return (int64_t)clock_now_ms();
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct ctl_session *session = data;
	struct ctl_global *globals =
		reallocarray(session->globals, session->n_globals + 1, sizeof(*globals));
	if (!globals)
		return;
	session->globals = globals;
	char *copy = strdup(interface);
	if (copy)
		globals[session->n_globals++] =
			(struct ctl_global){.interface = copy, .name = name, .version = version};
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* The session is over before that matters. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

enum ctl_status ctl_session_open(struct ctl_session *session, const char *name, bool quiet)
{
	*session = (struct ctl_session){.display = wl_display_connect(name)};
	if (!session->display) {
		const char *socket = name ? name : getenv("WAYLAND_DISPLAY");
		if (!quiet)
			ctl_error("no server at %s (%s); start waybufd, or name its socket with "
				  "--display",
				socket ? socket : "wayland-0", strerror(errno));
		return CTL_NO_SERVER;
	}
	session->deadline_ms = now_ms() + CTL_PATIENCE_MS;
	session->registry = wl_display_get_registry(session->display);
	wl_registry_add_listener(session->registry, &registry_listener, session);
	enum ctl_status status = ctl_session_sync(session, "the list of globals");
	if (status != CTL_OK)
		ctl_session_close(session);
	return status;
}

void ctl_session_extend(struct ctl_session *session, unsigned ms)
{
	session->deadline_ms = now_ms() + CTL_PATIENCE_MS + ms;
}

void ctl_session_close(struct ctl_session *session)
{
	if (!session->display)
		return;
	for (uint32_t i = 0; i < session->n_globals; i++)
		free(session->globals[i].interface);
	free(session->globals);
	wl_registry_destroy(session->registry);
	wl_display_disconnect(session->display);
	*session = (struct ctl_session){0};
}

void *ctl_session_bind(struct ctl_session *session, const struct wl_interface *interface,
	uint32_t min_version, uint32_t max_version)
{
	for (uint32_t i = 0; i < session->n_globals; i++) {
		const struct ctl_global *global = &session->globals[i];
		if (strcmp(global->interface, interface->name) != 0 ||
			global->version < min_version)
			continue;
		uint32_t version = global->version < max_version ? global->version : max_version;
		return wl_registry_bind(session->registry, global->name, interface, version);
	}
	return NULL;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static enum ctl_status report_broken(struct ctl_session *session, const char *what)
{
	int error = wl_display_get_error(session->display);
	if (error != EPROTO) {
		ctl_error("the server went away while waiting for %s", what);
		return CTL_NO_SERVER;
	}
	const struct wl_interface *interface = NULL;
	uint32_t code = wl_display_get_protocol_error(session->display, &interface, NULL);
	ctl_error("the server refused %s: protocol error %u of %s", what, code,
		interface ? interface->name : "an unknown object");
	return CTL_FAILED;
}

/* Reads once, waiting at most until the deadline. False when the connection is broken. */
static bool read_events(struct ctl_session *session)
{
	if (wl_display_prepare_read(session->display) < 0)
		return wl_display_dispatch_pending(session->display) >= 0;
	struct pollfd pollfd = {.fd = wl_display_get_fd(session->display), .events = POLLIN};
	if (wl_display_flush(session->display) < 0 && errno == EAGAIN)
		pollfd.events |= POLLOUT;
	int64_t left = session->deadline_ms - now_ms();
	int ready = poll(&pollfd, 1, left > 0 ? (int)left : 0);
	if (ready <= 0 || !(pollfd.revents & ~POLLOUT)) {
		wl_display_cancel_read(session->display);
		return true;
	}
	return wl_display_read_events(session->display) >= 0 &&
		wl_display_dispatch_pending(session->display) >= 0;
}

enum ctl_status ctl_session_wait(struct ctl_session *session, const bool *done, const char *what)
{
	while (!*done) {
		if (!read_events(session))
			return report_broken(session, what);
		if (!*done && now_ms() >= session->deadline_ms) {
			ctl_error("the server did not answer within %d s while waiting for %s",
				CTL_PATIENCE_MS / 1000, what);
			return CTL_FAILED;
		}
	}
	return CTL_OK;
}

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener sync_listener = {.done = handle_sync};

enum ctl_status ctl_session_sync(struct ctl_session *session, const char *what)
{
	bool done = false;
	struct wl_callback *callback = wl_display_sync(session->display);
	wl_callback_add_listener(callback, &sync_listener, &done);
	enum ctl_status status = ctl_session_wait(session, &done, what);
	wl_callback_destroy(callback);
	return status;
}
