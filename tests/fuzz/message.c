/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <string.h>

#include "message.h"

/* ---- writing ------------------------------------------------------------------------------- */

void message_begin(struct message *message, uint32_t object, uint32_t opcode)
{
	message->n = 2;
	message->n_fds = message->n_made = 0;
	message->words[0] = object;
	message->words[1] = opcode;
}

void message_word(struct message *message, uint32_t word)
{
	if (message->n < sizeof(message->words) / sizeof(message->words[0]))
		message->words[message->n++] = word;
}

void message_bytes(struct message *message, const void *data, size_t size)
{
	size_t room = sizeof(message->words) / sizeof(message->words[0]) - message->n;
	size_t words = (size + 3) / 4;
	if (words + 1 > room)
		return;
	message_word(message, (uint32_t)size);
	if (words > 0) {
		message->words[message->n + words - 1] = 0;
		memcpy(&message->words[message->n], data, size);
	}
	message->n += words;
}

void message_string(struct message *message, const char *text)
{
	message_bytes(message, text, strlen(text) + 1);
}

char message_next_type(const char **position, bool *nullable)
{
	*nullable = false;
	while (**position == '?' || (**position >= '0' && **position <= '9')) {
		*nullable |= **position == '?';
		(*position)++;
	}
	return **position ? *(*position)++ : '\0';
}

/* ---- arguments ----------------------------------------------------------------------------- */

/* Small numbers as they are, some that are worth trying, and any. */
static uint32_t pick_number(struct fuzz_input *input)
{
	static const uint32_t numbers[] = {64, 100, 128, 200, 255, 256, 400, 1024, 4096, 16384,
		65535, 65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x00ffffff,
		0x02000000, DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_NV12,
		DRM_FORMAT_YUV420, DRM_FORMAT_R8, 1u << 30, 3600, 3601};
	const unsigned n = sizeof(numbers) / sizeof(numbers[0]);
	uint8_t how = fuzz_u8(input);
	if (how < 64)
		return how;
	return how < 64 + n ? numbers[how - 64] : how == 255 ? fuzz_u32(input) : how - 64 - n;
}

static void put_string(
	struct message *message, const struct lore *lore, bool nullable, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	char text[256];
	size_t size;
	if (how == 255 || (nullable && how == 254)) {
		message_word(message, 0);
		return;
	}
	if (how < 128 && lore->n_strings > 0) {
		const struct lore_bytes *known = &lore->strings[how % lore->n_strings];
		size = known->size < sizeof(text) - 1 ? known->size : sizeof(text) - 1;
		memcpy(text, known->data, size);
	} else {
		const uint8_t *bytes = fuzz_bytes(input, how & 127, &size);
		memcpy(text, bytes, size);
	}
	text[size] = '\0';
	message_bytes(message, text, size + 1);
}

static void put_array(struct message *message, const struct lore *lore, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	if (how < 128 && lore->n_arrays > 0) {
		const struct lore_bytes *known = &lore->arrays[how % lore->n_arrays];
		message_bytes(message, known->data, known->size);
		return;
	}
	size_t size, n = (how & 127) < 96 ? how & 127 : (size_t)fuzz_u16(input) % 3200;
	const uint8_t *bytes = fuzz_bytes(input, n, &size);
	message_bytes(message, bytes, size);
}

static void put_fd(struct message *message, const struct lore *lore, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	/* 255: none, whatever the signature says */
	if (how < 255 && lore->n_fds > 0 && message->n_fds < MESSAGE_FDS)
		message->fds[message->n_fds++] = lore->fds[how % lore->n_fds];
}

static uint32_t pick_of(const struct peer *peer, const struct wl_interface *interface, uint8_t how)
{
	unsigned n = 0;
	for (unsigned i = 0; i < peer->n_objects; i++)
		n += peer->objects[i].interface == interface;
	/* the newest is 0: most programs go on with what they have just made */
	unsigned wanted = n > 0 ? how % n : 0;
	for (unsigned i = peer->n_objects; n > 0 && i-- > 0;)
		if (peer->objects[i].interface == interface && wanted-- == 0)
			return peer->objects[i].id;
	return 0;
}

static uint32_t pick_object(const struct peer *peer, const struct wl_interface *interface,
	bool nullable, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	if (how == 255)
		return fuzz_u32(input);
	if (nullable && how >= 224)
		return 0;
	if (how >= 240 || !interface)
		return peer->objects[how % peer->n_objects].id;
	return pick_of(peer, interface, how);
}

static void put_new_id(struct message *message, const struct peer *peer,
	const struct wl_interface *interface, uint32_t version, struct fuzz_input *input)
{
	uint8_t how = fuzz_u8(input);
	uint32_t id = peer->next_id + message->n_made;
	if (how == 255)
		id = fuzz_u32(input);
	else if (how >= 250)
		id = peer->objects[fuzz_u8(input) % peer->n_objects].id;
	message_word(message, id);
	if (how < 250 && message->n_made < 4)
		message->made[message->n_made++] = (struct peer_object){id, version, interface};
}

void message_arguments(struct message *message, const struct peer *peer,
	const struct wl_message *signature, uint32_t version, struct fuzz_input *input)
{
	const char *position = signature->signature;
	bool nullable;
	char type;
	for (unsigned i = 0; (type = message_next_type(&position, &nullable)); i++) {
		const struct wl_interface *interface =
			signature->types ? signature->types[i] : NULL;
		if (type == 's')
			put_string(message, peer->lore, nullable, input);
		else if (type == 'a')
			put_array(message, peer->lore, input);
		else if (type == 'h')
			put_fd(message, peer->lore, input);
		else if (type == 'o')
			message_word(message, pick_object(peer, interface, nullable, input));
		else if (type == 'n')
			put_new_id(message, peer, interface, version, input);
		else
			message_word(message, pick_number(input));
	}
}
