/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "util/log.h"

static struct {
	waybuf_log_handler_t handler;
	void *data;
	enum waybuf_log_level max;
} sink;

void waybuf_log_set_handler(waybuf_log_handler_t handler, void *data, enum waybuf_log_level max)
{
	sink.handler = handler;
	sink.data = data;
	sink.max = max;
}

void waybuf_log_to_stderr(enum waybuf_log_level level, const char *text, void *data)
{
	fprintf(stderr, "waybuf: %s\n", text);
}

void waybuf_log(enum waybuf_log_level level, const char *format, ...)
{
	if (!sink.handler || level > sink.max)
		return;

	int saved = errno;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sink.handler(level, text, sink.data);
	errno = saved;
}
