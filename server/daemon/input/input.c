/* SPDX-License-Identifier: MIT */
#include "input.h"
#include "../daemon.h"
#include "seat.h"
#include "source.h"
#include "util/log.h"

bool input_create(struct daemon *daemon)
{
	const struct input_source_ops *ops = &input_source_libinput;
	daemon->seat = seat_create(daemon);
	if (!daemon->seat)
		return false;
	int ret = ops->create(daemon->seat, &daemon->input);
	if (ret < 0)
		waybuf_info("there is no input from %s: error %d", ops->name, -ret);
	return true;
}

void input_pause(struct daemon *daemon)
{
	if (daemon->input)
		input_source_libinput.pause(daemon->input);
}

void input_resume(struct daemon *daemon)
{
	if (daemon->input)
		input_source_libinput.resume(daemon->input);
}

void input_destroy(struct daemon *daemon)
{
	input_source_libinput.destroy(daemon->input);
	seat_destroy(daemon->seat);
}
