/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../session.h"
#include "../surface.h"
#include "clipboard.h"
#include "seat.h"

/* Repeats are the client's: so many a second, after so many milliseconds. */
enum { REPEAT_RATE = 25, REPEAT_DELAY = 600 };

static void send_modifiers(struct seat *seat, struct wl_resource *resource, uint32_t serial)
{
	const struct keymap_modifiers *now = &seat->keymap.modifiers;
	wl_keyboard_send_modifiers(
		resource, serial, now->depressed, now->latched, now->locked, now->group);
}

static void send_enter(struct seat *seat, struct wl_resource *resource, uint32_t serial)
{
	struct wl_array keys = {.size = seat->n_keys * sizeof(seat->keys[0]), .data = seat->keys};
	wl_keyboard_send_enter(resource, serial, seat->keyboard->resource, &keys);
	/* of all that are held */
	seat->has_silent = false;
	send_modifiers(seat, resource, serial);
}

struct wl_client *keyboard_client(const struct seat *seat)
{
	return seat->keyboard ? wl_resource_get_client(seat->keyboard->resource) : NULL;
}

void keyboard_focus(struct seat *seat, struct surface *surface)
{
	struct surface *before = seat->keyboard;
	struct wl_resource *resource;
	if (before == surface)
		return;
	uint32_t serial = seat_serial(seat);
	wl_resource_for_each(resource, &seat->keyboards)
		if (seat_is_for(resource, before))
			wl_keyboard_send_leave(resource, serial, before->resource);
	const struct wl_client *client = keyboard_client(seat);
	seat->keyboard = surface;
	/* before it knows that it has the keyboard, so that it can paste at once */
	if (keyboard_client(seat) != client)
		clipboard_move(seat);
	wl_resource_for_each(resource, &seat->keyboards)
		if (seat_is_for(resource, surface))
			send_enter(seat, resource, serial);
}

/* False: nothing new. Two keyboards can hold one key, and a device can lose its release. */
static bool note_key(struct seat *seat, uint32_t key, bool pressed)
{
	size_t i = 0;
	while (i < seat->n_keys && seat->keys[i] != key)
		i++;
	if (pressed == (i < seat->n_keys) || (pressed && seat->n_keys == SEAT_MOST_KEYS))
		return false;
	if (pressed)
		seat->keys[seat->n_keys++] = key;
	else
		seat->keys[i] = seat->keys[--seat->n_keys];
	return true;
}

/* Its press woke the displays: the release is as unknown to clients. */
static bool is_silent(struct seat *seat, uint32_t key, bool pressed, bool woken)
{
	bool was = seat->has_silent && seat->silent == key;
	if (was)
		seat->has_silent = false;
	if (!pressed || !woken)
		return !pressed && was;
	seat->has_silent = true;
	seat->silent = key;
	return true;
}

void seat_key(struct seat *seat, uint32_t ms, uint32_t key, bool pressed)
{
	struct wl_resource *resource;
	bool woken = idle_activity(seat->daemon);
	/* a keyboard without a keymap is none */
	if (!seat->devices.keyboards || !note_key(seat, key, pressed))
		return;
	unsigned session = pressed ? keymap_session(&seat->keymap, key) : 0;
	bool modifiers = keymap_key(&seat->keymap, key, pressed);
	if (session)
		session_switch(seat->daemon->session, session);
	bool silent = is_silent(seat, key, pressed, woken);
	uint32_t serial = silent ? seat_serial(seat) : seat_action_serial(seat, seat->keyboard);
	wl_resource_for_each(resource, &seat->keyboards) {
		if (!seat_tells(resource, seat->keyboard))
			continue;
		if (!silent)
			wl_keyboard_send_key(resource, serial, ms, key,
				pressed ? WL_KEYBOARD_KEY_STATE_PRESSED
					: WL_KEYBOARD_KEY_STATE_RELEASED);
		if (modifiers)
			send_modifiers(seat, resource, serial);
	}
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_keyboard_interface keyboard_impl = {.release = handle_release};

void keyboard_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_keyboard_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &keyboard_impl, seat, resource_unlink);
	wl_list_insert(&seat->keyboards, wl_resource_get_link(resource));
	wl_keyboard_send_keymap(
		resource, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, seat->keymap.fd, seat->keymap.size);
	if (version >= WL_KEYBOARD_REPEAT_INFO_SINCE_VERSION)
		wl_keyboard_send_repeat_info(resource, REPEAT_RATE, REPEAT_DELAY);
	if (seat_is_for(resource, seat->keyboard))
		send_enter(seat, resource, seat_serial(seat));
}
