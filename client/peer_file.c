/* SPDX-License-Identifier: MIT */
#include "peer_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_SIZE (64u * 1024 * 1024)

/* With pread(), so that a file which shrinks is an error and not a SIGBUS. */
int peer_file_read(int fd, uint32_t size, char **out)
{
	if (size > MAX_SIZE)
		return -EFBIG;
	char *text = calloc(1, (size_t)size + 1);
	if (!text)
		return -ENOMEM;
	for (size_t at = 0; at < size;) {
		ssize_t n = pread(fd, text + at, size - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(text);
			return -EIO;
		}
		at += (size_t)n;
	}
	*out = text;
	return 0;
}
