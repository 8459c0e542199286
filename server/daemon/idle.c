/* SPDX-License-Identifier: MIT */
#include "idle.h"

#include <limits.h>

#include "daemon.h"
#include "idle_v1.h"
#include "power.h"
#include "util/clock.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t due_ms(const struct idle_watch *watch)
{
	const struct idle *idle = &watch->daemon->idle;
	uint64_t since = later(watch->since_ms, idle->active_ms);
	if (!watch->input_only)
		since = later(since, idle->inhibited_ms);
	return since + watch->timeout_ms;
}

/* libwayland counts in an int: what is left after that is for the next time. */
static void arm(struct idle_watch *watch, uint64_t now)
{
	uint64_t due = due_ms(watch), left = due > now ? due - now : 1;
	waybuf_source_arm(watch->timer, left < INT_MAX ? (uint32_t)left : INT_MAX);
}

static void set_idle(struct idle_watch *watch, bool is_idle)
{
	if (watch->is_idle == is_idle)
		return;
	struct idle *idle = &watch->daemon->idle;
	watch->is_idle = is_idle;
	wl_list_remove(&watch->link);
	wl_list_insert(is_idle ? &idle->asleep : &idle->watches, &watch->link);
	watch->changed(watch);
}

static void handle_timer(void *data)
{
	struct idle_watch *watch = data;
	uint64_t now = clock_now_ms();
	/* the end of that arms it again */
	if (watch->is_idle || (watch->daemon->idle.inhibited && !watch->input_only))
		return;
	if (now < due_ms(watch))
		arm(watch, now);
	else
		set_idle(watch, true);
}

int idle_watch_init(struct idle_watch *watch)
{
	int error = 0;
	watch->timer = waybuf_loop_add_timer(watch->daemon->loop, handle_timer, watch, &error);
	if (!watch->timer)
		return error;
	watch->since_ms = clock_now_ms();
	wl_list_insert(&watch->daemon->idle.watches, &watch->link);
	arm(watch, watch->since_ms);
	return 0;
}

void idle_watch_finish(struct idle_watch *watch)
{
	if (!watch->timer)
		return;
	wl_list_remove(&watch->link);
	waybuf_source_remove(watch->timer);
	watch->timer = NULL;
}

static void resume_watches(struct idle *idle, uint64_t now)
{
	struct idle_watch *watch, *tmp;
	wl_list_for_each_safe(watch, tmp, &idle->asleep, link) {
		set_idle(watch, false);
		arm(watch, now);
	}
}

bool idle_activity(struct daemon *daemon)
{
	struct idle *idle = &daemon->idle;
	bool off = idle->displays_off;
	idle->active_ms = clock_now_ms();
	resume_watches(idle, idle->active_ms);
	idle->displays_off = false;
	return off && power_on_idle(daemon);
}

/* ---- surfaces that are to be watched without input ----------------------------------------- */

void idle_inhibitors_changed(struct daemon *daemon)
{
	struct idle *idle = &daemon->idle;
	struct idle_watch *watch;
	bool was = idle->inhibited;
	if (!was && wl_list_empty(&idle->inhibitors))
		return;
	idle->inhibited = idle_is_inhibited(daemon);
	if (!was || idle->inhibited)
		return;
	idle->inhibited_ms = clock_now_ms();
	wl_list_for_each(watch, &idle->watches, link)
		if (!watch->input_only)
			arm(watch, idle->inhibited_ms);
}

void idle_inhibit(struct daemon *daemon)
{
	daemon->idle.inhibited = true;
}

/* ---- --idle-off ---------------------------------------------------------------------------- */

/* That there is input again is for idle_activity(), also where they were switched on meanwhile. */
static void handle_displays(struct idle_watch *watch)
{
	if (!watch->is_idle)
		return;
	watch->daemon->idle.displays_off = true;
	power_off_idle(watch->daemon);
}

void idle_restart_displays(struct daemon *daemon)
{
	struct idle_watch *watch = &daemon->idle.displays;
	if (!watch->timer)
		return;
	watch->since_ms = clock_now_ms();
	set_idle(watch, false);
	arm(watch, watch->since_ms);
}

void idle_init(struct daemon *daemon)
{
	wl_list_init(&daemon->idle.watches);
	wl_list_init(&daemon->idle.asleep);
	wl_list_init(&daemon->idle.inhibitors);
	daemon->idle.active_ms = clock_now_ms();
}

bool idle_start(struct daemon *daemon)
{
	struct idle_watch *watch = &daemon->idle.displays;
	if (!daemon->options->idle_off_s)
		return true;
	*watch = (struct idle_watch){
		.daemon = daemon,
		.timeout_ms = daemon->options->idle_off_s * 1000,
		.changed = handle_displays,
	};
	return idle_watch_init(watch) == 0;
}

void idle_finish(struct daemon *daemon)
{
	idle_watch_finish(&daemon->idle.displays);
}
