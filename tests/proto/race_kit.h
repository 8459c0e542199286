/* SPDX-License-Identifier: MIT */
#ifndef PROTO_RACE_KIT_H
#define PROTO_RACE_KIT_H

#include <drm_fourcc.h>

#include "fixture_client.h"

/*
 * Two connections and one pool of one image, 60 pixels wide, so that its rows have 240 bytes unless
 * somebody asks for more. A has made the pool, B has joined it by a token. What one side says stays
 * in its own connection until it is flushed, so a test decides who is heard first.
 */
struct side {
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
	bool attached, left;
};

struct race {
	struct fixture_server server;
	struct side a, b;
};

#define READ WAYBUF_BUFFER_V1_DIRECTION_READ
#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

#define RACE_STRIDE 240
#define RACE_HEIGHT 48

/* A writes and reads with the CPU; B has joined and attached nothing. */
void race_init(struct race *race, const struct fixture_server_options *options);
void race_finish(struct race *race);

/* A client that joins by a token which A made before. */
void side_join(struct race *race, struct side *side, const char *token);
/* A token of A's, good for @uses. */
const char *side_token(struct side *side, uint32_t uses);
/* As a program that reads and writes with the CPU. */
void side_attach_cpu(struct side *side);
/* As a reader whose rows are a multiple of @stride; has committed, and waits for nothing. */
void side_attach_stride(struct side *side, uint32_t stride);
void side_commit_stride(struct fixture_attachment *attachment, uint32_t stride, uint32_t max);
/* Gives back the attachment, the buffer and the pool. */
void side_leave(struct side *side);
/* The connection ends without a word. */
void side_die(struct side *side);

/* Maps, and waits for the one answer. */
void side_map(struct side *side, uint32_t direction);
/* A whole write: @value is the first pixel of the second row. */
void side_draw(struct side *side, uint32_t value);
void put_pixel(const struct fixture_buffer *buffer, uint32_t value);
uint32_t get_pixel(const struct fixture_buffer *buffer);

/* Both are heard, and hear what there is to hear. */
void race_settle(struct race *race);
/* What is charged to @side, in bytes. */
uint64_t side_bytes(struct side *side);

#endif
