/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_CLIPBOARD_H
#define DAEMON_INPUT_CLIPBOARD_H

#include <stdbool.h>
#include <wayland-server-core.h>

/*
 * wl_data_device: what one client has copied, and another one pastes. The data goes from client to
 * client through a pipe of theirs; the daemon hands over the fd, and keeps neither.
 *
 * Only who has the keyboard can copy, and is told what there is to paste. A drag is refused, as it
 * may be: its source is cancelled at once.
 */

struct daemon;
struct seat;

/* Kinds of data that one source can have; who offers more is disconnected with no_memory. */
#define CLIPBOARD_MOST_TYPES 128

/* What a client has to give. */
struct clipboard_source {
	struct wl_resource *resource;
	struct seat *seat;
	char *types[CLIPBOARD_MOST_TYPES];
	unsigned n_types;
	bool used; /* as the selection, or in a drag that was refused */
	bool for_drags; /* it has said which actions it can do */
	struct wl_list offers; // clipboard_offer.link
};

struct wl_global *clipboard_create_global(struct seat *seat);

/* Another client has the keyboard, or none: what was offered to the last one gives nothing more. */
void clipboard_move(struct seat *seat);
/* @client, which has the keyboard, hears what there is now. */
void clipboard_tell(struct seat *seat, struct wl_client *client);

/* clipboard_source.c */
void clipboard_source_create(
	struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id);
/* Makes an offer of it to the client of @device, and tells its types. NULL: no memory. */
struct wl_resource *clipboard_offer_create(
	struct clipboard_source *source, struct wl_resource *device);
/* Who has an offer of it reads nothing from it any more. */
void clipboard_source_forget_offers(struct clipboard_source *source);
/* Another selection replaces it, or its drag is refused. NULL is a no-op. */
void clipboard_source_cancel(struct clipboard_source *source);

#endif
