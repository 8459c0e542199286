/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#ifdef HAVE_NETTLE
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#endif

#include "ticket.h"

#define MAC_SIZE 32
#define MAX_COUNT 64
#define MAX_SIZE 65536

static const char magic[4] = "wbT1";

/* The bytes: every one of them means something, so that none can be changed unnoticed. */
struct wire {
	char magic[4];
	uint32_t epoch;
	uint8_t pool[TICKET_POOL];
	uint8_t context[16];
	uint8_t exporter[8];
	uint64_t size, dev, ino, modifier;
	uint32_t uid;
	uint32_t config_epoch, config, width, height;
	uint32_t generation, rank_epoch, rank_generation;
	uint32_t layout_width, layout_height, format;
	uint8_t flags, count, index, slot, n_planes, n_memory, kind, zero;
	struct waybuf_plane planes[WAYBUF_MAX_PLANES];
	char name[TICKET_NAME];
	uint8_t mac[MAC_SIZE];
};
_Static_assert(sizeof(struct wire) == TICKET_SIZE, "no padding");
_Static_assert(offsetof(struct wire, mac) == TICKET_SIZE - MAC_SIZE, "the seal comes last");

/* ---- digests ------------------------------------------------------------------------------- */

#ifdef HAVE_NETTLE
static void digest_name(const char *name, uint8_t *digest, size_t size)
{
	struct sha256_ctx context;
	uint8_t whole[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	sha256_update(&context, strlen(name), (const uint8_t *)name);
#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&context, whole);
#else
	sha256_digest(&context, sizeof(whole), whole);
#endif
	memcpy(digest, whole, size);
}

static void make_mac(const struct ticket_key *key, const struct wire *wire, uint8_t mac[MAC_SIZE])
{
	struct hmac_sha256_ctx context;
	hmac_sha256_set_key(&context, sizeof(key->secret), key->secret);
	hmac_sha256_update(&context, offsetof(struct wire, mac), (const uint8_t *)wire);
#if NETTLE_VERSION_MAJOR >= 4
	hmac_sha256_digest(&context, mac);
#else
	hmac_sha256_digest(&context, MAC_SIZE, mac);
#endif
	explicit_bzero(&context, sizeof(context));
}

static bool same_mac(const uint8_t *a, const uint8_t *b)
{
	return memeql_sec(a, b, MAC_SIZE);
}
#else
/* There is no key without the library, so nobody gets here with one. */
static void digest_name(const char *name, uint8_t *digest, size_t size)
{
	memset(digest, 0, size);
}

static void make_mac(const struct ticket_key *key, const struct wire *wire, uint8_t mac[MAC_SIZE])
{
	memset(mac, 0, MAC_SIZE);
}

static bool same_mac(const uint8_t *a, const uint8_t *b)
{
	return false;
}
#endif

void ticket_context(const char *context, uint8_t digest[16])
{
	memset(digest, 0, 16);
	if (context)
		digest_name(context, digest, 16);
}

void ticket_exporter(const char *name, uint8_t digest[8])
{
	digest_name(name, digest, 8);
}

/* ---- sealing ------------------------------------------------------------------------------- */

void ticket_seal(
	const struct ticket_key *key, const struct ticket *ticket, uint8_t sealed[TICKET_SIZE])
{
	const struct waybuf_layout *layout = &ticket->layout;
	const struct waybuf_memory *memory = &layout->memory[ticket->slot];
	struct wire wire = {
		.epoch = ticket->epoch,
		.size = memory->size,
		.dev = ticket->id.dev,
		.ino = ticket->id.ino,
		.modifier = layout->modifier,
		.uid = ticket->uid,
		.config_epoch = ticket->config_epoch,
		.config = ticket->config,
		.width = ticket->width,
		.height = ticket->height,
		.generation = layout->generation,
		.rank_epoch = ticket->rank_epoch,
		.rank_generation = ticket->rank_generation,
		.layout_width = layout->width,
		.layout_height = layout->height,
		.format = layout->format,
		.flags = (uint8_t)ticket->flags,
		.count = (uint8_t)ticket->count,
		.index = (uint8_t)ticket->index,
		.slot = (uint8_t)ticket->slot,
		.n_planes = (uint8_t)layout->n_planes,
		.n_memory = (uint8_t)layout->n_memory,
		.kind = (uint8_t)memory->kind,
	};
	memcpy(wire.magic, magic, sizeof(magic));
	memcpy(wire.pool, ticket->pool, sizeof(wire.pool));
	memcpy(wire.context, ticket->context, sizeof(wire.context));
	memcpy(wire.exporter, ticket->exporter, sizeof(wire.exporter));
	memcpy(wire.planes, layout->planes, layout->n_planes * sizeof(wire.planes[0]));
	memcpy(wire.name, ticket->name, strnlen(ticket->name, TICKET_NAME));
	make_mac(key, &wire, wire.mac);
	memcpy(sealed, &wire, TICKET_SIZE);
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool is_size(uint32_t n)
{
	return n >= 1 && n <= MAX_SIZE;
}

static bool is_sound(const struct wire *wire)
{
	const unsigned known = TICKET_READ_ONLY | TICKET_CREATOR | TICKET_CURRENT;
	if (wire->epoch == 0 || (wire->flags & ~known) || wire->zero ||
		wire->kind > WAYBUF_MEMORY_MEMFD || wire->size == 0)
		return false;
	if (!is_size(wire->width) || !is_size(wire->height) || !is_size(wire->layout_width) ||
		!is_size(wire->layout_height) || wire->config_epoch == 0 || wire->config == 0 ||
		wire->config_epoch > wire->epoch)
		return false;
	if (wire->rank_epoch == 0 || wire->rank_epoch > wire->epoch || wire->rank_generation == 0)
		return false;
	if (wire->count == 0 || wire->count > MAX_COUNT || wire->index >= wire->count ||
		wire->generation == 0 || wire->generation == UINT32_MAX)
		return false;
	if (wire->n_planes == 0 || wire->n_planes > WAYBUF_MAX_PLANES || wire->n_memory == 0 ||
		wire->n_memory > WAYBUF_MAX_PLANES || wire->slot >= wire->n_memory)
		return false;
	for (uint32_t i = 0; i < wire->n_planes; i++) {
		if (wire->planes[i].slot >= wire->n_memory)
			return false;
	}
	return true;
}

static void read_layout(const struct wire *wire, struct waybuf_layout *layout)
{
	*layout = (struct waybuf_layout){
		.generation = wire->generation,
		.width = wire->layout_width,
		.height = wire->layout_height,
		.format = wire->format,
		.modifier = wire->modifier,
		.n_planes = wire->n_planes,
		.n_memory = wire->n_memory,
	};
	memcpy(layout->planes, wire->planes, sizeof(layout->planes));
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		layout->memory[i].fd = -1;
	layout->memory[wire->slot].kind = (enum waybuf_memory_kind)wire->kind;
	layout->memory[wire->slot].size = wire->size;
}

bool ticket_open(
	const struct ticket_key *key, const void *sealed, size_t size, struct ticket *ticket)
{
	struct wire wire;
	uint8_t mac[MAC_SIZE];
	if (size != TICKET_SIZE)
		return false;
	memcpy(&wire, sealed, TICKET_SIZE);
	make_mac(key, &wire, mac);
	bool good = same_mac(mac, wire.mac);
	explicit_bzero(mac, sizeof(mac));
	if (!good || memcmp(wire.magic, magic, sizeof(magic)) != 0 || !is_sound(&wire))
		return false;
	*ticket = (struct ticket){
		.epoch = wire.epoch,
		.flags = wire.flags,
		.uid = wire.uid,
		.config_epoch = wire.config_epoch,
		.config = wire.config,
		.width = wire.width,
		.height = wire.height,
		.count = wire.count,
		.index = wire.index,
		.slot = wire.slot,
		.rank_epoch = wire.rank_epoch,
		.rank_generation = wire.rank_generation,
		.id = {.dev = wire.dev, .ino = wire.ino},
	};
	memcpy(ticket->pool, wire.pool, sizeof(ticket->pool));
	memcpy(ticket->context, wire.context, sizeof(ticket->context));
	memcpy(ticket->exporter, wire.exporter, sizeof(ticket->exporter));
	memcpy(ticket->name, wire.name, sizeof(wire.name));
	read_layout(&wire, &ticket->layout);
	return true;
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Ours were sealed when they were made: nobody can shrink them, or forbid writing to them. */
static const char *check_seals(int fd)
{
	const int refused = F_SEAL_WRITE
#ifdef F_SEAL_FUTURE_WRITE
		| F_SEAL_FUTURE_WRITE
#endif
		;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return "the memfd is not sealed against shrinking";
	if (seals & refused)
		return "the memfd is sealed against writing";
	int mode = fcntl(fd, F_GETFL);
	return mode >= 0 && (mode & O_ACCMODE) == O_RDWR ? NULL
							 : "the memfd cannot be written by us";
}

const char *ticket_check_file(const struct ticket *ticket, int fd)
{
	const struct waybuf_memory *memory = &ticket->layout.memory[ticket->slot];
	enum fd_kind kind;
	struct fd_id id;
	uint64_t size;
	if (fd_kind(fd, &kind) < 0 || fd_identify(fd, &id) < 0)
		return "the file cannot be looked at";
	if (memory->kind == WAYBUF_MEMORY_DMABUF && kind != FD_DMABUF)
		return "the file is no dma-buf";
	if (memory->kind == WAYBUF_MEMORY_MEMFD && kind != FD_MEMFD)
		return "the file is no memfd";
	const char *problem = kind == FD_MEMFD ? check_seals(fd) : NULL;
	if (problem)
		return problem;
	/* exporters round up, and whoever brings memory along may bring more */
	if (fd_size(fd, &size) < 0 || size < memory->size)
		return "the file is smaller than the ticket says";
	return fd_id_equal(&id, &ticket->id) ? NULL : "the ticket is another file's";
}
