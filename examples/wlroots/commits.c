/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <wlr/types/wlr_compositor.h>

#include "compositor.h"

/*
 * Commits by way of the gate. wlroots can hold a commit back: a lock on the pending state makes it
 * a cached one, which is applied, in order, when the lock is gone. So a commit that has to wait
 * takes a lock, and ready() lets go of it.
 *
 * wlroots cannot leave a cached state out. A commit that a newer one has replaced is therefore kept
 * with that one, without its buffer, and applied just before it.
 */
struct surface {
	struct wlr_surface *wlr;
	struct waybuf_gate_queue *queue;
	struct wl_listener client_commit, destroy;
};

struct commit {
	struct surface *surface;
	bool locked; /* it is, or will be, a cached state */
	uint32_t seq; /* of that */
	struct wl_list replaced; // commit.link, oldest first
	struct wl_list link; // commit.replaced
};

static struct {
	struct waybuf_gate *gate;
	struct wl_listener new_surface;
} commits;

/* ---- what becomes of them ------------------------------------------------------------------ */

static struct commit *commit_create(struct surface *surface)
{
	struct commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return NULL;
	commit->surface = surface;
	wl_list_init(&commit->replaced);
	return commit;
}

static void commit_destroy(void *data)
{
	struct commit *commit = data, *older, *next;
	wl_list_for_each_safe(older, next, &commit->replaced, link)
		free(older);
	free(commit);
}

static void unlock(const struct commit *commit)
{
	if (commit->locked)
		wlr_surface_unlock_cached(commit->surface->wlr, commit->seq);
}

static void handle_ready(void *data)
{
	struct commit *commit = data, *older;
	wl_list_for_each(older, &commit->replaced, link)
		unlock(older);
	unlock(commit);
	commit_destroy(commit);
}

/* The state that wlroots made of it; the pending one, while it is being committed. */
static struct wlr_surface_state *find_state(const struct commit *commit)
{
	struct wlr_surface *surface = commit->surface->wlr;
	struct wlr_surface_state *state;
	if (!commit->locked)
		return &surface->pending;
	wl_list_for_each(state, &surface->cached, cached_state_link)
		if (state->seq == commit->seq)
			return state;
	return &surface->pending;
}

static void keep_size(struct wlr_surface_state *state, const struct wlr_surface_state *current)
{
	state->buffer_width = current->buffer_width;
	state->buffer_height = current->buffer_height;
	state->width = current->width;
	state->height = current->height;
}

/*
 * Its buffer will not be shown: the window keeps its picture, and the size of that. The uses end
 * with wlroots' lock.
 */
static void drop_content(const struct commit *commit)
{
	struct wlr_surface *surface = commit->surface->wlr;
	struct wlr_surface_state *state = find_state(commit);
	if (!(state->committed & WLR_SURFACE_STATE_BUFFER))
		return;
	wlr_buffer_unlock(state->buffer);
	state->buffer = NULL;
	state->committed &= ~(uint32_t)WLR_SURFACE_STATE_BUFFER;
	/* what comes after it has been given its size, too */
	while (state != &surface->pending && !(state->committed & WLR_SURFACE_STATE_BUFFER)) {
		keep_size(state, &surface->current);
		struct wl_list *next = state->cached_state_link.next;
		if (next == &surface->cached)
			state = &surface->pending;
		else
			state = wl_container_of(next, state, cached_state_link);
	}
	if (state == &surface->pending && !(state->committed & WLR_SURFACE_STATE_BUFFER))
		keep_size(state, &surface->current);
}

static void drop_all_content(const struct commit *commit)
{
	const struct commit *older;
	wl_list_for_each(older, &commit->replaced, link)
		drop_content(older);
	drop_content(commit);
}

static void handle_fold(void *older_data, void *newer_data)
{
	struct commit *older = older_data, *newer = newer_data;
	/* the client can have that buffer back now */
	if (find_state(newer)->committed & WLR_SURFACE_STATE_BUFFER)
		drop_all_content(older);
	wl_list_insert(&newer->replaced, &older->link);
	wl_list_insert_list(&newer->replaced, &older->replaced);
	wl_list_init(&older->replaced);
}

static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	drop_all_content(data);
}

const struct waybuf_gate_ops commits_gate_ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = commit_destroy,
};

/* ---- surfaces ------------------------------------------------------------------------------ */

/*
 * The buffer, while it is still in the pending state, has the use; if the gate drops it meanwhile,
 * that is too late for it, and it ends now.
 */
static void keep_use(struct wlr_buffer *buffer, struct waybuf_use *use)
{
	if (use && !buffers_hold(buffer, use))
		waybuf_use_end(use, NULL);
}

static void submit(struct surface *surface, struct commit *commit)
{
	struct wlr_surface *wlr = surface->wlr;
	const struct wlr_surface_state *pending = &wlr->pending;
	struct waybuf_use *use;
	struct wlr_buffer *buffer = pending->buffer ? wlr_buffer_lock(pending->buffer) : NULL;
	const struct waybuf_use_commit_info info = {
		.surface = wlr->resource,
		.attached = pending->committed & WLR_SURFACE_STATE_BUFFER,
		.buffer = buffer ? buffers_asked() : NULL,
		.gate = commits.gate,
		.queue = surface->queue,
		.commit = commit,
	};
	int ret = waybuf_use_commit(&info, &use);
	keep_use(buffer, use);
	if (ret == 1) {
		handle_ready(commit);
	} else if (ret == 0) {
		commit->seq = wlr_surface_lock_pending(wlr);
		commit->locked = true;
	} else {
		/* the client was told why, and is told once only */
		wlr_surface_reject_pending(wlr, wlr->resource, 0, "rejected");
		commit_destroy(commit);
	}
	wlr_buffer_unlock(buffer);
}

static void handle_client_commit(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, client_commit);
	struct commit *commit = commit_create(surface);
	if (commit)
		submit(surface, commit);
	else
		wl_resource_post_no_memory(surface->wlr->resource);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, destroy);
	waybuf_gate_queue_destroy(surface->queue);
	wl_list_remove(&surface->client_commit.link);
	wl_list_remove(&surface->destroy.link);
	free(surface);
}

static void handle_new_surface(struct wl_listener *listener, void *data)
{
	struct wlr_surface *wlr = data;
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface || waybuf_gate_queue_create(commits.gate, &surface->queue) < 0) {
		wl_resource_post_no_memory(wlr->resource);
		free(surface);
		return;
	}
	surface->wlr = wlr;
	surface->client_commit.notify = handle_client_commit;
	wl_signal_add(&wlr->events.client_commit, &surface->client_commit);
	surface->destroy.notify = handle_destroy;
	wl_signal_add(&wlr->events.destroy, &surface->destroy);
}

void commits_init(struct wlr_compositor *compositor, struct waybuf_gate *gate)
{
	commits.gate = gate;
	commits.new_surface.notify = handle_new_surface;
	wl_signal_add(&compositor->events.new_surface, &commits.new_surface);
}
