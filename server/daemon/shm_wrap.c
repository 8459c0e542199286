/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/account.h"
#include "core/bounded_sync.h"
#include "core/manager.h"
#include "daemon.h"
#include "shm_wrap.h"
#include "util/checked.h"
#include "util/fd.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* fds that are left for those who cannot do without: a wrap only saves a copy. */
#define WRAP_FD_RESERVE 128

/* ---- files ----------------------------------------------------------------------------------- */

/* Of seals only those of now count: more can be set later, and then the kernel refuses. */
static const char *file_refusal(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return "its memory is wl_shm, and no memfd";
	if (!(seals & F_SEAL_SHRINK))
		return "its memory is wl_shm that is not sealed against shrinking";
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return "its memory is wl_shm that is sealed against writing";
	return NULL;
}

struct shm_file *shm_file_create(int fd)
{
	struct shm_file *file = calloc(1, sizeof(*file));
	if (file)
		*file = (struct shm_file){.refs = 1, .fd = fd, .refusal = file_refusal(fd)};
	return file;
}

struct shm_file *shm_file_ref(struct shm_file *file)
{
	file->refs++;
	return file;
}

void shm_file_unref(struct shm_file *file)
{
	if (!file || --file->refs > 0)
		return;
	fd_close(&file->fd);
	free(file);
}

/* ---- wrapping -------------------------------------------------------------------------------- */

struct waybuf_exporter *shm_wrap_exporter(const struct daemon *daemon)
{
	const struct waybuf_manager *manager = waybuf_server_manager(daemon->server);
	for (uint32_t i = 0; i < manager->n_exporters; i++)
		if (manager->exporters[i]->ops->wrap)
			return manager->exporters[i];
	return NULL;
}

static void discharge(struct waybuf_account *account, uint64_t size)
{
	waybuf_account_discharge_bytes(account, size);
	waybuf_account_discharge(account, WAYBUF_RESOURCE_FDS, 1);
}

/*
 * The pages are pinned for the client, who pays for them. Half of what it may have is left to it:
 * where its memory cannot be had without a charge, that is worth more than a copy that is saved.
 */
static int charge(struct waybuf_account *account, uint64_t size)
{
	const enum waybuf_resource scarce[] = {WAYBUF_RESOURCE_FDS, WAYBUF_RESOURCE_KIB};
	int error = waybuf_account_charge(account, WAYBUF_RESOURCE_FDS, 1);
	if (error < 0)
		return error;
	error = waybuf_account_charge_bytes(account, size);
	if (error < 0) {
		waybuf_account_discharge(account, WAYBUF_RESOURCE_FDS, 1);
		return error;
	}
	for (size_t i = 0; i < 2; i++)
		if (waybuf_account_left(account, scarce[i]) <
			waybuf_account_limit(account, scarce[i]) / 2)
			error = -EDQUOT;
	if (error < 0)
		discharge(account, size);
	return error;
}

static void leave_account(struct shm_wrap *wrap)
{
	if (!wrap->account)
		return;
	discharge(wrap->account, wrap->size);
	waybuf_account_unref(wrap->account);
	wrap->account = NULL;
}

struct shm_wrap *shm_wrap_ref(struct shm_wrap *wrap)
{
	wrap->refs++;
	return wrap;
}

void shm_wrap_unref(struct shm_wrap *wrap)
{
	if (!wrap || --wrap->refs > 0)
		return;
	leave_account(wrap);
	waybuf_timeline_destroy(wrap->flushed);
	fd_close(&wrap->fd);
	shm_file_unref(wrap->file);
	free(wrap);
}

/*
 * A pool may be said to be larger than its file, and pages that are not there are not touched. A
 * page that is there in part is one to some kernels (memfd_pin_folios() is stricter).
 */
static int make(struct shm_wrap *wrap)
{
	const uint64_t page = wrap->exporter->caps.page_size;
	struct stat st;
	uint64_t size;
	if (fstat(wrap->file->fd, &st) < 0)
		return -errno;
	wrap->changed = st.st_ctim;
	if (!checked_round_up((uint64_t)st.st_size, page, &size) || size < wrap->size)
		return -ENXIO;
	int fd = wrap->exporter->ops->wrap(wrap->exporter, wrap->file->fd, wrap->size);
	return fd == -EINVAL && (uint64_t)st.st_size < wrap->size ? -ERANGE : fd;
}

static void run(struct waybuf_job *job)
{
	struct shm_wrap *wrap = waybuf_container_of(job, struct shm_wrap, job);
	wrap->result = make(wrap);
}

static void finish(struct waybuf_job *job)
{
	struct shm_wrap *wrap = waybuf_container_of(job, struct shm_wrap, job);
	wrap->fd = wrap->result < 0 ? -1 : wrap->result;
	wrap->error = wrap->result < 0 ? wrap->result : 0;
	if (wrap->fd >= 0 && fd_is_among_last(wrap->fd, WRAP_FD_RESERVE)) {
		fd_close(&wrap->fd);
		wrap->error = -EMFILE;
	}
	if (wrap->error < 0)
		leave_account(wrap);
	shm_wrap_unref(wrap);
}

/* With the job as its second owner. */
static struct shm_wrap *wrap_create(struct daemon *daemon, struct waybuf_exporter *exporter,
	struct shm_file *file, struct waybuf_account *account, uint64_t size)
{
	struct shm_wrap *wrap = calloc(1, sizeof(*wrap));
	if (!wrap)
		return NULL;
	*wrap = (struct shm_wrap){
		.refs = 2,
		.daemon = daemon,
		.exporter = exporter,
		.file = shm_file_ref(file),
		.account = waybuf_account_ref(account),
		.size = size,
		.fd = -1,
		.error = -EINPROGRESS,
		.job = {.run = run, .done = finish},
	};
	return wrap;
}

int shm_wrap_create(struct daemon *daemon, struct shm_file *file, struct waybuf_account *account,
	uint64_t size, struct shm_wrap **out)
{
	struct waybuf_exporter *exporter = shm_wrap_exporter(daemon);
	if (!checked_round_up(size, exporter->caps.page_size, &size) ||
		size > exporter->caps.max_size)
		return -EFBIG;
	int error = charge(account, size);
	if (error < 0)
		return error;
	struct shm_wrap *wrap = wrap_create(daemon, exporter, file, account, size);
	if (!wrap) {
		discharge(account, size);
		return -ENOMEM;
	}
	/* where exporters are called */
	error = waybuf_manager_submit(waybuf_server_manager(daemon->server), &wrap->job);
	if (error < 0) {
		wrap->refs--;
		shm_wrap_unref(wrap);
		return error;
	}
	*out = wrap;
	return 0;
}

bool shm_wrap_is_stale(const struct shm_wrap *wrap)
{
	struct stat st;
	return fstat(wrap->file->fd, &st) < 0 || st.st_ctim.tv_sec != wrap->changed.tv_sec ||
		st.st_ctim.tv_nsec != wrap->changed.tv_nsec;
}

/* ---- caches ---------------------------------------------------------------------------------- */

/* All DMA of x86 looks into the caches. Elsewhere the exporter knows, and has little to do if so. */
bool shm_wrap_is_incoherent(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return false;
#else
	return true;
#endif
}

struct flush {
	struct waybuf_job job;
	struct shm_wrap *wrap;
	uint64_t point;
	int error;
};

/*
 * For the device alone: a bracket that reads would begin by throwing away what is in the caches, and
 * with that what the client has drawn. Nobody else has the dma-buf, so there is no fence to wait for.
 */
static void run_flush(struct waybuf_job *job)
{
	struct flush *flush = waybuf_container_of(job, struct flush, job);
	int fd = flush->wrap->fd;
	flush->error = unbounded_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	if (flush->error == 0)
		flush->error = unbounded_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

/* The frame is whole in any case: it can be composed. */
static void finish_flush(struct waybuf_job *job)
{
	struct flush *flush = waybuf_container_of(job, struct flush, job);
	struct shm_wrap *wrap = flush->wrap;
	if (flush->error < 0)
		wrap->error = flush->error;
	waybuf_timeline_signal(wrap->flushed, flush->point);
	shm_wrap_unref(wrap);
	free(flush);
}

static int begin_flush(struct shm_wrap *wrap)
{
	struct flush *flush = calloc(1, sizeof(*flush));
	if (!flush)
		return -ENOMEM;
	*flush = (struct flush){
		.job = {.run = run_flush, .done = finish_flush},
		.wrap = wrap,
		.point = wrap->n_flushes + 1,
	};
	int error = waybuf_worker_submit(wrap->daemon->worker, &flush->job);
	if (error < 0) {
		free(flush);
		return error;
	}
	shm_wrap_ref(wrap);
	wrap->n_flushes++;
	return 0;
}

int shm_wrap_flush(struct shm_wrap *wrap, struct waybuf_fence **fence)
{
	int error = wrap->flushed ? 0 : waybuf_timeline_create("shm flush", &wrap->flushed);
	if (error == 0)
		error = waybuf_timeline_fence(wrap->flushed, wrap->n_flushes + 1, fence);
	if (error < 0)
		return error;
	error = begin_flush(wrap);
	if (error < 0) {
		waybuf_fence_unref(*fence);
		*fence = NULL;
	}
	return error;
}
