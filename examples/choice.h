/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CHOICE_H
#define EXAMPLES_CHOICE_H

#include <waybuf/client.h>

/*
 * Where the memory of @pool came from, and why from there: lines on stdout. @exporter is the one whose
 * memory it is; lines about others say why not from there.
 */
void choice_print(
	struct waybuf_client *client, struct waybuf_client_pool *pool, const char *exporter);

#endif
