/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SHM_WRAP_H
#define DAEMON_SHM_WRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "util/worker.h"

struct daemon;
struct waybuf_account;
struct waybuf_exporter;
struct waybuf_fence;
struct waybuf_timeline;

/*
 * The pages of a client's memfd as a dma-buf (udmabuf), so that a display reads what the client has
 * drawn. The kernel takes files that cannot shrink and can be written; which seals a file has is its
 * client's doing alone.
 *
 * The kernel takes the pages that the file has at that moment, and pins them. A client may have a
 * hole punched into its file, and other pages from then on, though all its seals are there: the
 * dma-buf then shows what nobody draws any more. Each punch changes the file's ctime, and so does
 * the first write to a page through a mapping, but no later one. So a file with another ctime than
 * when it was wrapped has to be wrapped anew.
 *
 * All of it belongs to the loop's thread, but for what the jobs do.
 */

/* A client's file, for as long as it may have to be mapped or wrapped. */
struct shm_file {
	unsigned refs;
	int fd;
	const char *refusal; /* why its pages are never wrapped; static. NULL: they may be */
};

/* @fd is taken on success. NULL: no memory. */
struct shm_file *shm_file_create(int fd);
struct shm_file *shm_file_ref(struct shm_file *file);
/* NULL is a no-op. */
void shm_file_unref(struct shm_file *file);

struct shm_wrap {
	unsigned refs;
	struct daemon *daemon;
	struct waybuf_exporter *exporter;
	struct shm_file *file;
	struct waybuf_account *account; /* charged for an fd and the size; NULL: no more */
	uint64_t size; /* whole pages */
	int fd; /* the dma-buf; -1: there is none */
	int error; /* 0: it is there; -EINPROGRESS; or why it never will be */
	struct waybuf_timeline *flushed; /* a point for each flush; NULL: there was none */
	uint64_t n_flushes;
	uint64_t n_frames; /* that could be shown from it */

	/* the job's until it is done */
	struct waybuf_job job;
	int result;
	struct timespec changed; /* the file's ctime before its pages were taken */
};

/* What can wrap files here, borrowed. NULL: nothing. */
struct waybuf_exporter *shm_wrap_exporter(const struct daemon *daemon);

/*
 * Begins to wrap the first @size bytes of @file (referenced), on the worker. 0, -EFBIG (more than
 * the exporter takes), -EDQUOT, -ENOMEM, -EAGAIN (there is no worker).
 */
int shm_wrap_create(struct daemon *daemon, struct shm_file *file, struct waybuf_account *account,
	uint64_t size, struct shm_wrap **out);
struct shm_wrap *shm_wrap_ref(struct shm_wrap *wrap);
/* NULL is a no-op. */
void shm_wrap_unref(struct shm_wrap *wrap);

/* Whether the file of one that is there may have other pages by now. */
bool shm_wrap_is_stale(const struct shm_wrap *wrap);

/* Whether devices read memory without a look into the CPU's caches, as far as can be known. */
bool shm_wrap_is_incoherent(void);
/*
 * Has what is in the caches written to memory, on the worker, of one that is there. *fence is a new
 * reference; its end says that the display may read, unless the wrap has an error by then. It
 * is NULL on failure, if it was before. 0, -ENOMEM, -EAGAIN.
 */
int shm_wrap_flush(struct shm_wrap *wrap, struct waybuf_fence **fence);

#endif
