/* SPDX-License-Identifier: MIT */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include <waybuf/buffer.h>
#include <waybuf/cpu_access.h>

/*
 * A whole life of a buffer: declared, backed, drawn on, waited for, shown, migrated, and another one
 * imported. For sweeps that let something else fail each time. Start with zeroes but for what the
 * comments name.
 */
struct story {
	int drm_fd; /* for exporters that want one; 0: none */
	uint64_t stride; /* a multiple that the newcomer wants; 0: one that makes memory move */

	struct waybuf_manager *manager;
	struct waybuf_account *account;
	struct waybuf_pool *pool;
	struct waybuf_attachment *attachments[2];
	struct waybuf_view *view;
	struct waybuf_claim *claim;
	struct waybuf_buffer *imported;
	struct waybuf_cpu *cpu;
	struct waybuf_timeline *timeline;
	unsigned answers, grants, decisions, acceptances;
	int memory; /* storage is there */
};

/* Called before the harness is: whatever was to fail fails no more. */
extern void (*story_disarm)(void);

/* As far as it gets; true if to the end. That somebody is told of a failure is checked. */
bool story_tell(struct story *story);
/* Takes down whatever is there, and checks that the account is empty. */
void story_end(struct story *story);

#endif
