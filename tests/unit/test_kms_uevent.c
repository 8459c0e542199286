/* SPDX-License-Identifier: MIT */
#include <sys/sysmacros.h>

#include "harness.h"
#include "kms/uevent.h"

#define PARSE(text) waybuf_kms_uevent_parse(text, sizeof(text), makedev(226, 1))
#define OF_CARD1 "SUBSYSTEM=drm\0MAJOR=226\0MINOR=1\0DEVNAME=dri/card1\0DEVTYPE=drm_minor"

TEST(what_the_kernel_says)
{
	ck_assert_int_eq(PARSE("change@/devices/x\0ACTION=change\0HOTPLUG=1\0" OF_CARD1),
		WAYBUF_KMS_UEVENT_HOTPLUG);
	ck_assert_int_eq(
		PARSE("remove@/devices/x\0ACTION=remove\0" OF_CARD1), WAYBUF_KMS_UEVENT_REMOVED);
	/* a lease, a driver that is bound */
	ck_assert_int_eq(PARSE("change@/devices/x\0ACTION=change\0LEASE=1\0" OF_CARD1),
		WAYBUF_KMS_UEVENT_NONE);
	/* another device, another kind of thing */
	ck_assert_int_eq(PARSE("change@/devices/x\0ACTION=change\0HOTPLUG=1\0SUBSYSTEM=drm\0"
			       "MAJOR=226\0MINOR=11\0DEVTYPE=drm_minor"),
		WAYBUF_KMS_UEVENT_NONE);
	ck_assert_int_eq(
		PARSE("remove@/devices/x\0ACTION=remove\0SUBSYSTEM=drm\0MAJOR=226\0MINOR=1\0"
		      "DEVTYPE=drm_connector"),
		WAYBUF_KMS_UEVENT_NONE);
}

TEST(what_is_no_message)
{
	static const char open[] = {'S', 'U', 'B'};
	ck_assert_int_eq(waybuf_kms_uevent_parse(open, sizeof(open), 0), WAYBUF_KMS_UEVENT_NONE);
	ck_assert_int_eq(waybuf_kms_uevent_parse("", 0, 0), WAYBUF_KMS_UEVENT_NONE);
	ck_assert_int_eq(PARSE(""), WAYBUF_KMS_UEVENT_NONE);
	ck_assert_int_eq(PARSE("\0\0\0="), WAYBUF_KMS_UEVENT_NONE);
}

TEST_MAIN("kms-uevent")
