/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <waybuf/constraints.h>
#include <waybuf/cpu_access.h>

#include "core_fixture.h"
#include "fail_alloc.h"
#include "fail_where.h"
#include "fake/sync.h"
#include "gate/gate.h"

/*
 * Each public function that says -ENOMEM, by itself: whichever of its allocations fails, that is
 * what it returns, and nothing is lost. What test_failures tells as one story, and so cannot tell
 * which function said it, is told here a function at a time.
 */

/* What the functions need, made before anything fails. */
struct scene {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
	struct waybuf_constraints *set;
	struct waybuf_constraints_builder *builder;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *early, *late, *other;
	struct waybuf_resv *resv;
	struct waybuf_gate *gate;
	struct waybuf_deadlines deadlines;
	struct waybuf_loop *loop;
	struct waybuf_memory memory;
	int dmabuf;
};

struct call {
	const char *name;
	/* Calls it once, and undoes what a success has done; may not assert where allocations count. */
	int (*run)(struct scene *s);
};

static void ignore(void *commit) {}

static void ignore_fold(void *older, void *newer) {}

static void ignore_discard(void *commit, enum waybuf_gate_reason reason, int error) {}

static const struct waybuf_gate_ops gate_ops = {ignore, ignore_fold, ignore_discard, ignore};

static void set_up_buffers(struct scene *s)
{
	fixture_init(&s->f);
	s->pool = fixture_pool(&s->f, 16, 16, 2);
	party_attach(&s->party, s->pool, s->f.account, "painter");
	party_commit(&s->party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&s->seat, &s->party, 0);
	seat_grant(&s->f, &s->seat, WAYBUF_WRITE);
	seat_unmap(&s->seat, NULL);
	s->set = cpu_constraints(DRM_FORMAT_XRGB8888, 0);
	s->builder = waybuf_constraints_builder_create();
	ck_assert_ptr_nonnull(s->builder);
	s->memory = (struct waybuf_memory){
		.fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.kind = WAYBUF_MEMORY_MEMFD,
		.size = 4096,
	};
	ck_assert_int_eq(ftruncate(s->memory.fd, 4096), 0);
	ck_assert_int_eq(fcntl(s->memory.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
}

/* The fake kernel below has memory enough. */
static void handle_inside(bool inside)
{
	static bool counted;
	if (inside)
		counted = fail_counts();
	fail_here(counted && !inside);
}

static void set_up_fences(struct scene *s)
{
	fake_sync_init();
	fake_kernel.inside = handle_inside;
	s->dmabuf = fake_dmabuf_open();
	ck_assert_int_eq(waybuf_timeline_create("test", &s->timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(s->timeline, 1, &s->early), 0);
	int sync_file = fake_sync_file((int[]){fake_fence()}, 1);
	ck_assert_int_eq(waybuf_fence_from_sync_file(sync_file, &s->late), 0);
	sync_file = fake_sync_file((int[]){fake_fence()}, 1);
	ck_assert_int_eq(waybuf_fence_from_sync_file(sync_file, &s->other), 0);
	ck_assert_int_eq(waybuf_resv_create(&s->resv), 0);
	ck_assert_int_eq(waybuf_resv_reserve(s->resv, 2), 0);
	waybuf_resv_add(s->resv, s->early, WAYBUF_RESV_WRITE);
	waybuf_resv_add(s->resv, s->late, WAYBUF_RESV_READ);
	ck_assert_int_eq(waybuf_loop_create_epoll(&s->loop), 0);
	ck_assert_int_eq(waybuf_deadlines_init(&s->deadlines, s->loop), 0);
	ck_assert_int_eq(waybuf_gate_create(s->loop, &s->deadlines, &gate_ops, &s->gate), 0);
}

static void tear_down(struct scene *s)
{
	waybuf_gate_destroy(s->gate);
	waybuf_deadlines_finish(&s->deadlines);
	waybuf_loop_destroy(s->loop);
	waybuf_resv_unref(s->resv);
	waybuf_fence_unref(s->other);
	waybuf_fence_unref(s->late);
	waybuf_fence_unref(s->early);
	waybuf_timeline_destroy(s->timeline);
	close(s->dmabuf);
	fake_sync_finish();
	close(s->memory.fd);
	waybuf_constraints_builder_destroy(s->builder);
	waybuf_constraints_unref(s->set);
	seat_close(&s->seat);
	party_detach(&s->party);
	waybuf_pool_unref(s->pool);
	fixture_finish(&s->f);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static int manager_create(struct scene *s)
{
	struct waybuf_manager *manager = NULL;
	int ret = waybuf_manager_create(NULL, &manager);
	waybuf_manager_destroy(manager);
	return ret;
}

static int add_default_exporters(struct scene *s)
{
	struct waybuf_manager *manager;
	ck_assert_int_eq(waybuf_manager_create(NULL, &manager), 0);
	fail_alloc_at(1);
	int ret = waybuf_manager_add_default_exporters(manager, -1);
	fail_alloc_at(0);
	waybuf_manager_destroy(manager);
	return ret;
}

static int account_create(struct scene *s)
{
	struct waybuf_account *account = waybuf_account_create(s->f.manager, "other", NULL);
	if (!account)
		return -ENOMEM;
	waybuf_account_unref(account);
	return 0;
}

static int pool_create(struct scene *s)
{
	const struct waybuf_export_info info = {.width = 8, .height = 8, .count = 3, .name = "p"};
	struct waybuf_pool *pool = NULL;
	int ret = waybuf_pool_create(s->f.manager, s->f.account, &info, &pool);
	waybuf_pool_unref(pool);
	return ret;
}

static int pool_explain(struct scene *s)
{
	const struct waybuf_explanation *why = NULL;
	int ret = waybuf_pool_explain(s->pool, &why);
	waybuf_explanation_unref(why);
	return ret;
}

static void heard_outcome(void *data, enum waybuf_outcome outcome) {}

static void heard_refusal(void *data, int error, const struct waybuf_explanation *why) {}

static int pool_attach(struct scene *s)
{
	static const struct waybuf_attachment_listener listener = {heard_outcome, heard_refusal};
	struct waybuf_attachment *attachment = NULL;
	int ret = waybuf_pool_attach(s->pool, s->f.account, "other", &listener, NULL, &attachment);
	fail_here(false);
	if (ret == 0)
		ck_assert_int_eq(waybuf_attachment_detach(attachment), 0);
	return ret;
}

/* A failure later than that is the listener's to hear. */
static int attachment_commit(struct scene *s)
{
	s->party.answered = false;
	int ret = waybuf_attachment_commit(s->party.attachment, s->set);
	fail_here(false);
	if (ret == 0)
		fixture_wait(&s->f, &s->party.answered);
	return ret;
}

static int attachment_get_view(struct scene *s)
{
	static const struct waybuf_view_listener listener;
	struct waybuf_view *view = NULL;
	int ret = waybuf_attachment_get_view(s->party.attachment, 1, &listener, NULL, &view);
	waybuf_view_destroy(view);
	return ret;
}

static int buffer_import(struct scene *s)
{
	const struct waybuf_layout layout = {
		.width = 16,
		.height = 16,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 64, .rows = 16}},
		.memory = {s->memory},
	};
	struct waybuf_buffer *buffer = NULL;
	int ret = waybuf_buffer_import(s->f.manager, s->f.account, &layout, &buffer);
	waybuf_buffer_unref(buffer);
	return ret;
}

static int buffer_claim(struct scene *s)
{
	struct waybuf_claim *claim = NULL;
	int ret = waybuf_buffer_claim(waybuf_view_buffer(s->seat.view), &claim);
	waybuf_claim_end(claim, NULL);
	return ret;
}

static int cpu_create(struct scene *s)
{
	struct waybuf_cpu *cpu = NULL;
	int ret = waybuf_cpu_create(&s->memory, "test", 0, &cpu);
	waybuf_cpu_destroy(cpu);
	return ret;
}

/* Memory that is large enough for windows. */
static struct waybuf_cpu *make_cpu(struct scene *s, uint64_t size)
{
	const struct waybuf_memory memory = {
		.fd = s->memory.fd, .kind = WAYBUF_MEMORY_MEMFD, .size = size};
	struct waybuf_cpu *cpu = NULL;
	fail_here(false);
	ck_assert_int_eq(waybuf_cpu_create(&memory, "test", 0, &cpu), 0);
	fail_here(true);
	return cpu;
}

static int cpu_begin_access(struct scene *s)
{
	struct waybuf_cpu *cpu = make_cpu(s, 128 << 20);
	int ret = waybuf_cpu_begin_access(cpu, WAYBUF_READ);
	if (ret == 0)
		waybuf_cpu_end_access(cpu, WAYBUF_READ);
	waybuf_cpu_destroy(cpu);
	return ret;
}

static int cpu_mmap(struct scene *s)
{
	struct waybuf_cpu *cpu = make_cpu(s, 4096);
	void *address;
	int ret = waybuf_cpu_mmap(cpu, 0, 4096, WAYBUF_READ, &address);
	waybuf_cpu_destroy(cpu);
	return ret;
}

/* ---- constraints --------------------------------------------------------------------------- */

static int constraints_parse(struct scene *s)
{
	struct waybuf_constraints *set = NULL;
	size_t size;
	const void *records = waybuf_constraints_records(s->set, &size);
	int ret = waybuf_constraints_parse(records, size, &set, NULL);
	waybuf_constraints_unref(set);
	return ret;
}

static int builder_create(struct scene *s)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_destroy(builder);
	return builder ? 0 : -ENOMEM;
}

static int builder_finish(struct scene *s)
{
	struct waybuf_constraints *set = NULL;
	int ret = waybuf_constraints_builder_finish(s->builder, &set);
	waybuf_constraints_unref(set);
	return ret;
}

/* ---- fences -------------------------------------------------------------------------------- */

/* Of a result that is a fence. */
static int drop(int ret, struct waybuf_fence *fence)
{
	if (ret == 0)
		waybuf_fence_unref(fence);
	return ret;
}

static int fence_failed(struct scene *s)
{
	struct waybuf_fence *fence;
	int ret = waybuf_fence_failed(-EIO, &fence);
	return drop(ret, fence);
}

static int fence_from_sync_file(struct scene *s)
{
	struct waybuf_fence *fence;
	fail_here(false);
	int fd = fake_sync_file((int[]){fake_fence()}, 1);
	fail_here(true);
	int ret = waybuf_fence_from_sync_file(fd, &fence);
	fail_here(false);
	return drop(ret, fence);
}

static int fence_merge(struct scene *s)
{
	struct waybuf_fence *const fences[] = {s->early, s->late}, *fence;
	int ret = waybuf_fence_merge(fences, 2, &fence);
	return drop(ret, fence);
}

static int fence_any(struct scene *s)
{
	struct waybuf_fence *const fences[] = {s->early, s->late}, *fence;
	int ret = waybuf_fence_any(fences, 2, &fence);
	return drop(ret, fence);
}

static int timeline_create(struct scene *s)
{
	struct waybuf_timeline *timeline = NULL;
	int ret = waybuf_timeline_create("other", &timeline);
	waybuf_timeline_destroy(timeline);
	return ret;
}

static int timeline_fence(struct scene *s)
{
	struct waybuf_fence *fence;
	int ret = waybuf_timeline_fence(s->timeline, 7, &fence);
	return drop(ret, fence);
}

static int resv_create(struct scene *s)
{
	struct waybuf_resv *resv = NULL;
	int ret = waybuf_resv_create(&resv);
	waybuf_resv_unref(resv);
	return ret;
}

static int resv_reserve(struct scene *s)
{
	int ret = waybuf_resv_reserve(s->resv, 100);
	if (ret == 0)
		waybuf_resv_unreserve(s->resv, 100);
	return ret;
}

static int resv_snapshot(struct scene *s)
{
	struct waybuf_fence *fence;
	int ret = waybuf_resv_snapshot(s->resv, WAYBUF_RESV_READ, &fence);
	return drop(ret, fence);
}

static int dmabuf_export_fence(struct scene *s)
{
	struct waybuf_fence *fence;
	int ret = waybuf_dmabuf_export_fence(s->dmabuf, true, &fence);
	return drop(ret, fence);
}

static int gate_queue_create(struct scene *s)
{
	struct waybuf_gate_queue *queue = NULL;
	int ret = waybuf_gate_queue_create(s->gate, &queue);
	waybuf_gate_queue_destroy(queue);
	return ret;
}

static int gate_submit(struct scene *s)
{
	static int commit;
	struct waybuf_gate_queue *queue;
	ck_assert_int_eq(waybuf_gate_queue_create(s->gate, &queue), 0);
	const struct waybuf_gate_part part = {
		.queue = queue, .content = true, .fences = &s->early, .n_fences = 1};
	fail_alloc_at(1);
	int ret = waybuf_gate_submit(s->gate,
		&(struct waybuf_gate_request){.parts = &part, .n_parts = 1, .commit = &commit});
	fail_alloc_at(0);
	waybuf_gate_queue_destroy(queue);
	return ret;
}

/* The one that was ready is put back, behind a fence. */
static int gate_submit_again(struct scene *s)
{
	static int commit;
	struct waybuf_gate_queue *queue;
	ck_assert_int_eq(waybuf_gate_queue_create(s->gate, &queue), 0);
	struct waybuf_gate_part part = {.queue = queue, .content = true};
	const struct waybuf_gate_request request = {
		.parts = &part, .n_parts = 1, .commit = &commit};
	ck_assert_int_eq(waybuf_gate_submit(s->gate, &request), 1);
	part.fences = &s->early;
	part.n_fences = 1;
	fail_alloc_at(1);
	int ret = waybuf_gate_submit_again(s->gate, &request);
	fail_alloc_at(0);
	waybuf_gate_queue_destroy(queue);
	return ret;
}

/* ---- the sweep ----------------------------------------------------------------------------- */

static const struct call calls[] = {
	{"waybuf_manager_create", manager_create},
	{"waybuf_account_create", account_create},
	{"waybuf_pool_create", pool_create},
	{"waybuf_pool_explain", pool_explain},
	{"waybuf_pool_attach", pool_attach},
	{"waybuf_attachment_commit", attachment_commit},
	{"waybuf_attachment_get_view", attachment_get_view},
	{"waybuf_buffer_import", buffer_import},
	{"waybuf_buffer_claim", buffer_claim},
	{"waybuf_cpu_create", cpu_create},
	{"waybuf_cpu_begin_access", cpu_begin_access},
	{"waybuf_cpu_mmap", cpu_mmap},
	{"waybuf_constraints_parse", constraints_parse},
	{"waybuf_constraints_builder_create", builder_create},
	{"waybuf_constraints_builder_finish", builder_finish},
	{"waybuf_fence_failed", fence_failed},
	{"waybuf_fence_from_sync_file", fence_from_sync_file},
	{"waybuf_fence_merge", fence_merge},
	{"waybuf_fence_any", fence_any},
	{"waybuf_timeline_create", timeline_create},
	{"waybuf_timeline_fence", timeline_fence},
	{"waybuf_resv_create", resv_create},
	{"waybuf_resv_reserve", resv_reserve},
	{"waybuf_resv_snapshot", resv_snapshot},
	{"waybuf_dmabuf_export_fence", dmabuf_export_fence},
	{"waybuf_gate_queue_create", gate_queue_create},
};

/* Those that arm the first allocation themselves, behind what they need. */
static const struct call once[] = {
	{"waybuf_manager_add_default_exporters", add_default_exporters},
	{"waybuf_gate_submit", gate_submit},
	{"waybuf_gate_submit_again", gate_submit_again},
};

/* The number of allocations that were needed. */
static unsigned sweep(const struct call *call, struct scene *s)
{
	unsigned failures = 0;
	bool happened = true;
	for (unsigned n = 1; happened; n++) {
		fail_alloc_at(n);
		fail_here(true);
		int ret = call->run(s);
		fail_here(false);
		happened = fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert_msg(ret == 0 || (happened && ret == -ENOMEM), "%s: allocation %u: %s",
			call->name, n, strerror(-ret));
		failures += ret < 0;
		ck_assert_uint_lt(n, 200);
	}
	return failures;
}

TEST(each_says_so)
{
	struct scene scene = {0};
	set_up_buffers(&scene);
	set_up_fences(&scene);
	fail_elsewhere(false);
	fail_here(false);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ck_assert_msg(sweep(&calls[i], &scene) > 0, "%s never fails", calls[i].name);
	fail_here(true);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		int ret = once[i].run(&scene);
		ck_assert_msg(ret == -ENOMEM, "%s: %d", once[i].name, ret);
	}
	tear_down(&scene);
}

TEST_MAIN("short-of-memory")
