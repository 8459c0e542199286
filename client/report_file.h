/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_REPORT_FILE_H
#define CLIENT_REPORT_FILE_H

#include <stdint.h>

/*
 * Reads the file of a waybuf_report_v1.ready event, @size bytes of text (at most 64 MiB), with a
 * NUL added. @fd is borrowed; *out is to be freed with free(). -EIO: it is shorter than it should
 * be, or cannot be read; -EFBIG; -ENOMEM.
 */
int report_file_read(int fd, uint32_t size, char **out);

#endif
