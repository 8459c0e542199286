/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_PEER_FILE_H
#define CLIENT_PEER_FILE_H

#include <stdint.h>

/*
 * Reads a file that came with an event, as that of waybuf_report_v1.ready: @size bytes (at most
 * 64 MiB), with a NUL added. @fd is borrowed; *out is to be freed with free(). -EIO: it is shorter
 * than it should be, or cannot be read; -EFBIG; -ENOMEM.
 */
int peer_file_read(int fd, uint32_t size, char **out);

#endif
