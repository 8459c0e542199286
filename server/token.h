/* SPDX-License-Identifier: MIT */
#ifndef SERVER_TOKEN_H
#define SERVER_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-util.h>

/*
 * Tokens: 128 random bits as text, with which one client lets others join its pool. The table knows
 * nothing of pools or clients: an owner is an opaque pointer, time is given by the caller. Looking
 * one up compares with every token in constant time, so that a guess learns nothing from how long
 * it took; the quota of pools bounds the table.
 */
#define TOKEN_LENGTH 32
#define TOKEN_DIGEST 32

struct token_table {
	struct wl_list tokens; // token.link
};

struct token_terms {
	/* joins it is good for, 0: any number */
	uint32_t uses;
	/* when it ends, in ms of the caller's clock */
	uint64_t expires;
	bool read_only, cross_sandbox;
	/* security context of the minter, borrowed for the call; NULL: none */
	const char *context;
};

/* What a good token gives. */
struct token_rights {
	/* who minted it */
	void *owner;
	bool read_only;
};

/*
 * What is kept of @text: its SHA-256, so that whoever reads our memory cannot join with it. Without
 * the nettle library the text itself.
 */
void token_digest(const char text[TOKEN_LENGTH], uint8_t digest[TOKEN_DIGEST]);

void token_table_init(struct token_table *table);
void token_table_finish(struct token_table *table);

/*
 * Mints a token of @owner into @text. @gone (may be NULL) is called once when it ends, for whatever
 * reason. 0, -ENOMEM, or the errno of getrandom().
 */
int token_mint(struct token_table *table, void *owner, const struct token_terms *terms,
	void (*gone)(void *owner), char text[TOKEN_LENGTH + 1]);

/*
 * Uses @text once, on behalf of somebody in @context. True and the rights, or false for anything
 * that is not to be told apart: unknown, malformed, used up, expired, of another sandbox.
 */
bool token_use(struct token_table *table, const char *text, uint64_t now, const char *context,
	struct token_rights *rights);

/* Ends what has expired. */
void token_expire(struct token_table *table, uint64_t now);

/* Ends all tokens of @owner. */
void token_drop(struct token_table *table, const void *owner);

#endif
