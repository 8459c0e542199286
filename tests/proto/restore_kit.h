/* SPDX-License-Identifier: MIT */
#ifndef PROTO_RESTORE_KIT_H
#define PROTO_RESTORE_KIT_H

#include "race_kit.h"
#include "ticket.h"

/*
 * A server that can be restarted: it goes with all its connections, and another one takes its place
 * with the same ticket file. What a client still has then is in a keepsake.
 */
struct keepsake {
	uint8_t ticket[256];
	size_t size;
	int fd;
	uint32_t generation, stride;
};

/* The server alone, in race->server; skips the test if it gives no tickets. */
void kit_start(struct race *race, const struct fixture_server_options *options);
/* Its successor; the sides have been closed. @options NULL: as before. */
void kit_restart(struct race *race, const struct fixture_server_options *options);
/* The same without the memory of its predecessor. */
void kit_forget(struct race *race);
void kit_finish(struct race *race);
/* Its successor, after somebody who has the key has made another ticket of the keepsake's. */
void kit_reseal(
	struct race *race, struct keepsake *keepsake, void (*change)(struct ticket *ticket));

/* A new client with a pool of its own, 60 x 48, that draws with the CPU. */
void side_open(struct race *race, struct side *side, uint32_t count);
/* It goes away. */
void side_close(struct side *side);
/* What the side has of its buffer; to be closed. */
void side_keep(const struct side *side, struct keepsake *keepsake);
void keepsake_close(struct keepsake *keepsake);

/* A new client that comes back with @keepsake's ticket; the answer has come. */
void side_return(struct race *race, struct side *side, const struct keepsake *keepsake);
/* It comes back, and is a member. */
void side_resume(struct race *race, struct side *side, const struct keepsake *keepsake);
/* Offers a file; the reason of the answer. */
uint32_t side_offer(struct side *side, int fd, const void *ticket, size_t size);
/* Offers the keepsake. */
uint32_t side_restore(struct side *side, const struct keepsake *keepsake);
/* The message of the last answer has that in it. */
void side_said(const struct side *side, const char *needle);

#endif
