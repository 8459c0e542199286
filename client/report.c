/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "peer_file.h"
#include "util/fd.h"

struct answer {
	bool arrived;
	int fd;
	uint32_t size;
	struct client_refusal refusal;
	struct waybuf_client *client;
};

static void handle_ready(void *data, struct waybuf_report_v1 *report, int32_t fd, uint32_t size)
{
	struct answer *answer = data;
	/* there is one answer; a server that gives more must not cost us fds */
	if (answer->arrived) {
		fd_close(&fd);
		return;
	}
	answer->arrived = true;
	answer->fd = fd;
	answer->size = size;
}

static void handle_failed(
	void *data, struct waybuf_report_v1 *report, uint32_t reason, const char *message)
{
	struct answer *answer = data;
	if (answer->arrived)
		return;
	answer->arrived = true;
	client_refuse(answer->client, &answer->refusal, reason, "report", message, NULL);
}

static const struct waybuf_report_v1_listener report_listener = {
	.ready = handle_ready,
	.failed = handle_failed,
};

static bool has_arrived(void *data)
{
	return ((struct answer *)data)->arrived;
}

int client_report_read(struct waybuf_client *client, struct waybuf_report_v1 *report,
	int64_t deadline_ms, char **out)
{
	struct answer answer = {.fd = -1, .client = client};
	waybuf_report_v1_add_listener(report, &report_listener, &answer);
	int ret = client_wait(client, client->service, deadline_ms, has_arrived, &answer);
	waybuf_report_v1_destroy(report);
	if (ret == -ETIMEDOUT)
		return client_fail(client, ret, "report: no answer in time");
	if (ret < 0)
		return ret;
	if (answer.refusal.error)
		return client_fail_refused(client, &answer.refusal);
	ret = peer_file_read(answer.fd, answer.size, out);
	fd_close(&answer.fd);
	if (ret < 0)
		return client_fail(client, ret, "report: the server's file cannot be read");
	return 0;
}
