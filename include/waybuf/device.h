/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_DEVICE_H
#define WAYBUF_DEVICE_H

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Devices, as clients hear of them. */

/** What a device is for. The numbers are those of the protocol's `device` event. */
enum waybuf_device_kind {
	/** shows images */
	WAYBUF_DEVICE_KMS = 0,
	/** draws them */
	WAYBUF_DEVICE_RENDER = 1,
	/** decodes or encodes them */
	WAYBUF_DEVICE_CODEC = 2,
	/** anything else */
	WAYBUF_DEVICE_OTHER = 3,
};

#ifdef __cplusplus
}
#endif

#endif
