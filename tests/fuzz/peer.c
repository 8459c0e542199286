/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wayland-client-protocol.h>

#include "lore.h"
#include "message.h"

/* Events have their numbers in the header of the server, which does not go with that of the client. */
enum { REGISTRY_GLOBAL = 0, CALLBACK_DONE = 0, DISPLAY_DELETE_ID = 1 };

#define FIRST_SERVER_ID 0xff000000u

void peer_init(struct peer *peer, int fd, bool is_server, struct lore *lore,
	const struct wl_interface *const *known)
{
	*peer = (struct peer){
		.fd = fd,
		.is_server = is_server,
		.lore = lore,
		.known = known,
		.next_id = is_server ? FIRST_SERVER_ID : 2,
		.n_objects = 1,
	};
	peer->objects[0] = (struct peer_object){1, 1, &wl_display_interface};
}

void peer_finish(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	while (peer->n_fds > 0)
		close(peer->fds[--peer->n_fds]);
}

/* ---- objects ------------------------------------------------------------------------------- */

static struct peer_object *find(struct peer *peer, uint32_t id)
{
	for (unsigned i = 0; i < peer->n_objects; i++)
		if (peer->objects[i].id == id)
			return &peer->objects[i];
	return NULL;
}

static void add(struct peer *peer, struct peer_object object)
{
	struct peer_object *old = find(peer, object.id);
	if (old)
		*old = object;
	else if (peer->n_objects < PEER_OBJECTS)
		peer->objects[peer->n_objects++] = object;
}

static void forget(struct peer *peer, uint32_t id)
{
	struct peer_object *object = find(peer, id);
	if (!object || id == 1)
		return;
	size_t after = (size_t)(&peer->objects[peer->n_objects] - (object + 1));
	memmove(object, object + 1, after * sizeof(*object));
	peer->n_objects--;
}

uint32_t peer_find(const struct peer *peer, const struct wl_interface *interface)
{
	for (unsigned i = 0; i < peer->n_objects; i++)
		if (peer->objects[i].interface == interface)
			return peer->objects[i].id;
	return 0;
}

static const struct wl_interface *find_known(const struct peer *peer, const char *name, size_t size)
{
	for (const struct wl_interface *const *known = peer->known; *known; known++)
		if (strlen((*known)->name) + 1 == size && memcmp((*known)->name, name, size) == 0)
			return *known;
	return NULL;
}

/* ---- saying -------------------------------------------------------------------------------- */

static void send_all(
	struct peer *peer, const void *data, size_t size, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	if (peer->fd < 0 || size == 0)
		return;
	ssize_t sent = sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* a socket that is full ends it: half a message would be another one */
	if (sent != (ssize_t)size)
		peer_finish(peer);
}

void message_send(struct message *message, struct peer *peer)
{
	message->words[1] |= (uint32_t)(message->n * 4) << 16;
	send_all(peer, message->words, message->n * 4, message->fds, message->n_fds);
	for (unsigned i = 0; i < message->n_made; i++)
		if (message->made[i].interface)
			add(peer, message->made[i]);
	peer->next_id += message->n_made;
}

void peer_say_bytes(struct peer *peer, const void *bytes, size_t size, unsigned n_fds)
{
	unsigned n = n_fds < peer->lore->n_fds ? n_fds : peer->lore->n_fds;
	send_all(peer, bytes, size, peer->lore->fds, n < MESSAGE_FDS ? n : MESSAGE_FDS);
}

static void bind_global(struct peer *peer, const struct peer_global *global, uint32_t version)
{
	struct message message;
	uint32_t registry = peer_find(peer, &wl_registry_interface);
	message_begin(&message, registry, WL_REGISTRY_BIND);
	message_word(&message, global->name);
	message_string(&message, global->interface->name);
	message_word(&message, version);
	message_word(&message, peer->next_id);
	message.made[message.n_made++] =
		(struct peer_object){peer->next_id, version, global->interface};
	message_send(&message, peer);
}

/* Which the signature says too little about. */
static void say_bind(struct peer *peer, struct fuzz_input *input)
{
	uint8_t which = fuzz_u8(input), how = fuzz_u8(input);
	if (peer->n_globals == 0)
		return;
	struct peer_global global = peer->globals[which % peer->n_globals];
	if (how >= 240)
		global.name = how;
	uint32_t version = global.version > how % 16 ? global.version - how % 16 : 1;
	bind_global(peer, &global, how >= 224 && how < 240 ? global.version + 1 : version);
}

void peer_say_global(struct peer *peer, uint32_t registry, uint32_t name,
	const struct wl_interface *interface, uint32_t version)
{
	struct message message;
	message_begin(&message, registry, REGISTRY_GLOBAL);
	message_word(&message, name);
	message_string(&message, interface->name);
	message_word(&message, version);
	message_send(&message, peer);
}

void peer_say_done(struct peer *peer, uint32_t callback)
{
	struct message message;
	message_begin(&message, callback, CALLBACK_DONE);
	message_word(&message, 0);
	message_send(&message, peer);
	message_begin(&message, 1, DISPLAY_DELETE_ID);
	message_word(&message, callback);
	message_send(&message, peer);
	forget(peer, callback);
}

bool peer_say(struct peer *peer, struct fuzz_input *input)
{
	struct message message;
	/* the newest is 0, as in pick_of() */
	unsigned which = fuzz_u8(input) % peer->n_objects;
	struct peer_object object = peer->objects[peer->n_objects - 1 - which];
	const struct wl_interface *interface = object.interface;
	int n = peer->is_server ? interface->event_count : interface->method_count;
	const struct wl_message *signatures =
		peer->is_server ? interface->events : interface->methods;
	uint8_t how = fuzz_u8(input);
	if (n == 0)
		return false;
	int opcode = how % n;
	if (interface == &wl_registry_interface && !peer->is_server) {
		say_bind(peer, input);
		return true;
	}
	message_begin(&message, object.id, (uint32_t)(how == 255 ? n : opcode));
	message_arguments(&message, peer, &signatures[opcode], object.version, input);
	message_send(&message, peer);
	return strchr(signatures[opcode].signature, 'n');
}

/* ---- hearing ------------------------------------------------------------------------------- */

/* What is worth to be said again later. */
static void learn(struct peer *peer, const struct wl_message *signature, char type,
	const uint8_t *data, size_t size)
{
	if (type == 'a' && size > 0 && strcmp(signature->name, "memory") == 0)
		lore_hear_array(peer->lore, data, size);
	else if (type == 's' && size > 0 && strcmp(signature->name, "token") == 0)
		lore_hear_string(peer->lore, data, size - 1);
}

static void hear_fd(struct peer *peer)
{
	if (peer->n_fds == 0)
		return;
	lore_hear_fd(peer->lore, peer->fds[0]);
	memmove(peer->fds, peer->fds + 1, --peer->n_fds * sizeof(peer->fds[0]));
}

/* Of the messages that are about objects and globals. */
static void hear_special(struct peer *peer, const struct peer_object *object, uint32_t opcode,
	const uint32_t *words, size_t n)
{
	if (peer->is_server && object->interface == &wl_registry_interface) {
		/* bind: name, interface, version, id */
		size_t string = n > 1 ? (words[1] + 3) / 4 : n;
		if (2 + string + 2 > n)
			return;
		const struct wl_interface *interface =
			find_known(peer, (const char *)&words[2], words[1]);
		if (interface)
			add(peer,
				(struct peer_object){
					words[2 + string + 1], words[2 + string], interface});
	} else if (!peer->is_server && object->interface == &wl_registry_interface &&
		opcode == REGISTRY_GLOBAL && n >= 3 && 2 + (words[1] + 3) / 4 < n &&
		peer->n_globals < PEER_GLOBALS) {
		const struct wl_interface *interface =
			find_known(peer, (const char *)&words[2], words[1]);
		if (interface)
			peer->globals[peer->n_globals++] =
				(struct peer_global){words[0], words[n - 1], interface};
	} else if (!peer->is_server && object->interface == &wl_display_interface &&
		opcode == DISPLAY_DELETE_ID && n == 1) {
		forget(peer, words[0]);
	}
}

static void hear_message(
	struct peer *peer, uint32_t id, uint32_t opcode, const uint32_t *words, size_t n)
{
	struct peer_object *found = find(peer, id);
	if (!found)
		return;
	struct peer_object object = *found;
	int count =
		peer->is_server ? object.interface->method_count : object.interface->event_count;
	if (opcode >= (uint32_t)count)
		return;
	const struct wl_message *signature = peer->is_server ? &object.interface->methods[opcode]
							     : &object.interface->events[opcode];
	const char *position = signature->signature;
	bool nullable;
	char type;
	size_t at = 0;
	for (unsigned i = 0; (type = message_next_type(&position, &nullable)); i++) {
		if (type == 'h') {
			hear_fd(peer);
			continue;
		}
		if (at >= n)
			break;
		if (type == 'n' && signature->types && signature->types[i])
			add(peer,
				(struct peer_object){
					words[at], object.version, signature->types[i]});
		if (type == 's' || type == 'a') {
			size_t size = words[at];
			if (size > (n - at - 1) * 4)
				break;
			learn(peer, signature, type, (const uint8_t *)&words[at + 1], size);
			at += (size + 3) / 4;
		}
		at++;
	}
	hear_special(peer, &object, opcode, words, n);
	if (peer->is_server && strcmp(signature->name, "destroy") == 0)
		forget(peer, id);
}

static void hear_whole_messages(struct peer *peer)
{
	size_t at = 0;
	uint32_t words[sizeof(peer->heard) / 4];
	while (peer->n_heard - at >= 8) {
		memcpy(words, peer->heard + at, 8);
		size_t size = words[1] >> 16;
		if (size < 8 || size % 4 != 0 || size > peer->n_heard - at)
			break;
		memcpy(words, peer->heard + at, size);
		hear_message(peer, words[0], words[1] & 0xffff, words + 2, size / 4 - 2);
		at += size;
	}
	peer->n_heard -= at;
	memmove(peer->heard, peer->heard + at, peer->n_heard);
}

static void take_fds(struct peer *peer, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (peer->n_fds < sizeof(peer->fds) / sizeof(peer->fds[0]))
				peer->fds[peer->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

bool peer_hear(struct peer *peer)
{
	char control[CMSG_SPACE(64 * sizeof(int))];
	while (peer->fd >= 0) {
		struct iovec iov = {.iov_base = peer->heard + peer->n_heard,
			.iov_len = sizeof(peer->heard) - peer->n_heard};
		struct msghdr message = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			break;
		take_fds(peer, &message);
		peer->n_heard += (size_t)n;
		hear_whole_messages(peer);
		if (peer->n_heard == sizeof(peer->heard))
			break;
	}
	peer_finish(peer);
	return false;
}

/* ---- the beginning ------------------------------------------------------------------------- */

void peer_get_registry(struct peer *peer)
{
	struct message message;
	message_begin(&message, 1, WL_DISPLAY_GET_REGISTRY);
	message_word(&message, peer->next_id);
	message.made[message.n_made++] =
		(struct peer_object){peer->next_id, 1, &wl_registry_interface};
	message_send(&message, peer);
}

void peer_bind_all(struct peer *peer)
{
	for (unsigned i = 0; i < peer->n_globals; i++)
		bind_global(peer, &peer->globals[i], peer->globals[i].version);
}
