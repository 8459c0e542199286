/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <drm_fourcc.h>

#include "core/format.h"

/* What client.h promises; everything else is -EIO. */
static const int reason_errno[] = {
	[WAYBUF_REASON_CONFLICT] = -EOPNOTSUPP,
	[WAYBUF_REASON_CRITICAL_UNKNOWN] = -EOPNOTSUPP,
	[WAYBUF_REASON_UNDERSPECIFIED] = -EOPNOTSUPP,
	[WAYBUF_REASON_UNSUPPORTED] = -EOPNOTSUPP,
	[WAYBUF_REASON_TOO_HARD] = -E2BIG,
	[WAYBUF_REASON_NO_MEMORY] = -ENOMEM,
	[WAYBUF_REASON_QUOTA] = -EDQUOT,
	[WAYBUF_REASON_NO_FDS] = -EMFILE,
	[WAYBUF_REASON_DEADLINE] = -ETIMEDOUT,
	[WAYBUF_REASON_CANCELLED] = -EIO,
	[WAYBUF_REASON_BAD_TOKEN] = -EACCES,
	[WAYBUF_REASON_BAD_TICKET] = -EACCES,
	[WAYBUF_REASON_DEVICE_LOST] = -ENODEV,
	[WAYBUF_REASON_DENIED] = -EACCES,
	[WAYBUF_REASON_CLOSED] = -ESHUTDOWN,
};

int client_reason_errno(uint32_t reason)
{
	if (reason >= sizeof(reason_errno) / sizeof(reason_errno[0]) || !reason_errno[reason])
		return -EIO;
	return reason_errno[reason];
}

/* Appends to a text that is cut at @size, never overrun. */
static void append(char *text, size_t size, const char *separator, const char *more)
{
	size_t length = strlen(text);
	if (more && more[0] && length < size)
		snprintf(text + length, size - length, "%s%s", separator, more);
}

void client_refuse(struct waybuf_client *client, struct client_refusal *refusal, uint32_t reason,
	const char *what, const char *message, const char *conflicts)
{
	refusal->error = client_reason_errno(reason);
	snprintf(refusal->text, sizeof(refusal->text), "%s: %s", what, waybuf_reason_name(reason));
	/* the server's sentence says the same, in the words of somebody who does not know who we are */
	append(refusal->text, sizeof(refusal->text), ": ",
		conflicts && conflicts[0] ? conflicts : message);
	if (reason == WAYBUF_REASON_QUOTA || reason == WAYBUF_REASON_NO_MEMORY)
		append(refusal->text, sizeof(refusal->text), "; ", client->account);
	client->account[0] = '\0';
}

/* ---- conflict events ----------------------------------------------------------------------- */

static void print_pair(char *text, size_t size, uint32_t format, uint64_t modifier)
{
	char name[WAYBUF_FOURCC_LEN], layout[WAYBUF_MODIFIER_LEN];
	waybuf_fourcc_string(format, name);
	if (modifier == DRM_FORMAT_MOD_INVALID)
		snprintf(text, size, " for %s", name);
	else
		snprintf(text, size, " for %s %s", name, waybuf_modifier_string(modifier, layout));
}

static const char *party(uint32_t role, bool own)
{
	static const char *const roles[] = {"a cpu", "a device", "the display", "another program",
		"the exporter", "the server"};
	if (own)
		return "this client";
	return role < sizeof(roles) / sizeof(roles[0]) ? roles[role] : "somebody";
}

void client_append_conflict(
	char *text, size_t size, const struct waybuf_conflict *conflict, bool own)
{
	static const char *const parts[] = {"", " multiple", " min", " max", " extra"};
	const char *part =
		conflict->part < sizeof(parts) / sizeof(parts[0]) ? parts[conflict->part] : "";
	const char *name = waybuf_field_name(conflict->field);

	char line[192], number[40] = "", where[24] = "", pair[64] = "";
	if (conflict->value)
		snprintf(number, sizeof(number), "%s %" PRIu64, part, conflict->value);
	if (conflict->plane != WAYBUF_PLANE_ALL)
		snprintf(where, sizeof(where), " of plane %u", conflict->plane);
	if (conflict->format)
		print_pair(pair, sizeof(pair), conflict->format, conflict->modifier);
	snprintf(line, sizeof(line), "%s needs %s%s%s%s", party(conflict->role, own),
		name ? name : "an unknown field", number, where, pair);
	append(text, size, text[0] ? " against " : "", line);
}
