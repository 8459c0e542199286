/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "client.h"
#include "dmabuf.h"
#include "group.h"
#include "loop.h"
#include "monitor.h"
#include "server.h"
#include "syncobj.h"
#include "trace/trace.h"
#include "util/fd.h"
#include "util/log.h"

/* The defaults are the mechanism's: an account without limits of its own tells them. */
static int read_limits(struct waybuf_server *server, const struct waybuf_limits *limits)
{
	struct waybuf_account *account = waybuf_account_create(server->manager, "limits", limits);
	if (!account)
		return -ENOMEM;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		server->limits.max[i] = waybuf_account_limit(account, (enum waybuf_resource)i);
	waybuf_account_unref(account);
	return 0;
}

static int add_exporters(struct waybuf_server *server)
{
	const struct waybuf_server_options *options = &server->options;
	if (options->no_default_exporters)
		return 0;
	int n = waybuf_manager_add_default_exporters(server->manager, server->drm_fd);
	return n < 0 ? n : 0;
}

static int keep_drm_fd(struct waybuf_server *server)
{
	server->drm_fd = -1;
	if (server->options.drm_fd <= 0)
		return 0;
	int fd = fd_dup(server->options.drm_fd);
	if (fd < 0)
		return fd;
	server->drm_fd = fd;
	return 0;
}

int waybuf_server_create(struct wl_display *display, const struct waybuf_server_options *options,
	struct waybuf_server **out)
{
	struct waybuf_server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->display = display;
	if (options)
		server->options = *options;
	wl_list_init(&server->devices);
	wl_list_init(&server->clients);
	wl_list_init(&server->groups);
	wl_list_init(&server->pools);
	wl_list_init(&server->syncobjs);
	wl_list_init(&server->release_points);
	wl_list_init(&server->watch_debts);
	wl_list_init(&server->trace_requests);
	token_table_init(&server->tokens);

	int ret = -ENOMEM;
	server->trace = calloc(1, sizeof(*server->trace));
	if (!server->trace)
		goto err_server;
	ret = keep_drm_fd(server);
	if (ret < 0)
		goto err_trace;
	ret = server_loop_create(wl_display_get_event_loop(display), &server->loop);
	if (ret < 0)
		goto err_fd;
	ret = waybuf_manager_create(server->loop, &server->manager);
	if (ret < 0)
		goto err_loop;
	ret = add_exporters(server);
	if (ret < 0)
		goto err_manager;
	ret = read_limits(server, server->options.limits);
	if (ret < 0)
		goto err_manager;
	server->options.limits = &server->limits;
	*out = server;
	return 0;

err_manager:
	waybuf_manager_destroy(server->manager);
err_loop:
	waybuf_loop_destroy(server->loop);
err_fd:
	fd_close(&server->drm_fd);
err_trace:
	free(server->trace);
err_server:
	free(server);
	return ret;
}

void waybuf_server_destroy(struct waybuf_server *server)
{
	if (!server)
		return;
	waybuf_server_monitor_destroy(server->monitor);
	waybuf_server_allocator_destroy(server->allocator);
	waybuf_server_dmabuf_destroy(server->dmabuf);
	release_points_finish(server);
	watch_debts_finish(server);
	struct waybuf_server_syncobj *syncobj, *next_syncobj;
	wl_list_for_each_safe(syncobj, next_syncobj, &server->syncobjs, link) {
		server_syncobj_sever(syncobj);
		/* those that the host has withdrawn are held by clients only */
		if (syncobj->global)
			waybuf_server_syncobj_destroy(syncobj);
	}
	struct server_client *client, *next_client;
	wl_list_for_each_safe(client, next_client, &server->clients, link)
		server_client_sever(client);
	struct server_device *device, *next_device;
	wl_list_for_each_safe(device, next_device, &server->devices, link)
		server_device_destroy(device);
	token_table_finish(&server->tokens);
	set_table_finish(&server->sets);
	waybuf_manager_destroy(server->manager);
	server_groups_finish(server);
	waybuf_loop_destroy(server->loop);
	fd_close(&server->drm_fd);
	free(server->trace);
	free(server);
}

struct waybuf_manager *waybuf_server_manager(struct waybuf_server *server)
{
	return server->manager;
}

bool waybuf_server_global_visible(struct waybuf_server *server, const struct wl_client *client,
	const struct wl_global *global)
{
	if (!monitor_owns(server->monitor, global))
		return true;
	/* libwayland's filter has a const client, its credentials want another */
	return server_client_trusted(server, (struct wl_client *)client);
}

bool server_has_fds(int n)
{
	int left = fd_count_free();
	return left >= n + SERVER_FD_RESERVE;
}

/* An exporter that has no memory is the reason, even if it is told what else was tried. */
static bool is_solvers(int error)
{
	return error == -EOPNOTSUPP || error == -ENODATA || error == -E2BIG || error == -ETIMEDOUT;
}

enum waybuf_reason server_reason(int error, const struct waybuf_explanation *why)
{
	if (why && why->reason != WAYBUF_REASON_NONE && is_solvers(error))
		return why->reason;
	switch (error) {
	case -ENOMEM:
		return WAYBUF_REASON_NO_MEMORY;
	case -EDQUOT:
		return WAYBUF_REASON_QUOTA;
	case -EMFILE:
	case -ENFILE:
		return WAYBUF_REASON_NO_FDS;
	case -ETIMEDOUT:
	case -ETIME:
		return WAYBUF_REASON_DEADLINE;
	case -ECANCELED:
		return WAYBUF_REASON_CANCELLED;
	case -EFAULT: /* of a copy: it has no memory any more */
	case -ENODEV:
	case -ENXIO:
	case -EIO:
		return WAYBUF_REASON_DEVICE_LOST;
	case -EACCES:
	case -EPERM:
		return WAYBUF_REASON_DENIED;
	case -ENODATA:
		return WAYBUF_REASON_UNDERSPECIFIED;
	case -E2BIG:
		return WAYBUF_REASON_TOO_HARD;
	case -EPROTONOSUPPORT:
		return WAYBUF_REASON_CRITICAL_UNKNOWN;
	case -EPIPE:
		return WAYBUF_REASON_CLOSED;
	default:
		return WAYBUF_REASON_UNSUPPORTED;
	}
}

void server_message(char text[SERVER_MESSAGE_SIZE], int error, const struct waybuf_explanation *why)
{
	const char *plain =
		error == -EFAULT ? "the memory went away while it was copied" : strerror(-error);
	snprintf(text, SERVER_MESSAGE_SIZE, "%s", plain);
	if (!why || !is_solvers(error))
		return;
	char *report = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&report, &size);
	if (!file)
		return;
	waybuf_explanation_print(why, file);
	if (fclose(file) == 0 && size > 0) {
		/* the first line is the clash; what other clients are called stays in it by role */
		report[strcspn(report, "\n")] = '\0';
		snprintf(text, SERVER_MESSAGE_SIZE, "%s", report);
	}
	free(report);
}
