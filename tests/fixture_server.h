/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FIXTURE_SERVER_H
#define TESTS_FIXTURE_SERVER_H

#include <wayland-server-core.h>

#include <waybuf/server.h>

#include "harness.h"

/*
 * A compositor's half in the test's own process: a display without a socket, the globals of the
 * library, and a wl_compositor whose surfaces keep what was attached and committed last. Clients
 * come in over socket pairs, so nothing outside of the process is needed.
 */
struct fixture_server;

struct fixture_server_options {
	/** exporters by name, as WAYBUF_EXPORTERS; NULL: memfd */
	const char *exporters;
	bool integrated;
	const struct waybuf_limits *limits;
	/** what all clients together may hold; NULL: what the library says */
	const struct waybuf_limits *group_limits;
	/** what every pool is answered with, 0: may be created */
	int pool_policy;
	/** every client is in this security context; NULL: none is */
	const char *context;
	/** what the renderer says to a dma-buf */
	int import_result;
	/** a device that clients can attach, and what it says to memory that is tried */
	bool device;
	int device_result;
	/** no dmabuf, allocator or monitor global */
	bool no_dmabuf, no_allocator, no_monitor;
	/** the host adds nothing to reports, so that no assertion runs inside of the server */
	bool no_info;
	/** an exporter of the test's own, registered in place of the others; taken */
	struct waybuf_exporter *exporter;
	/** of linux-dmabuf, 0: highest */
	uint32_t dmabuf_version;
	/** ms before a surface is told of planes; 0: as the library has it */
	uint32_t settle_ms;
	/** where the key of tickets is; NULL: no tickets */
	const char *ticket_file;
	/** what switches outputs; its data is the server. NULL: nothing does */
	int (*power)(void *data, const char *name, bool on);
	/** within each wl_surface.commit, @buffer NULL: nothing attached; NULL: not told */
	void (*commit)(struct fixture_server *server, struct wl_resource *buffer);
};

struct fixture_server {
	struct fixture_server_options options;
	struct wl_display *display;
	struct waybuf_server *server;
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_server_allocator *allocator;
	struct waybuf_server_monitor *monitor;
	uint32_t device; /* id */
	unsigned imports;
	/** of the last import that was tested */
	bool has_device;
	dev_t sampling_device;
	/** as the last wl_surface.commit left it; NULL: nothing attached */
	struct wl_resource *surface, *committed;
	struct wl_listener committed_destroy;
};

/** @options NULL: defaults. */
void fixture_server_init(
	struct fixture_server *server, const struct fixture_server_options *options);
/** Hides globals as the library says. */
void fixture_server_filter(struct fixture_server *server);
/** Clients may still be connected. */
void fixture_server_finish(struct fixture_server *server);
/** The last part of that, for a test that has taken the library's objects down itself. */
void fixture_server_destroy_display(struct fixture_server *server);

/** Changes that by hand. */
void fixture_server_set_committed(struct fixture_server *server, struct wl_resource *buffer);
/** A new connection; the caller has the other end and closes it. */
int fixture_server_connect(struct fixture_server *server, struct wl_client **client);
/** Handles what there is to handle, waiting @ms at most for something to come. */
void fixture_server_dispatch(struct fixture_server *server, int ms);
/** Ends all connections. */
void fixture_server_disconnect(struct fixture_server *server);
/** The pairs that the server offers: XR24 and AR24 and NV12, LINEAR; XR24, vendor's 1. */
extern const struct waybuf_feedback fixture_feedback;
#define FIXTURE_TILED_MODIFIER 0x0200000000000001ull

#endif
