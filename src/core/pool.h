/* SPDX-License-Identifier: MIT */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "core/manager.h"
#include "core/storage.h"
#include "fence/wait.h"
#include "util/deadline.h"

/*
 * The objects of one pool, for the files of src/core that share them. Who owns whom:
 *
 *   pool        freed when nobody outside has it, no attachment, and none of its buffers
 *   attachment  holds its pool; freed by detach
 *   view        freed by its owner; holds nothing, as an attachment with views does not go
 *   buffer      part of the pool; a reference to it keeps the pool's struct, and its own storage
 */
#define WAYBUF_MAX_COUNT 64

struct waybuf_device;
struct migration;
struct relocation;
struct supply;

struct waybuf_pool {
	struct waybuf_manager *manager;
	struct waybuf_account *account; /* who pays */
	unsigned members; /* references from outside and from attachments */
	unsigned buffer_refs; /* sum of waybuf_buffer.refs */
	uint32_t width, height, count;
	uint32_t config; /* of which these are, from 1 */
	bool foreign; /* imported: its memory can neither be made nor moved by us */
	char *name; /* NULL: that of the exporter */
	/* the format that the contents have, once there are any; NULL before */
	struct waybuf_constraints *contents;
	/* whom to ask for shared memory (supply.h); NULL: nobody */
	void (*need)(void *data, uint32_t index, uint32_t slot, uint64_t size);
	void *need_data;
	uint32_t epoch; /* counts changes of what the solver would be asked */
	struct waybuf_buffer **buffers;
	struct waybuf_list attachments; // waybuf_attachment.link
	struct waybuf_list link; // waybuf_manager.pools
	struct waybuf_list commits; // waybuf_commit.link, behind the relocation
	struct relocation *relocation; /* under way; NULL: none */
	bool settling; /* members of before a restart may still come (restore.h) */
	struct waybuf_deadline settle;
};

/* A set that waits for its answer because another one is moving memory. */
struct waybuf_commit {
	struct waybuf_attachment *attachment;
	struct waybuf_constraints *set;
	struct waybuf_list link; // waybuf_pool.commits
};

struct waybuf_attachment {
	struct waybuf_pool *pool;
	struct waybuf_account *account;
	char *who;
	uint32_t role;
	uint64_t key;
	const struct waybuf_attachment_listener *listener;
	void *data;
	struct waybuf_constraints *set; /* in force; NULL: none so far */
	struct waybuf_constraints *candidate; /* for which memory is being moved */
	unsigned undecided; /* commits without an answer */
	int error; /* of the last refused commit */
	struct waybuf_device *device; /* tried with each new storage; NULL: none */
	struct waybuf_list views; // waybuf_view.attachment_link
	struct waybuf_list link; // waybuf_pool.attachments
};

enum buffer_state {
	BUFFER_DECLARED,
	BUFFER_BACKING,
	BUFFER_BACKED,
	BUFFER_MIGRATING,
	BUFFER_RENEWING,
};

struct waybuf_buffer {
	struct waybuf_pool *pool;
	uint32_t index;
	unsigned refs;
	enum buffer_state state;
	uint32_t generation; /* of the newest storage */
	uint32_t config; /* in which it was made */
	struct waybuf_storage *storage; /* NULL while declared */
	struct waybuf_resv *resv; /* NULL until first backed */
	uint64_t serial; /* of the last finished write */
	bool fresh; /* never written */
	bool undefined; /* a writer died; errors of fences are in resv */
	/* rank of memory that was given back and not written since (restore.h); 0: of other memory */
	uint32_t restored_epoch, restored_generation;

	struct waybuf_list views; // waybuf_view.buffer_link
	struct waybuf_list queue; // waybuf_view.queue_link, in the order of asking
	struct waybuf_list claims; // waybuf_claim.link
	struct waybuf_list bindings; // waybuf_binding.link
	struct waybuf_view *writer;
	unsigned readers; /* granted maps that only read */
	bool kicking, again;

	/* the head of the queue waits for fences that cannot be handed on */
	struct waybuf_fence_wait wait;
	struct waybuf_deadline deadline;
	bool overdue; /* it waited too long once: nobody else is made to */
	struct migration *migration;
	struct supply *supply; /* of the storage that is being made, while it waits for that */
};

enum view_state { VIEW_IDLE, VIEW_QUEUED, VIEW_GRANTED, VIEW_FAILED };

struct waybuf_view {
	struct waybuf_attachment *attachment;
	struct waybuf_buffer *buffer;
	const struct waybuf_view_listener *listener;
	void *data;
	enum view_state state;
	enum waybuf_direction direction;
	struct waybuf_storage *storage; /* of the granted map */
	struct waybuf_fence *fence; /* of the grant */
	bool was_undefined; /* the grant said so */
	uint32_t known; /* newest generation granted to it; 0: none */
	uint32_t revoked; /* generation that it was asked to give back; 0: none */
	struct waybuf_list attachment_link; // waybuf_attachment.views
	struct waybuf_list buffer_link; // waybuf_buffer.views
	struct waybuf_list queue_link; // waybuf_buffer.queue
};

/* A reader that is no view: what a surface shows. */
struct waybuf_claim {
	struct waybuf_buffer *buffer;
	struct waybuf_storage *bound; /* what to latch; NULL: the newest one */
	struct waybuf_storage *storage; /* NULL before the first latch */
	struct waybuf_fence *fence; /* of that latch */
	size_t reserved; /* slots in the buffer's reservation */
	struct waybuf_fence_wait wait; /* after the end, if its fence found no slot */
	struct waybuf_deadline deadline;
	void (*writer_gone)(void *data); /* NULL: nobody asked */
	void *writer_gone_data;
	struct waybuf_list link; // waybuf_buffer.claims
};

/* ---- pool.c */

/* A pool of one buffer that is backed already: for imports. Its one reference is the buffer's. */
int waybuf_pool_create_foreign(struct waybuf_manager *manager, struct waybuf_account *account,
	uint32_t width, uint32_t height, struct waybuf_pool **out);
/* More buffers, never fewer. -EINVAL above 64, -EDQUOT, -ENOMEM. */
int waybuf_pool_grow(struct waybuf_pool *pool, uint32_t count);
/* Frees what nobody needs any more. */
void waybuf_pool_reap(struct waybuf_pool *pool);
/* What the solver would be asked has changed in all pools. */
void waybuf_pools_invalidate(struct waybuf_manager *manager);
void waybuf_pools_forget_device(struct waybuf_manager *manager, const struct waybuf_device *device);

/* ---- buffer.c */

int waybuf_buffer_create(struct waybuf_pool *pool, uint32_t index, struct waybuf_buffer **out);
void waybuf_buffer_destroy(struct waybuf_buffer *buffer);
/* Gives it its first storage (a reference that it takes). -ENOMEM, -EDQUOT: nothing happened. */
int waybuf_buffer_back(struct waybuf_buffer *buffer, struct waybuf_storage *storage);
/* Puts a new storage in place of the old one. */
void waybuf_buffer_replace(struct waybuf_buffer *buffer, struct waybuf_storage *storage);
/* Puts the storage of a new configuration (taken) in place of the old one. As for the first. */
int waybuf_buffer_renew(struct waybuf_buffer *buffer, struct waybuf_storage *storage);
/*
 * Gives it storage (taken on success) of before a restart, in place of what it may have of the
 * kind: of @generation, or a higher one if that was passed. As for the first.
 */
int waybuf_buffer_adopt(struct waybuf_buffer *buffer, struct waybuf_storage *storage,
	uint32_t generation, uint32_t config);
/* Its storage is of an earlier configuration. */
bool waybuf_buffer_is_stale(const struct waybuf_buffer *buffer);
/* Tells everybody who knows @generation or an older one. */
void waybuf_buffer_tell_retired(struct waybuf_buffer *buffer, uint32_t generation);
/* Back to declared: nobody refers to it. */
void waybuf_buffer_drop_storage(struct waybuf_buffer *buffer);

/* DECLARED <-> BACKING, BACKED <-> MIGRATING, BACKED <-> RENEWING. */
void waybuf_buffer_set_backing(struct waybuf_buffer *buffer, bool backing);
void waybuf_buffer_set_migration(struct waybuf_buffer *buffer, struct migration *migration);
void waybuf_buffer_set_renewing(struct waybuf_buffer *buffer, bool renewing);

/* ---- binding.c */

/* Those that follow stay with the present storage from now on. */
void waybuf_buffer_freeze_bindings(struct waybuf_buffer *buffer);

/* ---- claim.c */

/* Whether a claim keeps writers away. */
bool waybuf_buffer_is_claimed(const struct waybuf_buffer *buffer);

/* The write map has ended: tells the claims that asked. */
void waybuf_buffer_writer_gone(struct waybuf_buffer *buffer);

/* ---- queue.c */

void waybuf_buffer_init_queue(struct waybuf_buffer *buffer);

/* Grants what can be granted. Listeners run inside; they may call anything. */
void waybuf_buffer_kick(struct waybuf_buffer *buffer);
/* Answers a queued map with map_failed. */
void waybuf_view_fail(struct waybuf_view *view, int error, const struct waybuf_explanation *why);
/* The same for all of them. */
void waybuf_buffer_fail_queue(
	struct waybuf_buffer *buffer, int error, const struct waybuf_explanation *why);
/*
 * What an access must wait for: NULL in @fence if nothing. @undefined is set if an error spoiled
 * the contents. 0, -ENOMEM, -EMFILE.
 */
int waybuf_buffer_gather_fences(struct waybuf_buffer *buffer, struct waybuf_storage *storage,
	bool write, struct waybuf_fence **fence, bool *undefined);

/* ---- attachment.c */

/* Answers the commit whose memory has been moved, or not, and goes on with those behind it. */
void waybuf_attachment_decided(struct waybuf_attachment *attachment, struct waybuf_constraints *set,
	enum waybuf_outcome outcome, int error, const struct waybuf_explanation *why);
void waybuf_pool_next_commit(struct waybuf_pool *pool);
/* Whether @storage meets @set by the rules, and the attachment's device takes it. */
bool waybuf_attachment_fits(struct waybuf_attachment *attachment, struct waybuf_constraints *set,
	const struct waybuf_storage *storage);
/* True while the view's maps wait for the answer to a commit. */
bool waybuf_view_is_held(const struct waybuf_view *view);

/* ---- solve.c */

/*
 * Chooses a storage for a buffer of the pool. The set of @first (NULL: none) is taken to be @set,
 * and it is party 0. @excluded are candidates that failed just now. As waybuf_negotiate().
 */
int waybuf_pool_solve(struct waybuf_pool *pool, const struct waybuf_attachment *first,
	struct waybuf_constraints *set, const struct waybuf_exclusion *excluded, size_t n_excluded,
	struct waybuf_solution *solution, const struct waybuf_explanation **why);
/* Whether @storage meets every attachment of the pool, @first with @set. 0 or -EOPNOTSUPP. */
int waybuf_pool_check(struct waybuf_pool *pool, const struct waybuf_attachment *first,
	struct waybuf_constraints *set, const struct waybuf_storage *storage);
/* Whether @storage meets @set, as a set of @attachment. 0, or -EOPNOTSUPP and a @conflict. */
int waybuf_attachment_check(const struct waybuf_attachment *attachment,
	struct waybuf_constraints *set, const struct waybuf_storage *storage,
	struct waybuf_conflict *conflict);
/* Formats never change by migration: all buffers of the pool have that of @layout from now on. */
int waybuf_pool_pin_format(struct waybuf_pool *pool, const struct waybuf_layout *layout);
/*
 * Why @storage, which cannot be moved, does not meet @set: the clash of what is with what is
 * wanted. As waybuf_negotiate(); 0 if it is nothing that constraints can say.
 */
int waybuf_attachment_explain_misfit(const struct waybuf_attachment *attachment,
	struct waybuf_constraints *set, const struct waybuf_storage *storage,
	const struct waybuf_explanation **why);
/* Whether the planes of @storage hold an image of its format and size. 0 or -EINVAL. */
int waybuf_storage_check_image(const struct waybuf_storage *storage);
/* Tries @storage on every device of the pool that has not seen its like. 0 or the refusal. */
int waybuf_pool_probe(struct waybuf_pool *pool, const struct waybuf_storage *storage);

/* ---- backing.c */

/*
 * Makes a storage for a buffer on the worker thread. @storage is a reference, or NULL: then @error
 * is a negative errno and @why an explanation (NULL or borrowed). Called once, perhaps before
 * waybuf_backing_start() returns. The buffer is referenced until then.
 */
typedef void (*backing_func_t)(struct waybuf_buffer *buffer, struct waybuf_storage *storage,
	int error, const struct waybuf_explanation *why);
/*
 * In the newest configuration; -ESTALE if there is another one before the memory for @first is.
 * @account pays. @first and @set are as for waybuf_pool_solve(); @set is referenced, and @first is
 * looked at as long as it is the one whose set is a candidate.
 */
void waybuf_backing_start(struct waybuf_buffer *buffer, struct waybuf_account *account,
	struct waybuf_attachment *first, struct waybuf_constraints *set, backing_func_t done);

#endif
