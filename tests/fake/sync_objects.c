/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake/sync.h"
#include "fake/sync_objects.h"

/*
 * A syncobj is a chain of points in rising order, or (binary) one fence. As in the kernel, a point
 * is over when it and all before it are, settled links are forgotten when a later one comes (their
 * errors with them), and point 0 means whatever is there.
 */
enum { MAX_OBJECTS = 256, MAX_POINTS = 32, MAX_HANDLES = 256, MAX_WAITS = 128 };

static struct object {
	ino_t ino; /* of its fd, a memfd, once exported */
	int fd;
	bool binary_set;
	struct fake_leaves binary;
	size_t n;
	struct {
		uint64_t point;
		struct fake_leaves leaves;
	} points[MAX_POINTS];
} objects[MAX_OBJECTS];
static int n_objects;

static struct object *handles[MAX_HANDLES]; /* handle - 1 */

static struct {
	struct object *object;
	uint64_t point;
	bool available;
	int fd; /* our own duplicate, as the kernel's reference; -1: free */
} waits[MAX_WAITS];

static ino_t drm_ino;

void fake_objects_init(void)
{
	n_objects = 0;
	memset(handles, 0, sizeof(handles));
	for (int i = 0; i < MAX_WAITS; i++)
		waits[i].fd = -1;
}

int fake_count_handles(void)
{
	int n = 0;
	for (int i = 0; i < MAX_HANDLES; i++)
		n += handles[i] != NULL;
	return n;
}

void fake_objects_finish(void)
{
	if (fake_count_handles() > 0)
		fake_complain("a syncobj handle was leaked");
	for (int i = 0; i < MAX_WAITS; i++)
		if (waits[i].fd >= 0)
			close(waits[i].fd);
	for (int i = 0; i < n_objects; i++)
		if (objects[i].fd >= 0)
			close(objects[i].fd);
}

int fake_syncobj_device(void)
{
	struct stat st;
	int fd = memfd_create("fake-drm", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	drm_ino = st.st_ino;
	return fd;
}

bool fake_is_drm(int fd)
{
	struct stat st;
	return drm_ino && fstat(fd, &st) == 0 && st.st_ino == drm_ino;
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

static int add_handle(struct object *object, uint32_t *handle)
{
	for (uint32_t i = 0; i < MAX_HANDLES; i++) {
		if (handles[i])
			continue;
		handles[i] = object;
		*handle = i + 1;
		return 0;
	}
	return refuse(ENOMEM);
}

static struct object *find(uint32_t handle)
{
	return handle > 0 && handle <= MAX_HANDLES ? handles[handle - 1] : NULL;
}

/* The index of the link that settles @point, or -1 if it is not there yet. */
static long find_point(const struct object *object, uint64_t point)
{
	if (object->n == 0 || object->points[object->n - 1].point < point)
		return -1;
	for (size_t i = 0; i < object->n; i++)
		if (object->points[i].point >= point)
			return (long)i;
	return -1;
}

static struct fake_leaves leaves_up_to(const struct object *object, size_t i)
{
	struct fake_leaves sum = object->points[i].leaves;
	for (size_t k = 0; k < i; k++)
		fake_leaves_merge(&sum, &object->points[k].leaves);
	return sum;
}

/* 0, or -1 if nothing has been submitted. */
static int point_leaves(const struct object *object, uint64_t point, struct fake_leaves *out)
{
	if (point == 0) {
		*out = object->binary;
		return object->binary_set ? 0 : -1;
	}
	long i = find_point(object, point);
	if (i < 0)
		return -1;
	*out = leaves_up_to(object, (size_t)i);
	return 0;
}

void fake_objects_wake(void)
{
	for (int i = 0; i < MAX_WAITS; i++) {
		struct fake_leaves leaves;
		if (waits[i].fd < 0 || point_leaves(waits[i].object, waits[i].point, &leaves) < 0)
			continue;
		if (!waits[i].available && !fake_leaves_settled(&leaves))
			continue;
		eventfd_write(waits[i].fd, 1);
		close(waits[i].fd);
		waits[i].fd = -1;
	}
}

static int add_point(struct object *object, uint64_t point, const struct fake_leaves *leaves)
{
	if (object->n > 0 && object->points[object->n - 1].point >= point) {
		if (!fake_kernel.disorder)
			fake_complain("points were added out of order");
		point = object->points[object->n - 1].point;
	}
	/* forget the links that are over */
	size_t kept = 0;
	for (size_t i = 0; i < object->n; i++) {
		if (fake_leaves_settled(&object->points[i].leaves))
			object->points[i].leaves.n = 0;
		object->points[kept++] = object->points[i];
	}
	object->n = kept;
	if (object->n == MAX_POINTS)
		return refuse(ENOMEM);
	object->points[object->n].point = point;
	object->points[object->n++].leaves = *leaves;
	fake_objects_wake();
	return 0;
}

static int put(struct object *object, uint64_t point, const struct fake_leaves *leaves)
{
	if (point)
		return add_point(object, point, leaves);
	object->binary = *leaves;
	object->binary_set = true;
	return 0;
}

static int create(struct drm_syncobj_create *arg)
{
	if (arg->flags & ~(uint32_t)DRM_SYNCOBJ_CREATE_SIGNALED)
		return refuse(EINVAL);
	if (n_objects == MAX_OBJECTS)
		return refuse(ENOMEM);
	struct object *object = &objects[n_objects++];
	*object = (struct object){.fd = -1, .binary_set = arg->flags != 0};
	return add_handle(object, &arg->handle);
}

static int destroy(const struct drm_syncobj_destroy *arg)
{
	if (!find(arg->handle)) {
		fake_complain("a handle that does not exist was destroyed");
		return refuse(EINVAL);
	}
	handles[arg->handle - 1] = NULL;
	return 0;
}

struct handle_arg {
	uint32_t handle, flags;
	int32_t fd;
	uint32_t pad;
	uint64_t point;
};

static int export_object(struct object *object, int32_t *fd)
{
	struct stat st;
	if (object->fd < 0) {
		object->fd = memfd_create("fake-syncobj", MFD_CLOEXEC);
		if (object->fd < 0)
			return -1;
		ck_assert_int_eq(fstat(object->fd, &st), 0);
		object->ino = st.st_ino;
	}
	*fd = fcntl(object->fd, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? -1 : 0;
}

static bool bad_handle_arg(const struct handle_arg *arg)
{
	uint32_t known = fake_kernel.point_files ? 3 : 1;
	return arg->pad || (arg->flags & ~known) || (!(arg->flags & 2) && arg->point);
}

static int handle_to_fd(struct handle_arg *arg)
{
	struct fake_leaves leaves;
	if (bad_handle_arg(arg))
		return refuse(EINVAL);
	struct object *object = find(arg->handle);
	if (!object)
		return refuse(ENOENT);
	if (!(arg->flags & 1))
		return export_object(object, &arg->fd);
	if (point_leaves(object, arg->point, &leaves) < 0)
		return refuse(EINVAL);
	arg->fd = fake_file_create(&leaves);
	return arg->fd < 0 ? -1 : 0;
}

static int fd_to_handle(struct handle_arg *arg)
{
	struct stat st;
	if (bad_handle_arg(arg))
		return refuse(EINVAL);
	if (arg->flags & 1) {
		const struct fake_leaves *leaves = fake_file_leaves(arg->fd);
		struct object *object = find(arg->handle);
		if (!leaves || !object)
			return refuse(leaves ? ENOENT : EINVAL);
		return put(object, arg->point, leaves);
	}
	if (fstat(arg->fd, &st) < 0)
		return refuse(EINVAL);
	for (int i = 0; i < n_objects; i++)
		if (objects[i].fd >= 0 && objects[i].ino == st.st_ino)
			return add_handle(&objects[i], &arg->handle);
	return refuse(EINVAL);
}

static int transfer(const struct drm_syncobj_transfer *arg)
{
	struct fake_leaves leaves, sum = {0};
	struct object *src = find(arg->src_handle), *dst = find(arg->dst_handle);
	if (arg->pad || arg->flags)
		return refuse(EINVAL);
	if (!src || !dst)
		return refuse(ENOENT);
	if (point_leaves(src, arg->src_point, &leaves) < 0)
		return refuse(EINVAL);
	if (arg->dst_point == 0)
		return put(dst, 0, &leaves);
	fake_leaves_merge(&sum, &leaves);
	return put(dst, arg->dst_point, &sum);
}

static int query(const struct drm_syncobj_timeline_array *arg)
{
	const uint32_t *handle = (void *)(uintptr_t)arg->handles;
	uint64_t *out = (void *)(uintptr_t)arg->points;
	if (arg->flags || arg->count_handles == 0)
		return refuse(EINVAL);
	for (uint32_t i = 0; i < arg->count_handles; i++) {
		struct object *object = find(handle[i]);
		if (!object)
			return refuse(ENOENT);
		out[i] = 0;
		for (size_t k = 0; k < object->n; k++) {
			struct fake_leaves leaves = leaves_up_to(object, k);
			if (!fake_leaves_settled(&leaves))
				break;
			out[i] = object->points[k].point;
		}
	}
	return 0;
}

static int signal_points(const struct drm_syncobj_timeline_array *arg)
{
	const uint32_t *handle = (void *)(uintptr_t)arg->handles;
	const uint64_t *points = (void *)(uintptr_t)arg->points;
	const struct fake_leaves stub = {0};
	if (arg->flags || arg->count_handles == 0)
		return refuse(EINVAL);
	for (uint32_t i = 0; i < arg->count_handles; i++) {
		if (!find(handle[i]))
			return refuse(ENOENT);
		if (add_point(find(handle[i]), points[i], &stub) < 0)
			return -1;
	}
	return 0;
}

static int timeline_wait(const struct drm_syncobj_timeline_wait *arg)
{
	const uint32_t *handle = (void *)(uintptr_t)arg->handles;
	const uint64_t *point = (void *)(uintptr_t)arg->points;
	struct fake_leaves leaves;
	if (arg->timeout_nsec != 0)
		fake_complain("a wait that can block");
	if (arg->pad || arg->count_handles != 1)
		return refuse(EINVAL);
	if (!find(*handle))
		return refuse(ENOENT);
	if (point_leaves(find(*handle), *point, &leaves) < 0)
		return refuse(EINVAL);
	if (fake_leaves_settled(&leaves))
		return 0;
	for (size_t i = 0; i < leaves.n; i++)
		if (arg->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE)
			fake_fence_hurry(leaves.ids[i], arg->deadline_nsec);
	return refuse(ETIME);
}

static int add_eventfd(const struct drm_syncobj_eventfd *arg)
{
	struct object *object = find(arg->handle);
	if (!fake_kernel.eventfds ||
		(arg->flags & ~(uint32_t)DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) || arg->pad)
		return refuse(EINVAL);
	if (!object)
		return refuse(ENOENT);
	int i = 0;
	while (i < MAX_WAITS && waits[i].fd >= 0)
		i++;
	if (i == MAX_WAITS)
		return refuse(ENOMEM);
	/* out of the way: the kernel's reference is no fd, so letting go of it must not free one */
	waits[i].fd = fcntl(arg->fd, F_DUPFD_CLOEXEC, 500);
	if (waits[i].fd < 0)
		return refuse(errno == EBADF ? EBADF : ENOMEM);
	waits[i].object = object;
	waits[i].point = arg->point;
	waits[i].available = arg->flags != 0;
	fake_objects_wake();
	return 0;
}

static int get_cap(struct drm_get_cap *cap)
{
	if (cap->capability != DRM_CAP_SYNCOBJ_TIMELINE)
		return refuse(EINVAL);
	cap->value = fake_kernel.timelines;
	return 0;
}

int fake_drm_ioctl(unsigned long request, void *arg)
{
	if (_IOC_NR(request) == _IOC_NR(DRM_IOCTL_GET_CAP))
		return get_cap(arg);
	if (!fake_kernel.timelines)
		return refuse(EOPNOTSUPP);
	switch (_IOC_NR(request)) {
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_CREATE):
		return create(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_DESTROY):
		return destroy(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD):
		ck_assert_uint_eq(_IOC_SIZE(request), sizeof(struct handle_arg));
		return handle_to_fd(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE):
		ck_assert_uint_eq(_IOC_SIZE(request), sizeof(struct handle_arg));
		return fd_to_handle(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_TRANSFER):
		return transfer(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_QUERY):
		return query(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL):
		return signal_points(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT):
		return timeline_wait(arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_EVENTFD):
		return add_eventfd(arg);
	default:
		return refuse(EINVAL);
	}
}
