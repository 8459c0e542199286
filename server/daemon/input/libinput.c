/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <libinput.h>
#include <libudev.h>
#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../session.h"
#include "seat.h"
#include "source.h"
#include "util/log.h"

struct input_source {
	struct seat *seat;
	struct udev *udev;
	struct libinput *libinput;
	struct wl_event_source *readable;
	struct seat_devices devices;
};

static int open_restricted(const char *path, int flags, void *data)
{
	const struct input_source *source = data;
	int fd = session_open(source->seat->daemon->session, path, flags);
	if (fd < 0)
		waybuf_info("the input device %s cannot be opened: error %d", path, -fd);
	return fd;
}

static void close_restricted(int fd, void *data)
{
	const struct input_source *source = data;
	session_close(source->seat->daemon->session, fd);
}

static const struct libinput_interface interface = {
	.open_restricted = open_restricted,
	.close_restricted = close_restricted,
};

static void count(struct input_source *source, struct libinput_device *device, int by)
{
	const struct {
		enum libinput_device_capability capability;
		unsigned *n;
	} kinds[] = {
		{LIBINPUT_DEVICE_CAP_POINTER, &source->devices.pointers},
		{LIBINPUT_DEVICE_CAP_KEYBOARD, &source->devices.keyboards},
		{LIBINPUT_DEVICE_CAP_TOUCH, &source->devices.touches},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (libinput_device_has_capability(device, kinds[i].capability))
			*kinds[i].n += (unsigned)by;
	waybuf_info("the input device %s has %s", libinput_device_get_name(device),
		by > 0 ? "come" : "gone");
	seat_set_devices(source->seat, &source->devices);
}

/* ---- the pointer --------------------------------------------------------------------------- */

static void moved(struct seat *seat, struct libinput_event_pointer *event)
{
	seat_move(seat, libinput_event_pointer_get_time(event),
		libinput_event_pointer_get_dx(event), libinput_event_pointer_get_dy(event));
	seat_pointer_frame(seat);
}

static void moved_to(struct seat *seat, struct libinput_event_pointer *event)
{
	seat_move_to(seat, libinput_event_pointer_get_time(event),
		libinput_event_pointer_get_absolute_x_transformed(event, 1),
		libinput_event_pointer_get_absolute_y_transformed(event, 1));
	seat_pointer_frame(seat);
}

static void button(struct seat *seat, struct libinput_event_pointer *event)
{
	seat_button(seat, libinput_event_pointer_get_time(event),
		libinput_event_pointer_get_button(event),
		libinput_event_pointer_get_button_state(event) == LIBINPUT_BUTTON_STATE_PRESSED);
	seat_pointer_frame(seat);
}

static void scroll(struct seat *seat, struct libinput_event_pointer *event, uint32_t source)
{
	static const struct {
		enum libinput_pointer_axis theirs;
		uint32_t ours;
	} axes[] = {
		{LIBINPUT_POINTER_AXIS_SCROLL_VERTICAL, WL_POINTER_AXIS_VERTICAL_SCROLL},
		{LIBINPUT_POINTER_AXIS_SCROLL_HORIZONTAL, WL_POINTER_AXIS_HORIZONTAL_SCROLL},
	};
	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
		if (!libinput_event_pointer_has_axis(event, axes[i].theirs))
			continue;
		struct seat_axis axis = {.axis = axes[i].ours, .source = source};
		axis.value = libinput_event_pointer_get_scroll_value(event, axes[i].theirs);
		if (source == WL_POINTER_AXIS_SOURCE_WHEEL)
			axis.value120 = (int32_t)libinput_event_pointer_get_scroll_value_v120(
				event, axes[i].theirs);
		seat_scroll(seat, libinput_event_pointer_get_time(event), &axis);
	}
	seat_pointer_frame(seat);
}

/* ---- all of them --------------------------------------------------------------------------- */

static void handle_pointer(
	struct seat *seat, enum libinput_event_type type, struct libinput_event_pointer *event)
{
	switch (type) {
	case LIBINPUT_EVENT_POINTER_MOTION:
		moved(seat, event);
		break;
	case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
		moved_to(seat, event);
		break;
	case LIBINPUT_EVENT_POINTER_BUTTON:
		button(seat, event);
		break;
	case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
		scroll(seat, event, WL_POINTER_AXIS_SOURCE_WHEEL);
		break;
	case LIBINPUT_EVENT_POINTER_SCROLL_FINGER:
		scroll(seat, event, WL_POINTER_AXIS_SOURCE_FINGER);
		break;
	case LIBINPUT_EVENT_POINTER_SCROLL_CONTINUOUS:
		scroll(seat, event, WL_POINTER_AXIS_SOURCE_CONTINUOUS);
		break;
	default:
		break;
	}
}

static void handle_touch(
	struct seat *seat, enum libinput_event_type type, struct libinput_event_touch *event)
{
	uint32_t ms = libinput_event_touch_get_time(event);
	switch (type) {
	case LIBINPUT_EVENT_TOUCH_DOWN:
		seat_touch_down(seat, ms, libinput_event_touch_get_seat_slot(event),
			libinput_event_touch_get_x_transformed(event, 1),
			libinput_event_touch_get_y_transformed(event, 1));
		break;
	case LIBINPUT_EVENT_TOUCH_MOTION:
		seat_touch_move(seat, ms, libinput_event_touch_get_seat_slot(event),
			libinput_event_touch_get_x_transformed(event, 1),
			libinput_event_touch_get_y_transformed(event, 1));
		break;
	case LIBINPUT_EVENT_TOUCH_UP:
		seat_touch_up(seat, ms, libinput_event_touch_get_seat_slot(event));
		break;
	case LIBINPUT_EVENT_TOUCH_CANCEL:
		seat_touch_cancel(seat);
		break;
	default:
		seat_touch_frame(seat);
		break;
	}
}

static void handle_key(struct seat *seat, struct libinput_event_keyboard *event)
{
	seat_key(seat, libinput_event_keyboard_get_time(event),
		libinput_event_keyboard_get_key(event),
		libinput_event_keyboard_get_key_state(event) == LIBINPUT_KEY_STATE_PRESSED);
}

static void handle(struct input_source *source, struct libinput_event *event)
{
	enum libinput_event_type type = libinput_event_get_type(event);
	if (type == LIBINPUT_EVENT_DEVICE_ADDED)
		count(source, libinput_event_get_device(event), 1);
	else if (type == LIBINPUT_EVENT_DEVICE_REMOVED)
		count(source, libinput_event_get_device(event), -1);
	else if (type == LIBINPUT_EVENT_KEYBOARD_KEY)
		handle_key(source->seat, libinput_event_get_keyboard_event(event));
	else if (type >= LIBINPUT_EVENT_TOUCH_DOWN && type <= LIBINPUT_EVENT_TOUCH_FRAME)
		handle_touch(source->seat, type, libinput_event_get_touch_event(event));
	else if (type >= LIBINPUT_EVENT_POINTER_MOTION && type < LIBINPUT_EVENT_TOUCH_DOWN)
		handle_pointer(source->seat, type, libinput_event_get_pointer_event(event));
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct input_source *source = data;
	struct libinput_event *event;
	int ret = libinput_dispatch(source->libinput);
	if (ret < 0)
		waybuf_error("input devices cannot be read: error %d", -ret);
	while ((event = libinput_get_event(source->libinput))) {
		handle(source, event);
		libinput_event_destroy(event);
	}
	return 0;
}

/* The devices go, as far as anybody knows. */
static void source_pause(struct input_source *source)
{
	libinput_suspend(source->libinput);
	handle_readable(-1, 0, source);
}

static void source_resume(struct input_source *source)
{
	if (libinput_resume(source->libinput) < 0)
		waybuf_error("input devices cannot be opened again");
	handle_readable(-1, 0, source);
}

static void source_destroy(struct input_source *source)
{
	if (!source)
		return;
	if (source->readable)
		wl_event_source_remove(source->readable);
	libinput_unref(source->libinput);
	udev_unref(source->udev);
	free(source);
}

static int start(struct input_source *source)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(source->seat->daemon->display);
	source->udev = udev_new();
	if (!source->udev)
		return -ENOMEM;
	source->libinput = libinput_udev_create_context(&interface, source, source->udev);
	if (!source->libinput)
		return -ENOMEM;
	if (libinput_udev_assign_seat(source->libinput, "seat0") < 0)
		return -ENODEV;
	source->readable = wl_event_loop_add_fd(loop, libinput_get_fd(source->libinput),
		WL_EVENT_READABLE, handle_readable, source);
	if (!source->readable)
		return -ENOMEM;
	/* the devices that are there are told now, before the first client asks */
	return handle_readable(-1, 0, source);
}

static int source_create(struct seat *seat, struct input_source **out)
{
	struct input_source *source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->seat = seat;
	int ret = start(source);
	if (ret < 0)
		source_destroy(source);
	else
		*out = source;
	return ret;
}

const struct input_source_ops input_source_libinput = {
	.name = "libinput",
	.create = source_create,
	.pause = source_pause,
	.resume = source_resume,
	.destroy = source_destroy,
};
