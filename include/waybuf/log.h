/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_LOG_H
#define WAYBUF_LOG_H

#include <stdarg.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages of the library: nobody gets them until somebody asks for them. */

/** How much a message matters. A level includes all levels above it. */
enum waybuf_log_level {
	/** nothing is said */
	WAYBUF_LOG_SILENT = 0,
	/** something failed and somebody lost something */
	WAYBUF_LOG_ERROR = 1,
	/** what a person who runs the program wants to know */
	WAYBUF_LOG_INFO = 2,
	/** what the person who debugs it wants to know */
	WAYBUF_LOG_DEBUG = 3,
};

/**
 * Receives each message. @text is one line without a newline, borrowed for the call. May be called
 * from the library's worker thread as well as from the threads that call the library.
 */
typedef void (*waybuf_log_handler_t)(enum waybuf_log_level level, const char *text, void *data);

/**
 * Sends the messages of level @max and above to @handler; a NULL @handler restores the default,
 * which is silence: a library does not write to stderr behind its host's back. @data is passed
 * through, borrowed. Call it before anything else of the library runs: it takes no lock.
 */
WAYBUF_EXPORT void waybuf_log_set_handler(
	waybuf_log_handler_t handler, void *data, enum waybuf_log_level max);

/**
 * A handler for programs: writes @text to stderr, after "waybuf: ", at any @level. @data is
 * ignored.
 */
WAYBUF_EXPORT void waybuf_log_to_stderr(enum waybuf_log_level level, const char *text, void *data);

#ifdef __cplusplus
}
#endif

#endif
