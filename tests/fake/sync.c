/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake/sync.h"
#include "fake/sync_objects.h"

struct fake_kernel fake_kernel;

enum { MAX_FENCES = 1024, MAX_FILES = 512, MAX_DMABUFS = 16 };

static struct {
	int status;
	uint64_t ns, deadline;
} fences[MAX_FENCES];
static int n_fences;

/* A sync_file is the read end of a pipe; the fake keeps the write end, to make it readable. */
static struct file {
	dev_t dev;
	ino_t ino;
	int write_end; /* -1: a free entry */
	struct fake_leaves leaves;
} files[MAX_FILES];

static struct dmabuf {
	ino_t ino;
	int fd; /* -1: a free entry */
	struct fake_leaves write, read;
} dmabufs[MAX_DMABUFS];

static const char *wrong;

void fake_complain(const char *what)
{
	if (!wrong)
		wrong = what;
}

void fake_sync_init(void)
{
	signal(SIGPIPE, SIG_IGN);
	fake_kernel = (struct fake_kernel){
		.timelines = true,
		.eventfds = true,
		.point_files = true,
		.dmabuf_files = true,
		.deadlines = true,
	};
	n_fences = 0;
	wrong = NULL;
	for (int i = 0; i < MAX_FILES; i++)
		files[i].write_end = -1;
	for (int i = 0; i < MAX_DMABUFS; i++)
		dmabufs[i].fd = -1;
	fake_objects_init();
}

void fake_sync_finish(void)
{
	for (int i = 0; i < MAX_FILES; i++)
		if (files[i].write_end >= 0)
			close(files[i].write_end);
	fake_objects_finish();
	ck_assert_msg(!wrong, "%s", wrong);
}

int fake_fence(void)
{
	ck_assert_int_lt(n_fences, MAX_FENCES);
	fences[n_fences].status = 0;
	fences[n_fences].ns = fences[n_fences].deadline = 0;
	return n_fences++;
}

int fake_fence_status(int fence)
{
	return fences[fence].status;
}

uint64_t fake_fence_deadline(int fence)
{
	return fences[fence].deadline;
}

void fake_fence_hurry(int fence, uint64_t ns)
{
	if (!fences[fence].deadline || ns < fences[fence].deadline)
		fences[fence].deadline = ns;
}

bool fake_leaves_settled(const struct fake_leaves *leaves)
{
	for (size_t i = 0; i < leaves->n; i++)
		if (!fences[leaves->ids[i]].status)
			return false;
	return true;
}

void fake_leaves_add(struct fake_leaves *leaves, int fence)
{
	for (size_t i = 0; i < leaves->n; i++)
		if (leaves->ids[i] == fence)
			return;
	ck_assert_uint_lt(leaves->n, FAKE_MAX_LEAVES);
	leaves->ids[leaves->n++] = fence;
}

static void wake(struct file *file)
{
	if (fake_leaves_settled(&file->leaves) && write(file->write_end, "", 1) < 0)
		ck_assert_int_eq(errno, EPIPE);
}

void fake_fence_settle(int fence, int status, uint64_t ns)
{
	ck_assert_int_eq(fences[fence].status, 0);
	fences[fence].status = status;
	fences[fence].ns = ns;
	for (int i = 0; i < MAX_FILES; i++)
		for (size_t k = 0; files[i].write_end >= 0 && k < files[i].leaves.n; k++)
			if (files[i].leaves.ids[k] == fence)
				wake(&files[i]);
	fake_objects_wake();
}

/* Forgets the sync_files whose last fd is closed: nobody reads their pipes. */
static void collect(void)
{
	for (int i = 0; i < MAX_FILES; i++) {
		struct pollfd pollfd = {.fd = files[i].write_end};
		if (files[i].write_end >= 0 && poll(&pollfd, 1, 0) == 1 &&
			(pollfd.revents & POLLERR)) {
			close(files[i].write_end);
			files[i].write_end = -1;
		}
	}
}

int fake_count_sync_files(void)
{
	int n = 0;
	collect();
	for (int i = 0; i < MAX_FILES; i++)
		n += files[i].write_end >= 0;
	return n;
}

static struct file *find_file(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	for (int i = 0; i < MAX_FILES; i++)
		if (files[i].write_end >= 0 && files[i].ino == st.st_ino &&
			files[i].dev == st.st_dev)
			return &files[i];
	return NULL;
}

const struct fake_leaves *fake_file_leaves(int fd)
{
	struct file *file = find_file(fd);
	return file ? &file->leaves : NULL;
}

int fake_file_create(const struct fake_leaves *leaves)
{
	int ends[2];
	struct stat st;
	struct file *file = NULL;
	collect();
	for (int i = 0; i < MAX_FILES && !file; i++)
		if (files[i].write_end < 0)
			file = &files[i];
	if (!file) {
		errno = ENOMEM;
		return -1;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	ck_assert_int_eq(fstat(ends[0], &st), 0);
	*file = (struct file){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.write_end = ends[1],
		.leaves = *leaves,
	};
	wake(file);
	return ends[0];
}

int fake_sync_file(const int *ids, size_t n)
{
	struct fake_leaves leaves = {0};
	for (size_t i = 0; i < n; i++)
		fake_leaves_add(&leaves, ids[i]);
	return fake_file_create(&leaves);
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

static int file_info(struct file *file, struct sync_file_info *info)
{
	const struct fake_leaves *leaves = &file->leaves;
	/* a stub has one part as well */
	uint32_t n = leaves->n ? (uint32_t)leaves->n : 1;
	struct sync_fence_info *out = (void *)(uintptr_t)info->sync_fence_info;
	if (info->flags || info->pad)
		return refuse(EINVAL);
	snprintf(info->name, sizeof(info->name), "fake");
	info->status = fake_leaves_settled(leaves);
	if (info->num_fences && info->num_fences < n)
		return refuse(EINVAL);
	for (uint32_t i = 0; info->num_fences && i < n; i++) {
		out[i].status = leaves->n ? fences[leaves->ids[i]].status : 1;
		out[i].timestamp_ns = leaves->n ? fences[leaves->ids[i]].ns : 0;
	}
	info->num_fences = n;
	return 0;
}

/* As in the kernel: what is settled does not enter the sum, errors included. */
void fake_leaves_merge(struct fake_leaves *sum, const struct fake_leaves *leaves)
{
	for (size_t i = 0; i < leaves->n; i++)
		if (!fences[leaves->ids[i]].status)
			fake_leaves_add(sum, leaves->ids[i]);
}

static int merge(struct file *file, struct sync_merge_data *data)
{
	struct file *other = find_file(data->fd2);
	if (data->flags || data->pad)
		return refuse(EINVAL);
	if (!other)
		return refuse(ENOENT);
	struct fake_leaves sum = {0};
	fake_leaves_merge(&sum, &file->leaves);
	fake_leaves_merge(&sum, &other->leaves);
	data->fence = fake_file_create(&sum);
	return data->fence < 0 ? -1 : 0;
}

static int set_deadline(struct file *file, const struct sync_set_deadline *arg)
{
	if (!fake_kernel.deadlines)
		return refuse(ENOTTY);
	if (arg->pad)
		return refuse(EINVAL);
	for (size_t i = 0; i < file->leaves.n; i++)
		fake_fence_hurry(file->leaves.ids[i], arg->deadline_ns);
	return 0;
}

static struct dmabuf *find_dmabuf(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	for (int i = 0; i < MAX_DMABUFS; i++)
		if (dmabufs[i].fd >= 0 && dmabufs[i].ino == st.st_ino)
			return &dmabufs[i];
	return NULL;
}

int fake_dmabuf_open(void)
{
	struct stat st;
	int i = 0;
	while (i < MAX_DMABUFS && dmabufs[i].fd >= 0)
		i++;
	ck_assert_int_lt(i, MAX_DMABUFS);
	int fd = memfd_create("fake-dmabuf", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	dmabufs[i] = (struct dmabuf){.fd = fd, .ino = st.st_ino};
	return fd;
}

void fake_dmabuf_add(int fd, bool write, int fence)
{
	struct dmabuf *dmabuf = find_dmabuf(fd);
	fake_leaves_add(write ? &dmabuf->write : &dmabuf->read, fence);
}

int fake_dmabuf_count(int fd, bool write)
{
	struct dmabuf *dmabuf = find_dmabuf(fd);
	return (int)(write ? dmabuf->write.n : dmabuf->read.n);
}

bool fake_dmabuf_busy(int fd)
{
	const struct dmabuf *dmabuf = find_dmabuf(fd);
	return !fake_leaves_settled(&dmabuf->read) || !fake_leaves_settled(&dmabuf->write);
}

static bool bad_access(uint32_t flags)
{
	return flags == 0 || (flags & ~(uint32_t)DMA_BUF_SYNC_RW);
}

static int export_file(struct dmabuf *dmabuf, struct dma_buf_export_sync_file *arg)
{
	if (bad_access(arg->flags))
		return refuse(EINVAL);
	struct fake_leaves sum = {0};
	fake_leaves_merge(&sum, &dmabuf->write);
	if (arg->flags & DMA_BUF_SYNC_WRITE)
		fake_leaves_merge(&sum, &dmabuf->read);
	arg->fd = fake_file_create(&sum);
	return arg->fd < 0 ? -1 : 0;
}

/* What has settled makes room for what comes. */
static int import_file(struct dmabuf *dmabuf, const struct dma_buf_import_sync_file *arg)
{
	struct file *file = find_file(arg->fd);
	struct fake_leaves *usage =
		arg->flags & DMA_BUF_SYNC_WRITE ? &dmabuf->write : &dmabuf->read;
	struct fake_leaves sum = {0};
	if (bad_access(arg->flags) || !file)
		return refuse(EINVAL);
	fake_leaves_merge(&sum, usage);
	fake_leaves_merge(&sum, &file->leaves);
	*usage = sum;
	return 0;
}

static int dmabuf_ioctl(struct dmabuf *dmabuf, unsigned long request, void *arg)
{
	if (fake_kernel.dmabuf_files && request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
		return export_file(dmabuf, arg);
	if (fake_kernel.dmabuf_files && request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
		return import_file(dmabuf, arg);
	return refuse(ENOTTY);
}

static int file_ioctl(struct file *file, unsigned long request, void *arg)
{
	switch (request) {
	case SYNC_IOC_FILE_INFO:
		return file_info(file, arg);
	case SYNC_IOC_MERGE:
		return merge(file, arg);
	case SYNC_IOC_SET_DEADLINE:
		return set_deadline(file, arg);
	default:
		return refuse(ENOTTY);
	}
}

static int answer(int fd, unsigned long request, void *arg)
{
	fake_kernel.ioctls++;
	/* destroying a handle that exists cannot fail */
	if (request != DRM_IOCTL_SYNCOBJ_DESTROY && fake_kernel.fail_in > 0 &&
		--fake_kernel.fail_in == 0)
		return refuse(fake_kernel.fail_errno);
	if (find_file(fd))
		return file_ioctl(find_file(fd), request, arg);
	if (find_dmabuf(fd))
		return dmabuf_ioctl(find_dmabuf(fd), request, arg);
	if (fake_is_drm(fd))
		return fake_drm_ioctl(request, arg);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);

	if (fake_kernel.inside)
		fake_kernel.inside(true);
	int ret = answer(fd, request, arg);
	int error = errno;
	if (fake_kernel.inside)
		fake_kernel.inside(false);
	errno = error;
	return ret;
}

__attribute__((visibility("default"))) int fstatfs(int fd, struct statfs *out)
{
	if (!find_dmabuf(fd))
		return (int)syscall(SYS_fstatfs, fd, out);
	memset(out, 0, sizeof(*out));
	out->f_type = 0x444d4142;
	return 0;
}
