/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ticket_key.h"
#include "util/fd.h"

/*
 * The file: a header, then the filter. It is made with its full size first, which reads as zero,
 * and the header then arrives in one write within a page: a server that is killed in between leaves
 * a file without a header, and the next one goes on from there.
 */
#define FILTER_BITS 65536
#define FILE_SIZE ((off_t)sizeof(struct header) + FILTER_BITS / 8)

struct header {
	char magic[8];
	uint32_t epoch, zero;
	uint8_t secret[32];
};

static const char magic[8] = "waybufT1";

static int read_at(int fd, void *data, size_t size, off_t offset)
{
	ssize_t n;
	do
		n = pread(fd, data, size, offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EBADMSG;
}

static int write_at(int fd, const void *data, size_t size, off_t offset)
{
	ssize_t n;
	do
		n = pwrite(fd, data, size, offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -ENOSPC;
}

static int random_bytes(void *data, size_t size)
{
	ssize_t n;
	do
		n = getrandom(data, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

/* ---- the file ------------------------------------------------------------------------------ */

static int open_file(const char *path)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

/* Nobody else made it, can open it, or has another name for it. */
static int check_owner(int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return -errno;
	bool safe = S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1 &&
		(st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
	return safe ? 0 : -EPERM;
}

static int read_header(int fd, off_t size, struct header *header)
{
	static const struct header none;
	if (size == 0 && ftruncate(fd, FILE_SIZE) < 0)
		return -errno;
	if (size != 0 && size != FILE_SIZE)
		return -EBADMSG;
	int ret = read_at(fd, header, sizeof(*header), 0);
	if (ret < 0)
		return ret;
	if (memcmp(header, &none, sizeof(none)) == 0) {
		memcpy(header->magic, magic, sizeof(magic));
		return random_bytes(header->secret, sizeof(header->secret));
	}
	return memcmp(header->magic, magic, sizeof(magic)) == 0 ? 0 : -EBADMSG;
}

static int begin_life(struct ticket_key *key)
{
	struct header header;
	struct stat st;
	int ret = check_owner(key->fd, &st);
	if (ret == 0 && flock(key->fd, LOCK_EX | LOCK_NB) < 0)
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* the size as it is under the lock */
	if (ret == 0)
		ret = check_owner(key->fd, &st);
	if (ret == 0)
		ret = read_header(key->fd, st.st_size, &header);
	if (ret == 0 && header.epoch == UINT32_MAX)
		ret = -EOVERFLOW;
	if (ret == 0) {
		key->epoch = ++header.epoch;
		memcpy(key->secret, header.secret, sizeof(key->secret));
		ret = write_at(key->fd, &header, sizeof(header), 0);
	}
	explicit_bzero(&header, sizeof(header));
	return ret;
}

int ticket_key_open(const char *path, struct ticket_key **out)
{
#ifndef HAVE_NETTLE
	return -EOPNOTSUPP;
#endif
	struct ticket_key *key = calloc(1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key->fd = open_file(path);
	int ret = key->fd < 0 ? key->fd : begin_life(key);
	if (ret < 0) {
		ticket_key_close(key);
		return ret;
	}
	*out = key;
	return 0;
}

void ticket_key_close(struct ticket_key *key)
{
	if (!key)
		return;
	fd_close(&key->fd);
	explicit_bzero(key->secret, sizeof(key->secret));
	free(key);
}

/* ---- pools --------------------------------------------------------------------------------- */

int ticket_key_name_pool(uint8_t pool[TICKET_POOL])
{
	return random_bytes(pool, TICKET_POOL);
}

/* Two bits for each pool, whose name is random already. */
static uint32_t filter_bit(const uint8_t *pool, int n)
{
	return (uint32_t)pool[2 * n] | (uint32_t)pool[2 * n + 1] << 8;
}

static off_t filter_place(uint32_t bit)
{
	return (off_t)sizeof(struct header) + bit / 8;
}

int ticket_key_note_shared(struct ticket_key *key, const uint8_t pool[TICKET_POOL])
{
	for (int n = 0; n < 2; n++) {
		uint32_t bit = filter_bit(pool, n);
		uint8_t byte;
		int ret = read_at(key->fd, &byte, 1, filter_place(bit));
		if (ret < 0)
			return ret;
		byte = (uint8_t)(byte | 1u << bit % 8);
		ret = write_at(key->fd, &byte, 1, filter_place(bit));
		if (ret < 0)
			return ret;
	}
	return 0;
}

bool ticket_key_is_shared(const struct ticket_key *key, const uint8_t pool[TICKET_POOL])
{
	for (int n = 0; n < 2; n++) {
		uint32_t bit = filter_bit(pool, n);
		uint8_t byte;
		if (read_at(key->fd, &byte, 1, filter_place(bit)) < 0)
			return true;
		if (!(byte & 1u << bit % 8))
			return false;
	}
	return true;
}
