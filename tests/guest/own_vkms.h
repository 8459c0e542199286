/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OWN_VKMS_H
#define TESTS_OWN_VKMS_H

#include <stdbool.h>

/*
 * A vkms of a test's own, made through configfs. It has two CRTCs, each with a primary plane, the
 * first with a writeback connector, and an overlay that either can have; and three connectors:
 *
 *	k	the first CRTC	Virtual-N, the first in the device
 *	l	the second one
 *	m	either
 *
 * k is plugged at first, the others are not.
 */

/* The node of a fresh one. Skips where the kernel does not make such. */
const char *own_vkms_make(void);
/* Also what a test that failed has left. */
void own_vkms_unmake(void);
/* @connector is "k", "l" or "m". */
void own_vkms_plug(const char *connector, bool plugged);
/* The device goes, as if it had been pulled out. */
void own_vkms_remove(void);

#endif
