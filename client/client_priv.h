/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_PRIV_H
#define CLIENT_PRIV_H

#include <waybuf/client.h>
#include <waybuf/cpu_access.h>

#include <wayland-client-protocol.h>

#include "client_dmabuf.h"
#include "client_link.h"
#include "client_storage.h"
#include "client_timelines.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "util/list.h"
#include "waybuf-allocator-v1-client-protocol.h"

/*
 * Inside of libwaybuf-client.
 *
 *   connection.c  the client: connect, reconnect, bounded waits, error text
 *   link.c        one connection of it: registry, event queue, how it ends
 *   globals.c     what a server offers
 *   service.c     a waybufd beside the compositor
 *   pool.c        pools, whatever their memory comes from; who gets which buffer (acquire)
 *   buffer.c      one buffer's states
 *   backend_*.c   where the memory of a pool comes from
 *   grants.c      what an allocator answers to maps of buffers
 *   storage.c     what a generation consists of, checked: layout, fds, CPU mappings
 *   present.c     wl_buffers, on servers of ours and on others
 *   dmabuf.c      wl_buffers of dma-bufs, through linux-dmabuf
 *   restore.c     pools on a new connection, after a restart of the server
 *   swapchain.c   pools that belong to a surface, with fences in and out
 *   timelines.c   fences as timeline points
 *   offer.c       which pairs a compositor takes through linux-dmabuf
 *   feedback.c    the lists of them as of version 4
 *   foreign.c     the same as constraints, of a compositor that is not ours
 *   import.c      memory of others, shown through linux-dmabuf
 *   reason.c      refusals as errnos and sentences
 *   report.c      answers that come as files
 *
 * What link.c, storage.c and timelines.c do is in client_*.h; dmabuf.c, offer.c, feedback.c and foreign.c
 * share client_dmabuf.h.
 *
 * All proxies of the library are on its own event queue, but for imports that outlast the client
 * (dmabuf.c). Listeners only note what came: no listener waits, and none calls back into the program.
 */

/* The limit of waits for things that a healthy server does at once. */
#define CLIENT_PATIENCE_MS 5000
#define CLIENT_ERROR_SIZE 1024
#define CLIENT_REASON_SIZE 512
/* More than any compositor has. */
#define CLIENT_MAX_SHM_FORMATS 256
/* Kinds of buffers that a compositor lists and refuses, of one pool. */
#define CLIENT_MAX_REFUSED 16

struct waybuf_client {
	/* to who shows the buffers; and one of our own to a service beside that, if there is one */
	struct client_link compositor, beside;
	/* that of the two on which the allocator is; NULL: neither */
	struct client_link *service;
	struct waybuf_allocator_v1 *allocator;
	/* capability bits, and whether the batch that carries them has ended once */
	uint32_t capabilities;
	bool ready;
	/*
	 * of a server that is not integrated, but beside the compositor on its connection: the
	 * device by which that shows buffers. Id 0: none was announced
	 */
	uint32_t device, device_kind;
	/* the usage events that came before a refusal, as text; empty if none did */
	char account[256];

	/* NULL: the compositor has none; what it takes is a constraint where it is not the allocator */
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct client_feedback *feedback; /* NULL: its version has none */
	struct client_offer offer;
	/* NULL unless the server is not integrated, or the compositor has none */
	struct wl_shm *shm;
	struct waybuf_client_format shm_pairs[CLIENT_MAX_SHM_FORMATS];
	uint32_t n_shm_pairs;
	/* NULL: not opened yet, or not there */
	struct waybuf_exporter *udmabuf;

	/* why memory comes from where it does, where there is an allocator */
	char service_reason[CLIENT_REASON_SIZE / 2];

	/* NULL: the compositor does not offer points */
	struct wp_linux_drm_syncobj_manager_v1 *syncobj;

	/* of both connections, where there are two; else -1 */
	int epoll_fd;
	/* for a service that is not there: when to look again */
	int64_t next_look_ms;
	/* ends a wait when it is readable, as events do; -1: nothing */
	int wake_fd;
	struct waybuf_list pools; /* waybuf_client_pool.link */
	struct waybuf_list imports; /* waybuf_client_import.link */
	struct waybuf_list late_imports; /* of dmabuf.c: nobody waits for them any more */
	char error[CLIENT_ERROR_SIZE];
};

/* A refusal, kept until somebody asks. */
struct client_refusal {
	int error;
	char text[CLIENT_ERROR_SIZE];
};

/* One waybuf_attachment_v1 of a pool. */
struct client_attachment {
	struct waybuf_client_pool *pool;
	struct waybuf_attachment_v1 *proxy;
	/* conflict events since the last refusal, as text */
	char conflicts[512];
};

/*
 * Where the memory of a pool comes from. What a pool has of it is made by start and bind, and a map
 * is answered in time by its own listeners, or within the call: QUEUED becomes READY or FAILED.
 */
struct client_backend {
	/* for people */
	const char *name;
	enum waybuf_client_path path;
	/* 0 or what waybuf_client_pool_create() says; what was made is finished by the caller */
	int (*start)(struct waybuf_client_pool *pool, uint32_t count);
	/* lets go of all that start made; again is a no-op */
	void (*finish)(struct waybuf_client_pool *pool);
	/* -ENOMEM */
	int (*bind)(struct waybuf_client_buffer *buffer);
	/* again is a no-op */
	void (*unbind)(struct waybuf_client_buffer *buffer);
	/* asks for a buffer that is QUEUED */
	void (*map)(struct waybuf_client_buffer *buffer);
	/* the write is over when @fence (borrowed; -1: now) signals */
	void (*unmap)(struct waybuf_client_buffer *buffer, int fence);
	/* the write is over, and a read begins; NULL: nobody else could write meanwhile */
	void (*share)(struct waybuf_client_buffer *buffer);
	/* local ones: makes dma-bufs of the memfds of a new storage; NULL: they stay memfds */
	int (*wrap)(struct waybuf_client *client, struct client_storage *storage);
	/* where the server is not integrated: fills storage->wl_buffer. As present */
	int (*make_wl_buffer)(struct waybuf_client_buffer *buffer);
	int (*explain)(struct waybuf_client_pool *pool, int64_t deadline_ms, char **out);
};

struct waybuf_client_pool {
	struct waybuf_client *client;
	struct waybuf_list link; /* waybuf_client.pools */
	const struct client_backend *backend; /* NULL: not chosen yet */
	char path_reason[CLIENT_REASON_SIZE];
	/* what the compositor would not import; why a service was given up for good, empty if it was not */
	struct waybuf_client_format refused[CLIENT_MAX_REFUSED];
	uint32_t n_refused;
	char service_refusal[CLIENT_REASON_SIZE / 2];
	/* the service that came back knows nothing of it */
	bool stays;
	/* what it was agreed to have is of no use: the next acquire starts anew */
	bool renegotiate;
	/* the newest that a buffer has had, and had before such a start */
	uint32_t generation, former_generation;
	/* its buffers from before that, of which some are shown yet; NULL: none are */
	struct waybuf_client_pool *former;
	/* local backends: what each storage is like, and the last grant's number */
	struct waybuf_solution plan;
	uint64_t serial;
	struct waybuf_pool_v1 *proxy;
	/* this program; and who shows the buffers, its proxy NULL without `display` */
	struct client_attachment writer, display;
	/* what was asked for, to ask again after a restart; NULL: what most programs need */
	uint32_t width, height;
	char name[WAYBUF_ALLOCATOR_V1_LIMIT_NAME + 1];
	struct waybuf_constraints *constraints;
	bool wants_display;
	uint32_t count;
	struct waybuf_client_buffer *buffers[WAYBUF_POOL_V1_LIMIT_COUNT];
	/* NULL: it is nobody's */
	struct waybuf_client_swapchain *swapchain;
	/* presented last; UINT32_MAX: none was */
	uint32_t shown;
	/* nothing was acquired since the last restart, so that one comes first */
	bool resumed;
	/* of the restart: the answer to restore_pool has come; its count; memories without an answer */
	bool answered;
	uint32_t configured_count;
	unsigned int restoring;
	/* buffers whose contents came back */
	uint32_t n_restored;
	/* error 0 as long as the pool is good for something */
	struct client_refusal refusal;
};

/* Memory of somebody else, known to the compositor. */
struct waybuf_client_import {
	struct waybuf_client *client;
	struct waybuf_list link; /* waybuf_client.imports */
	struct wl_buffer *wl_buffer; /* NULL: it was of a connection that is over */
	/* sent before the newest commit: NULL once the server has come that far */
	struct wl_callback *commit;
	bool busy;
};

/*
 * States of a buffer and what leads from one to the other:
 *
 *	IDLE -- acquire --> QUEUED -- mapped --> READY -- acquire --> ACQUIRED
 *	ACQUIRED -- present, integrated server --> QUEUED
 *	ACQUIRED -- present, other server --> SHOWN -- wl_buffer.release, or a fence on the
 *		    release point --> READY
 *	ACQUIRED -- release --> IDLE
 *	QUEUED -- map_failed --> FAILED -- acquire reports it --> IDLE
 *	READY -- revoke --> IDLE
 *	ACQUIRED and shared -- release --> QUEUED, or SHOWN while another server's compositor reads
 *
 * A map is open in all states but IDLE. In SHOWN the write map is what keeps everybody else from
 * the memory while a compositor reads it that the service knows nothing of.
 */
enum client_buffer_state {
	CLIENT_BUFFER_IDLE,
	CLIENT_BUFFER_QUEUED,
	CLIENT_BUFFER_READY,
	CLIENT_BUFFER_ACQUIRED,
	CLIENT_BUFFER_SHOWN,
	CLIENT_BUFFER_FAILED,
};

struct waybuf_client_buffer {
	struct waybuf_client_pool *pool;
	struct waybuf_buffer_v1 *proxy;
	uint32_t index;
	enum client_buffer_state state;
	/* maps without an answer; all but the last of them are cancelled ones */
	unsigned int unanswered;
	/* the newest generation that is known, NULL if none is */
	struct client_storage *storage;
	/* the one that layout and memory events are building, NULL between batches */
	struct client_storage *incoming;
	/* the newer one that came while the caller reads a shared buffer; NULL: none did */
	struct client_storage *next;
	/* generations up to this one are of no more use */
	uint32_t retired;
	/* of the grant */
	int fence;
	uint64_t serial;
	uint32_t flags;
	bool revoked;
	/* the open map is for reading, after a write that is over */
	bool shared;
	/* shared, and a compositor that is not the server reads it, too */
	bool on_screen;
	/* in use since before a service came back, which knows of no map */
	bool unknown;
	/* QUEUED because somebody waits for it, not ahead of time */
	bool asked;
	/* direction of the open CPU scope, 0 if none */
	uint32_t cpu_direction;
	/* on integrated servers, where a wl_buffer is bound to the buffer */
	struct wl_buffer *wl_buffer;
	/* where commits have points: of its release */
	struct client_timeline release;
	/* why the last map, or the wl_buffer, failed */
	struct client_refusal refusal, wl_buffer_refusal;
};

/* connection.c */

/* Notes the sentence for @error and returns @error. */
int client_fail(struct waybuf_client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Notes and returns the error of a refusal. */
int client_fail_refused(struct waybuf_client *client, const struct client_refusal *refusal);
/* 0, or the error of the compositor's connection that broke. */
int client_check(struct waybuf_client *client);
/* Milliseconds on a clock that never goes back. */
int64_t client_now_ms(void);
/*
 * Runs the library's own listeners until @done returns true. 0, -ETIMEDOUT when the clock passes
 * @deadline_ms, or the error of the compositor's connection or of @link, which is whose answer it is;
 * NULL: nobody's in particular. Only what has arrived is looked at if the deadline is past, as 0 is.
 */
int client_wait(struct waybuf_client *client, const struct client_link *link, int64_t deadline_ms,
	bool (*done)(void *data), void *data);
/* For @done: whether the bool @data is true. */
bool client_is_true(void *data);
/* Sends what is pending. As waybuf_client_flush(). */
int client_flush(struct waybuf_client *client);

/* globals.c */
extern const struct wl_registry_listener client_registry_listener;

/* service.c */

/* Connects to a service beside the compositor, if there is one. 0, or -EOPNOTSUPP and the reason. */
int client_service_find(struct waybuf_client *client);
/* The same for a pool that is new, where there is none: at most twice a second. */
void client_service_look_again(struct waybuf_client *client);
/* Lets go of it, and of nothing if there is none. Pools have let go of theirs before. */
void client_service_leave(struct waybuf_client *client);
/* The fd that stands for one connection, and for another when that comes. 0 or -errno. */
int client_service_watch(struct waybuf_client *client, const struct client_link *link);
/* Looks for it, if the pool is of one that has ended, and lets the pool go back to it. */
void client_service_return(struct waybuf_client_pool *pool);
/* If its connection broke, pools go on with the memory that they have. */
void client_service_check(struct waybuf_client *client);

/* backend_allocator.c */
extern const struct client_backend client_backend_allocator;

/* grants.c: with the buffer as data */
extern const struct waybuf_buffer_v1_listener client_grant_listener;

/* backend_local.c */
struct waybuf_exporter_caps;

/* Solves pool->plan for what the program and @display (NULL: nobody) need. -EOPNOTSUPP, -ENOMEM. */
int client_local_plan(struct waybuf_client_pool *pool, struct waybuf_constraints *display,
	const struct waybuf_exporter_caps *caps);
void client_local_finish(struct waybuf_client_pool *pool);
int client_local_bind(struct waybuf_client_buffer *buffer);
void client_local_unbind(struct waybuf_client_buffer *buffer);
void client_local_map(struct waybuf_client_buffer *buffer);
void client_local_unmap(struct waybuf_client_buffer *buffer, int fence);
int client_local_explain(struct waybuf_client_pool *pool, int64_t deadline_ms, char **out);

/* backend_udmabuf.c, backend_shm.c */
extern const struct client_backend client_backend_udmabuf, client_backend_shm;
/* service.c: memory of a service that is gone. */
extern const struct client_backend client_backend_kept;
extern const struct wl_shm_listener client_shm_listener;
/* Whether the compositor takes such an image through wl_shm. */
bool client_shm_takes(const struct waybuf_client *client, const struct waybuf_layout *layout);

/* backend_allocator.c, for pool.c and restore.c */

/* Events of a membership that was another pool's come to this one. */
void client_allocator_adopt(struct waybuf_client_pool *pool);

/* What the pool was made for, on a membership that is new. 0, -EOPNOTSUPP, -ENOMEM. */
int client_allocator_attach(struct waybuf_client_pool *pool);
/* A new pool on the server, of @count buffers. -ENOMEM. */
int client_allocator_declare(struct waybuf_client_pool *pool, uint32_t count);
/* Of a membership made with restore_pool. -ENOMEM. */
int client_allocator_listen(struct waybuf_client_pool *pool, struct waybuf_pool_v1 *proxy);
/* Lets go of the membership. */
void client_allocator_forget(struct waybuf_client_pool *pool);

/* pool.c */

/* What a program that draws by CPU and says nothing else needs. */
int client_pool_default_constraints(struct waybuf_constraints **out);
/* Chooses the first backend that can do what the pool is for. As waybuf_client_pool_create(). */
int client_pool_start(struct waybuf_client_pool *pool, uint32_t count);
/* Another backend for the same memory, of a pool that is in use. @reason is copied. */
void client_pool_change_path(
	struct waybuf_client_pool *pool, const struct client_backend *backend, const char *reason);
/*
 * Lets go of buffers from before a change of memory, as soon as the compositor has given them back.
 * Whether some are left.
 */
bool client_pool_drop_former(struct waybuf_client_pool *pool);
/* That it has been given to a buffer. */
void client_pool_note_generation(struct waybuf_client_pool *pool, uint32_t generation);
/* As many buffers, if there are less. -ENOMEM. */
int client_pool_add_buffers(struct waybuf_client_pool *pool, uint32_t count);

/* restore.c */

/* Lets go of what is bound to the connection, and keeps memory and tickets. */
void client_pool_detach(struct waybuf_client_pool *pool);
/* Goes on on a new connection. 0, -ETIMEDOUT, -ENOMEM, -EOPNOTSUPP, -EPIPE, -EPROTO. */
int client_pool_resume(struct waybuf_client_pool *pool, int64_t deadline_ms);
/*
 * The same on a service that came back, with the buffers that are in use as they are. 0; -ENOENT: it
 * does not know the pool; or as above. On failure the pool is to be kept again.
 */
int client_pool_return(struct waybuf_client_pool *pool, int64_t deadline_ms);
/* An answer to a restore. */
void client_pool_restored(struct waybuf_client_pool *pool, uint32_t index, uint32_t reason);

/* buffer.c */

/* One that is not bound. NULL: -ENOMEM. */
struct waybuf_client_buffer *client_buffer_new(struct waybuf_client_pool *pool, uint32_t index);
int client_buffer_create(
	struct waybuf_client_pool *pool, uint32_t index, struct waybuf_client_buffer **out);
void client_buffer_destroy(struct waybuf_client_buffer *buffer);
/* Its memory goes, and what the backend has of it; afterwards it is as created and not bound. */
void client_buffer_discard(struct waybuf_client_buffer *buffer);
/* The connection is over: back to IDLE, with its memory unless a later one was made. */
void client_buffer_detach(struct waybuf_client_buffer *buffer);
/* On a new attachment. -ENOMEM. */
int client_buffer_bind(struct waybuf_client_buffer *buffer);
/* Frees what no later grant will name, unless there is a grant now. */
void client_buffer_drop_retired(struct waybuf_client_buffer *buffer);
/* IDLE or ACQUIRED (whose map was just closed) to QUEUED. */
void client_buffer_map(struct waybuf_client_buffer *buffer);
/* Closes the open map, of whatever state, and leaves IDLE. */
void client_buffer_unmap(struct waybuf_client_buffer *buffer);
/* The same with the write over when @fence (borrowed; -1: now) signals; ACQUIRED only. */
void client_buffer_unmap_fence(struct waybuf_client_buffer *buffer, int fence);
/* The reads of a shared buffer are over: asks for the next write. */
void client_buffer_unshare(struct waybuf_client_buffer *buffer);
/* The compositor is done with a SHOWN or shared buffer. */
void client_buffer_displayed(struct waybuf_client_buffer *buffer);

/* cpu.c */

/* An open scope goes on as one that only reads, at the same addresses. The errno of the bracket. */
int client_cpu_downgrade(struct waybuf_client_buffer *buffer);

/* present.c */

/* Whether it can be shown. 0 or what waybuf_client_buffer_present() says. */
int client_present_check(struct waybuf_client_buffer *buffer, struct wl_surface *surface);
/* Its wl_buffer, made if need be; borrowed. */
int client_present_bind(struct waybuf_client_buffer *buffer, struct wl_buffer **out);
/* Makes storage->wl_buffer through linux-dmabuf. As waybuf_client_buffer_present(). */
int client_present_import(struct waybuf_client_buffer *buffer);
/* To the release of a new storage->wl_buffer. */
void client_present_listen(struct waybuf_client_buffer *buffer);
/* Attaches, damages, commits. */
void client_surface_show(struct wl_surface *surface, struct wl_buffer *wl_buffer);
/* The same, and notes it. */
void client_present_commit(struct waybuf_client_buffer *buffer, struct wl_surface *surface,
	struct wl_buffer *wl_buffer);

/* swapchain.c */

/* Looks which buffers of a swapchain's pool have come back by their points. */
void client_swapchain_refresh(
	struct waybuf_client_swapchain *chain, struct waybuf_client_pool *pool);
/* What ends a wait for that; -1: nothing but events. */
int client_swapchain_wake_fd(const struct waybuf_client_swapchain *chain);
/* Whether wl_buffer.release means nothing. */
bool client_swapchain_has_points(const struct waybuf_client_swapchain *chain);
/* Commits have no points from now on: of wl_shm there are none. */
void client_swapchain_drop_points(struct waybuf_client_swapchain *chain);
/* The connection is over. */
void client_swapchain_detach(struct waybuf_client_swapchain *chain);

/* import.c */

/* The connection is over. */
void client_import_detach(struct waybuf_client_import *import);

/* report.c */

/*
 * Waits for the answer of @report, which is taken, and reads it. *out is to be freed with free().
 * As waybuf_client_pool_explain().
 */
int client_report_read(struct waybuf_client *client, struct waybuf_report_v1 *report,
	int64_t deadline_ms, char **out);

/* reason.c */
int client_reason_errno(uint32_t reason);
/* Fills @refusal: "what: message (reason; conflicts; account)". Forgets the account. */
void client_refuse(struct waybuf_client *client, struct client_refusal *refusal, uint32_t reason,
	const char *what, const char *message, const char *conflicts);
/* Appends one conflict event to the @size bytes at @text. @own: it is this program's requirement. */
void client_append_conflict(
	char *text, size_t size, const struct waybuf_conflict *conflict, bool own);

static inline uint64_t client_u64(uint32_t hi, uint32_t lo)
{
	return (uint64_t)hi << 32 | lo;
}

#endif
