/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FIXTURE_CLIENT_H
#define TESTS_FIXTURE_CLIENT_H

#include <waybuf/constraints.h>

#include <wayland-client.h>

#include "fixture_server.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "waybuf-allocator-v1-client-protocol.h"

/*
 * A raw client: it says what the test tells it to say, right or wrong, and writes down what it
 * hears. It knows nothing of our client library.
 */
struct fixture_client {
	struct fixture_server *server; /* NULL: in another process */
	struct wl_client *peer; /* the server's side; gone when the server ends the connection */
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct waybuf_allocator_v1 *allocator;
	struct waybuf_monitor_v1 *monitor;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t dmabuf_version;

	/* the last batch of the allocator, and usage events since the last batch */
	uint32_t capabilities;
	unsigned batches, devices, usages;
	uint32_t device, device_kind;
	size_t dev_size;
	uint32_t used[16], limit[16];
	/* linux-dmabuf before version 4 */
	unsigned formats, modifiers;
};

/** Connects and binds what there is; the first batch has arrived. */
void client_init(struct fixture_client *client, struct fixture_server *server);
/** The same, with linux-dmabuf at @version. */
void client_init_version(
	struct fixture_client *client, struct fixture_server *server, uint32_t version);
/** To a server in another process, at the other end of @fd, which is taken. */
void client_init_fd(struct fixture_client *client, int fd);
void client_finish(struct fixture_client *client);
/** All requests so far were handled, their direct answers read. False: the connection is over. */
bool client_sync(struct fixture_client *client);
/** Runs both sides until *@count is at least @least; fails the test after 5 s. */
void client_wait(struct fixture_client *client, const unsigned *count, unsigned least);
/** Runs both sides for @ms milliseconds. */
void client_run(struct fixture_client *client, int ms);
/**
 * The connection ends with error @code of @interface, and with no other; NULL: of an object that
 * the client has destroyed already, whose interface libwayland no longer tells.
 */
void client_expect_error(
	struct fixture_client *client, const struct wl_interface *interface, uint32_t code);

/* ---- objects that remember ----------------------------------------------------------------- */

struct fixture_pool {
	struct waybuf_pool_v1 *proxy;
	unsigned configured, failed, tokens, restored, needs;
	uint32_t need_index, need_slot;
	uint64_t need_size;
	uint32_t width, height, count, config, reason, restored_reason;
	uint32_t restored_index, restored_generation;
	/* of the last failed or restored */
	char message[128];
	char token[64];
};

struct fixture_attachment {
	struct waybuf_attachment_v1 *proxy;
	unsigned accepted, refused, gone, conflicts;
	/* of the last answer: conflicts before it, and how many were our own */
	unsigned last_conflicts, last_own;
	uint32_t outcome, reason, field, part, value;
};

struct fixture_buffer {
	struct waybuf_buffer_v1 *proxy;
	unsigned layouts, memories, fences, mapped, failed, revoked, retired, wl_buffers_failed;
	/* mapped and failed together, and how many there were before the last revoke */
	unsigned answers, revoked_at;
	uint32_t generation, format, width, height, flags, reason, kind, retired_generation;
	uint64_t modifier, serial, size;
	uint32_t n_planes, offset[4], stride[4];
	char exporter[64];
	int fd; /* of slot 0, -1: none */
	int fence;
	/* of slot 0 */
	uint8_t ticket[256];
	size_t ticket_size;
	/* of the last other slot, -1: none */
	int second_fd;
	uint8_t second_ticket[256];
};

struct fixture_report {
	struct waybuf_report_v1 *proxy;
	unsigned ready, failed;
	uint32_t reason;
	char *text;
};

struct fixture_wl_buffer {
	struct wl_buffer *proxy;
	unsigned released;
};

void raw_pool_create(struct fixture_client *client, struct fixture_pool *pool, uint32_t width,
	uint32_t height, uint32_t count);
/** Listens to @proxy, which the test got otherwise. */
void raw_pool_listen(struct fixture_pool *pool, struct waybuf_pool_v1 *proxy);
void raw_pool_destroy(struct fixture_pool *pool);
void raw_attachment_create(
	struct fixture_pool *pool, struct fixture_attachment *attachment, uint32_t kind);
void raw_attachment_create_device(struct fixture_pool *pool, struct fixture_attachment *attachment,
	uint32_t kind, uint32_t device);
void raw_attachment_destroy(struct fixture_attachment *attachment);
void raw_buffer_get(
	struct fixture_attachment *attachment, struct fixture_buffer *buffer, uint32_t index);
void raw_buffer_destroy(struct fixture_buffer *buffer);
void raw_buffer_wl_buffer(struct fixture_buffer *buffer, struct fixture_wl_buffer *wl_buffer);
void raw_wl_buffer_listen(struct fixture_wl_buffer *buffer, struct wl_buffer *proxy);
void raw_report_listen(struct fixture_report *report, struct waybuf_report_v1 *proxy);
void raw_report_finish(struct fixture_report *report);

/** Constrains with the records of @builder, which is destroyed, and commits. */
void raw_attachment_commit(
	struct fixture_attachment *attachment, struct waybuf_constraints_builder *builder);
/** ACCESS @access, one format, LINEAR. */
void raw_attachment_commit_format(
	struct fixture_attachment *attachment, uint64_t access, uint32_t format);
/** The same for a program that reads and writes XR24 with the CPU. */
void raw_attachment_commit_cpu(struct fixture_attachment *attachment);
/** Constrains with bytes as they are. */
void raw_attachment_constrain(
	struct fixture_attachment *attachment, const void *records, size_t size);

#endif
