/* SPDX-License-Identifier: MIT */
#ifndef KMS_ASSIGN_H
#define KMS_ASSIGN_H

#include "kms/state.h"

/*
 * Which layer of a picture goes on which plane.
 *
 * What is on no plane is composed into one image of the whole CRTC, which the primary plane shows
 * below all others. From that follows what may be on a plane at all: only what nothing composed
 * covers, and of two layers that overlap the upper one needs the upper plane. If in the end one
 * layer is left, and fills the CRTC, the primary plane shows that instead, and nothing is composed.
 *
 *	layers, the topmost first	planes, the topmost first	answer
 *	 menu (dma-buf)			 cursor, 64 x 64 at most	 menu -> overlay 2
 *	 video (dma-buf)		 overlay 2			 video -> overlay 1
 *	 window (shm, fills all)	 overlay 1			 window composed -> primary
 *					 primary
 *
 * Planes are stacked by their zpos where it is known, else as the kernel lists them: primary,
 * overlays, cursor. No zpos is changed, and planes below the primary one are left alone, because an
 * image with a hole in it would have to be composed above them. A plane that could be on several
 * CRTCs belongs to the one that it is on, until that has taken it off.
 *
 * The search is greedy, from the topmost layer down. First the answer is made as if every plane
 * took everything, and tested once; that is all where planes are as good as vkms's. If the device
 * refuses it, layers are added one by one, each tested on plane after plane, until the tests are
 * used up. Whatever is refused keeps the reason. An answer is good for the next picture, too, as
 * long as layers of the same kinds are at the same places, and then there is no test at all: the
 * commit itself is the test, and whoever is refused calls waybuf_kms_assigner_forget().
 */

/* One layer, and what became of it. */
struct waybuf_kms_place {
	/* fb NULL: it has to be composed, and reason and why are the caller's */
	struct waybuf_kms_layer layer;
	bool opaque; /* hides all that is below it */

	/* the answer: NULL is composed */
	struct waybuf_kms_plane *plane;
	/* why it is composed; NULL: it is not. Static; @why has details */
	const char *reason;
	struct waybuf_kms_why why;
};

/* The layers of a CRTC, the topmost first. */
struct waybuf_kms_picture {
	struct waybuf_kms_device *device;
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_plane *primary;
	uint32_t width, height; /* of the CRTC */
	struct waybuf_kms_place *places; /* borrowed */
	uint32_t n_places;
};

/* Layers below so many others are composed. */
#define WAYBUF_KMS_MOST_PLACES 64

/* Commits that may be tested for one picture. */
#define WAYBUF_KMS_ASSIGN_TESTS 16

struct waybuf_kms_assigner;

struct waybuf_kms_assigner_ops {
	/* 0, or the errno with which the device refuses the places as they are */
	int (*test)(
		void *data, const struct waybuf_kms_picture *picture, struct waybuf_kms_why *why);
};

/* @ops and @data are borrowed until destroy. -ENOMEM. */
int waybuf_kms_assigner_create(
	const struct waybuf_kms_assigner_ops *ops, void *data, struct waybuf_kms_assigner **out);
/* NULL is a no-op. */
void waybuf_kms_assigner_destroy(struct waybuf_kms_assigner *assigner);

/*
 * Fills in the answer for every place. True: the primary plane shows a layer, and nothing is
 * composed. At most WAYBUF_KMS_ASSIGN_TESTS tests.
 */
bool waybuf_kms_assign(struct waybuf_kms_assigner *assigner, struct waybuf_kms_picture *picture);

/* The last answer is worth nothing: the device has refused it, or has changed. */
void waybuf_kms_assigner_forget(struct waybuf_kms_assigner *assigner);

struct waybuf_kms_assign_stats {
	uint64_t tests; /* commits that were tested */
	uint64_t reused; /* pictures that needed none */
};

struct waybuf_kms_assign_stats waybuf_kms_assigner_stats(
	const struct waybuf_kms_assigner *assigner);

/*
 * Puts an answer into a state: each layer on its plane, every other plane of the CRTC off, and
 * @composed (NULL: the primary plane has a layer) on the primary one. What is there already stays
 * untouched. As waybuf_kms_state_set_plane().
 */
int waybuf_kms_picture_set(struct waybuf_kms_state *state, const struct waybuf_kms_picture *picture,
	struct waybuf_kms_fb *composed, struct waybuf_kms_why *why);

#endif
