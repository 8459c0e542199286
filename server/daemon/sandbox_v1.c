/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security-context-v1-server-protocol.h>

#include "daemon.h"
#include "sandbox_context.h"

/* The user data of a wp_security_context_v1 is its sandbox; NULL once that was committed. */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* NULL: an error was posted. */
static struct sandbox *get(struct wl_resource *resource)
{
	struct sandbox *sandbox = wl_resource_get_user_data(resource);
	if (!sandbox)
		wl_resource_post_error(resource, WP_SECURITY_CONTEXT_V1_ERROR_ALREADY_USED,
			"the security context was committed already");
	return sandbox;
}

static void set(struct wl_resource *resource, char **field, const char *value)
{
	if (*field) {
		wl_resource_post_error(resource, WP_SECURITY_CONTEXT_V1_ERROR_ALREADY_SET,
			"it is %s already", *field);
		return;
	}
	*field = strdup(value);
	if (!*field)
		wl_resource_post_no_memory(resource);
}

static void handle_set_sandbox_engine(
	struct wl_client *client, struct wl_resource *resource, const char *name)
{
	struct sandbox *sandbox = get(resource);
	if (sandbox)
		set(resource, &sandbox->engine, name);
}

static void handle_set_app_id(
	struct wl_client *client, struct wl_resource *resource, const char *app_id)
{
	struct sandbox *sandbox = get(resource);
	if (sandbox)
		set(resource, &sandbox->app, app_id);
}

static void handle_set_instance_id(
	struct wl_client *client, struct wl_resource *resource, const char *instance_id)
{
	struct sandbox *sandbox = get(resource);
	if (sandbox)
		set(resource, &sandbox->instance, instance_id);
}

static void handle_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct sandbox *sandbox = get(resource);
	if (!sandbox)
		return;
	if (!sandbox->engine || !*sandbox->engine) {
		wl_resource_post_error(resource, WP_SECURITY_CONTEXT_V1_ERROR_INVALID_METADATA,
			"without an engine nobody knows what the other names mean");
		return;
	}
	int ret = sandbox_listen(sandbox);
	if (ret == 0)
		wl_resource_set_user_data(resource, NULL);
	else if (ret == -EPERM)
		wl_client_post_implementation_error(
			client, "close_fd is a file on which nobody can hang up");
	else
		wl_resource_post_no_memory(resource);
}

static const struct wp_security_context_v1_interface context_impl = {
	.destroy = handle_destroy,
	.set_sandbox_engine = handle_set_sandbox_engine,
	.set_app_id = handle_set_app_id,
	.set_instance_id = handle_set_instance_id,
	.commit = handle_commit,
};

static void context_destroyed(struct wl_resource *resource)
{
	sandbox_stop(wl_resource_get_user_data(resource));
}

/* A hung-up close_fd is a sandbox that has ended already, and no mistake. */
static bool check(struct wl_resource *manager, int listen_fd)
{
	if (sandbox_fd_listens(listen_fd))
		return true;
	wl_resource_post_error(manager, WP_SECURITY_CONTEXT_MANAGER_V1_ERROR_INVALID_LISTEN_FD,
		"listen_fd is no local stream socket that listens");
	return false;
}

static void handle_create_listener(struct wl_client *client, struct wl_resource *manager,
	uint32_t id, int32_t listen_fd, int32_t close_fd)
{
	struct daemon *daemon = wl_resource_get_user_data(manager);
	if (!check(manager, listen_fd)) {
		close(listen_fd);
		close(close_fd);
		return;
	}
	struct sandbox *sandbox = sandbox_create(daemon, listen_fd, close_fd);
	struct wl_resource *resource = NULL;
	if (sandbox)
		resource = wl_resource_create(client, &wp_security_context_v1_interface,
			wl_resource_get_version(manager), id);
	if (!resource) {
		sandbox_stop(sandbox);
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &context_impl, sandbox, context_destroyed);
}

static const struct wp_security_context_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.create_listener = handle_create_listener,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_security_context_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *sandbox_create_global(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &wp_security_context_manager_v1_interface, 1,
		daemon, bind_manager);
}
