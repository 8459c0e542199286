/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/manager.h"
#include "fence/impl.h"
#include "fence/wait.h"
#include "report.h"
#include "report/json.h"
#include "syncobj.h"
#include "trace/trace.h"
#include "util/log.h"

/*
 * Release points: signalled when everybody who reads the buffer for this commit is done. Never
 * before, as the client would draw into what is on the screen; always once, as it would starve.
 *
 * Each reader holds the point and lets go of it with the fence of its end. When the last one has
 * let go, all fences are known, and go onto the client's timeline as one: its GPU can queue its
 * next frame on that without us. On a screen that is at the displacing commit, before the flip.
 *
 * What can fail must not end in a release too early or in none. Room for the fences is made when a
 * reader comes, which can be refused, not when it goes. Fences that the kernel cannot take, for
 * they are of software, or for want of memory or fds, are waited for here, one after the other,
 * and the point is signalled by the CPU; and if even waiting fails, they are asked again and again.
 */

#define RETRY_MS 10
/* A second of failing to signal: the device is gone, and with it whoever waits on it. */
#define TRIES_MAX 100

struct waybuf_release_point {
	struct waybuf_server *server; /* NULL: destroyed */
	struct waybuf_account *account; /* charged; NULL: not */
	struct waybuf_syncobj *syncobj;
	uint64_t point;
	struct waybuf_trace_event who;
	unsigned readers, tries;
	size_t n_fences, size; /* size: room for every reader that there was */
	struct waybuf_fence **fences;
	struct waybuf_fence_wait wait;
	struct waybuf_deadline retry;
	struct wl_list link; // waybuf_server.release_points
};

static void destroy(struct waybuf_release_point *release)
{
	waybuf_fence_wait_finish(&release->wait);
	waybuf_deadline_cancel(&release->retry);
	while (release->n_fences > 0)
		waybuf_fence_unref(release->fences[--release->n_fences]);
	if (release->account) {
		waybuf_account_discharge(release->account, WAYBUF_RESOURCE_POINTS, 1);
		waybuf_account_unref(release->account);
	}
	waybuf_syncobj_unref(release->syncobj);
	wl_list_remove(&release->link);
	free(release->fences);
	free(release);
}

static void retry_later(struct waybuf_release_point *release)
{
	waybuf_deadline_arm(&release->server->manager->deadlines, &release->retry, RETRY_MS);
}

/* Point 0 has been reached since the timeline was made. */
static void signal_now(struct waybuf_release_point *release)
{
	int ret = release->point ? waybuf_syncobj_signal(release->syncobj, release->point) : 0;
	if (ret < 0 && release->server && ++release->tries < TRIES_MAX) {
		retry_later(release);
		return;
	}
	if (ret < 0)
		waybuf_error("a release point cannot be signalled: %s", strerror(-ret));
	destroy(release);
}

static void go_on(struct waybuf_release_point *release);

static void fence_settled(struct waybuf_fence_wait *wait, int status)
{
	go_on(waybuf_container_of(wait, struct waybuf_release_point, wait));
}

static void handle_retry(struct waybuf_deadline *deadline)
{
	go_on(waybuf_container_of(deadline, struct waybuf_release_point, retry));
}

/* An error, too, means that the reader is done. */
static void drop_settled(struct waybuf_release_point *release)
{
	while (release->n_fences > 0 &&
		waybuf_fence_status(release->fences[release->n_fences - 1]) != 0)
		waybuf_fence_unref(release->fences[--release->n_fences]);
}

/* The way without the kernel. */
static void go_on(struct waybuf_release_point *release)
{
	drop_settled(release);
	if (release->n_fences == 0 || !release->server) {
		signal_now(release);
		return;
	}
	struct waybuf_fence *fence = release->fences[release->n_fences - 1];
	int ret =
		waybuf_fence_wait_add(&release->wait, fence, release->server->loop, fence_settled);
	if (ret != 0)
		retry_later(release);
}

/* 0: the timeline has it. */
static int hand_over(struct waybuf_release_point *release)
{
	struct waybuf_fence *all = NULL;
	int ret = 0;
	/* a merge asks each of them how it is */
	if (release->n_fences == 1)
		all = waybuf_fence_ref(release->fences[0]);
	else
		ret = waybuf_fence_merge(release->fences, release->n_fences, &all);
	if (ret == 0 && release->point > 0)
		ret = waybuf_syncobj_put_fence(release->syncobj, release->point, all);
	waybuf_fence_unref(all);
	return ret;
}

int waybuf_release_point_ref(struct waybuf_release_point *release)
{
	if (release->n_fences + release->readers == release->size) {
		size_t size = release->size * 2;
		struct waybuf_fence **fences =
			reallocarray(release->fences, size, sizeof(struct waybuf_fence *));
		if (!fences)
			return -ENOMEM;
		release->fences = fences;
		release->size = size;
	}
	release->readers++;
	return 0;
}

/*
 * A buffer that stays on a screen while others come and go collects a fence with each flip. Those
 * that have settled must not pile up with their fds.
 */
static void prune(struct waybuf_release_point *release)
{
	size_t n = 0;
	for (size_t i = 0; i < release->n_fences; i++) {
		if (waybuf_fence_status(release->fences[i]) == 0)
			release->fences[n++] = release->fences[i];
		else
			waybuf_fence_unref(release->fences[i]);
	}
	release->n_fences = n;
}

void waybuf_release_point_unref(struct waybuf_release_point *release, struct waybuf_fence *fence)
{
	if (!release)
		return;
	assert(release->readers > 0);
	release->readers--;
	prune(release);
	if (fence && waybuf_fence_known_status(fence) == 0)
		release->fences[release->n_fences++] = waybuf_fence_ref(fence);
	if (release->readers > 0)
		return;
	/* before anything else: a GPU may be waiting to be told */
	bool handed_over = release->n_fences > 0 && hand_over(release) == 0;
	if (release->server)
		waybuf_trace_add(release->server->trace, &release->who);
	if (handed_over)
		destroy(release);
	else
		go_on(release);
}

int release_point_create(struct waybuf_server *server, struct waybuf_account *account,
	struct waybuf_syncobj *syncobj, const struct waybuf_trace_event *who,
	struct waybuf_release_point **out)
{
	struct waybuf_release_point *release = calloc(1, sizeof(*release));
	if (!release)
		return -ENOMEM;
	release->size = 4;
	release->fences = calloc(release->size, sizeof(struct waybuf_fence *));
	int ret = release->fences ? 0 : -ENOMEM;
	if (ret == 0 && account)
		ret = waybuf_account_charge(account, WAYBUF_RESOURCE_POINTS, 1);
	if (ret < 0) {
		free(release->fences);
		free(release);
		return ret;
	}
	release->account = account ? waybuf_account_ref(account) : NULL;
	release->server = server;
	release->syncobj = waybuf_syncobj_ref(syncobj);
	release->point = who->point;
	release->who = *who;
	release->readers = 1;
	waybuf_fence_wait_init(&release->wait);
	waybuf_deadline_init(&release->retry, handle_retry);
	wl_list_insert(&server->release_points, &release->link);
	*out = release;
	return 0;
}

static void report_point(const struct waybuf_release_point *release, struct waybuf_report *report)
{
	char fence[128] = "its timeline", text[192];
	struct json_builder builder;
	if (release->n_fences > 0)
		waybuf_fence_describe(release->fences[release->n_fences - 1], fence, sizeof(fence));
	snprintf(text, sizeof(text), "its release point %" PRIu64 " waits for %s", release->point,
		fence);
	json_begin(&builder);
	json_add_string(&builder, builder.root, "type", "why");
	json_add_number(&builder, builder.root, "pid", (uint64_t)release->who.client);
	json_add_number(&builder, builder.root, "buffer", release->who.buffer);
	json_add_string(&builder, builder.root, "state", text);
	json_add_string(&builder, builder.root, "owed_by", "whoever reads it until then");
	report_add(report, json_finish(&builder));
}

bool release_points_report(
	struct waybuf_server *server, struct waybuf_report *report, uint32_t buffer)
{
	const struct waybuf_release_point *release;
	bool found = false;
	wl_list_for_each(release, &server->release_points, link) {
		if (release->who.buffer != buffer || release->readers > 0)
			continue;
		report_point(release, report);
		found = true;
	}
	return found;
}

void release_points_finish(struct waybuf_server *server)
{
	struct waybuf_release_point *release, *next;
	wl_list_for_each_safe(release, next, &server->release_points, link) {
		release->server = NULL;
		wl_list_remove(&release->link);
		wl_list_init(&release->link);
		if (release->readers == 0) {
			waybuf_deadline_cancel(&release->retry);
			waybuf_fence_wait_cancel(&release->wait);
			signal_now(release);
		}
	}
}
