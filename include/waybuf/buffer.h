/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_BUFFER_H
#define WAYBUF_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/constraints.h>
#include <waybuf/fence.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Buffers: the kernel's dma-buf model, one level up.
 *
 * dma_buf_attach() is waybuf_pool_attach() + waybuf_attachment_commit(); dma_buf_map_attachment()
 * is waybuf_view_map(); "end of DMA" is waybuf_view_unmap() with the fence that says when the
 * access is really over.
 *
 * Threads: all calls and callbacks of one manager belong to the thread that dispatches its loop.
 * A callback may run before the call that caused it returns, where this is said.
 */

/** The exporters, the event loop, the worker and the accounts of one process. */
struct waybuf_manager;
/** The ledger of one client: what it holds, and how much it may. Reference counted. */
struct waybuf_account;
/** N interchangeable images under one set of constraints. Reference counted. */
struct waybuf_pool;
/** One device or program that takes part in a pool, with its constraints. */
struct waybuf_attachment;
/** One buffer of the pool seen through one attachment: what is mapped. */
struct waybuf_view;
/** One image; declared first, backed by memory at its first map. Reference counted. */
struct waybuf_buffer;

struct waybuf_exporter;
struct waybuf_loop;

/** Who reads and who writes: DMA_FROM_DEVICE, DMA_TO_DEVICE and DMA_BIDIRECTIONAL, for memory. */
enum waybuf_direction {
	/** shared with other readers */
	WAYBUF_READ = 1,
	/** alone: nobody else reads or writes meanwhile */
	WAYBUF_WRITE = 2,
	/** both, alone as a writer is */
	WAYBUF_READ_WRITE = 3,
};

/** What a memory fd is. */
enum waybuf_memory_kind {
	/** for devices, and for the CPU in brackets */
	WAYBUF_MEMORY_DMABUF = 0,
	/** shared memory: for the CPU only */
	WAYBUF_MEMORY_MEMFD = 1,
};

/** A place in memory that one or more planes share. */
struct waybuf_memory {
	/** borrowed from the buffer; dup it to keep it */
	int fd;
	/** what the fd is */
	enum waybuf_memory_kind kind;
	/** bytes */
	uint64_t size;
};

/** Where an image is: the answer of a map. A layout never changes; a migration makes a new one. */
struct waybuf_layout {
	/** 1 for the first storage of a buffer, and one more with each migration */
	uint32_t generation;
	/** pixels */
	uint32_t width, height;
	/** DRM_FORMAT_* */
	uint32_t format;
	/** DRM_FORMAT_MOD_* */
	uint64_t modifier;
	/** how many of each of the arrays below there are, 1 to WAYBUF_MAX_PLANES */
	uint32_t n_planes, n_memory;
	/** where each plane is in the memory, in the order of the format */
	struct waybuf_plane planes[WAYBUF_MAX_PLANES];
	/** what waybuf_plane.slot counts */
	struct waybuf_memory memory[WAYBUF_MAX_PLANES];
	/** name of the exporter; lives as long as the manager */
	const char *exporter;
};

/* ---- the manager --------------------------------------------------------------------------- */

/**
 * Creates a manager without exporters. @loop is the host's event loop (borrowed, must outlive the
 * manager), or NULL for one of its own, to be driven with waybuf_manager_get_fd() and
 * waybuf_manager_dispatch(). 0, -ENOMEM, or the errno of epoll_create1(), eventfd().
 */
WAYBUF_EXPORT int waybuf_manager_create(struct waybuf_loop *loop, struct waybuf_manager **out);

/** All pools must be gone. Joins the worker thread. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_manager_destroy(struct waybuf_manager *manager);

/**
 * Installs a SIGBUS handler for the process, once and for good. Memory that is copied may go away
 * meanwhile: a client cuts a file off, a device is unplugged. With the handler that copy fails with
 * -EFAULT, without it the process ends. The handler that is there by now gets every fault that is
 * not in memory that is being copied; one that the host installs later must pass on what is not its
 * own. 0, or the errno of sigaction().
 */
WAYBUF_EXPORT int waybuf_manager_catch_sigbus(struct waybuf_manager *manager);

/** An fd that polls readable when there is work; borrowed. -EINVAL if the loop is the host's. */
WAYBUF_EXPORT int waybuf_manager_get_fd(struct waybuf_manager *manager);

/**
 * Waits at most @timeout_ms (-1 for ever). The number of callbacks run, or -EINVAL if the loop is
 * the host's.
 */
WAYBUF_EXPORT int waybuf_manager_dispatch(struct waybuf_manager *manager, int timeout_ms);

/**
 * Makes the exporters that work on this machine and registers them: memfd always; udmabuf and heap
 * where their nodes open; dumb and gbm on @drm_fd (borrowed and duplicated) unless it is -1.
 * The environment variable WAYBUF_EXPORTERS, a comma-separated list of names, restricts and orders
 * them. The number of exporters, -EINVAL if the variable names one that does not exist, or -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_manager_add_default_exporters(struct waybuf_manager *manager, int drm_fd);

/**
 * Registers an exporter of the host's own; taken on success. 0; -EINVAL if a required operation or
 * the name is missing; -EEXIST if there is one of that name; -ENOSPC if there are 64.
 */
WAYBUF_EXPORT int waybuf_manager_add_exporter(
	struct waybuf_manager *manager, struct waybuf_exporter *exporter);

/** Calls @func with each exporter's description and @data, in order of registration. */
WAYBUF_EXPORT void waybuf_manager_for_each_exporter(struct waybuf_manager *manager,
	void (*func)(const struct waybuf_exporter_caps *caps, void *data), void *data);

/* ---- accounts ------------------------------------------------------------------------------ */

/** What is counted; the numbers are those of the protocol's `usage` event. */
enum waybuf_resource {
	/** storage, and records that wait for their commit, in KiB */
	WAYBUF_RESOURCE_KIB = 0,
	/** buffers, declared ones too */
	WAYBUF_RESOURCE_BUFFERS,
	/** file descriptors that are held for the client */
	WAYBUF_RESOURCE_FDS,
	/** memberships in pools, and open tokens */
	WAYBUF_RESOURCE_POOLS,
	/** attachments, and buffers of them */
	WAYBUF_RESOURCE_ATTACHMENTS,
	/** maps, queued or granted */
	WAYBUF_RESOURCE_MAPS,
	/** timelines and fences that are watched */
	WAYBUF_RESOURCE_POINTS,
	/** how many there are */
	WAYBUF_RESOURCE_COUNT,
};

/** Most that an account may hold of each resource. */
struct waybuf_limits {
	/** by enum waybuf_resource */
	uint32_t max[WAYBUF_RESOURCE_COUNT];
};

/** Opens an account. @name is copied; @limits too, NULL means generous defaults. NULL: -ENOMEM. */
WAYBUF_EXPORT struct waybuf_account *waybuf_account_create(
	struct waybuf_manager *manager, const char *name, const struct waybuf_limits *limits);
/**
 * From now on @account is charged only what @group (referenced) can be charged, too, so that whoever
 * opens many accounts has no more than the group allows. 0; -EBUSY: @account has a group or members,
 * or holds something already; -EINVAL: @group has a group itself.
 */
WAYBUF_EXPORT int waybuf_account_set_group(
	struct waybuf_account *account, struct waybuf_account *group);
/** Takes another reference, and returns it. */
WAYBUF_EXPORT struct waybuf_account *waybuf_account_ref(struct waybuf_account *account);
/** Drops a reference. The account stays while something is charged to it. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_account_unref(struct waybuf_account *account);
/** As given to waybuf_account_create(); borrowed. */
WAYBUF_EXPORT const char *waybuf_account_name(const struct waybuf_account *account);
/** What the account holds now, rounded up to whole KiB for memory. */
WAYBUF_EXPORT uint32_t waybuf_account_used(
	const struct waybuf_account *account, enum waybuf_resource what);
/** The most that it may hold. */
WAYBUF_EXPORT uint32_t waybuf_account_limit(
	const struct waybuf_account *account, enum waybuf_resource what);
/** Exact bytes of storage charged to the account. */
WAYBUF_EXPORT uint64_t waybuf_account_bytes(const struct waybuf_account *account);

/* ---- pools --------------------------------------------------------------------------------- */

/** What to export, as struct dma_buf_export_info is for the kernel. */
struct waybuf_export_info {
	/** pixels, 1 to 65536 */
	uint32_t width, height;
	/** buffers, 1 to 64 */
	uint32_t count;
	/** prefix of each dma-buf's name (DMA_BUF_SET_NAME), copied; NULL: the exporter's */
	const char *name;
};

/**
 * Declares a pool: handles, no memory. Buffers, pool and later the bytes are charged to @account
 * (referenced). 0, -EINVAL (size or count), -EDQUOT, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_pool_create(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_export_info *info, struct waybuf_pool **out);
/** Takes another reference, and returns it. */
WAYBUF_EXPORT struct waybuf_pool *waybuf_pool_ref(struct waybuf_pool *pool);
/** The last reference frees the buffers that nobody else refers to. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_pool_unref(struct waybuf_pool *pool);
/**
 * Lets @account (referenced) pay for the pool, its buffers and their storage from now on: the one
 * who made it has left. 0, or -EDQUOT, and nothing happened.
 */
WAYBUF_EXPORT int waybuf_pool_set_account(struct waybuf_pool *pool, struct waybuf_account *account);
/**
 * Starts a new configuration: every buffer gets new, cleared memory of @width times @height pixels
 * at its next write map, and the first of these chooses the format anew, from the sets in force
 * then. Until that map readers, and wl_buffers for ever, keep the old memory. A configuration that
 * the participants cannot agree on fails those maps; a further one cures it. 0, -EINVAL (size,
 * or the pool of an imported buffer).
 */
WAYBUF_EXPORT int waybuf_pool_reconfigure(
	struct waybuf_pool *pool, uint32_t width, uint32_t height);
/** Who pays; borrowed. */
WAYBUF_EXPORT struct waybuf_account *waybuf_pool_account(struct waybuf_pool *pool);
/** Never falls; rises when the participants' HOLD records together ask for more buffers. */
WAYBUF_EXPORT uint32_t waybuf_pool_count(const struct waybuf_pool *pool);
/** Pixels, of the present configuration. */
WAYBUF_EXPORT uint32_t waybuf_pool_width(const struct waybuf_pool *pool);
/** Pixels, of the present configuration. */
WAYBUF_EXPORT uint32_t waybuf_pool_height(const struct waybuf_pool *pool);
/**
 * What the solver says of the sets in force now: a reference in @out, also when there is no
 * solution (see its reason). 0, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_pool_explain(
	struct waybuf_pool *pool, const struct waybuf_explanation **out);
/** Borrowed; NULL if @index is not below the count. */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_pool_buffer(struct waybuf_pool *pool, uint32_t index);

/* ---- attachments --------------------------------------------------------------------------- */

/** What became of a commit. The numbers are those of the protocol's `accepted` event. */
enum waybuf_outcome {
	/** nothing is backed yet and a solution exists */
	WAYBUF_DECLARED = 0,
	/** the storage that exists already fits */
	WAYBUF_FITS = 1,
	/** the storage was moved */
	WAYBUF_MIGRATED = 2,
};

/** What a participant is told of its commits. Both are required. */
struct waybuf_attachment_listener {
	/** answers one commit */
	void (*accepted)(void *data, enum waybuf_outcome outcome);
	/**
	 * answers one commit; the previous set stays in force. @error is a negative errno, @why
	 * (may be NULL) names the clashing fields, borrowed for the call; party 0 of its conflicts
	 * is this attachment. -EDQUOT, -ENOMEM; -ETIME: a writer did not give the memory back in
	 * time; -EADDRNOTAVAIL: the memory is imported and cannot be moved; -EFAULT: the memory
	 * went away while it was copied; else the solver's: -EOPNOTSUPP (see @why), -ENODATA (no
	 * concrete format), -E2BIG and -ETIMEDOUT (too hard)
	 */
	void (*refused)(void *data, int error, const struct waybuf_explanation *why);
};

/**
 * Takes part in the pool, charged to @account (referenced). @who names the participant in
 * explanations, copied. @listener and @data, which is passed to it, are borrowed until detach. 0,
 * -EDQUOT, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_pool_attach(struct waybuf_pool *pool, struct waybuf_account *account,
	const char *who, const struct waybuf_attachment_listener *listener, void *data,
	struct waybuf_attachment **out);

/**
 * Makes @constraints (referenced) the requirements of this participant, replacing the previous
 * ones as a whole. Answered by the listener exactly once per commit, in order, perhaps before this
 * returns. 0 or -ENOMEM, which is not answered.
 */
WAYBUF_EXPORT int waybuf_attachment_commit(
	struct waybuf_attachment *attachment, struct waybuf_constraints *constraints);

/** Sets @role, a number for waybuf_conflict.role, 0 at first. */
WAYBUF_EXPORT void waybuf_attachment_set_role(struct waybuf_attachment *attachment, uint32_t role);

/** The pool that it takes part in, borrowed. */
WAYBUF_EXPORT struct waybuf_pool *waybuf_attachment_pool(struct waybuf_attachment *attachment);

/**
 * Leaves; commits without an answer get none, and memory that is being moved for one of them stays
 * where it is. 0, or -EBUSY while it has views, and then nothing happened.
 */
WAYBUF_EXPORT int waybuf_attachment_detach(struct waybuf_attachment *attachment);

/* ---- views: map and unmap ------------------------------------------------------------------ */

/** What there is to know about the contents. */
enum waybuf_grant_flags {
	/** never written: reads as zero */
	WAYBUF_GRANT_FRESH = 1,
	/** an error fence or a lost device spoiled the contents */
	WAYBUF_GRANT_UNDEFINED = 2,
};

/** An access that was given. */
struct waybuf_grant {
	/** borrowed; valid until the view goes or the generation is retired */
	const struct waybuf_layout *layout;
	/** what must signal before the memory is touched, borrowed; NULL: nothing */
	struct waybuf_fence *fence;
	/** of the last finished write for a reader; of the coming one for a writer */
	uint64_t serial;
	/** enum waybuf_grant_flags */
	uint32_t flags;
};

/** What a view is told. All are required. */
struct waybuf_view_listener {
	/** the access asked for is given */
	void (*mapped)(void *data, const struct waybuf_grant *grant);
	/**
	 * it is not; the view still wants its unmap, unless @error is -ECANCELED, which answers
	 * one. @why may be NULL. -EOPNOTSUPP: the participants' requirements clash; -ENODATA: no
	 * set is in force; -ETIME: a fence did not signal in 5 s; -ENOMEM, -EMFILE, -EDQUOT; or
	 * the errno of the exporter's ioctl
	 */
	void (*map_failed)(void *data, int error, const struct waybuf_explanation *why);
	/** please finish and unmap; @deadline_ms 0 means when convenient */
	void (*revoke)(void *data, uint32_t generation, uint32_t deadline_ms);
	/** forget fds and imports of this generation and older ones */
	void (*retired)(void *data, uint32_t generation);
};

/**
 * The buffer @index of the pool, seen through @attachment. @listener and @data, which is passed to
 * it, are borrowed until the view is destroyed. 0, -EINVAL (index), -EEXIST (the attachment has a
 * view of it), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_attachment_get_view(struct waybuf_attachment *attachment, uint32_t index,
	const struct waybuf_view_listener *listener, void *data, struct waybuf_view **out);

/** Destroys a view. An open map is ended, with an error for a writer. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_view_destroy(struct waybuf_view *view);

/** The buffer that it shows, borrowed; valid as long as the view. */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_view_buffer(struct waybuf_view *view);

/**
 * Asks for access and queues behind those who asked before: readers share, a writer is alone, and
 * a reader behind a queued writer waits. The first grant brings the memory into being. Answered by
 * exactly one `mapped` or `map_failed`, perhaps before this returns. 0, -EINVAL (a map is open
 * already, or bad direction), -EACCES (the attachment's ACCESS does not cover it), -EDQUOT; none
 * of these is answered.
 */
WAYBUF_EXPORT int waybuf_view_map(struct waybuf_view *view, enum waybuf_direction direction);

/**
 * Ends the access, which is over when @fence (referenced; NULL: now) signals; before the grant it
 * cancels, and the map is answered with -ECANCELED. 0, or -EINVAL if no map is open.
 */
WAYBUF_EXPORT int waybuf_view_unmap(struct waybuf_view *view, struct waybuf_fence *fence);

/* ---- buffers ------------------------------------------------------------------------------- */

/**
 * Wraps memory that somebody else exported, already backed, and charges it to @account
 * (referenced). The fds of @layout are duplicated, and checked. If all are one of our own exports
 * with this very layout, *out is a new reference to that buffer.
 *
 * 0; -EBADF; -EINVAL: no dma-buf and no sealed memfd, or the layout does not fit into it; -EDQUOT,
 * -EMFILE, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_buffer_import(struct waybuf_manager *manager,
	struct waybuf_account *account, const struct waybuf_layout *layout,
	struct waybuf_buffer **out);
/** Takes another reference, and returns it. */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_buffer_ref(struct waybuf_buffer *buffer);
/** Drops a reference; the last one lets the memory go. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_buffer_unref(struct waybuf_buffer *buffer);

/** The pool it belongs to, borrowed; an imported buffer has one of its own. */
WAYBUF_EXPORT struct waybuf_pool *waybuf_buffer_pool(struct waybuf_buffer *buffer);
/** Its index in that pool. */
WAYBUF_EXPORT uint32_t waybuf_buffer_index(const struct waybuf_buffer *buffer);
/** The account of the participant who holds a write map; borrowed. NULL: nobody does. */
WAYBUF_EXPORT struct waybuf_account *waybuf_buffer_writer(const struct waybuf_buffer *buffer);

/** The newest layout, borrowed until the next dispatch; NULL while declared. */
WAYBUF_EXPORT const struct waybuf_layout *waybuf_buffer_layout(const struct waybuf_buffer *buffer);

/** Bytes of storage: 0 while declared. */
WAYBUF_EXPORT uint64_t waybuf_buffer_size(const struct waybuf_buffer *buffer);

/**
 * Duplicates the fd of memory @slot. @flags is O_CLOEXEC or 0, as dma_buf_fd() has it, and takes
 * effect atomically.
 *
 * Returns the fd, for the caller to close; -ENODATA while declared; -EINVAL (no such memory, other
 * flags), -EMFILE.
 */
WAYBUF_EXPORT int waybuf_buffer_fd(struct waybuf_buffer *buffer, uint32_t slot, int flags);

/**
 * A compositor's hold on what a surface shows: taken when the surface commits, so that no writer
 * gets in between, and ended by the fence of the flip that replaced it. It passes queued writers:
 * else committing a buffer again behind one's own queued map would deadlock.
 */
struct waybuf_claim;

/**
 * Takes a read claim. 0, -ENODATA while declared (nothing was ever drawn), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_buffer_claim(struct waybuf_buffer *buffer, struct waybuf_claim **out);
/**
 * What to show, at latch: the newest layout into @grant, borrowed until the claim ends or is
 * latched again; the grant's fence is what the latch must wait for. It knows the fences given to
 * waybuf_view_unmap(); those that a client put on the dma-buf itself are had from
 * waybuf_dmabuf_export_fence().
 */
WAYBUF_EXPORT void waybuf_claim_latch(struct waybuf_claim *claim, struct waybuf_grant *grant);
/**
 * Somebody may hold a write map beside the claim: the client that keeps what it commits, or another
 * one, for whom the latch should wait (see waybuf_buffer_writer()). True if somebody does: then
 * @func is called once with @data, when that map has ended, unless the claim ends first; a new call
 * replaces the old one. False, and no call, if nobody does.
 */
WAYBUF_EXPORT bool waybuf_claim_watch_writer(
	struct waybuf_claim *claim, void (*func)(void *data), void *data);
/** The buffer that it holds, borrowed. */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_claim_buffer(const struct waybuf_claim *claim);
/** Ends it; reading is over when @fence (referenced; NULL: now) signals. NULL claim is a no-op. */
WAYBUF_EXPORT void waybuf_claim_end(struct waybuf_claim *claim, struct waybuf_fence *fence);

#ifdef __cplusplus
}
#endif

#endif
