/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_THEME_H
#define DAEMON_INPUT_THEME_H

#include <stdint.h>

/*
 * The user's cursors, as XCURSOR_THEME, XCURSOR_SIZE and XCURSOR_PATH name them; without a theme a
 * few that libwayland-cursor has built in, an arrow among them.
 *
 * That library is made for clients, and loads into a wl_shm. So the daemon is a client of its own,
 * by way of a socket pair, and each image of a cursor a surface of that client, which is shown as
 * everybody's: on a plane, or composed. Loading reads files, and is done on the worker.
 *
 * For each scale of a display that the pointer comes to they are loaded as large as that needs, and
 * shown pixel for pixel; until then those of another one are scaled.
 */

struct seat;
struct theme;

/*
 * For a display of @scale, in parts of GEOMETRY_SCALE_ONE. NULL: there will be no cursors but those of
 * clients, and why was logged.
 */
struct theme *theme_create(struct seat *seat, uint32_t scale);
/* The pointer is on a display of @scale. NULL is a no-op. */
void theme_rescale(struct theme *theme, uint32_t scale);
/* After the clients and the worker are gone. NULL is a no-op. */
void theme_destroy(struct theme *theme);

/*
 * Shows (cursor_show()) the first of @names, which end with NULL and are borrowed for ever, that the
 * theme has, as soon as it can; and the next images, if it moves. What it does not have at all is
 * its arrow. @names NULL: nothing of the theme is shown any more, and what is shown is not changed.
 * @theme may be NULL.
 */
void theme_show(struct theme *theme, const char *const *names);

#endif
