/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_PEER_H
#define TESTS_FUZZ_PEER_H

#include <stdbool.h>

#include <wayland-util.h>

#include "fuzz.h"

/*
 * One end of a Wayland connection that speaks without libwayland, so that it can say anything. It
 * knows the interfaces: what it says is mostly well formed, and chosen by the input, down to the
 * single argument. It writes down which objects there are, what it said itself and what it heard.
 */

/* What a peer may put into a message: given at the start, or heard in messages. */
#define LORE_FDS 24
#define LORE_ARRAYS 16
#define LORE_STRINGS 12
#define LORE_SIZE 512

struct lore_bytes {
	size_t size;
	uint8_t data[LORE_SIZE];
};

struct lore {
	/* owned; the given ones first, what is heard replaces the oldest of the others */
	int fds[LORE_FDS];
	struct lore_bytes arrays[LORE_ARRAYS], strings[LORE_STRINGS];
	unsigned n_fds, given_fds, next_fd;
	unsigned n_arrays, given_arrays, next_array;
	unsigned n_strings, given_strings, next_string;
};

void lore_give_fd(struct lore *lore, int fd);
void lore_give_array(struct lore *lore, const void *data, size_t size);
void lore_give_string(struct lore *lore, const char *text);
/* Closes the fds. */
void lore_finish(struct lore *lore);

struct peer_object {
	uint32_t id, version;
	const struct wl_interface *interface;
};

struct peer_global {
	uint32_t name, version;
	const struct wl_interface *interface;
};

#define PEER_OBJECTS 128
#define PEER_GLOBALS 16

struct peer {
	int fd; /* owned; -1: the connection is over */
	bool is_server; /* says events and hears requests */
	struct lore *lore;
	/* all interfaces that can be bound, ends with NULL */
	const struct wl_interface *const *known;
	struct peer_object objects[PEER_OBJECTS];
	unsigned n_objects;
	uint32_t next_id;
	struct peer_global globals[PEER_GLOBALS];
	unsigned n_globals;
	/* heard, and not whole yet */
	uint8_t heard[8192];
	size_t n_heard;
	int fds[64];
	unsigned n_fds;
};

/* Takes @fd, which does not block. The rest is borrowed. */
void peer_init(struct peer *peer, int fd, bool is_server, struct lore *lore,
	const struct wl_interface *const *known);
/* Closes the connection. */
void peer_finish(struct peer *peer);
/* One message that the input chooses. True: it may make an object. */
bool peer_say(struct peer *peer, struct fuzz_input *input);
/* Bytes as they are, with a number of fds. */
void peer_say_bytes(struct peer *peer, const void *bytes, size_t size, unsigned n_fds);
/* Reads what has come. False: the connection is over. */
bool peer_hear(struct peer *peer);

/* As a client: asks for the registry and, when that has been heard, binds all that is known. */
void peer_get_registry(struct peer *peer);
void peer_bind_all(struct peer *peer);
/* As a server: says that there is such a global, with this name. */
void peer_say_global(struct peer *peer, uint32_t registry, uint32_t name,
	const struct wl_interface *interface, uint32_t version);
/* As a server: wl_callback.done, and delete_id. */
void peer_say_done(struct peer *peer, uint32_t callback);
/* The first object of @interface, 0: none. */
uint32_t peer_find(const struct peer *peer, const struct wl_interface *interface);

#endif
