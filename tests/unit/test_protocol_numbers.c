/* SPDX-License-Identifier: MIT */
#include <waybuf/buffer.h>
#include <waybuf/constraints.h>
#include <waybuf/server.h>

#include "harness.h"
#include "waybuf-allocator-v1-enum.h"

/*
 * The public headers repeat numbers of the protocol, because they may not include what the scanner
 * makes of it, and the code passes them on without a table. So they must be the same.
 */

struct pair {
	const char *name;
	unsigned int ours, wire;
};

#define SAME(ours, wire) {#ours, (unsigned int)(ours), (unsigned int)(wire)}
#define REASON(n) SAME(WAYBUF_REASON_##n, WAYBUF_ALLOCATOR_V1_REASON_##n)
#define RESOURCE(n) SAME(WAYBUF_RESOURCE_##n, WAYBUF_ALLOCATOR_V1_USAGE_KIND_##n)
#define DEVICE(n) SAME(WAYBUF_DEVICE_##n, WAYBUF_ALLOCATOR_V1_DEVICE_KIND_##n)
#define FIELD(n) SAME(WAYBUF_FIELD_##n, WAYBUF_ATTACHMENT_V1_FIELD_##n)
#define PART(n) SAME(WAYBUF_PART_##n, WAYBUF_ATTACHMENT_V1_PART_##n)
#define ACCESS(n) SAME(WAYBUF_ACCESS_##n, WAYBUF_ATTACHMENT_V1_ACCESS_##n)
#define OUTCOME(n) SAME(WAYBUF_##n, WAYBUF_ATTACHMENT_V1_OUTCOME_##n)
#define GRANT(n) SAME(WAYBUF_GRANT_##n, WAYBUF_BUFFER_V1_MAPPED_FLAGS_##n)
#define MEMORY(n) SAME(WAYBUF_MEMORY_##n, WAYBUF_BUFFER_V1_MEMORY_KIND_##n)

static void assert_same(const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(pairs[i].ours == pairs[i].wire, "%s is %#x, on the wire %#x",
			pairs[i].name, pairs[i].ours, pairs[i].wire);
}

#define ASSERT_SAME(pairs) assert_same(pairs, sizeof(pairs) / sizeof((pairs)[0]))

TEST(reasons)
{
	const struct pair pairs[] = {
		SAME(WAYBUF_REASON_NONE, WAYBUF_ALLOCATOR_V1_REASON_OK),
		REASON(CONFLICT),
		REASON(CRITICAL_UNKNOWN),
		REASON(UNDERSPECIFIED),
		REASON(UNSUPPORTED),
		REASON(TOO_HARD),
		REASON(NO_MEMORY),
		REASON(QUOTA),
		REASON(NO_FDS),
		REASON(DEADLINE),
		REASON(CANCELLED),
		REASON(BAD_TOKEN),
		REASON(BAD_TICKET),
		REASON(DEVICE_LOST),
		REASON(DENIED),
		REASON(CLOSED),
	};
	ASSERT_SAME(pairs);
}

TEST(accounts_and_devices)
{
	const struct pair pairs[] = {
		RESOURCE(KIB),
		RESOURCE(BUFFERS),
		RESOURCE(FDS),
		RESOURCE(POOLS),
		RESOURCE(ATTACHMENTS),
		RESOURCE(MAPS),
		RESOURCE(POINTS),
		DEVICE(KMS),
		DEVICE(RENDER),
		DEVICE(CODEC),
		DEVICE(OTHER),
	};
	ASSERT_SAME(pairs);
}

TEST(constraint_records)
{
	const struct pair pairs[] = {
		FIELD(SET),
		FIELD(ACCESS),
		FIELD(HOLD),
		FIELD(WIDTH),
		FIELD(HEIGHT),
		FIELD(STRIDE),
		FIELD(OFFSET),
		FIELD(ROWS),
		FIELD(SIZE),
		FIELD(ONE_FD),
		FIELD(CONTIG),
		FIELD(ADDR_BITS),
		FIELD(HEAPS),
		FIELD(CACHE),
		FIELD(NEAR),
		FIELD(DMABUF),
		FIELD(PROBE),
		FIELD(LAYOUT),
		FIELD(MAX_SIZE),
		PART(VALUE),
		PART(MULTIPLE),
		PART(MIN),
		PART(MAX),
		PART(EXTRA),
		SAME(WAYBUF_FIELD_CRITICAL, WAYBUF_ATTACHMENT_V1_FIELD_FLAGS_CRITICAL),
		SAME(WAYBUF_PLANE_ALL, WAYBUF_ATTACHMENT_V1_PLANE_ALL),
		SAME(WAYBUF_MUST, WAYBUF_ATTACHMENT_V1_STRENGTH_MUST),
		SAME(WAYBUF_PREFER, WAYBUF_ATTACHMENT_V1_STRENGTH_PREFER),
		SAME(WAYBUF_INFORM, WAYBUF_ATTACHMENT_V1_STRENGTH_INFORM),
		SAME(WAYBUF_CACHED, WAYBUF_ATTACHMENT_V1_CACHE_CACHED),
		SAME(WAYBUF_UNCACHED, WAYBUF_ATTACHMENT_V1_CACHE_UNCACHED),
	};
	ASSERT_SAME(pairs);
}

TEST(access_bits)
{
	const struct pair pairs[] = {
		ACCESS(READ),
		ACCESS(WRITE),
		ACCESS(CPU_READ),
		ACCESS(CPU_WRITE),
		ACCESS(SAMPLE),
		ACCESS(RENDER),
		ACCESS(SCANOUT),
		ACCESS(ENCODE),
		ACCESS(DECODE),
	};
	ASSERT_SAME(pairs);
}

TEST(maps)
{
	const struct pair pairs[] = {
		OUTCOME(DECLARED),
		OUTCOME(FITS),
		OUTCOME(MIGRATED),
		GRANT(FRESH),
		GRANT(UNDEFINED),
		MEMORY(DMABUF),
		MEMORY(MEMFD),
		SAME(WAYBUF_READ, WAYBUF_BUFFER_V1_DIRECTION_READ),
		SAME(WAYBUF_WRITE, WAYBUF_BUFFER_V1_DIRECTION_WRITE),
		SAME(WAYBUF_READ_WRITE, WAYBUF_BUFFER_V1_DIRECTION_BOTH),
	};
	ASSERT_SAME(pairs);
}

TEST(limits)
{
	const struct pair pairs[] = {
		SAME(WAYBUF_CONSTRAINTS_MAX_SIZE, WAYBUF_ATTACHMENT_V1_LIMIT_COMMIT),
		SAME(WAYBUF_CONSTRAINTS_MAX_SETS, WAYBUF_ATTACHMENT_V1_LIMIT_SETS),
		SAME(WAYBUF_CONSTRAINTS_MAX_PAIRS, WAYBUF_ATTACHMENT_V1_LIMIT_PAIRS),
		SAME(WAYBUF_CONSTRAINTS_MAX_CHUNK, WAYBUF_ATTACHMENT_V1_LIMIT_RECORDS),
	};
	ASSERT_SAME(pairs);
}

TEST_MAIN("protocol numbers")
