/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "linux-drm-syncobj-v1-server-protocol.h"
#include "syncobj.h"
#include "util/fd.h"
#include "util/log.h"

/*
 * Timelines. An fd that is no timeline is the client's mistake, and the protocol has an error for
 * it. That we have no memory for a good one, or that the client has too many, is not: then the fd
 * is kept, the import tried again when a point is used, and if that fails, too, only that commit
 * loses its content.
 */
struct syncobj_timeline {
	unsigned refs; /* the resource, and each point that was set */
	struct waybuf_server_syncobj *owner; /* referenced */
	struct waybuf_account *account; /* charged; NULL: not */
	struct waybuf_syncobj *syncobj; /* NULL: could not be imported yet */
	int fd; /* to try again; -1: imported, or given up */
	int error; /* why it was given up */
};

/* Without a payer its points are not to be watched: then it is not imported. */
static int pay(struct syncobj_timeline *timeline)
{
	int ret = watch_debts_pay(timeline->owner, timeline->account, timeline->syncobj);
	if (ret < 0) {
		waybuf_syncobj_unref(timeline->syncobj);
		timeline->syncobj = NULL;
	}
	return ret;
}

static int import(struct syncobj_timeline *timeline)
{
	int ret = waybuf_syncobj_import(timeline->owner->device, timeline->fd, &timeline->syncobj);
	if (ret == 0 && timeline->account)
		ret = pay(timeline);
	if (ret == 0)
		fd_close(&timeline->fd);
	return ret;
}

struct syncobj_timeline *syncobj_timeline_ref(struct syncobj_timeline *timeline)
{
	timeline->refs++;
	return timeline;
}

void syncobj_timeline_unref(struct syncobj_timeline *timeline)
{
	if (!timeline || --timeline->refs > 0)
		return;
	waybuf_syncobj_unref(timeline->syncobj);
	server_syncobj_unref(timeline->owner);
	if (timeline->account) {
		waybuf_account_discharge(timeline->account, WAYBUF_RESOURCE_POINTS, 1);
		waybuf_account_unref(timeline->account);
	}
	fd_close(&timeline->fd);
	free(timeline);
}

int syncobj_timeline_get(struct syncobj_timeline *timeline, struct waybuf_syncobj **out)
{
	int ret = timeline->error;
	if (ret == 0 && !timeline->syncobj)
		ret = import(timeline);
	if (ret == 0)
		*out = timeline->syncobj;
	return ret;
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wp_linux_drm_syncobj_timeline_v1_interface timeline_impl = {
	.destroy = handle_destroy,
};

struct syncobj_timeline *syncobj_timeline_from_resource(struct wl_resource *resource)
{
	if (!wl_resource_instance_of(
		    resource, &wp_linux_drm_syncobj_timeline_v1_interface, &timeline_impl))
		return NULL;
	return wl_resource_get_user_data(resource);
}

static void resource_destroyed(struct wl_resource *resource)
{
	syncobj_timeline_unref(wl_resource_get_user_data(resource));
}

static struct syncobj_timeline *timeline_alloc(struct waybuf_server_syncobj *syncobj, int fd)
{
	struct syncobj_timeline *timeline = calloc(1, sizeof(*timeline));
	if (!timeline) {
		fd_close(&fd);
		return NULL;
	}
	timeline->refs = 1;
	timeline->owner = server_syncobj_ref(syncobj);
	timeline->fd = fd;
	return timeline;
}

/*
 * Timelines cost kernel memory that is nobody's, so they count as what they are for. One too many
 * is given up, and the client told when it uses it.
 */
static void charge(struct syncobj_timeline *timeline, struct waybuf_server_syncobj *syncobj,
	struct wl_client *client)
{
	if (!syncobj->server)
		return;
	struct waybuf_account *account = waybuf_server_client_account(syncobj->server, client);
	timeline->error =
		account ? waybuf_account_charge(account, WAYBUF_RESOURCE_POINTS, 1) : -ENOMEM;
	if (timeline->error == 0) {
		timeline->account = waybuf_account_ref(account);
		timeline->error = timeline->syncobj ? pay(timeline) : 0;
	}
	if (timeline->error == 0)
		return;
	/* a quota is the client's own affair, and said as often as it likes it would fill the log */
	if (timeline->error != -EDQUOT)
		waybuf_error("a timeline is given up: %s", strerror(-timeline->error));
	waybuf_syncobj_unref(timeline->syncobj);
	timeline->syncobj = NULL;
	fd_close(&timeline->fd);
}

int syncobj_timeline_create(struct waybuf_server_syncobj *syncobj, struct wl_client *client,
	uint32_t version, uint32_t id, int fd)
{
	struct syncobj_timeline *timeline = timeline_alloc(syncobj, fd);
	if (!timeline)
		return -ENOMEM;
	int ret = import(timeline);
	/* the kernel's only word for "this is not a syncobj" */
	if (ret == -EINVAL) {
		syncobj_timeline_unref(timeline);
		return -EPROTO;
	}
	if (ret < 0)
		waybuf_error("a timeline cannot be imported: %s", strerror(-ret));
	charge(timeline, syncobj, client);
	struct wl_resource *resource = wl_resource_create(
		client, &wp_linux_drm_syncobj_timeline_v1_interface, (int)version, id);
	if (!resource) {
		syncobj_timeline_unref(timeline);
		return -ENOMEM;
	}
	wl_resource_set_implementation(resource, &timeline_impl, timeline, resource_destroyed);
	return 0;
}
