/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_MESSAGE_H
#define TESTS_FUZZ_MESSAGE_H

#include "peer.h"

/* A message that is being written. */
#define MESSAGE_FDS 28

struct message {
	uint32_t words[1024]; /* what libwayland takes at most */
	size_t n;
	int fds[MESSAGE_FDS]; /* borrowed */
	unsigned n_fds;
	/* objects that it makes */
	struct peer_object made[4];
	unsigned n_made;
};

void message_begin(struct message *message, uint32_t object, uint32_t opcode);
void message_word(struct message *message, uint32_t word);
/* A length and that many bytes, padded. */
void message_bytes(struct message *message, const void *data, size_t size);
void message_string(struct message *message, const char *text);
/* Ends it, and sends it. */
void message_send(struct message *message, struct peer *peer);

/* The arguments of the signature, as the input has it. */
void message_arguments(struct message *message, const struct peer *peer,
	const struct wl_message *signature, uint32_t version, struct fuzz_input *input);

/* The next type in a signature, at *position; 0: there is none. */
char message_next_type(const char **position, bool *nullable);

#endif
