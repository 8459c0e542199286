/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "fence/impl.h"
#include "fence/wait.h"
#include "util/clock.h"

/*
 * The base of all fences, after the kernel's dma_fence.
 *
 * Goal. One object that answers "is the work over?" for a sync_file, a point on a timeline that
 * nobody may have submitted to, work of our own CPU threads, and any combination of them; cheap
 * when the answer is yes, because in a compositor that keeps up the answer mostly is.
 *
 * Settles once. fence->status goes from 0 to 1 or to a negative errno in record() and nowhere else.
 * An error says that the work is over and its result is lost. So it must not be used to report that
 * *we* could not look: a buffer whose reader "failed" may be written again. Whatever can fail to
 * watch a fence therefore fails in waybuf_fence_wait_add(), before anybody relies on it, and an
 * enabled fence has its source for as long as it is watched.
 *
 * Two steps. Learning that a fence has settled and telling the waits are apart. Anybody may learn,
 * at any time, in waybuf_fence_status(): that runs no callback, so asking is safe in the middle of
 * anything. The waits are told by the loop source (waybuf_fence_announce()) or by whoever completes
 * software work (waybuf_fence_settle()), and by nothing else. A fence may thus be known as settled
 * while its waits still wait for the loop to come round; a wait added then is answered at once, so
 * that one added later may be answered earlier.
 *
 *	client's sync_file signals
 *	gate:  waybuf_fence_status() -> 1         record(), no callback
 *	gate:  waybuf_fence_wait_add(w2) -> 1     settled already: no fd, no callback
 *	loop:  source is readable                 waybuf_fence_announce() -> w1's function, once
 *	loop:  its turn is over                   the source goes, and so do fds
 *
 * Watching costs what it must: the first wait makes the fence watch itself (ops->enable), the last
 * one to go ends that (ops->disable), so a fence that nobody waits for costs its memory, and a
 * settled one has no source any more once the loop has come round.
 *
 * Who may wait where. Waiting for a fence while holding what its signaller needs is a deadlock, and
 * a fence of a client's is in the hands of somebody who may never signal it. So
 *
 *	the loop	waits for nothing: it watches, and whatever is watched has a deadline
 *			somewhere above (the gate, a grant, a copy), since most fences have none
 *	the worker	waits for no client's fence. A DMA_BUF_IOCTL_SYNC may, inside the kernel,
 *			and then a thread is left behind (core/bounded_sync.h)
 *	the display	is given fences that have signalled, or of our own making with a bound; a
 *			commit with any other would hold its CRTC for all clients (kms/state.h)
 *	a client's GPU	may be given everything that has a kernel form: the kernel bounds these.
 *			Points that have not materialised have none, and never leave this process
 *	a client	waits on its own account, and may hold its own maps while it does: grants
 *			to others carry its fences, and never wait for it to answer
 *
 * Our own fences follow the kernel's rule in return: what is handed out is certain to signal.
 * Everything that could fail (memory, fds, room in an array) is got before a fence is promised, and
 * between the promise and the signal nothing is allocated that could wait for that very fence.
 *
 * References. A pending wait holds its fence; an array holds its members; a reservation its fences.
 * Nothing points the other way, so there are no cycles. Counts are plain integers: a fence belongs
 * to one thread. The exception is the stub, which everybody shares and nobody ever writes to.
 */

/* No release: the stub's references are not counted. */
static const struct waybuf_fence_ops stub_ops = {.name = "stub"};

static void failed_release(struct waybuf_fence *fence)
{
	free(fence);
}

static const struct waybuf_fence_ops failed_ops = {.name = "failed", .release = failed_release};

struct waybuf_fence *waybuf_fence_stub(void)
{
	/* seqno and context 0: waybuf_fence_context_alloc() starts at 1 */
	static struct waybuf_fence stub = {.ops = &stub_ops, .refs = 1, .status = 1};
	return &stub;
}

int waybuf_fence_failed(int error, struct waybuf_fence **out)
{
	if (error >= 0 || error < -4095)
		return -EINVAL;
	struct waybuf_fence *fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	waybuf_fence_init(fence, &failed_ops, waybuf_fence_context_alloc(), 1);
	fence->status = error;
	fence->settled_ns = clock_now_ns();
	*out = fence;
	return 0;
}

uint64_t waybuf_fence_context_alloc(void)
{
	static atomic_uint_fast64_t last;
	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

void waybuf_fence_init(struct waybuf_fence *fence, const struct waybuf_fence_ops *ops,
	uint64_t context, uint64_t seqno)
{
	*fence = (struct waybuf_fence){
		.ops = ops,
		.context = context,
		.seqno = seqno,
		.refs = 1,
	};
	waybuf_list_init(&fence->waits);
}

struct waybuf_fence *waybuf_fence_ref(struct waybuf_fence *fence)
{
	if (fence && fence->ops != &stub_ops)
		fence->refs++;
	return fence;
}

void waybuf_fence_unref(struct waybuf_fence *fence)
{
	if (!fence || fence->ops == &stub_ops)
		return;
	assert(fence->refs > 0);
	if (--fence->refs > 0)
		return;
	assert(waybuf_list_empty(&fence->waits) && !fence->loop);
	fence->ops->release(fence);
}

static void record(struct waybuf_fence *fence, int status, uint64_t ns)
{
	assert(!fence->status && (status == 1 || status < 0));
	fence->status = status;
	fence->settled_ns = ns;
}

int waybuf_fence_status(struct waybuf_fence *fence)
{
	if (fence->status || !fence->ops->poll)
		return fence->status;
	uint64_t ns = 0;
	int status = fence->ops->poll(fence, &ns);
	if (status)
		record(fence, status, ns);
	return status;
}

int waybuf_fence_timestamp(struct waybuf_fence *fence, uint64_t *ns)
{
	if (!waybuf_fence_status(fence))
		return -EAGAIN;
	*ns = fence->settled_ns;
	return 0;
}

int waybuf_fence_set_deadline(struct waybuf_fence *fence, uint64_t ns)
{
	/* not asked how it is: a hint is not worth a second syscall */
	if (waybuf_fence_known_status(fence) || !fence->ops->set_deadline)
		return 0;
	return fence->ops->set_deadline(fence, ns);
}

int waybuf_fence_to_sync_file(struct waybuf_fence *fence, int *fd)
{
	if (!fence->ops->to_sync_file)
		return -EOPNOTSUPP;
	return fence->ops->to_sync_file(fence, fd);
}

void waybuf_fence_describe(struct waybuf_fence *fence, char *text, size_t size)
{
	int n = snprintf(text, size, "%s %llu:%llu", fence->ops->name,
		(unsigned long long)fence->context, (unsigned long long)fence->seqno);
	if (!fence->ops->describe || n < 0 || (size_t)n + 2 >= size)
		return;
	text[n++] = ' ';
	text[n] = '\0';
	fence->ops->describe(fence, text + n, size - (size_t)n);
}

static void stop_watching(struct waybuf_fence *fence)
{
	if (!fence->loop)
		return;
	fence->loop = NULL;
	if (fence->ops->disable)
		fence->ops->disable(fence);
}

/*
 * The waits are taken off one by one, because each function may cancel others. None can be added
 * meanwhile: the fence has settled. The caller has a reference of its own.
 */
static void tell_each(struct waybuf_fence *fence)
{
	while (!waybuf_list_empty(&fence->waits)) {
		struct waybuf_fence_wait *wait =
			waybuf_list_first(&fence->waits, struct waybuf_fence_wait, link);
		waybuf_fence_func_t func = wait->func;
		waybuf_list_remove(&wait->link);
		wait->fence = NULL;
		func(wait, fence->status);
		waybuf_fence_unref(fence);
	}
}

static void tell_waits(struct waybuf_fence *fence)
{
	waybuf_fence_ref(fence);
	stop_watching(fence);
	tell_each(fence);
	waybuf_fence_unref(fence);
}

static void handle_turn_over(void *data)
{
	struct waybuf_fence *fence = data;
	stop_watching(fence);
	waybuf_fence_unref(fence);
}

void waybuf_fence_announce(struct waybuf_fence *fence)
{
	int error;
	waybuf_fence_ref(fence);
	tell_each(fence);
	/* behind whatever the waits have put there; the reference goes along */
	if (fence->loop && waybuf_loop_add_idle(fence->loop, handle_turn_over, fence, &error))
		return;
	handle_turn_over(fence);
}

void waybuf_fence_settle(struct waybuf_fence *fence, int status, uint64_t ns)
{
	record(fence, status, ns);
	tell_waits(fence);
}

void waybuf_fence_check(struct waybuf_fence *fence)
{
	if (waybuf_fence_status(fence))
		tell_waits(fence);
}

void waybuf_fence_wait_init(struct waybuf_fence_wait *wait)
{
	*wait = (struct waybuf_fence_wait){0};
	waybuf_list_init(&wait->link);
}

void waybuf_fence_wait_finish(struct waybuf_fence_wait *wait)
{
	waybuf_fence_wait_cancel(wait);
}

static int start_watching(struct waybuf_fence *fence, struct waybuf_loop *loop)
{
	if (fence->loop)
		return fence->loop == loop ? 0 : -EINVAL;
	int ret = fence->ops->enable ? fence->ops->enable(fence, loop) : 0;
	if (ret == 0)
		fence->loop = loop;
	return ret;
}

int waybuf_fence_wait_add(struct waybuf_fence_wait *wait, struct waybuf_fence *fence,
	struct waybuf_loop *loop, waybuf_fence_func_t func)
{
	assert(!wait->fence);
	if (waybuf_fence_status(fence))
		return 1;
	int ret = start_watching(fence, loop);
	if (ret)
		return ret;
	wait->fence = waybuf_fence_ref(fence);
	wait->func = func;
	waybuf_list_append(&fence->waits, &wait->link);
	return 0;
}

void waybuf_fence_wait_cancel(struct waybuf_fence_wait *wait)
{
	struct waybuf_fence *fence = wait->fence;
	if (!fence)
		return;
	wait->fence = NULL;
	waybuf_list_remove(&wait->link);
	if (waybuf_list_empty(&fence->waits))
		stop_watching(fence);
	waybuf_fence_unref(fence);
}
