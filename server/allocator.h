/* SPDX-License-Identifier: MIT */
#ifndef SERVER_ALLOCATOR_H
#define SERVER_ALLOCATOR_H

#include "client.h"
#include "ticket.h"
#include "waybuf-allocator-v1-server-protocol.h"

/*
 * The objects of waybuf_allocator_v1. Glue only: what is decided is decided in src.
 *
 * Ownership follows the resources. Each object below belongs to one wl_resource and is freed with
 * it; parents keep lists of children, children a pointer to the parent. When a connection ends,
 * libwayland destroys resources in any order, so a parent that goes first severs its children:
 * their pointer becomes NULL, and they are inert from then on, just as after a failure.
 *
 * An object is inert when its `reason` is set, which is also what a map on it is answered with. It
 * keeps its place in the parent's list, because a parent may not be destroyed before its children,
 * inert ones included.
 */

/* The logical pool: lives while it has members; wl_buffers hold the mechanism's own references. */
struct server_pool {
	struct waybuf_server *server;
	struct waybuf_pool *core;
	/* for the monitor, never reused */
	uint32_t id;
	char *name;
	uint32_t config, width, height, count;
	/*
	 * The first is the creator and pays; the others are in the order of their coming. When it
	 * leaves, the oldest whose quota suffices is moved to the front.
	 */
	struct wl_list members; // pool_member.link
	/* who brings shared memory along; NULL: nobody (any more) */
	struct pool_member *supplier;
	/* nobody could be: all members are being told */
	bool closing;
	/* its name in tickets, and the life of the server and the number there of its configuration */
	uint8_t uuid[TICKET_POOL];
	uint32_t config_epoch, config_origin;
	struct wl_list link; // waybuf_server.pools
};

/* waybuf_pool_v1 */
struct pool_member {
	struct wl_resource *resource;
	struct server_client *client;
	struct server_pool *pool; /* NULL when inert */
	enum waybuf_reason reason;
	bool read_only;
	/* charged for this membership beyond what the mechanism charges the creator */
	bool charged;
	/* came with a ticket, and with that of the creator */
	bool restored, was_creator;
	struct wl_list parts; // restore_part.link
	/* the answer to a bad token is late by a constant time; NULL if none is due */
	struct waybuf_source *delay;
	struct wl_list attachments; // attachment.link
	struct wl_list link; // server_pool.members
	struct wl_list client_link; // server_client.members
};

/* One commit that has no answer yet, in order. */
struct commit {
	/* NULL: refused already, in its turn */
	struct waybuf_constraints *set;
	/* what the server adds to it; NULL: nothing */
	struct waybuf_constraints *own_set;
	/* what became of that: the answer tells of both */
	enum waybuf_outcome own_outcome;
	uint64_t access;
	enum waybuf_reason reason;
	/* of the record that critical_unknown is about */
	uint16_t field;
	/* for how many commits this stands: refusals for quota would pile up otherwise */
	uint32_t repeat;
	struct wl_list link; // attachment.commits
};

/* waybuf_attachment_v1 */
struct attachment {
	struct wl_resource *resource;
	struct server_client *client;
	struct pool_member *member; /* NULL once that is gone */
	enum waybuf_reason reason;
	uint32_t kind;
	/* whose needs the server adds; NULL: nobody's */
	struct server_device *device;
	/* role and number: tells our own lines of an explanation from others', names nobody */
	char who[32];
	/* what the client asks for, and what the server adds for the device; NULL: nothing */
	struct waybuf_attachment *core, *own;
	/* of `own`, in force with the client's last accepted set */
	struct waybuf_constraints *own_set;
	/* commits of `own` that only take it back */
	uint32_t own_ignored;
	/* records of the pending set, whose bytes are charged to the client */
	struct wl_array pending;
	/* some were beyond its quota: the next commit is refused for that */
	bool pending_lost;
	/* of the last set sent, and of the one in force */
	uint64_t access, access_in_force;
	bool sent;
	struct waybuf_constraints *in_force; /* NULL: none */
	enum waybuf_reason last_refusal;
	struct wl_list commits; // commit.link
	/* the first commit is with the mechanism; its answer may come while we ask */
	bool busy, running;
	struct wl_list views; // view.link
	struct wl_list link; // pool_member.attachments
};

/* waybuf_buffer_v1 */
enum view_state {
	VIEW_IDLE,
	/* asked for, and held back until the commits before it are answered */
	VIEW_WAITING,
	/* with the mechanism */
	VIEW_QUEUED,
	VIEW_GRANTED,
	VIEW_FAILED,
};

struct view {
	struct wl_resource *resource;
	struct server_client *client;
	struct attachment *attachment; /* NULL once that is gone */
	enum waybuf_reason reason;
	struct waybuf_view *core; /* NULL when inert */
	uint32_t index;
	enum view_state state;
	enum waybuf_direction direction;
	/* the mechanism has a map of ours that it wants closed */
	bool core_open;
	/* maps that we cancelled and that it has not answered yet */
	uint32_t owed_cancels;
	/* generation whose layout the client has; 0: none */
	uint32_t told_generation;
	/* the granted storage is a memfd, which has no fences */
	bool granted_memfd;
	struct wl_list link; // attachment.views
};

struct waybuf_server_allocator {
	struct waybuf_server *server;
	struct wl_global *global;
	struct waybuf_server_allocator_options options;
	/* what display attachments stand for; NULL: nothing to add, or not integrated */
	struct server_device *display;
	/* of tickets; NULL: none are given, and why */
	struct ticket_key *key;
	const char *no_key;
};

/* ---- allocator_v1.c ------------------------------------------------------------------------ */

/* The list of devices is another: bound allocators get a new batch. */
void allocator_devices_changed(struct waybuf_server *server);
/* Its attachments are gone. */
void allocator_device_lost(struct waybuf_server *server, struct server_device *device);

/*
 * Sends the account before a failure with @reason; @what is the resource that a quota is most
 * likely about. Nothing for other reasons.
 */
void client_send_usage(
	struct server_client *client, enum waybuf_reason reason, enum waybuf_resource what);

/* ---- pool_v1.c ----------------------------------------------------------------------------- */

/* Makes the resource of a membership without a pool. NULL: out of memory. */
struct pool_member *pool_member_create(struct server_client *client, uint32_t version, uint32_t id);
/* Tells the client the configuration. */
void pool_member_enter(struct pool_member *member, struct server_pool *pool);
/* It brings shared memory along. */
void pool_member_supply(struct pool_member *member);
/* Makes it and all its children inert, and tells. */
void pool_member_fail(struct pool_member *member, enum waybuf_reason reason, const char *message);
/* The same, and the event comes later by a constant time. */
void pool_member_fail_late(struct pool_member *member, enum waybuf_reason reason);
/* Tells the members when the mechanism has more buffers than before. */
void server_pool_check_count(struct server_pool *pool);
/* @core is taken. NULL: out of memory. */
struct server_pool *server_pool_create(struct waybuf_server *server, struct waybuf_pool *core,
	const struct waybuf_export_info *info);

/* Who pays. */
struct pool_member *server_pool_creator(struct server_pool *pool);
/* A new size; all members are told. */
void server_pool_reconfigure(struct server_pool *pool, uint32_t width, uint32_t height);
/*
 * Makes @member, who has been that, the creator in place of one who has only come first after a
 * restart. Nothing happens if its quota does not suffice.
 */
void server_pool_promote(struct pool_member *member);

/* ---- restore.c ----------------------------------------------------------------------------- */

/* NULL: no tickets. */
struct ticket_key *server_ticket_key(const struct waybuf_server *server);
/* Answers restore_pool. */
void restore_pool(struct pool_member *member, const struct wl_array *ticket);
/* Answers pool.restore; @fd is taken. */
void restore_memory(struct pool_member *member, int fd, const struct wl_array *ticket);
/* A new pool gets its name, or none. 0 or the errno of getrandom(). */
int restore_name_pool(struct server_pool *pool);
/* The configuration is one of this life of the server. */
void restore_note_config(struct server_pool *pool);
/* The ticket for memory @slot of the storage that @view is being granted. False: there is none. */
bool restore_issue(const struct view *view, const struct waybuf_layout *layout, uint32_t slot,
	uint8_t sealed[TICKET_SIZE]);

/* ---- restore_parts.c ----------------------------------------------------------------------- */

/* A storage of which some memories have been given back. */
struct restore_part {
	/* the first one's; its layout has what is there, and -1 elsewhere */
	struct ticket ticket;
	struct fd_id ids[WAYBUF_MAX_PLANES];
	uint32_t missing;
	struct wl_list link; // pool_member.parts
};

/*
 * Adds a memory (@fd is taken, on failure too). 0; 1: the storage is complete, it is the last part
 * in the list; -EDQUOT, -ENOMEM.
 */
int restore_part_add(struct pool_member *member, const struct ticket *ticket, int fd);
/* The fds that it still has are closed. */
void restore_part_destroy(struct pool_member *member, struct restore_part *part);
void restore_parts_finish(struct pool_member *member);

/* ---- attachment_v1.c ----------------------------------------------------------------------- */

/* The bits of enum waybuf_access that let a participant read, and write. */
#define ACCESS_READS \
	((uint64_t)WAYBUF_ACCESS_READ | WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_SAMPLE | \
		WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_ENCODE)
#define ACCESS_WRITES \
	((uint64_t)WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_WRITE | WAYBUF_ACCESS_RENDER | \
		WAYBUF_ACCESS_DECODE)

/* @member may be inert. NULL: out of memory. */
struct attachment *attachment_create(
	struct pool_member *member, uint32_t id, uint32_t kind, uint32_t device);
/* Makes it and its buffers inert and tells. */
void attachment_gone(struct attachment *attachment, enum waybuf_reason reason, const char *message);
/* Makes it inert without an event of its own; @tell: queued maps are answered. */
void attachment_sever(struct attachment *attachment, enum waybuf_reason reason, bool tell);
/* Its parent is being freed. */
void attachment_orphan(struct attachment *attachment);

/* ---- attachment_commit.c ------------------------------------------------------------------- */

/* Takes part in the pool. As waybuf_pool_attach(). */
int attachment_enter(struct attachment *attachment);
/* Puts it behind the others; taken. It is answered in its turn, perhaps at once. */
void attachment_push_commit(struct attachment *attachment, struct commit *commit);
/* It will be answered with @reason, in its turn. */
void commit_refuse(struct commit *commit, enum waybuf_reason reason);
/* Forgets those that have no answer. */
void attachment_drop_commits(struct attachment *attachment);
/* Takes back what the server added. */
void attachment_drop_own(struct attachment *attachment);
/* Sends the clashing lines of @why, if @reason is one that has them. */
void attachment_send_conflicts(struct attachment *attachment, enum waybuf_reason reason,
	const struct waybuf_explanation *why);

/* ---- buffer_v1.c --------------------------------------------------------------------------- */

struct view *view_create(struct attachment *attachment, uint32_t id, uint32_t index);
/* The commits before a map that waits are answered. */
void view_resume(struct view *view);
void view_sever(struct view *view, enum waybuf_reason reason, bool tell);
void view_orphan(struct view *view);

/* ---- explain.c ----------------------------------------------------------------------------- */

/* Adds what there is to say about a pool to a report; @all names clients, else roles only. */
void explain_pool(struct server_pool *pool, struct waybuf_report *report, bool all);
/* Pool, members and storage in short. */
void explain_top(struct server_pool *pool, struct waybuf_report *report);
/* The wl_buffers of memory that the client has brought along. */
void explain_brought(const struct server_client *client, struct waybuf_report *report);

#endif
