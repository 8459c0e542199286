/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_fixture.h"
#include "exporter/exporter.h"

/* The table of exporters, and memfd, which works everywhere. */

static struct waybuf_manager *empty_manager(void)
{
	struct waybuf_manager *manager;
	ck_assert_int_eq(waybuf_manager_create(NULL, &manager), 0);
	return manager;
}

static int allocate_nothing(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return -EINVAL;
}

static void destroy_nothing(struct waybuf_exporter *exporter) {}

TEST(incomplete_exporters_are_refused)
{
	static const struct waybuf_exporter_ops no_allocate = {
		.release = exporter_release_nothing, .destroy = destroy_nothing};
	static const struct waybuf_exporter_ops no_release = {
		.allocate = allocate_nothing, .destroy = destroy_nothing};
	static const struct waybuf_exporter_ops no_destroy = {
		.allocate = allocate_nothing, .release = exporter_release_nothing};
	static const struct waybuf_exporter_ops complete = {.allocate = allocate_nothing,
		.release = exporter_release_nothing,
		.destroy = destroy_nothing};
	struct waybuf_manager *manager = empty_manager();
	struct waybuf_exporter exporter = {.caps = {.name = "x"}};
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), -EINVAL);
	exporter.ops = &no_allocate;
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), -EINVAL);
	exporter.ops = &no_release;
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), -EINVAL);
	exporter.ops = &no_destroy;
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), -EINVAL);
	exporter.ops = &complete;
	exporter.caps.name = NULL;
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), -EINVAL);
	exporter.caps.name = "x";
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporter), 0);
	struct waybuf_exporter twin = exporter;
	ck_assert_int_eq(waybuf_manager_add_exporter(manager, &twin), -EEXIST);
	waybuf_manager_destroy(manager);
}

TEST(only_so_many_exporters)
{
	enum { MOST = 64 };
	static const struct waybuf_exporter_ops ops = {.allocate = allocate_nothing,
		.release = exporter_release_nothing,
		.destroy = destroy_nothing};
	struct waybuf_exporter exporters[MOST + 1];
	char names[MOST + 1][8];
	struct waybuf_manager *manager = empty_manager();
	for (int i = 0; i <= MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		exporters[i] = (struct waybuf_exporter){.ops = &ops, .caps = {.name = names[i]}};
		ck_assert_int_eq(waybuf_manager_add_exporter(manager, &exporters[i]),
			i < MOST ? 0 : -ENOSPC);
	}
	waybuf_manager_destroy(manager);
}

struct names {
	char text[256];
};

static void add_name(const struct waybuf_exporter_caps *caps, void *data)
{
	struct names *names = data;
	strncat(names->text, caps->name, sizeof(names->text) - strlen(names->text) - 2);
	strcat(names->text, ";");
}

static int add_defaults(struct waybuf_manager *manager, const char *list)
{
	if (list)
		ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", list, 1), 0);
	else
		unsetenv("WAYBUF_EXPORTERS");
	return waybuf_manager_add_default_exporters(manager, -1);
}

TEST(environment_restricts)
{
	struct names names = {0};
	struct waybuf_manager *manager = empty_manager();
	ck_assert_int_eq(add_defaults(manager, "memfd"), 1);
	waybuf_manager_for_each_exporter(manager, add_name, &names);
	ck_assert_str_eq(names.text, "memfd;");
	waybuf_manager_destroy(manager);
	manager = empty_manager();
	ck_assert_int_ge(add_defaults(manager, NULL), 1);
	names.text[0] = 0;
	waybuf_manager_for_each_exporter(manager, add_name, &names);
	ck_assert_msg(strncmp(names.text, "memfd;", 6) == 0, "%s", names.text);
	waybuf_manager_destroy(manager);
}

TEST(environment_with_an_unknown_name)
{
	struct waybuf_manager *manager = empty_manager();
	ck_assert_int_eq(add_defaults(manager, "memfd,vram"), -EINVAL);
	ck_assert_int_eq(add_defaults(manager, ","), -EINVAL);
	waybuf_manager_destroy(manager);
	/* a known one that this machine does not have is no mistake */
	manager = empty_manager();
	ck_assert_int_eq(add_defaults(manager, "dumb,memfd,heap no-such-heap"), 1);
	waybuf_manager_destroy(manager);
}

TEST(exporters_are_destroyed_with_the_manager)
{
	struct fixture f;
	bool destroyed = false;
	fixture_init(&f);
	fake_exporter_add(&f, "x", 1, false, false)->destroyed_flag = &destroyed;
	fixture_finish(&f);
	ck_assert(destroyed);
}

TEST(memfd_is_sealed_populated_and_cloexec)
{
	int fd = exporter_create_memfd("name", 8192);
	ck_assert_int_ge(fd, 0);
	int seals = fcntl(fd, F_GET_SEALS);
	ck_assert_int_eq(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	/* udmabuf refuses these, and so would a mapping for writing */
	ck_assert_int_eq(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE), 0);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	struct stat st;
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 8192);
	ck_assert_int_eq(st.st_blocks, 8192 / 512);
	close(fd);
	ck_assert_int_eq(exporter_create_memfd("name", 0), -EINVAL);
	ck_assert_int_eq(exporter_create_memfd("name", UINT64_MAX), -EINVAL);
}

/* More than there is: an error of this call, not a SIGBUS of somebody's. */
TEST(too_much_memory_is_an_error)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(exporter_create_memfd("name", 2 << 20), -EFBIG);
}

/* Which call fails depends on how many fds are free: try all. */
TEST(without_fds_nothing_is_left_behind)
{
	struct waybuf_exporter *exporter;
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(waybuf_memfd_exporter_create(&exporter), 0);
	struct waybuf_solution solution = {
		.n_planes = 3,
		.n_memory = 3,
		.format = DRM_FORMAT_YUV420,
		.memory_size = {4096, 4096, 4096},
	};
	int before = harness_count_fds(), successes = 0;
	for (int spare = 0; spare < 5; spare++) {
		struct waybuf_allocation allocation = {.solution = &solution, .name = "test"};
		struct rlimit tight = {
			.rlim_cur = (rlim_t)(before + spare), .rlim_max = limit.rlim_max};
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
		int error = exporter->ops->allocate(exporter, &allocation);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (error == 0) {
			successes++;
			ck_assert_uint_eq(allocation.layout.n_memory, 3);
			exporter_close_memory(&allocation.layout, 3);
		} else {
			ck_assert_int_eq(error, -EMFILE);
		}
		ck_assert_int_eq(harness_count_fds(), before);
	}
	ck_assert_int_ge(successes, 1);
	ck_assert_int_lt(successes, 5);
	exporter->ops->destroy(exporter);
}

TEST_MAIN("exporter")
