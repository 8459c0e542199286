/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <wayland-server-core.h>

/*
 * wp_security_context_v1: an engine such as Flatpak hands over a socket that its sandbox connects
 * to, and says who is inside. Whoever comes that way is denied what shows or tells of others: the
 * captures, the monitor, and a context of its own. Its tokens are good in its sandbox only, and the
 * quotas of its group are those of the sandbox.
 *
 * A context lasts until its engine hangs up, and its name as long as somebody is inside.
 */

struct daemon;
struct sandbox;

/* More than programs run at a time; whoever asks for more is disconnected with no_memory. */
#define SANDBOX_MOST 256

struct wl_global *sandbox_create_global(struct daemon *daemon);

/* Stops listening on all of them; their clients have been destroyed. */
void sandbox_finish(struct daemon *daemon);

/* The name of the client's sandbox, which lasts as long as the client; NULL: it is in none. */
const char *sandbox_name(struct wl_client *client);

/* Whether @client may know of @global, as far as its sandbox is concerned. */
bool sandbox_shows(const struct wl_client *client, const struct wl_global *global);

#endif
