/* SPDX-License-Identifier: MIT */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <waybuf/log.h>

/* All of these keep errno as it was. A failed syscall is logged once, where it failed, by name. */
#define waybuf_error(...) waybuf_log(WAYBUF_LOG_ERROR, __VA_ARGS__)
#define waybuf_info(...) waybuf_log(WAYBUF_LOG_INFO, __VA_ARGS__)
#define waybuf_debug(...) waybuf_log(WAYBUF_LOG_DEBUG, __VA_ARGS__)

void waybuf_log(enum waybuf_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
