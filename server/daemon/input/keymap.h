/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_KEYMAP_H
#define DAEMON_INPUT_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

struct xkb_context;
struct xkb_keymap;
struct xkb_state;

struct keymap_modifiers {
	uint32_t depressed, latched, locked, group;
};

/* The keymap of the environment (XKB_DEFAULT_LAYOUT and its like), and the state of the keys. */
struct keymap {
	struct xkb_context *context;
	struct xkb_keymap *keymap;
	struct xkb_state *state;
	int fd; /* the text with its NUL, for all clients: sealed, and read-only; -1: none */
	uint32_t size;
	struct keymap_modifiers modifiers;
};

/* 0, -EINVAL (libxkbcommon takes none, and said so), -ENOMEM, or an errno of the file. */
int keymap_init(struct keymap *keymap);
/* Also after a failed init, without one where fd is -1 and all else is 0, and again. */
void keymap_finish(struct keymap *keymap);

/* Which session the key asks for, as Ctrl, Alt and a function key do. 0: none. */
unsigned keymap_session(const struct keymap *keymap, uint32_t key);

/* A key of linux/input-event-codes.h. True: the modifiers are others now. */
bool keymap_key(struct keymap *keymap, uint32_t key, bool pressed);

#endif
