/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_CLIPBOARD_H
#define DAEMON_INPUT_CLIPBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

/*
 * wl_data_device: what one client has copied, and another one pastes; and what is dragged (drag.h).
 * The data goes from client to client through a pipe of theirs; the daemon hands over the fd, and
 * keeps neither.
 *
 * Only who has the keyboard can copy, and is told what there is to paste.
 */

struct clipboard_offer;
struct daemon;
struct drag;
struct seat;

/* Kinds of data that one source can have; who offers more is disconnected with no_memory. */
#define CLIPBOARD_MOST_TYPES 128

/* What a client has to give. */
struct clipboard_source {
	struct wl_resource *resource;
	struct seat *seat;
	char *types[CLIPBOARD_MOST_TYPES];
	unsigned n_types;
	bool used; /* as the selection, or in a drag */
	bool for_drags; /* it has said which actions it can do */
	struct wl_list offers; // clipboard_offer.link

	/* of drags */
	uint32_t actions; /* that it can do */
	uint32_t action; /* agreed on; 0: none */
	struct drag *drag; /* that goes on with it; NULL: none */
	/* what is pointed at has it, or it was dropped on; NULL: none */
	struct clipboard_offer *offer;
};

/* What another client is told of it. */
struct clipboard_offer {
	struct wl_resource *resource;
	struct clipboard_source *source; /* NULL: nothing can be read from it any more */
	struct wl_list link; // clipboard_source.offers

	bool for_drag;
	bool accepted; /* one of the types */
	bool dropped, finished;
	bool asked; /* when it was dropped: the user is asked for the action now */
	uint32_t actions, preferred; /* that the target can do */
};

struct wl_global *clipboard_create_global(struct seat *seat);

/* Another client has the keyboard, or none: what was offered to the last one gives nothing more. */
void clipboard_move(struct seat *seat);
/* @client, which has the keyboard, hears what there is now. */
void clipboard_tell(struct seat *seat, struct wl_client *client);

/* clipboard_source.c */
void clipboard_source_create(
	struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id);
bool clipboard_source_has(const struct clipboard_source *source, const char *type);
/* Another selection replaces it, or its drag came to nothing. NULL is a no-op. */
void clipboard_source_cancel(struct clipboard_source *source);

/* clipboard_offer.c: the bits of enum wl_data_device_manager.dnd_action */
#define CLIPBOARD_ALL_ACTIONS UINT32_C(7)
/* Makes an offer of it to the client of @device, and tells its types. NULL: no memory. */
struct clipboard_offer *clipboard_offer_create(
	struct clipboard_source *source, struct wl_resource *device, bool for_drag);
/* Its drag is over what else, or over: it gives nothing any more. NULL is a no-op. */
void clipboard_offer_forget(struct clipboard_offer *offer);
/* The same for all there are of @source. */
void clipboard_source_forget_offers(struct clipboard_source *source);

#endif
