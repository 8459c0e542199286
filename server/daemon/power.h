/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_POWER_H
#define DAEMON_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "output.h"

/*
 * Displays that are switched off, and on again (DPMS).
 *
 *	off	no scene is made any more. When what is under way is over, the CRTC is put to sleep with
 *		all that it has (kms/state.h), so that to wake it cannot be refused. The scene that was
 *		shown last stays, as its buffers are on the planes: their release is the flip of the
 *		commit that wakes it. Commits of clients are gated and become current as ever, so that
 *		what they supersede is released, and the newest is shown at once later. Frame
 *		callbacks wait: nobody sees the frames, and there is no timer that would answer them.
 *		Feedbacks are discarded. Windows are told that they are suspended
 *	on	a repaint as any other, whose commit wakes the CRTC as well
 *
 * Both commits block, as a modeset may need what other CRTCs have, whose commits would fail
 * meanwhile. One that is refused is tried again each second.
 *
 * An output may be off for two reasons, and is on when it has neither: somebody has said so
 * (waybufctl power), or there was no input for a while (--idle-off). They belong to a display by its
 * name, because many displays disconnect when they see no signal, and connect again a moment later:
 * one that was off is off then, too, and is not even lit for a moment, which would go on for ever.
 */
enum power_reason {
	POWER_COMMAND = 1 << 0,
	POWER_IDLE = 1 << 1,
};

/* Switches it off, for one reason more; and on, as far as those @reasons are concerned. */
void power_off(struct output *output, enum power_reason reason);
void power_on(struct output *output, uint32_t reasons);

void power_off_idle(struct daemon *daemon);
/* Also those that may come back. True: one that is there was off, and is on. */
bool power_on_idle(struct daemon *daemon);

/*
 * What waybuf_monitor_v1.set_power asks for; @name NULL: of all. 0, also for one by its name that has
 * disconnected when it was off, and will be on; -ENOENT: there is no such output; -ENODEV: its device
 * is gone, or that of all.
 */
int power_command(void *data, const char *name, bool on);

/* OUTPUT_OFF or OUTPUT_LIT: what it is if nothing else is wrong. */
enum output_dark power_dark(const struct output *output);
/* Nothing but that it is switched off keeps the output dark; who waited for that to end is told. */
void power_lift(struct output *output);
/* The same, and it is shown on again, or goes to sleep. */
void power_resume(struct output *output);
/* Something that was under way is over: it may be put to sleep. */
void power_settle(struct output *output);
/* A second after what was refused, if it was. */
void power_retry(struct output *output);

/* Its display is unplugged; one of that name is about to be lit; and is, or sleeps. */
void power_remember(struct output *output);
void power_recall(struct output *output);
void power_plugged(struct output *output);

#endif
