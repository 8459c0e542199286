/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SERVER_ALLOCATOR_H
#define WAYBUF_SERVER_ALLOCATOR_H

#include <stdbool.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The allocator: clients ask for memory that all who touch it can use. The devices that it knows
 * are those of waybuf_server_add_device().
 *
 * The thread and the rules are those of waybuf/server.h, which includes this one.
 */

struct waybuf_server;
struct waybuf_server_device_ops;

/** The global waybuf_allocator_v1. */
struct waybuf_server_allocator;

/** What is offered by the allocator. */
struct waybuf_server_allocator_options {
	/**
	 * This process is the compositor that shows the buffers, and routes its commits through
	 * waybuf_use_begin() and its latch through waybuf_use_latch()
	 */
	bool integrated;
	/** passed to the callbacks, borrowed while the global exists */
	void *data;
	/**
	 * What an attachment of kind display must meet, and prefers: renderer and planes; its
	 * import_test sees what the renderer, the planes, or both get. Borrowed while the global
	 * exists. Not looked at unless @integrated; NULL: a display attachment adds nothing but its
	 * access.
	 */
	const struct waybuf_server_device_ops *display;
	/**
	 * Path of a file, made with mode 0600 if it is not there, with the key of the tickets by
	 * which clients give their memory back when this server has been restarted, see the
	 * restore capability of the protocol. It should be in the service's runtime folder, and
	 * have a name of its own for each socket; a server that uses it keeps others from it, and
	 * leaves it behind. If it cannot be used (logged as an error), or the library was built
	 * without nettle, whoever comes with a ticket is told so, and all else works. Borrowed for
	 * the call; NULL: no tickets.
	 */
	const char *ticket_file;
};

/**
 * Offers waybuf_allocator_v1. @options may be NULL: a service that shows nothing. 0, -EEXIST (the
 * server has one), -EINVAL (a display without constraints), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_allocator_create(struct waybuf_server *server,
	const struct waybuf_server_allocator_options *options,
	struct waybuf_server_allocator **out);

/** Withdraws the global; pools go on. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_allocator_destroy(struct waybuf_server_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
