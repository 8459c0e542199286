/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include <string.h>

#include <waybuf/buffer.h>

#include "waybuf-allocator-v1-client-protocol.h"

struct answer {
	unsigned told;
	bool failed;
	uint32_t reason;
	char message[256];
};

static void handle_power(
	void *data, struct waybuf_monitor_v1 *monitor, const char *output, uint32_t state)
{
	struct answer *answer = data;
	answer->told++;
}

static void handle_power_failed(void *data, struct waybuf_monitor_v1 *monitor, const char *output,
	uint32_t reason, const char *message)
{
	struct answer *answer = data;
	answer->failed = true;
	answer->reason = reason;
	snprintf(answer->message, sizeof(answer->message), "%s", message);
}

static const struct waybuf_monitor_v1_listener listener = {
	.power = handle_power,
	.power_failed = handle_power_failed,
};

/* The server's text goes to a terminal, and the name is the user's own. */
static enum ctl_status refused(const struct answer *answer, const char *output)
{
	fprintf(stderr, "waybufctl: %s is not switched: ", output);
	ctl_print_clean(
		stderr, answer->message[0] ? answer->message : waybuf_reason_name(answer->reason));
	fputc('\n', stderr);
	return answer->reason == WAYBUF_REASON_UNSUPPORTED ? CTL_UNSUPPORTED : CTL_FAILED;
}

static enum ctl_status ask(struct ctl_session *session, const char *output, bool on)
{
	struct waybuf_monitor_v1 *monitor =
		ctl_session_bind(session, &waybuf_monitor_v1_interface, 2, 2);
	if (!monitor) {
		ctl_error(
			"the server has no waybuf_monitor_v1 of version 2, which switches outputs");
		return CTL_UNSUPPORTED;
	}
	struct answer answer = {.told = 0};
	waybuf_monitor_v1_add_listener(monitor, &listener, &answer);
	waybuf_monitor_v1_set_power(monitor, strcmp(output, "all") == 0 ? "" : output,
		on ? WAYBUF_MONITOR_V1_POWER_STATE_ON : WAYBUF_MONITOR_V1_POWER_STATE_OFF);
	/* it is answered at once */
	enum ctl_status status = ctl_session_sync(session, "the power of the output");
	waybuf_monitor_v1_destroy(monitor);
	if (status == CTL_OK && answer.failed)
		return refused(&answer, output);
	if (status == CTL_OK && !answer.told) {
		ctl_error("the server does not answer for %s", output);
		return CTL_FAILED;
	}
	return status;
}

enum ctl_status ctl_power(const char *display, const char *output, bool on)
{
	struct ctl_session session;
	enum ctl_status status = ctl_session_open(&session, display, false);
	if (status != CTL_OK)
		return status;
	status = ask(&session, output, on);
	ctl_session_close(&session);
	return status;
}
