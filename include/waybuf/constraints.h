/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_CONSTRAINTS_H
#define WAYBUF_CONSTRAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a participant needs of an image before it can touch it.
 *
 * A constraint set is a list of records. A record is a field (enum waybuf_field) with a strength
 * and, where that makes sense, a plane. Records before the first SET hold for every format and
 * modifier; those after a SET only for its pairs, in addition to the common ones. Several SETs
 * that must hold are alternatives: the image has a pair of one of them.
 *
 * Sets are immutable and made either from the bytes of a peer (waybuf_constraints_parse()) or with
 * a builder. Both give the same object, and its bytes can be had back.
 */

/** A set: what one participant needs. Immutable, reference counted. */
struct waybuf_constraints;
/** Makes a set, record by record. */
struct waybuf_constraints_builder;

/** Planes of an image, and memories that they are in, at most. */
#define WAYBUF_MAX_PLANES 4

/** The plane of a record that means all of them. */
#define WAYBUF_PLANE_ALL 255
/** Bytes of records in a set at most. */
#define WAYBUF_CONSTRAINTS_MAX_SIZE 32768
/** SETs in a set at most. */
#define WAYBUF_CONSTRAINTS_MAX_SETS 64
/** Pairs in a set at most, counted over all its SETs. */
#define WAYBUF_CONSTRAINTS_MAX_PAIRS 4096
/** Bytes of one record, and of the records of one message: a Wayland message is 4096 at most. */
#define WAYBUF_CONSTRAINTS_MAX_CHUNK 3072
/** Bit of a record id: whoever does not know the id must refuse. */
#define WAYBUF_FIELD_CRITICAL 0x8000
/** In a maximum: no limit. */
#define WAYBUF_NO_LIMIT UINT64_MAX

/** What a record is about. The numbers are those of the protocol. */
enum waybuf_field {
	/** opens a scope: formats times modifiers; no format means any, no modifier any explicit one */
	WAYBUF_FIELD_SET = 0x01,
	/** enum waybuf_access bits; common part only */
	WAYBUF_FIELD_ACCESS = 0x10,
	/** buffers held at once; common part only */
	WAYBUF_FIELD_HOLD = 0x11,
	/** of the allocation, in pixels: minimum, maximum, multiple */
	WAYBUF_FIELD_WIDTH = 0x20,
	/** the same */
	WAYBUF_FIELD_HEIGHT = 0x21,
	/** per plane, in bytes: multiple, minimum, maximum */
	WAYBUF_FIELD_STRIDE = 0x30,
	/** per plane, in bytes: multiple of the offset */
	WAYBUF_FIELD_OFFSET = 0x31,
	/** per plane: the rows that exist are a multiple of, and beyond the image there are at least */
	WAYBUF_FIELD_ROWS = 0x32,
	/**
	 * in bytes: multiple, and bytes that exist beyond the last row. With a plane: of that plane;
	 * with WAYBUF_PLANE_ALL: of each memory as a whole
	 */
	WAYBUF_FIELD_SIZE = 0x33,
	/** 1: all planes in one memory; 0: each plane in its own */
	WAYBUF_FIELD_ONE_FD = 0x34,
	/** 1: physically contiguous */
	WAYBUF_FIELD_CONTIG = 0x40,
	/** address bits that the device reaches */
	WAYBUF_FIELD_ADDR_BITS = 0x41,
	/** names of allowed heaps, best first, with a NUL between them */
	WAYBUF_FIELD_HEAPS = 0x42,
	/** enum waybuf_caching */
	WAYBUF_FIELD_CACHE = 0x43,
	/** a device id of the server, or ~0 and a dev_t; never excludes anything, only costs */
	WAYBUF_FIELD_NEAR = 0x44,

	/**
	 * from here on internal: said by the server about its own devices and shown in
	 * explanations; in the records of a peer they are malformed
	 */
	WAYBUF_FIELD_INTERNAL = 0x4000,
	/** 1: only a dma-buf can be imported */
	WAYBUF_FIELD_DMABUF = 0x4000,
	/** a real import was tried, and refused */
	WAYBUF_FIELD_PROBE = 0x4001,
	/** not a rule of anybody: the storage itself is not a valid image */
	WAYBUF_FIELD_LAYOUT = 0x4002,
	/** not a rule of anybody: no exporter has memory of this size */
	WAYBUF_FIELD_MAX_SIZE = 0x4003,
};

/** How much a record counts. */
enum waybuf_strength {
	/** a solution that breaks it is none */
	WAYBUF_MUST = 0,
	/** a solution that breaks it costs the record's weight, once per attachment */
	WAYBUF_PREFER = 1,
	/** shown in explanations, no effect */
	WAYBUF_INFORM = 2,
};

/** What a participant does with images; bits of the ACCESS record. */
enum waybuf_access {
	/** it reads, by whatever means */
	WAYBUF_ACCESS_READ = 1 << 0,
	/** it writes, by whatever means */
	WAYBUF_ACCESS_WRITE = 1 << 1,
	/** by the CPU, which asks for memory that can be mapped, and for DRM_FORMAT_MOD_LINEAR */
	WAYBUF_ACCESS_CPU_READ = 1 << 2,
	/** the same */
	WAYBUF_ACCESS_CPU_WRITE = 1 << 3,
	/** a GPU reads, as a texture */
	WAYBUF_ACCESS_SAMPLE = 1 << 4,
	/** a GPU writes */
	WAYBUF_ACCESS_RENDER = 1 << 5,
	/** a display controller reads */
	WAYBUF_ACCESS_SCANOUT = 1 << 6,
	/** a video encoder reads */
	WAYBUF_ACCESS_ENCODE = 1 << 7,
	/** a video decoder writes, and reads what it refers to */
	WAYBUF_ACCESS_DECODE = 1 << 8,
};

/** How the CPU sees memory. */
enum waybuf_caching {
	/** nobody says */
	WAYBUF_CACHE_UNKNOWN = 0,
	/** through its caches: reading is fast */
	WAYBUF_CACHED = 1,
	/** past them: reading is slow, and nothing need be flushed for a device */
	WAYBUF_UNCACHED = 2,
};

/** Why something was refused; the numbers are those of the protocol. An unknown one means "failed". */
enum waybuf_reason {
	/** nothing was refused */
	WAYBUF_REASON_NONE = 0,
	/** two or more requirements clash; the explanation names them */
	WAYBUF_REASON_CONFLICT = 1,
	/** a record is marked critical and its id is not known here */
	WAYBUF_REASON_CRITICAL_UNKNOWN = 2,
	/** nobody named a concrete format */
	WAYBUF_REASON_UNDERSPECIFIED = 3,
	/** the server does not do this */
	WAYBUF_REASON_UNSUPPORTED = 4,
	/** the search budget was spent without an answer */
	WAYBUF_REASON_TOO_HARD = 5,
	/** there is no memory */
	WAYBUF_REASON_NO_MEMORY = 6,
	/** the account's limit is reached */
	WAYBUF_REASON_QUOTA = 7,
	/** there are no file descriptors */
	WAYBUF_REASON_NO_FDS = 8,
	/** another participant or a fence was late */
	WAYBUF_REASON_DEADLINE = 9,
	/** whoever asked took it back */
	WAYBUF_REASON_CANCELLED = 10,
	/** no such token, used already, or of another sandbox */
	WAYBUF_REASON_BAD_TOKEN = 11,
	/** no ticket of this server, or not for this memory */
	WAYBUF_REASON_BAD_TICKET = 12,
	/** the device is gone */
	WAYBUF_REASON_DEVICE_LOST = 13,
	/** policy forbids it */
	WAYBUF_REASON_DENIED = 14,
	/** the pool has ended */
	WAYBUF_REASON_CLOSED = 15,
};

/** A word for @reason, "failed" for an unknown one. Static. */
WAYBUF_EXPORT const char *waybuf_reason_name(uint32_t reason);

/**
 * The name of field @id ("stride"), NULL if it is not known. The critical bit is ignored. Static.
 */
WAYBUF_EXPORT const char *waybuf_field_name(uint32_t id);

/* ---- sets ---------------------------------------------------------------------------------- */

/** What is wrong with the records of a peer. */
struct waybuf_constraints_error {
	/** bytes from the start to the record that is wrong */
	size_t offset;
	/** its id, as it stands there */
	uint16_t id;
	/** static text */
	const char *reason;
};

/**
 * Decodes the records of a whole commit, @size bytes in host byte order. @records is copied and may
 * have any alignment; NULL with @size 0 is the empty set, which accepts everything. @error may be
 * NULL and is filled on the failures that are about the records.
 *
 * 0 and a reference in @out; -EINVAL: malformed; -E2BIG: above one of the limits; -EPROTONOSUPPORT:
 * a record that must hold is critical and its id unknown; -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_constraints_parse(const void *records, size_t size,
	struct waybuf_constraints **out, struct waybuf_constraints_error *error);

/** Takes another reference, and returns it. */
WAYBUF_EXPORT struct waybuf_constraints *waybuf_constraints_ref(
	struct waybuf_constraints *constraints);
/** Drops a reference; the last one frees the set. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_constraints_unref(struct waybuf_constraints *constraints);

/**
 * The records as they were given, unknown ones included; borrowed from the set. *size is their
 * bytes.
 */
WAYBUF_EXPORT const void *waybuf_constraints_records(
	const struct waybuf_constraints *constraints, size_t *size);

/** The union of the ACCESS records, 0 if there are none. */
WAYBUF_EXPORT uint64_t waybuf_constraints_access(const struct waybuf_constraints *constraints);

/** The largest HOLD record, 0 if there are none. */
WAYBUF_EXPORT uint64_t waybuf_constraints_hold(const struct waybuf_constraints *constraints);

/** Writes the set as text, a line a record. @out is borrowed. */
WAYBUF_EXPORT void waybuf_constraints_print(
	const struct waybuf_constraints *constraints, FILE *out);

/**
 * The length of the longest run of whole records at the start of @records that is at most @max
 * bytes, so that a set can be sent in several messages. 0 when @size is 0 or a record is too long.
 */
WAYBUF_EXPORT size_t waybuf_constraints_chunk(const void *records, size_t size, size_t max);

/* ---- builder ------------------------------------------------------------------------------- */

/*
 * Every call below that adds a record returns 0, -EINVAL (a value that no set may contain), -E2BIG
 * (a limit above) or -ENOMEM. The first failure sticks: finish() returns it, so that a program may
 * check there alone. A failed call adds nothing.
 */

/** A builder without records, to be destroyed by the caller. NULL: -ENOMEM. */
WAYBUF_EXPORT struct waybuf_constraints_builder *waybuf_constraints_builder_create(void);
/** Destroys a builder; sets made with it stay. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_constraints_builder_destroy(struct waybuf_constraints_builder *builder);

/**
 * Sets the @strength of what follows; WAYBUF_MUST at first. @weight counts for WAYBUF_PREFER only.
 */
WAYBUF_EXPORT void waybuf_constraints_builder_strength(
	struct waybuf_constraints_builder *builder, enum waybuf_strength strength, uint16_t weight);

/**
 * Opens a scope: the pairs of each of @formats with each of @modifiers (borrowed for the call). A
 * count of 0 is the wildcard. Errors as above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_set(struct waybuf_constraints_builder *builder,
	const uint32_t *formats, size_t n_formats, const uint64_t *modifiers, size_t n_modifiers);
/** Adds an ACCESS record: @access is enum waybuf_access bits. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_access(
	struct waybuf_constraints_builder *builder, uint64_t access);
/** Adds a HOLD record: @count buffers are held at once. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_hold(
	struct waybuf_constraints_builder *builder, uint64_t count);
/**
 * Adds a WIDTH record: at least @min, at most @max, a multiple of @multiple pixels. Errors as
 * above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_width(
	struct waybuf_constraints_builder *builder, uint64_t min, uint64_t max, uint64_t multiple);
/** Adds a HEIGHT record, like WIDTH: @min, @max and @multiple. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_height(
	struct waybuf_constraints_builder *builder, uint64_t min, uint64_t max, uint64_t multiple);
/**
 * Adds a STRIDE record for @plane: a multiple of @multiple, at least @min, at most @max bytes.
 * Errors as above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_stride(struct waybuf_constraints_builder *builder,
	uint8_t plane, uint64_t multiple, uint64_t min, uint64_t max);
/** Adds an OFFSET record for @plane: a multiple of @multiple bytes. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_offset(
	struct waybuf_constraints_builder *builder, uint8_t plane, uint64_t multiple);
/**
 * Adds a ROWS record for @plane: a multiple of @multiple, @extra beyond the image at least. Errors
 * as above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_rows(struct waybuf_constraints_builder *builder,
	uint8_t plane, uint64_t multiple, uint64_t extra);
/**
 * Adds a SIZE record for @plane: a multiple of @multiple, @extra behind the last row at least.
 * Errors as above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_size(struct waybuf_constraints_builder *builder,
	uint8_t plane, uint64_t multiple, uint64_t extra);
/** Adds a ONE_FD record: all planes are in @one memory, or each is in its own. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_one_fd(
	struct waybuf_constraints_builder *builder, bool one);
/** Adds a CONTIG record: physically contiguous. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_contiguous(struct waybuf_constraints_builder *builder);
/** Adds an ADDR_BITS record: the device reaches addresses of so many @bits. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_address_bits(
	struct waybuf_constraints_builder *builder, uint64_t bits);
/** Adds a HEAPS record: @names are borrowed for the call. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_heaps(
	struct waybuf_constraints_builder *builder, const char *const *names, size_t n_names);
/** Adds a CACHE record: memory is as @cache says. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_cache(
	struct waybuf_constraints_builder *builder, enum waybuf_caching cache);
/** Adds a NEAR record: memory should be near the server's device of id @device. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_near_device(
	struct waybuf_constraints_builder *builder, uint32_t device);
/** Adds a NEAR record: memory should be near the device with the dev_t @dev. Errors as above. */
WAYBUF_EXPORT int waybuf_constraints_builder_near_dev(
	struct waybuf_constraints_builder *builder, uint64_t dev);
/**
 * Adds any record: how an @id that these headers do not know is sent, for @plane or
 * WAYBUF_PLANE_ALL. @words are its values, borrowed for the call. Errors as above.
 */
WAYBUF_EXPORT int waybuf_constraints_builder_add(struct waybuf_constraints_builder *builder,
	uint16_t id, uint8_t plane, const uint64_t *words, size_t n_words);

/** The records so far, borrowed until the next call on the builder. *size is their bytes. */
WAYBUF_EXPORT const void *waybuf_constraints_builder_records(
	const struct waybuf_constraints_builder *builder, size_t *size);

/**
 * Makes a set of the records so far; the builder may go on. Internal fields are allowed here.
 * 0 and a reference in @out, the first failure of the calls above, or those of
 * waybuf_constraints_parse().
 */
WAYBUF_EXPORT int waybuf_constraints_builder_finish(
	struct waybuf_constraints_builder *builder, struct waybuf_constraints **out);

/* ---- what the solver knows and answers ----------------------------------------------------- */

/** A pair that an image exporter makes. */
struct waybuf_format_modifier {
	/** DRM_FORMAT_* */
	uint32_t format;
	/** added to the cost of a solution, to rank the pairs of one exporter */
	uint32_t cost;
	/** DRM_FORMAT_MOD_*; DRM_FORMAT_MOD_INVALID if the driver keeps the layout to itself */
	uint64_t modifier;
};

/** Who lays images out. */
enum waybuf_exporter_kind {
	/** hands out bytes, in which any linear layout can be put */
	WAYBUF_EXPORTER_RAW = 0,
	/** its driver decides strides and offsets, which are therefore checked after the fact */
	WAYBUF_EXPORTER_IMAGE = 1,
};

/** What is known about a source of memory. All pointers are borrowed from its owner. */
struct waybuf_exporter_caps {
	/** unique in a manager: "udmabuf" */
	const char *name;
	/** name of its dma-heap, NULL if it is none; HEAPS then means @name */
	const char *heap;
	/** who lays images out */
	enum waybuf_exporter_kind kind;
	/** its memory is dma-bufs; else memfds */
	bool is_dmabuf;
	/** physically contiguous */
	bool contiguous;
	/** the CPU can map it */
	bool cpu_mappable;
	/** how the CPU sees it then */
	enum waybuf_caching cache;
	/** its addresses fit in so many bits; 0: unknown */
	uint32_t address_bits;
	/** whose memory it is: the server's device id, 0 if nobody's */
	uint32_t device;
	/** and its dev_t, 0 if nobody's */
	uint64_t devnum;
	/** bytes of one memory at most; 0: no limit known */
	uint64_t max_size;
	/** bytes; memories are rounded up to it; 0: 4096 */
	uint64_t page_size;
	/** what using it costs; between equals the one registered first wins */
	uint32_t base_cost;
	/** image exporters only: what it makes */
	const struct waybuf_format_modifier *pairs;
	/** how many of these */
	size_t n_pairs;
};

/** Where a plane of an image is. */
struct waybuf_plane {
	/** index of the memory it is in */
	uint32_t slot;
	/** bytes from the start of that memory */
	uint32_t offset;
	/** bytes from one row to the next */
	uint32_t stride;
	/** rows that exist, padding included */
	uint32_t rows;
};

/** The storage to make. */
struct waybuf_solution {
	/** index into the exporters of the request */
	uint32_t exporter;
	/** DRM_FORMAT_* */
	uint32_t format;
	/** DRM_FORMAT_MOD_* */
	uint64_t modifier;
	/** of the allocation, in pixels: at least the image's */
	uint32_t width, height;
	/** 0 for an image exporter: its driver says */
	uint32_t n_planes, n_memory;
	/** where each plane is, in the order of the format */
	struct waybuf_plane planes[WAYBUF_MAX_PLANES];
	/** bytes to allocate, whole pages */
	uint64_t memory_size[WAYBUF_MAX_PLANES];
	/** sum of HOLD over the attachments */
	uint64_t hold;
	/** union of ACCESS */
	uint64_t access;
	/** of the exporter, the pair and the preferences that it breaks */
	uint64_t cost;
	/** no solution costs less; false when the budget ended before that was sure */
	bool proven;
};

/** Which part of a record. */
enum waybuf_part {
	/** all of it */
	WAYBUF_PART_VALUE = 0,
	/** a multiple of */
	WAYBUF_PART_MULTIPLE,
	/** at least */
	WAYBUF_PART_MIN,
	/** at most */
	WAYBUF_PART_MAX,
	/** so much beyond */
	WAYBUF_PART_EXTRA,
};

/** One requirement that takes part in a clash. */
struct waybuf_conflict {
	/** index into the parties of the request; -1: nobody's, the storage is at fault */
	int32_t who;
	/** as the request says */
	uint32_t role;
	/** owned by the explanation; NULL if @who is -1 */
	const char *name;
	/** enum waybuf_field, or the id of an unknown record */
	uint16_t field;
	/** or WAYBUF_PLANE_ALL */
	uint8_t plane;
	/** which value of the record */
	enum waybuf_part part;
	/** of the pair on which it clashes; 0 if on all */
	uint32_t format;
	/** of that pair */
	uint64_t modifier;
	/** what is asked for */
	uint64_t value;
	/** heap names of HEAPS, owned by the explanation; else NULL */
	const char *text;
};

/** Why a candidate was not chosen. */
enum waybuf_loss {
	/** it fits, and costs more */
	WAYBUF_LOSS_COST = 0,
	/** it clashes with waybuf_loser.conflict */
	WAYBUF_LOSS_CONFLICT,
	/** the exporter cannot lay out that format */
	WAYBUF_LOSS_UNKNOWN_FORMAT,
	/** the exporter failed to make it before */
	WAYBUF_LOSS_FAILED,
};

/** A candidate that was not chosen. */
struct waybuf_loser {
	/** name of the exporter, owned by the explanation */
	const char *exporter;
	/** of the pair; 0: the exporter as a whole */
	uint32_t format;
	/** of the pair */
	uint64_t modifier;
	/** why */
	enum waybuf_loss loss;
	/** what it would cost at least */
	uint64_t cost;
	/** the requirement that it breaks */
	struct waybuf_conflict conflict;
};

/** Why the answer is what it is. Immutable. */
struct waybuf_explanation {
	/** WAYBUF_REASON_NONE: there is a solution */
	enum waybuf_reason reason;
	/** a refusal: how many requirements clash */
	uint32_t n_conflicts;
	/** without any one of these there would be no refusal, see @minimal */
	const struct waybuf_conflict *conflicts;
	/** false when the budget ended before the last superfluous requirement was struck out */
	bool minimal;
	/** candidates that are listed */
	uint32_t n_losers;
	/** what was not chosen, and why */
	const struct waybuf_loser *losers;
	/** losers beyond those listed */
	uint32_t n_more_losers;
	/** a success: name of the exporter */
	const char *exporter;
	/** and what was chosen */
	struct waybuf_solution solution;
};

/** Takes another reference, and returns it. */
WAYBUF_EXPORT const struct waybuf_explanation *waybuf_explanation_ref(
	const struct waybuf_explanation *explanation);
/** Drops a reference; the last one frees it. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_explanation_unref(const struct waybuf_explanation *explanation);

/**
 * Writes it as text: for a refusal one line with the clash, for a success one line with the
 * choice, then one line for each loser. @out is borrowed.
 */
WAYBUF_EXPORT void waybuf_explanation_print(
	const struct waybuf_explanation *explanation, FILE *out);

/** Writes one requirement to @out, without a newline: `"display" needs stride multiple 256`. */
WAYBUF_EXPORT void waybuf_conflict_print(const struct waybuf_conflict *conflict, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
