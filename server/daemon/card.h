/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CARD_H
#define DAEMON_CARD_H

#include "kms/restore.h"

struct daemon;
struct output;
struct waybuf_kms_uevents;

/*
 * The display controller, and what is plugged into it: each display that is connected, and that the
 * command line does not leave out, becomes an output. At the start all of them are lit in one commit,
 * with a CRTC for as many as can have one (kms/route.h); what is plugged in later gets one that is
 * free, because those that are lit are not to flicker.
 */
struct card {
	struct daemon *daemon;
	struct waybuf_kms_device *kms;
	struct waybuf_kms_restore *restore;
	struct waybuf_kms_uevents *uevents; /* NULL: they cannot be heard */
};

/* Takes the displays and makes them black. False: said why on stderr. */
bool card_start(struct daemon *daemon);
/* Gives the displays back as they were, before anything that is on them goes. */
void card_restore(struct card *card);
/* After its outputs. NULL is a no-op. */
void card_destroy(struct card *card);

/* What @output, which is lit no more, can be lit on: a display that no other output has. NULL: none. */
struct waybuf_kms_connector *card_find_connector(struct card *card, const struct output *output);
/* Gives @output a CRTC that can drive @connector, and that no other output has. */
int card_find_crtc(struct card *card, struct output *output,
	const struct waybuf_kms_connector *connector, struct waybuf_kms_why *why);
/* Makes outputs of the displays that have none, unless one in the dark waits for them. */
void card_connect(struct card *card);
/* The session is paused: the displays are not ours; and they are again. */
void card_pause(struct card *card);
void card_resume(struct card *card);
/* Where it stands among others, from left to right: as on the command line, then as in the device. */
uint32_t card_rank(const struct card *card, const struct waybuf_kms_connector *connector);

#endif
