/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "ticket.h"

/* The seal of tickets, and the file with its key. */

static char folder[64], path[96];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/waybuf-ticket-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/key", folder);
}

static void remove_folder(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Skips without the library that seals. */
static struct ticket_key *open_key(void)
{
	struct ticket_key *key = NULL;
	int ret = ticket_key_open(path, &key);
	if (ret == -EOPNOTSUPP) {
		remove_folder();
		SKIP("built without nettle");
	}
	ck_assert_int_eq(ret, 0);
	return key;
}

static struct ticket sample(void)
{
	struct ticket ticket = {
		.epoch = 3,
		.flags = TICKET_CREATOR,
		.uid = 1000,
		.config_epoch = 1,
		.config = 2,
		.width = 1920,
		.height = 1080,
		.count = 3,
		.name = "a name that has all 28 bytes",
		.index = 2,
		.slot = 1,
		.rank_epoch = 2,
		.rank_generation = 5,
		.layout = {.generation = 7,
			.width = 1920,
			.height = 1080,
			.format = DRM_FORMAT_NV12,
			.modifier = 0x0123456789abcdefull,
			.n_planes = 2,
			.n_memory = 2,
			.planes = {{0, 0, 1920, 1080}, {1, 64, 1920, 540}},
			.memory = {{.fd = -1},
				{.fd = -1, .kind = WAYBUF_MEMORY_MEMFD, .size = 1040384}}},
		.id = {.dev = 7, .ino = 0x100000001ull},
	};
	memset(ticket.pool, 0xa5, sizeof(ticket.pool));
	ticket_context("a sandbox", ticket.context);
	ticket_exporter("memfd", ticket.exporter);
	return ticket;
}

TEST(what_was_said_is_read)
{
	make_folder();
	struct ticket_key *key = open_key();
	struct ticket ticket = sample(), again;
	uint8_t sealed[TICKET_SIZE];
	ticket_seal(key, &ticket, sealed);
	ck_assert(ticket_open(key, sealed, sizeof(sealed), &again));
	ck_assert_uint_eq(again.epoch, 3);
	ck_assert_uint_eq(again.flags, TICKET_CREATOR);
	ck_assert_uint_eq(again.uid, 1000);
	ck_assert_mem_eq(again.context, ticket.context, sizeof(ticket.context));
	ck_assert_mem_eq(again.pool, ticket.pool, sizeof(ticket.pool));
	ck_assert_mem_eq(again.exporter, ticket.exporter, sizeof(ticket.exporter));
	ck_assert_uint_eq(again.config, 2);
	ck_assert_uint_eq(again.width, 1920);
	ck_assert_uint_eq(again.height, 1080);
	ck_assert_uint_eq(again.count, 3);
	ck_assert_str_eq(again.name, "a name that has all 28 bytes");
	ck_assert_uint_eq(again.index, 2);
	ck_assert_uint_eq(again.slot, 1);
	ck_assert_uint_eq(again.rank_epoch, 2);
	ck_assert_uint_eq(again.rank_generation, 5);
	ck_assert_uint_eq(again.config_epoch, 1);
	ck_assert_uint_eq(again.id.dev, 7);
	ck_assert_uint_eq(again.id.ino, 0x100000001ull);
	const struct waybuf_layout *layout = &again.layout;
	ck_assert_uint_eq(layout->generation, 7);
	ck_assert_uint_eq(layout->format, DRM_FORMAT_NV12);
	ck_assert_uint_eq(layout->modifier, 0x0123456789abcdefull);
	ck_assert_uint_eq(layout->n_planes, 2);
	ck_assert_uint_eq(layout->n_memory, 2);
	ck_assert_mem_eq(layout->planes, ticket.layout.planes, sizeof(layout->planes));
	ck_assert_uint_eq(layout->memory[1].size, 1040384);
	ck_assert_int_eq(layout->memory[1].kind, WAYBUF_MEMORY_MEMFD);
	ck_assert_int_eq(layout->memory[0].fd, -1);
	ck_assert_int_eq(layout->memory[1].fd, -1);
	ticket_key_close(key);
	remove_folder();
}

/* Every bit of every byte is under the seal. */
TEST(no_bit_can_be_changed)
{
	make_folder();
	struct ticket_key *key = open_key();
	struct ticket ticket = sample(), again;
	uint8_t sealed[TICKET_SIZE];
	ticket_seal(key, &ticket, sealed);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_msg(!ticket_open(key, sealed, sizeof(sealed), &again), "bit %zu", bit);
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert(ticket_open(key, sealed, sizeof(sealed), &again));
	ticket_key_close(key);
	remove_folder();
}

TEST(no_other_length)
{
	make_folder();
	struct ticket_key *key = open_key();
	struct ticket ticket = sample(), again;
	uint8_t sealed[TICKET_SIZE + 1] = {0};
	ticket_seal(key, &ticket, sealed);
	for (size_t size = 0; size <= sizeof(sealed); size++)
		ck_assert_int_eq(ticket_open(key, sealed, size, &again), size == TICKET_SIZE);
	ck_assert(!ticket_open(key, NULL, 0, &again));
	ticket_key_close(key);
	remove_folder();
}

/* Each field changes the bytes, and with a good seal each is checked once more. */
TEST(sealed_nonsense_is_refused)
{
	make_folder();
	struct ticket_key *key = open_key();
	const struct ticket good = sample();
	uint8_t sealed[TICKET_SIZE];
	struct ticket again;
#define REFUSED(field, value) \
	do { \
		struct ticket bad = good; \
		bad.field = (value); \
		ticket_seal(key, &bad, sealed); \
		ck_assert_msg(!ticket_open(key, sealed, sizeof(sealed), &again), #field); \
	} while (0)
	REFUSED(epoch, 0);
	REFUSED(flags, 8);
	REFUSED(rank_epoch, 0);
	REFUSED(rank_epoch, 4);
	REFUSED(rank_generation, 0);
	REFUSED(config_epoch, 0);
	REFUSED(config_epoch, 4);
	REFUSED(config, 0);
	REFUSED(width, 0);
	REFUSED(height, 65537);
	REFUSED(count, 65);
	REFUSED(count, 0);
	REFUSED(index, 3);
	REFUSED(layout.generation, 0);
	REFUSED(layout.generation, UINT32_MAX);
	REFUSED(layout.width, 0);
	REFUSED(layout.height, 65537);
	REFUSED(layout.n_planes, 0);
	REFUSED(layout.n_memory, 0);
	REFUSED(layout.n_memory, 1); /* the slot is beyond it */
	REFUSED(layout.n_memory, 5);
	REFUSED(layout.planes[0].slot, 2);
	REFUSED(layout.memory[1].size, 0);
#undef REFUSED
	ticket_key_close(key);
	remove_folder();
}

TEST(another_key_opens_nothing)
{
	make_folder();
	struct ticket_key *key = open_key();
	struct ticket ticket = sample(), again;
	uint8_t sealed[TICKET_SIZE];
	ticket_seal(key, &ticket, sealed);
	ticket_key_close(key);
	/* the same file: the same key */
	key = open_key();
	ck_assert(ticket_open(key, sealed, sizeof(sealed), &again));
	ticket_key_close(key);
	ck_assert_int_eq(unlink(path), 0);
	key = open_key();
	ck_assert(!ticket_open(key, sealed, sizeof(sealed), &again));
	ticket_key_close(key);
	remove_folder();
}

/* ---- the file ------------------------------------------------------------------------------ */

TEST(key_is_for_its_user_alone)
{
	make_folder();
	mode_t mask = umask(0);
	struct ticket_key *key = open_key();
	umask(mask);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(key->fd, F_GETFD), FD_CLOEXEC);
	ticket_key_close(key);
	remove_folder();
}

TEST(each_life_has_a_number)
{
	make_folder();
	struct ticket_key *key = open_key();
	ck_assert_uint_eq(key->epoch, 1);
	struct ticket_key *other = NULL;
	ck_assert_int_eq(ticket_key_open(path, &other), -EBUSY);
	ticket_key_close(key);
	for (uint32_t epoch = 2; epoch < 5; epoch++) {
		key = open_key();
		ck_assert_uint_eq(key->epoch, epoch);
		ticket_key_close(key);
	}
	remove_folder();
}

static void expect_refusal(int error)
{
	struct ticket_key *key = NULL;
	ck_assert_int_eq(ticket_key_open(path, &key), error);
	ck_assert_ptr_null(key);
}

TEST(other_peoples_files_are_refused)
{
	char other[112];
	make_folder();
	ticket_key_close(open_key());
	snprintf(other, sizeof(other), "%s/other", folder);
	/* whoever can read the key can make tickets */
	for (mode_t mode = 0601; mode <= 0640; mode += 007) {
		ck_assert_int_eq(chmod(path, mode), 0);
		expect_refusal(-EPERM);
	}
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(link(path, other), 0);
	expect_refusal(-EPERM);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	expect_refusal(-ELOOP);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_refusal(-EPERM);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_refusal(-EISDIR);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(unlink(other), 0);
	remove_folder();
}

static void write_file(const void *data, size_t size, off_t length)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	ck_assert_int_eq(ftruncate(fd, length), 0);
	close(fd);
}

/* What a server leaves that is killed while it makes the file, and what is none of ours. */
TEST(half_a_file)
{
	make_folder();
	ticket_key_close(open_key());
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	write_file("", 0, 0);
	ticket_key_close(open_key());
	write_file("", 0, st.st_size);
	struct ticket_key *key = open_key();
	static const uint8_t zero[32];
	ck_assert_mem_ne(key->secret, zero, sizeof(zero));
	ticket_key_close(key);
	write_file("a letter", 8, 8);
	expect_refusal(-EBADMSG);
	write_file("a letter", 8, st.st_size);
	expect_refusal(-EBADMSG);
	remove_folder();
}

TEST(shared_pools_are_remembered)
{
	make_folder();
	uint8_t shared[50][TICKET_POOL], alone[TICKET_POOL];
	unsigned mistakes = 0;
	struct ticket_key *key = open_key();
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(ticket_key_name_pool(shared[i]), 0);
		ck_assert_int_eq(ticket_key_note_shared(key, shared[i]), 0);
	}
	ticket_key_close(key);
	key = open_key();
	for (int i = 0; i < 50; i++)
		ck_assert(ticket_key_is_shared(key, shared[i]));
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(ticket_key_name_pool(alone), 0);
		mistakes += ticket_key_is_shared(key, alone);
	}
	/* 100 of 65536 bits are set: about 1 in 400,000 */
	ck_assert_uint_lt(mistakes, 3);
	ticket_key_close(key);
	remove_folder();
}

/* ---- the memory's file --------------------------------------------------------------------- */

static int make_memfd(off_t size, int seals)
{
	int fd = memfd_create("ticket", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void check_file(const struct ticket *ticket, int fd, const char *needle)
{
	const char *problem = ticket_check_file(ticket, fd);
	if (needle)
		ck_assert_msg(problem && strstr(problem, needle), "%s: %s", needle,
			problem ? problem : "taken");
	else
		ck_assert_ptr_null(problem);
}

TEST(files)
{
	struct ticket ticket = sample();
	struct waybuf_memory *memory = &ticket.layout.memory[1];
	int good = make_memfd(8192, F_SEAL_SHRINK), other = make_memfd(8192, F_SEAL_SHRINK);
	int loose = make_memfd(8192, F_SEAL_GROW),
	    closed = make_memfd(8192, F_SEAL_SHRINK | F_SEAL_WRITE);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", good);
	int reader = open(name, O_RDONLY | O_CLOEXEC);
	memory->size = 8192;
	ck_assert_int_eq(fd_identify(good, &ticket.id), 0);
	check_file(&ticket, good, NULL);
	check_file(&ticket, other, "another file");
	check_file(&ticket, loose, "not sealed");
	check_file(&ticket, closed, "sealed against writing");
	check_file(&ticket, null, "no memfd");
	check_file(&ticket, reader, "cannot be written");
	memory->size = 8193;
	check_file(&ticket, good, "smaller");
	memory->size = 8192;
	memory->kind = WAYBUF_MEMORY_DMABUF;
	check_file(&ticket, good, "no dma-buf");
	check_file(&ticket, null, "no dma-buf");
	const int fds[] = {good, other, loose, closed, null, reader};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	check_file(&ticket, good, "looked at");
}

TEST_MAIN("ticket")
