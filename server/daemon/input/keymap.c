/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xkbcommon/xkbcommon.h>

#include "keymap.h"
#include "util/fd.h"

/* X numbers keys from 8, and keymaps are X's. */
#define FIRST_KEY 8

static int write_all(int fd, const char *text, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, text + done, size - done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

/* Opened for reading only: before Linux 6.7 what is sealed could not be mapped shared otherwise. */
static int reopen(int fd)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDONLY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

static int make_file(struct keymap *keymap)
{
	char *text = xkb_keymap_get_as_string(keymap->keymap, XKB_KEYMAP_FORMAT_TEXT_V1);
	if (!text)
		return -ENOMEM;
	keymap->size = (uint32_t)strlen(text) + 1;
	int ret, fd = memfd_create("waybufd-keymap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ret = fd < 0 ? -errno : write_all(fd, text, keymap->size);
	free(text);
	if (ret == 0)
		ret = reopen(fd);
	fd_close(&fd);
	if (ret < 0)
		return ret;
	keymap->fd = ret;
	return 0;
}

int keymap_init(struct keymap *keymap)
{
	*keymap = (struct keymap){.fd = -1};
	keymap->context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	if (!keymap->context)
		return -ENOMEM;
	keymap->keymap =
		xkb_keymap_new_from_names(keymap->context, NULL, XKB_KEYMAP_COMPILE_NO_FLAGS);
	if (!keymap->keymap)
		return -EINVAL;
	keymap->state = xkb_state_new(keymap->keymap);
	return keymap->state ? make_file(keymap) : -ENOMEM;
}

void keymap_finish(struct keymap *keymap)
{
	fd_close(&keymap->fd);
	xkb_state_unref(keymap->state);
	xkb_keymap_unref(keymap->keymap);
	xkb_context_unref(keymap->context);
	*keymap = (struct keymap){.fd = -1};
}

unsigned keymap_session(const struct keymap *keymap, uint32_t key)
{
	xkb_keysym_t symbol = xkb_state_key_get_one_sym(keymap->state, key + FIRST_KEY);
	if (symbol < XKB_KEY_XF86Switch_VT_1 || symbol > XKB_KEY_XF86Switch_VT_12)
		return 0;
	return symbol - XKB_KEY_XF86Switch_VT_1 + 1;
}

bool keymap_key(struct keymap *keymap, uint32_t key, bool pressed)
{
	xkb_state_update_key(keymap->state, key + FIRST_KEY, pressed ? XKB_KEY_DOWN : XKB_KEY_UP);
	const struct keymap_modifiers now = {
		.depressed = xkb_state_serialize_mods(keymap->state, XKB_STATE_MODS_DEPRESSED),
		.latched = xkb_state_serialize_mods(keymap->state, XKB_STATE_MODS_LATCHED),
		.locked = xkb_state_serialize_mods(keymap->state, XKB_STATE_MODS_LOCKED),
		.group = xkb_state_serialize_layout(keymap->state, XKB_STATE_LAYOUT_EFFECTIVE),
	};
	bool changed = memcmp(&now, &keymap->modifiers, sizeof(now)) != 0;
	keymap->modifiers = now;
	return changed;
}
