/* SPDX-License-Identifier: MIT */
#ifndef KMS_DEVICE_H
#define KMS_DEVICE_H

#include <sys/types.h>

#include "kms/handles.h"
#include "kms/resources.h"
#include "util/list.h"
#include "util/loop.h"

/*
 * A display controller: an open DRM primary node with what it can do and what it consists of.
 *
 * To show something, in this order: waybuf_kms_device_open(WAYBUF_KMS_MASTER), a restore
 * (restore.h), a state (state.h) with an output enabled and framebuffers (fb.h) on planes, and a
 * commit (commit.h). To look only: WAYBUF_KMS_INSPECT, and read the fields below.
 *
 * Nodes are told apart by the device number of the open file, never by drmGetDevice(), which knows
 * nothing about virtual devices (vkms sits on the faux bus).
 */

struct waybuf_kms_state;
struct waybuf_kms_probe_cache;

/* The reason of a refusal, for people: one line, no newline. May be NULL where asked for. */
struct waybuf_kms_why {
	char text[200];
};

struct waybuf_kms_caps {
	bool atomic;
	bool writeback; /* writeback connectors are listed */
	bool modifiers; /* AddFB2 takes them */
	bool prime_import, prime_export;
	bool dumb;
	bool async_flip; /* atomic commits may tear */
	bool syncobj, syncobj_timeline;
	bool monotonic; /* flip times are CLOCK_MONOTONIC */
	uint32_t cursor_width, cursor_height;
};

struct waybuf_kms_device {
	int fd;
	char *path; /* of the node, NULL if it was handed over without one */
	dev_t rdev;
	char *driver, *description; /* as the kernel's driver calls itself; never NULL */
	int version[3];
	struct waybuf_kms_caps caps;
	bool master;
	struct waybuf_gem_handles *handles;
	struct waybuf_kms_resources res;

	/* a sync_file that is signalled, or -1 if none can be had: commit.c gives it to every plane */
	int stub_fence;
	/* what the display is to show since the last commit */
	struct waybuf_kms_state *current;
	/* counts commits and refreshes: a state made before is stale */
	uint64_t serial;
	/* false until a commit has set everything: what is on the display is somebody else's */
	bool known;

	struct waybuf_loop *loop;
	struct waybuf_source *source;
	struct waybuf_source *capture_timer; /* NULL before the first capture */
	struct waybuf_list commits; // waybuf_kms_commit.link
	uintptr_t n_commits; /* with flip events: the id of the newest */
	struct waybuf_kms_probe_cache *probes;
};

enum waybuf_kms_mode {
	/* never master, so that it disturbs nobody; cannot commit, TEST_ONLY included */
	WAYBUF_KMS_INSPECT,
	WAYBUF_KMS_MASTER,
	/*
	 * beside a host that commits on this open file itself: to test, and to make framebuffers
	 * and requests for the host, after waybuf_kms_device_follow(). Whether the file is master
	 * is the host's business, and it sees no capability that it does not expect.
	 */
	WAYBUF_KMS_GUEST,
};

/*
 * Opens @path, or if it is NULL the node that WAYBUF_DRM_DEVICE names, or if that is not set the
 * first one with KMS, a connected output if any has one. 0; -EBUSY: another program holds the
 * display; -ENODEV: there is no device with KMS; -ENOTSUP: this one has no atomic KMS; the errno of
 * open() or of an ioctl; -ENOMEM. @why may be NULL.
 */
int waybuf_kms_device_open(const char *path, enum waybuf_kms_mode mode,
	struct waybuf_kms_device **out, struct waybuf_kms_why *why);

/*
 * The same on an fd that somebody else opened, libseat for example: taken, on failure too. Being
 * master is that somebody's business, and it is only checked.
 */
int waybuf_kms_device_create(int fd, const char *path, enum waybuf_kms_mode mode,
	struct waybuf_kms_device **out, struct waybuf_kms_why *why);

/*
 * Commits that are pending end without a call. What is shown stays, memory and all, until somebody
 * sets something else: whoever does not want that restores first. NULL is a no-op.
 */
void waybuf_kms_device_destroy(struct waybuf_kms_device *device);

/*
 * The nodes that could be KMS devices, "/dev/dri/card0" first, for free() as one block with a NULL
 * at the end. NULL: no memory.
 */
char **waybuf_kms_list_nodes(void);

/* Delivers flip events from @loop (borrowed until destroy). 0 or the loop's error. */
int waybuf_kms_device_watch(struct waybuf_kms_device *device, struct waybuf_loop *loop);

/* Reads the connectors again, after a hotplug; states made before become stale. */
int waybuf_kms_device_refresh(struct waybuf_kms_device *device, bool probe, bool *changed);

/*
 * Forgets what is known about the display, because somebody else was master in between: the next
 * commit sets everything.
 */
void waybuf_kms_device_invalidate(struct waybuf_kms_device *device);

/*
 * Takes over from the kernel what the host of a WAYBUF_KMS_GUEST shows on @crtc: its mode; what the
 * planes show is not asked, and stays out of requests. 0; -ENOTCONN: it is off; -ENOMEM, or the
 * errno of the ioctls.
 */
int waybuf_kms_device_follow(struct waybuf_kms_device *device, struct waybuf_kms_crtc *crtc);

/* Asks the kernel whether we are master, and remembers it. */
bool waybuf_kms_device_check_master(struct waybuf_kms_device *device);

/* By name ("Virtual-1"); NULL if there is none. */
struct waybuf_kms_connector *waybuf_kms_device_find_connector(
	struct waybuf_kms_device *device, const char *name);

void waybuf_kms_why_set(struct waybuf_kms_why *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
