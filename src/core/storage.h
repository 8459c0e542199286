/* SPDX-License-Identifier: MIT */
#ifndef CORE_STORAGE_H
#define CORE_STORAGE_H

#include <waybuf/cpu_access.h>

#include "core/manager.h"

/*
 * The memory of one generation of one buffer: fds, layout, what the exporter keeps, and the charge
 * to an account. A buffer holds its newest storage; open maps and claims hold the one that they
 * were granted, which is how the old one of a migration lives until its last reader is done.
 * The last reference releases it, once.
 */
struct waybuf_storage {
	unsigned refs;
	struct waybuf_manager *manager;
	struct waybuf_exporter *exporter; /* NULL: somebody else exported it */
	void *priv;
	struct waybuf_layout layout;

	struct waybuf_account *account;
	uint64_t bytes; /* charged; 0 for what somebody else exported */
	bool retired; /* a newer generation is in its place */
	/* of its contents when that came: nobody writes them any more */
	uint64_t last_serial;
	uint32_t last_flags; /* enum waybuf_grant_flags */
	bool shares_pages; /* made by wrapping those of the generation before */
	bool shared; /* others than its payer have its fds */
	bool busy; /* fences of its buffer were active when it was left */
	bool provided; /* the client's own memory, or given back after a restart */
	uint32_t fds; /* charged */

	struct waybuf_buffer *buffer; /* whose newest storage this is; NULL: nobody's any more */
	struct waybuf_list imports; // waybuf_import.link
	struct waybuf_cpu *cpu[WAYBUF_MAX_PLANES];
	struct waybuf_list linger_link; // waybuf_manager.lingering
	struct storage_id {
		struct fd_id id;
		struct waybuf_storage *storage;
		uint32_t slot;
		struct waybuf_list link; // waybuf_manager.exports
	} ids[WAYBUF_MAX_PLANES];
};

/*
 * Something that a device made of a storage and that is worth keeping: a framebuffer, an EGL image.
 * Its owner embeds it and finds it again under a key of its own.
 */
struct waybuf_import {
	struct waybuf_list link; // waybuf_storage.imports
	const void *owner;
	/* the storage goes, or waybuf_storage_forget() was called; `link` is removed already */
	void (*destroy)(struct waybuf_import *import);
};

/*
 * A storage without memory, so that what can fail is over before the memory exists. @account is
 * referenced. NULL: -ENOMEM.
 */
struct waybuf_storage *waybuf_storage_create(
	struct waybuf_manager *manager, struct waybuf_account *account);

/*
 * Fills it with what @exporter made (NULL: foreign memory, whose fds are taken all the same) and
 * charges the account. On failure everything was released: -EDQUOT, or fstat()'s errno.
 */
int waybuf_storage_fill(struct waybuf_storage *storage, struct waybuf_exporter *exporter,
	const struct waybuf_allocation *allocation);
/* The same for memories whose identities, in @ids, somebody has asked for already. */
int waybuf_storage_fill_known(struct waybuf_storage *storage, struct waybuf_exporter *exporter,
	const struct waybuf_allocation *allocation, const struct fd_id *ids);

/* Each pays for the other from now on. -EDQUOT, and nothing happened. */
int waybuf_storage_exchange_accounts(struct waybuf_storage *a, struct waybuf_storage *b);
/* @account pays from now on. -EDQUOT, and nothing happened. */
int waybuf_storage_set_account(struct waybuf_storage *storage, struct waybuf_account *account);
/* Its bytes are charged elsewhere. */
void waybuf_storage_uncharge_bytes(struct waybuf_storage *storage);

struct waybuf_storage *waybuf_storage_ref(struct waybuf_storage *storage);
/* NULL is a no-op. */
void waybuf_storage_unref(struct waybuf_storage *storage);

/*
 * waybuf_buffer_import() for whoever has asked the kernel already: kind and size of each memory are
 * its word, and @ids are the identities. The fds of @layout are taken, on failure too. 0, -EINVAL,
 * -EDQUOT, -ENOMEM.
 */
int waybuf_buffer_import_checked(struct waybuf_manager *manager, struct waybuf_account *account,
	struct waybuf_layout *layout, const struct fd_id *ids, struct waybuf_buffer **out);

/* The newest storage of @buffer, borrowed; NULL while declared. */
struct waybuf_storage *waybuf_buffer_storage(struct waybuf_buffer *buffer);

/* What the claim latched, borrowed until it ends or is latched again; NULL before. */
struct waybuf_storage *waybuf_claim_storage(struct waybuf_claim *claim);
/*
 * Its latches are of @storage (referenced) from now on, which is or was the buffer's; NULL: of the
 * newest one. While that is another one, the claim is in nobody's way: what is written then is not
 * what it reads.
 */
void waybuf_claim_bind(struct waybuf_claim *claim, struct waybuf_storage *storage);

/*
 * ---- binding.c
 *
 * What a wl_buffer stands for: a buffer, as it is at any time, or one storage of it. Its owner
 * embeds it and has a reference to the buffer for as long.
 */
struct waybuf_binding {
	struct waybuf_buffer *buffer;
	struct waybuf_storage *storage; /* referenced; NULL: the newest one */
	struct waybuf_list link; // waybuf_buffer.bindings
};

/* @follows: it stands for the newest storage. Else for the present one, which must be there. */
void waybuf_binding_init(
	struct waybuf_binding *binding, struct waybuf_buffer *buffer, bool follows);
void waybuf_binding_finish(struct waybuf_binding *binding);
/* Borrowed; NULL while declared. */
const struct waybuf_layout *waybuf_binding_layout(const struct waybuf_binding *binding);

void waybuf_storage_add_import(struct waybuf_storage *storage, struct waybuf_import *import);
/* Borrowed; NULL if @owner has none here. */
struct waybuf_import *waybuf_storage_find_import(struct waybuf_storage *storage, const void *owner);
/* Destroys the imports of @owner in all storages of the manager: the device goes. */
void waybuf_manager_forget_imports(struct waybuf_manager *manager, const void *owner);

/* CPU access to memory @slot, made with the first call and kept; borrowed. 0, -ENOMEM. */
int waybuf_storage_cpu(struct waybuf_storage *storage, uint32_t slot, struct waybuf_cpu **out);

/* The storage that has this very inode as memory, and which one; NULL if it is none of ours. */
struct waybuf_storage *waybuf_storage_find(
	struct waybuf_manager *manager, const struct fd_id *id, uint32_t *slot);

/*
 * ---- linger.c
 *
 * Takes a retired storage that nobody here needs any more: true if it stays, with its charge,
 * because somebody outside still has its fds. It is destroyed when they are closed.
 */
bool waybuf_storage_linger(struct waybuf_storage *storage);
void waybuf_linger_init(struct waybuf_manager *manager);
void waybuf_linger_finish(struct waybuf_manager *manager);
/* Looks at once, before somebody is refused for quota. */
void waybuf_linger_check(struct waybuf_manager *manager);
/* Whether somebody outside has an fd, a mapping or an import of one of its dma-bufs. */
bool waybuf_storage_is_held(const struct waybuf_storage *storage);
/* Without a reference left, and not listed anywhere. */
void waybuf_storage_destroy(struct waybuf_storage *storage);

/* True if every memory of it is a dma-buf: only they carry fences of the kernel. */
bool waybuf_storage_is_dmabuf(const struct waybuf_storage *storage);

#endif
