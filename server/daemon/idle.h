/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_IDLE_H
#define DAEMON_IDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct daemon;
struct waybuf_source;

/*
 * Whether anybody is there: how long there has been no input, and who wants to know.
 *
 * Input comes a thousand times a second, so that it only notes the time. A timer of a watch that
 * finds that there was some in between is armed again with what is left.
 */
struct idle_watch {
	struct daemon *daemon;
	uint32_t timeout_ms;
	bool input_only; /* surfaces that are to be watched for longer do not matter to it */
	bool is_idle;
	uint64_t since_ms; /* from then on it counts */
	struct waybuf_source *timer;
	struct wl_list link; // idle.watches, or idle.asleep
	void (*changed)(struct idle_watch *watch);
	void *data;
};

struct idle {
	struct wl_list watches; // idle_watch.link: those that count
	struct wl_list asleep; // idle_watch.link: those that are idle
	struct wl_list inhibitors; // by wl_resource_get_link()
	uint64_t active_ms; /* when there was input last */
	bool inhibited; /* a surface is seen that is to be watched without input */
	uint64_t inhibited_ms; /* when that was so last, if it is not */
	struct idle_watch displays; /* of --idle-off; its timer is NULL without */
	bool displays_off; /* since there was no input */
};

void idle_init(struct daemon *daemon);
/* --idle-off. False: no memory. */
bool idle_start(struct daemon *daemon);
void idle_finish(struct daemon *daemon);

/* Takes @watch, which the caller has filled in as far as `input_only`, and `changed`. -ENOMEM. */
int idle_watch_init(struct idle_watch *watch);
/* One that was never made is a no-op. */
void idle_watch_finish(struct idle_watch *watch);

/*
 * There was input, or what is as good as that. True: it has woken the displays, so that whoever did
 * it could not see what they did it to.
 */
bool idle_activity(struct daemon *daemon);
/* Displays are switched on by other means: the time until --idle-off begins anew. */
void idle_restart_displays(struct daemon *daemon);
/* What is seen is something else, or one that may have inhibited is gone. */
void idle_inhibitors_changed(struct daemon *daemon);
/* There is one more that does. */
void idle_inhibit(struct daemon *daemon);

#endif
