/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <waybuf/cpu_access.h>

#include "core/cpu_access.h"
#include "harness.h"

/* Brackets and mappings, on memfds; tests/guest/test_exporters.c does it on dma-bufs. */

#define PAGE 4096u

static struct waybuf_memory make_memory(uint64_t size)
{
	int fd = memfd_create("cpu", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_MEMFD, .size = size};
}

static struct waybuf_cpu *make_cpu(const struct waybuf_memory *memory, uint32_t flags)
{
	struct waybuf_cpu *cpu;
	ck_assert_int_eq(waybuf_cpu_create(memory, "test-0", flags, &cpu), 0);
	return cpu;
}

TEST(bad_arguments)
{
	struct waybuf_memory memory = make_memory(PAGE);
	struct waybuf_cpu *cpu;
	ck_assert_int_eq(waybuf_cpu_create(&memory, "x", 2, &cpu), -EINVAL);
	struct waybuf_memory bad = {.fd = -1, .size = PAGE};
	ck_assert_int_eq(waybuf_cpu_create(&bad, "x", 0, &cpu), -EBADF);
	bad = memory;
	bad.size = 0;
	ck_assert_int_eq(waybuf_cpu_create(&bad, "x", 0, &cpu), -EINVAL);
	cpu = make_cpu(&memory, 0);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, (enum waybuf_direction)0), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, (enum waybuf_direction)4), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, (enum waybuf_direction)4), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_wait(cpu, (enum waybuf_direction)0, 0), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_wait(cpu, WAYBUF_WRITE, 0), 0);
	waybuf_cpu_destroy(cpu);
	waybuf_cpu_destroy(NULL);
	close(memory.fd);
}

TEST(brackets_nest_and_pair_by_direction)
{
	struct waybuf_memory memory = make_memory(PAGE);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(cpu_bracket_prot(cpu), PROT_READ);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ_WRITE), 0);
	ck_assert_int_eq(cpu_bracket_prot(cpu), PROT_READ | PROT_WRITE);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), -EINVAL);
	/* a failed call closes nothing */
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ_WRITE), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(cpu_bracket_prot(cpu), PROT_READ);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), -EINVAL);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

TEST(vmap_is_shared_and_kept)
{
	struct waybuf_memory memory = make_memory(4 * PAGE);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	void *first, *second, *third;
	ck_assert_int_eq(waybuf_cpu_vunmap(cpu), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_vmap(cpu, &first), 0);
	ck_assert_int_eq(waybuf_cpu_vmap(cpu, &second), 0);
	ck_assert_ptr_eq(first, second);
	ck_assert_int_eq(waybuf_cpu_vunmap(cpu), 0);
	memset(first, 7, 4 * PAGE);
	ck_assert_int_eq(waybuf_cpu_vunmap(cpu), 0);
	ck_assert_int_eq(waybuf_cpu_vunmap(cpu), -EINVAL);
	/* kept for the next one, until somebody wants the address space back */
	ck_assert_int_eq(waybuf_cpu_vmap(cpu, &third), 0);
	ck_assert_ptr_eq(first, third);
	waybuf_cpu_trim(cpu);
	ck_assert_ptr_nonnull(cpu->whole.address);
	ck_assert_int_eq(waybuf_cpu_vunmap(cpu), 0);
	waybuf_cpu_trim(cpu);
	ck_assert_ptr_null(cpu->whole.address);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

TEST(kmap_wants_a_bracket_and_a_page_inside)
{
	struct waybuf_memory memory = make_memory(3 * PAGE);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, 0));
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, 3));
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, UINT64_MAX));
	ck_assert_int_eq(waybuf_cpu_kunmap(cpu, 0), -EINVAL);
	for (uint64_t page = 0; page < 3; page++) {
		unsigned char *bytes = waybuf_cpu_kmap(cpu, page);
		ck_assert_ptr_nonnull(bytes);
		memset(bytes, (int)page + 1, PAGE);
		ck_assert_int_eq(waybuf_cpu_kunmap(cpu, page), 0);
	}
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), 0);
	unsigned char bytes[3];
	for (uint64_t page = 0; page < 3; page++)
		ck_assert_int_eq(pread(memory.fd, &bytes[page], 1, (off_t)(page * PAGE + 17)), 1);
	ck_assert_int_eq(bytes[0], 1);
	ck_assert_int_eq(bytes[1], 2);
	ck_assert_int_eq(bytes[2], 3);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

static uint64_t address_space(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (uint64_t)pages * PAGE;
}

/* 4 GiB and a page and a half, of which nothing is populated but what is touched. */
TEST(kmap_of_a_huge_memory_takes_little_address_space)
{
	uint64_t size = (4ull << 30) + PAGE + PAGE / 2;
	struct waybuf_memory memory = make_memory(size);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	uint64_t before = address_space();
	uint64_t last = size / PAGE;
	uint64_t pages[WAYBUF_KMAP_WINDOWS] = {0, 1u << 20, 15, 16, 77777, 500000, last, last - 1};
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ_WRITE), 0);
	ck_assert_uint_le(address_space() - before, 1u << 20);
	for (int round = 0; round < 3; round++) {
		uint64_t *held[WAYBUF_KMAP_WINDOWS];
		for (int i = 0; i < WAYBUF_KMAP_WINDOWS; i++) {
			held[i] = waybuf_cpu_kmap(cpu, pages[i]);
			ck_assert_ptr_nonnull(held[i]);
			if (round == 0)
				*held[i] = pages[i];
			ck_assert_uint_eq(*held[i], pages[i]);
		}
		for (int i = 0; i < WAYBUF_KMAP_WINDOWS; i++)
			ck_assert_int_eq(waybuf_cpu_kunmap(cpu, pages[i]), 0);
		/* move every window somewhere else and back */
		for (uint64_t page = 1000; page < 1000 + 16 * 64; page += 16) {
			ck_assert_ptr_nonnull(waybuf_cpu_kmap(cpu, page));
			ck_assert_int_eq(waybuf_cpu_kunmap(cpu, page), 0);
		}
	}
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, last + 1));
	ck_assert_uint_le(address_space() - before, 1u << 20);
	/* nine windows at a time are the caller's mistake */
	for (uint64_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++)
		ck_assert_ptr_nonnull(waybuf_cpu_kmap(cpu, i * 1000));
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, 100000));
	for (uint64_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++)
		ck_assert_int_eq(waybuf_cpu_kunmap(cpu, i * 1000), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ_WRITE), 0);
	waybuf_cpu_trim(cpu);
	ck_assert_ptr_null(cpu->windows);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

TEST(mmap_checks_the_range)
{
	static const struct {
		uint64_t offset, length;
		int error;
	} bad[] = {
		{0, 0, -EINVAL},
		{1, PAGE, -EINVAL},
		{0, 2 * PAGE + 1, -EINVAL},
		{2 * PAGE, 1, -EINVAL},
		{PAGE, PAGE + 1, -EINVAL},
		{PAGE, UINT64_MAX, -EOVERFLOW},
	};
	struct waybuf_memory memory = make_memory(2 * PAGE);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	void *address;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
			waybuf_cpu_mmap(cpu, bad[i].offset, bad[i].length, WAYBUF_READ, &address),
			bad[i].error);
	ck_assert_int_eq(
		waybuf_cpu_mmap(cpu, 0, PAGE, (enum waybuf_direction)0, &address), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_mmap(cpu, PAGE, PAGE, WAYBUF_WRITE, &address), 0);
	memset(address, 9, PAGE);
	unsigned char byte = 0;
	ck_assert_int_eq(pread(memory.fd, &byte, 1, PAGE), 1);
	ck_assert_int_eq(byte, 9);
	ck_assert_int_eq(waybuf_cpu_munmap(cpu, (char *)address + 1), -EINVAL);
	ck_assert_int_eq(waybuf_cpu_munmap(cpu, address), 0);
	ck_assert_int_eq(waybuf_cpu_munmap(cpu, address), -EINVAL);
	/* one that is left behind goes with the object */
	ck_assert_int_eq(waybuf_cpu_mmap(cpu, 0, 2 * PAGE, WAYBUF_READ, &address), 0);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

TEST(read_only_fd_cannot_be_written)
{
	struct waybuf_memory memory = make_memory(PAGE);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory.fd);
	struct waybuf_memory read_only = memory;
	read_only.fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(read_only.fd, 0);
	struct waybuf_cpu *cpu = make_cpu(&read_only, 0);
	void *address;
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), -EACCES);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_vmap(cpu, &address), 0);
	ck_assert_int_eq(*(char *)address, 0);
	ck_assert_int_eq(waybuf_cpu_mmap(cpu, 0, PAGE, WAYBUF_WRITE, &address), -EACCES);
	waybuf_cpu_destroy(cpu);
	close(read_only.fd);
	close(memory.fd);
}

/* ---- strict mode --------------------------------------------------------------------------- */

/* Runs @touch in a child; its stderr goes to @text. Returns what waitpid says. */
static int run_child(void (*touch)(struct waybuf_cpu *cpu, char *pixels), char *text, size_t size)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* AddressSanitizer's would report it as its own */
		dup2(fds[1], STDERR_FILENO);
		struct waybuf_memory memory = make_memory(2 * PAGE);
		struct waybuf_cpu *cpu = make_cpu(&memory, WAYBUF_CPU_STRICT);
		void *pixels;
		if (waybuf_cpu_vmap(cpu, &pixels) == 0)
			touch(cpu, pixels);
		_exit(0);
	}
	close(fds[1]);
	size_t used = 0;
	ssize_t n;
	while ((n = read(fds[0], text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = 0;
	close(fds[0]);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void write_outside(struct waybuf_cpu *cpu, char *pixels)
{
	pixels[0x123] = 1;
}

static void write_after_end(struct waybuf_cpu *cpu, char *pixels)
{
	waybuf_cpu_begin_access(cpu, WAYBUF_WRITE);
	pixels[0] = 1;
	waybuf_cpu_end_access(cpu, WAYBUF_WRITE);
	pixels[0x123] = 1;
}

static void write_in_a_read_bracket(struct waybuf_cpu *cpu, char *pixels)
{
	waybuf_cpu_begin_access(cpu, WAYBUF_READ);
	pixels[0x123] = pixels[0];
}

static void write_inside(struct waybuf_cpu *cpu, char *pixels)
{
	waybuf_cpu_begin_access(cpu, WAYBUF_READ_WRITE);
	void *own;
	if (waybuf_cpu_mmap(cpu, PAGE, PAGE, WAYBUF_WRITE, &own) == 0)
		*(char *)own = 1;
	pixels[0x123] = pixels[PAGE];
	waybuf_cpu_end_access(cpu, WAYBUF_READ_WRITE);
}

static void crash_elsewhere(struct waybuf_cpu *cpu, char *pixels)
{
	raise(SIGSEGV);
	raise(SIGSEGV);
}

TEST(strict_mode_names_buffer_and_caller)
{
	void (*const wrong[])(struct waybuf_cpu *, char *) = {
		write_outside, write_after_end, write_in_a_read_bracket};
	for (size_t i = 0; i < 3; i++) {
		char text[4096];
		int status = run_child(wrong[i], text, sizeof(text));
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
			"case %zu: %d: %s", i, status, text);
		ck_assert_msg(strstr(text, "buffer 'test-0' was touched at offset 0x123") != NULL,
			"case %zu: %s", i, text);
		ck_assert_msg(strstr(text, "test-cpu-access") != NULL, "case %zu: %s", i, text);
	}
}

TEST(strict_mode_lets_the_rest_alone)
{
	char text[4096];
	int status = run_child(write_inside, text, sizeof(text));
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d: %s", status, text);
	ck_assert_str_eq(text, "");
	/* a fault of somebody else goes on to whoever was there */
	status = run_child(crash_elsewhere, text, sizeof(text));
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "%d", status);
	ck_assert_str_eq(text, "");
}

TEST(strict_mode_by_environment)
{
	struct waybuf_memory memory = make_memory(PAGE);
	ck_assert_int_eq(setenv("WAYBUF_STRICT", "1", 1), 0);
	struct waybuf_cpu *cpu = make_cpu(&memory, 0);
	ck_assert(cpu->strict);
	waybuf_cpu_destroy(cpu);
	ck_assert_int_eq(setenv("WAYBUF_STRICT", "0", 1), 0);
	cpu = make_cpu(&memory, 0);
	ck_assert(!cpu->strict);
	waybuf_cpu_destroy(cpu);
	close(memory.fd);
}

TEST_MAIN("cpu-access")
