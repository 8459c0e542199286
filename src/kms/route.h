/* SPDX-License-Identifier: MIT */
#ifndef KMS_ROUTE_H
#define KMS_ROUTE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Which connector is driven by which CRTC, for as many of them as possible.
 *
 * A connector can be driven by some of the CRTCs only, so that whoever gives each the first one that
 * is free may leave one without, though there would be one for all:
 *
 *	connector	possible CRTCs		first that is free	here
 *	DP-1		0 and 1			0			1
 *	DSI-1		0			none			0
 *
 * This is a matching by augmenting paths: n searches of at most n x 32 steps. Connectors that come
 * first are served first; one that has a CRTC never loses it to a later one, only moves to another.
 */

#define WAYBUF_KMS_MOST_ROUTES 32
#define WAYBUF_KMS_NO_ROUTE UINT32_MAX

/*
 * @possible has the CRTCs of each of @n connectors (WAYBUF_KMS_MOST_ROUTES at most), a bit each;
 * @taken those that are somebody else's. crtcs[i] becomes the index of a CRTC, or
 * WAYBUF_KMS_NO_ROUTE. How many have one.
 */
size_t waybuf_kms_route(const uint32_t possible[], size_t n, uint32_t taken, uint32_t crtcs[]);

#endif
