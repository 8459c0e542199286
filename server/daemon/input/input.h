/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_INPUT_H
#define DAEMON_INPUT_INPUT_H

#include <stdbool.h>

/* The seat and its devices, where the daemon is built with them (the option `input`). */

struct daemon;

/* After the output. False: said why on stderr. */
bool input_create(struct daemon *daemon);
/* After the clients are gone. */
void input_destroy(struct daemon *daemon);
/* The session is paused, and goes on. */
void input_pause(struct daemon *daemon);
void input_resume(struct daemon *daemon);

#endif
