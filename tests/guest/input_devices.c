/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "harness.h"
#include "input_devices.h"

static void declare(int fd, unsigned long request, int value)
{
	ck_assert_int_eq(ioctl(fd, request, value), 0);
}

static void declare_mouse(int fd)
{
	static const int axes[] = {REL_X, REL_Y, REL_WHEEL, REL_WHEEL_HI_RES};
	declare(fd, UI_SET_EVBIT, EV_KEY);
	declare(fd, UI_SET_KEYBIT, BTN_LEFT);
	declare(fd, UI_SET_KEYBIT, BTN_RIGHT);
	declare(fd, UI_SET_EVBIT, EV_REL);
	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++)
		declare(fd, UI_SET_RELBIT, axes[i]);
}

static void declare_keyboard(int fd)
{
	declare(fd, UI_SET_EVBIT, EV_KEY);
	for (int key = KEY_ESC; key <= KEY_F10; key++)
		declare(fd, UI_SET_KEYBIT, key);
}

static void declare_touch_screen(int fd)
{
	static const int axes[] = {ABS_X, ABS_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID, ABS_MT_POSITION_X,
		ABS_MT_POSITION_Y};
	declare(fd, UI_SET_EVBIT, EV_KEY);
	declare(fd, UI_SET_KEYBIT, BTN_TOUCH);
	declare(fd, UI_SET_EVBIT, EV_ABS);
	declare(fd, UI_SET_PROPBIT, INPUT_PROP_DIRECT);
	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
		struct uinput_abs_setup setup = {.code = (uint16_t)axes[i]};
		setup.absinfo.maximum = axes[i] == ABS_MT_SLOT ? 4 : INPUT_TOUCH_MAX;
		setup.absinfo.resolution = 10;
		ck_assert_int_eq(ioctl(fd, UI_ABS_SETUP, &setup), 0);
	}
}

/* The number of the event node, as udev names devices. */
static dev_t find_node(int fd, char node[32])
{
	char name[64], path[320];
	unsigned number = 0, major_number = 0, minor_number = 0;
	ck_assert_int_gt(ioctl(fd, UI_GET_SYSNAME(sizeof(name)), name), 0);
	snprintf(path, sizeof(path), "/sys/devices/virtual/input/%s", name);
	DIR *folder = opendir(path);
	ck_assert_ptr_nonnull(folder);
	const struct dirent *entry;
	while ((entry = readdir(folder)) && sscanf(entry->d_name, "event%u", &number) != 1)
		continue;
	closedir(folder);
	snprintf(node, 32, "/dev/input/event%u", number);
	snprintf(path, sizeof(path), "/sys/devices/virtual/input/%s/event%u/dev", name, number);
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%u:%u", &major_number, &minor_number), 2);
	fclose(file);
	return makedev(major_number, minor_number);
}

/* As udevd would. */
static void tell_udev(struct input_device *device, enum input_kind kind)
{
	static const char *const tags[] = {
		[INPUT_MOUSE] = "ID_INPUT_MOUSE",
		[INPUT_KEYBOARD] = "ID_INPUT_KEYBOARD",
		[INPUT_TOUCH_SCREEN] = "ID_INPUT_TOUCHSCREEN",
	};
	char node[32];
	dev_t dev = find_node(device->fd, node);
	mkdir("/dev/input", 0755);
	if (mknod(node, S_IFCHR | 0600, dev) < 0)
		ck_assert_int_eq(errno, EEXIST);
	mkdir("/run/udev", 0755);
	mkdir("/run/udev/data", 0755);
	snprintf(device->record, sizeof(device->record), "/run/udev/data/c%u:%u", major(dev),
		minor(dev));
	FILE *file = fopen(device->record, "we");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "I:1\nE:ID_INPUT=1\nE:%s=1\nV:1\n", tags[kind]);
	fclose(file);
}

void input_device_init(struct input_device *device, enum input_kind kind)
{
	struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL, .vendor = 1, .product = 1}};
	device->fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	if (device->fd < 0)
		SKIP("no input devices can be made: /dev/uinput: %s", strerror(errno));
	if (kind == INPUT_MOUSE)
		declare_mouse(device->fd);
	else if (kind == INPUT_KEYBOARD)
		declare_keyboard(device->fd);
	else
		declare_touch_screen(device->fd);
	snprintf(setup.name, sizeof(setup.name), "test device %d", kind);
	ck_assert_int_eq(ioctl(device->fd, UI_DEV_SETUP, &setup), 0);
	ck_assert_int_eq(ioctl(device->fd, UI_DEV_CREATE), 0);
	tell_udev(device, kind);
}

void input_device_finish(struct input_device *device)
{
	unlink(device->record);
	close(device->fd);
}

void input_device_send(struct input_device *device, uint16_t type, uint16_t code, int32_t value)
{
	const struct input_event event = {.type = type, .code = code, .value = value};
	ck_assert_int_eq(write(device->fd, &event, sizeof(event)), (int)sizeof(event));
}

void input_device_sync(struct input_device *device)
{
	input_device_send(device, EV_SYN, SYN_REPORT, 0);
}
