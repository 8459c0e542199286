/* SPDX-License-Identifier: MIT */
#ifndef KMS_COMMIT_H
#define KMS_COMMIT_H

#include "kms/state.h"

/*
 * Atomic commits: what turns a state into what is seen.
 *
 * - A commit names only what differs from the current state, but every plane that is on a CRTC it
 *   concerns gets an IN_FENCE_FD: drivers pull all of them into the commit, and a plane without an
 *   explicit fence would wait for whatever implicit fence some client left on its buffer. One that
 *   never signals would then stop the CRTC for good. User space has waited already, so the fence
 *   is the device's signalled stub, unless the layer brings one of its own.
 * - One commit at a time per CRTC: until its flip is over, and its capture too if it has one
 *   (WRITEBACK_OUT_FENCE_PTR: a commit before that is undefined behaviour), the next is -EBUSY
 *   without any ioctl, and nothing has been touched.
 * - The out-fence of a commit signals when what it shows is scanned out, which is when the device
 *   has finished reading what it displaced, captures excepted.
 * - The first commit sets the whole device, other CRTCs included, whatever was on it. That is a
 *   blocking commit before the one that was asked for; if this one fails, the screen is as it was.
 */

struct waybuf_kms_flip {
	struct waybuf_kms_crtc *crtc;
	uint32_t sequence; /* of the vblank */
	uint64_t time_ns; /* of the first pixel; CLOCK_MONOTONIC if the device's caps say so */
};

struct waybuf_kms_listener {
	/* once per CRTC of the commit: it is on the screen */
	void (*flipped)(void *data, const struct waybuf_kms_flip *flip);
	/*
	 * once per capture of the commit: 0, or why its contents are undefined. @writing (borrowed):
	 * it was given up, and until this has settled the device may read what was captured, and
	 * write what it was captured into; NULL: it is over. May run before the commit returns, if
	 * that was blocking. May be NULL
	 */
	void (*captured)(
		void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing);
};

struct waybuf_kms_commit_options {
	/* waits for the flip inside the call: for starting and ending, not for the loop */
	bool block;
	/* shows it at once, torn. -EOPNOTSUPP where the device cannot */
	bool async;
	/* asks for out-fences, an fd and a close() each */
	bool out_fences;
	/* borrowed until its last call; wants a device that is watched. NULL: no flip events */
	const struct waybuf_kms_listener *listener;
	void *data;
};

/*
 * By index of the CRTC; -1 where there is none, and for a capture of a commit with a listener when
 * fds have run out: that is watched with the only one. All fds are the caller's.
 */
struct waybuf_kms_commit_result {
	int out_fences[WAYBUF_KMS_MAX_CRTCS];
	int writeback_fences[WAYBUF_KMS_MAX_CRTCS];
};

void waybuf_kms_commit_result_finish(struct waybuf_kms_commit_result *result);

/* Whether the device would take the state (TEST_ONLY). 0 or the errno of the ioctl. */
int waybuf_kms_state_test(struct waybuf_kms_state *state, struct waybuf_kms_why *why);

/*
 * Commits: @state is taken on success, and stays the caller's on failure. @options NULL: blocking.
 * @result may be NULL. 0; -EBUSY: a CRTC has a commit pending, try again when it has flipped or
 * captured; -ESTALE: another state was committed since this was made; -EACCES: master was lost, the
 * session is not ours; -EINVAL: the device refuses it; -EOPNOTSUPP; -ENOMEM; or an errno of the
 * ioctl.
 */
int waybuf_kms_state_commit(struct waybuf_kms_state *state,
	const struct waybuf_kms_commit_options *options, struct waybuf_kms_commit_result *result,
	struct waybuf_kms_why *why);

struct _drmModeAtomicReq;
/*
 * Adds to a host's own @request what puts @layer (borrowed, with a framebuffer) on @plane, and the
 * signalled stub as its fence. @out_fence (NULL: none) is what the commit writes the CRTC's
 * out-fence to. 0 or -ENOMEM.
 */
int waybuf_kms_request_add(struct _drmModeAtomicReq *request, struct waybuf_kms_device *device,
	const struct waybuf_kms_plane *plane, const struct waybuf_kms_crtc *crtc,
	const struct waybuf_kms_layer *layer, int *out_fence);

/* Whether a commit on @crtc would be -EBUSY. */
static inline bool waybuf_kms_crtc_busy(const struct waybuf_kms_crtc *crtc)
{
	return crtc->pending != NULL;
}

/* Whether a flip event of @crtc is waited for. */
bool waybuf_kms_flip_pending(const struct waybuf_kms_crtc *crtc);
/*
 * Waits no longer for the flip event of @crtc: its listener hears nothing of it, though it may come
 * yet. A capture of the same commit is waited for as before. Whether the commit is over is then for
 * the kernel to say, with -EBUSY to the next one.
 */
void waybuf_kms_flip_forget(struct waybuf_kms_crtc *crtc);

/* The listeners of pending commits that were called with @from are called with @to from now on. */
void waybuf_kms_commits_hand_over(struct waybuf_kms_device *device, const void *from, void *to);

/* Forgets all pending commits, without a call: the device goes away. */
void waybuf_kms_commits_abandon(struct waybuf_kms_device *device);

#endif
