/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <ext-image-capture-source-v1-server-protocol.h>
#include <ext-image-copy-capture-v1-server-protocol.h>
#include <security-context-v1-server-protocol.h>

#include "daemon.h"
#include "sandbox_context.h"
#include "util/fd.h"
#include "util/log.h"

/* A client from inside. */
struct inmate {
	struct sandbox *sandbox;
	struct wl_listener destroyed;
};

static void unref(struct sandbox *sandbox)
{
	if (--sandbox->refs > 0)
		return;
	free(sandbox->engine);
	free(sandbox->app);
	free(sandbox->instance);
	free(sandbox->name);
	free(sandbox);
}

void sandbox_stop(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	if (sandbox->listening)
		wl_event_source_remove(sandbox->listening);
	if (sandbox->closing)
		wl_event_source_remove(sandbox->closing);
	fd_close(&sandbox->listen_fd);
	fd_close(&sandbox->close_fd);
	wl_list_remove(&sandbox->link);
	unref(sandbox);
}

static void handle_inmate_destroyed(struct wl_listener *listener, void *data)
{
	struct inmate *inmate = wl_container_of(listener, inmate, destroyed);
	unref(inmate->sandbox);
	free(inmate);
}

/* Nobody is let in without a name: what it was not told of its sandbox it would be told as one of us. */
static int let_in(struct sandbox *sandbox, int fd)
{
	struct inmate *inmate = calloc(1, sizeof(*inmate));
	struct wl_client *client = NULL;
	if (inmate)
		client = wl_client_create(sandbox->daemon->display, fd);
	if (!client) {
		free(inmate);
		return -ENOMEM;
	}
	inmate->sandbox = sandbox;
	sandbox->refs++;
	inmate->destroyed.notify = handle_inmate_destroyed;
	/* late, because what the client held is still counted for its sandbox while it goes */
	wl_client_add_destroy_late_listener(client, &inmate->destroyed);
	return 0;
}

/* The engine has the same file, and could let us wait for somebody whom it has accepted itself. */
static int accept_one(const struct sandbox *sandbox)
{
	int flags = fcntl(sandbox->listen_fd, F_GETFL);
	if (flags < 0 || fcntl(sandbox->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	int fd = accept4(sandbox->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int handle_listening(int listen_fd, uint32_t mask, void *data)
{
	struct sandbox *sandbox = data;
	if (mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)) {
		sandbox_stop(sandbox);
		return 0;
	}
	int fd = accept_one(sandbox);
	if (fd >= 0 && let_in(sandbox, fd) < 0)
		fd_close(&fd);
	else if (fd < 0 && fd != -EAGAIN && fd != -ECONNABORTED)
		waybuf_info("nobody is let in from %s: error %d", sandbox->name, -fd);
	return 0;
}

static int handle_closing(int fd, uint32_t mask, void *data)
{
	sandbox_stop(data);
	return 0;
}

bool sandbox_fd_listens(int fd)
{
	int listens = 0, domain = 0, type = 0;
	socklen_t size = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

struct sandbox *sandbox_create(struct daemon *daemon, int listen_fd, int close_fd)
{
	struct sandbox *sandbox = NULL;
	if (wl_list_length(&daemon->sandboxes) < SANDBOX_MOST)
		sandbox = calloc(1, sizeof(*sandbox));
	if (!sandbox) {
		fd_close(&listen_fd);
		fd_close(&close_fd);
		return NULL;
	}
	sandbox->daemon = daemon;
	sandbox->refs = 1;
	sandbox->listen_fd = listen_fd;
	sandbox->close_fd = close_fd;
	wl_list_insert(&daemon->sandboxes, &sandbox->link);
	return sandbox;
}

/* One that its engine does not tell from others is told from them by its number. */
static int make_name(struct sandbox *sandbox)
{
	int ret;
	if (sandbox->app || sandbox->instance)
		ret = asprintf(&sandbox->name, "%s/%s/%s", sandbox->engine,
			sandbox->app ? sandbox->app : "",
			sandbox->instance ? sandbox->instance : "");
	else
		ret = asprintf(
			&sandbox->name, "%s#%u", sandbox->engine, ++sandbox->daemon->n_sandboxes);
	if (ret >= 0)
		return 0;
	sandbox->name = NULL;
	return -ENOMEM;
}

int sandbox_listen(struct sandbox *sandbox)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(sandbox->daemon->display);
	int ret = make_name(sandbox);
	if (ret < 0)
		return ret;
	errno = ENOMEM;
	/* nothing is asked for, because a hangup is always told */
	sandbox->closing =
		wl_event_loop_add_fd(loop, sandbox->close_fd, 0, handle_closing, sandbox);
	if (sandbox->closing)
		sandbox->listening = wl_event_loop_add_fd(
			loop, sandbox->listen_fd, WL_EVENT_READABLE, handle_listening, sandbox);
	return sandbox->listening ? 0 : -errno;
}

void sandbox_finish(struct daemon *daemon)
{
	struct sandbox *sandbox, *tmp;
	wl_list_for_each_safe(sandbox, tmp, &daemon->sandboxes, link)
		sandbox_stop(sandbox);
}

const char *sandbox_name(struct wl_client *client)
{
	struct wl_listener *listener =
		wl_client_get_destroy_late_listener(client, handle_inmate_destroyed);
	if (!listener)
		return NULL;
	const struct inmate *inmate = wl_container_of(listener, inmate, destroyed);
	return inmate->sandbox->name;
}

bool sandbox_shows(const struct wl_client *client, const struct wl_global *global)
{
	const struct wl_interface *interface = wl_global_get_interface(global);
	if (interface != &ext_image_copy_capture_manager_v1_interface &&
		interface != &ext_output_image_capture_source_manager_v1_interface &&
		interface != &wp_security_context_manager_v1_interface)
		return true;
	/* libwayland asks with a const client, and answers only for others */
	return !sandbox_name((struct wl_client *)client);
}
