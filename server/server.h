/* SPDX-License-Identifier: MIT */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <wayland-server-core.h>

#include <waybuf/server.h>

#include "core/device.h"
#include "set_table.h"
#include "token.h"
#include "util/fd.h"

struct waybuf_loop;
struct waybuf_trace;

/* fds that are kept back: libwayland answers a failed dup by killing the client. */
#define SERVER_FD_RESERVE 32

struct waybuf_server {
	struct wl_display *display;
	struct waybuf_loop *loop;
	struct waybuf_manager *manager;
	/* as the host gave them; limits points to the copy below */
	struct waybuf_server_options options;
	struct waybuf_limits limits;
	/* ours, of the device that the exporters were given; -1: none */
	int drm_fd;
	struct fd_limit fd_limit;
	struct wl_list devices; // server_device.link
	struct wl_list clients; // server_client.link
	struct wl_list groups; // server_group.link
	struct wl_list pools; // server_pool.link
	struct wl_list syncobjs; // waybuf_server_syncobj.link
	struct wl_list release_points; // waybuf_release_point.link
	struct wl_list watch_debts; // watch_debt.link
	struct waybuf_trace *trace;
	struct wl_list trace_requests; // trace_request.link
	struct token_table tokens;
	struct set_table sets;
	uint32_t last_who;
	uint32_t last_pool, last_client;
	/* one of each at most, NULL if there is none */
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_server_allocator *allocator;
	struct waybuf_server_monitor *monitor;
};

/* A device of the host's: its callbacks behind the mechanism's device. */
struct server_device {
	struct waybuf_device base;
	struct waybuf_server *server;
	char *name;
	bool has_dev;
	const struct waybuf_server_device_ops *ops;
	/* of base: those that the host has */
	struct waybuf_device_ops base_ops;
	void *data;
	struct wl_list link; // waybuf_server.devices, or none
};

/* In no list: clients do not see it before it is put into waybuf_server.devices. */
int server_device_create(struct waybuf_server *server, const struct waybuf_server_device_info *info,
	struct server_device **out);
/* Its attachments are told. NULL is a no-op. */
void server_device_destroy(struct server_device *device);

/* NULL if there is none of that id (any more). */
struct server_device *server_find_device(struct waybuf_server *server, uint32_t id);

/* Whether @n fds can be sent with the reserve untouched. */
bool server_has_fds(int n);

/* The protocol's reason for a negative errno of the mechanism. */
enum waybuf_reason server_reason(int error, const struct waybuf_explanation *why);

/* A line for people about a refusal, never longer than what an event may carry. */
#define SERVER_MESSAGE_SIZE 512
void server_message(
	char text[SERVER_MESSAGE_SIZE], int error, const struct waybuf_explanation *why);

#endif
