/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_POPUP_GRAB_H
#define DAEMON_INPUT_POPUP_GRAB_H

#include <stdbool.h>

struct daemon;
struct surface;

/* The popup that has the keyboard, which is one of the window on top; NULL: none. */
struct surface *popup_grab_owner(const struct daemon *daemon);

/* Whether a popup keeps what is the user's doing from @surface (NULL: the background). */
bool popup_grab_excludes(const struct daemon *daemon, const struct surface *surface);

/* A press on @surface. True: popups were dismissed by it, and nobody hears of it. */
bool popup_grab_press(struct daemon *daemon, const struct surface *surface);

#endif
