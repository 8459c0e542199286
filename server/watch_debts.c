/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core/account.h"
#include "core/manager.h"
#include "syncobj.h"

/*
 * Who pays for the points that are watched. What the kernel keeps of one that nobody has submitted
 * to lasts as long as the timeline, and that is as long as anybody has an fd of it: the client, whom
 * we cannot ask. So an account owes for such points until they are reached; and when our handle goes
 * first, for ten seconds more, after which we take it that the client has closed its own. One that
 * has not fills the kernel's memory by what one account, or its group, may owe in that time: some
 * hundred KiB, if it goes on for as long as it lives.
 */

#define DEBT_MS 10000

struct payer {
	struct waybuf_server_syncobj *syncobj;
	struct waybuf_account *account;
};

struct watch_debt {
	struct waybuf_account *account;
	uint32_t n;
	struct waybuf_deadline deadline;
	struct wl_list link; // waybuf_server.watch_debts
};

static int handle_charge(void *data)
{
	struct payer *payer = data;
	return waybuf_account_charge(payer->account, WAYBUF_RESOURCE_POINTS, 1);
}

static void handle_discharge(void *data, uint32_t n)
{
	struct payer *payer = data;
	waybuf_account_discharge(payer->account, WAYBUF_RESOURCE_POINTS, n);
}

static void debt_destroy(struct watch_debt *debt)
{
	waybuf_deadline_cancel(&debt->deadline);
	waybuf_account_discharge(debt->account, WAYBUF_RESOURCE_POINTS, debt->n);
	waybuf_account_unref(debt->account);
	wl_list_remove(&debt->link);
	free(debt);
}

static void debt_is_over(struct waybuf_deadline *deadline)
{
	debt_destroy(waybuf_container_of(deadline, struct watch_debt, deadline));
}

/* The reference to @account is taken. False: no memory. */
static bool owe(struct waybuf_server *server, struct waybuf_account *account, uint32_t n)
{
	struct watch_debt *debt = calloc(1, sizeof(*debt));
	if (!debt)
		return false;
	debt->account = account;
	debt->n = n;
	waybuf_deadline_init(&debt->deadline, debt_is_over);
	waybuf_deadline_arm(&server->manager->deadlines, &debt->deadline, DEBT_MS);
	wl_list_insert(&server->watch_debts, &debt->link);
	return true;
}

static void handle_leave(void *data, uint32_t n)
{
	struct payer *payer = data;
	struct waybuf_server *server = payer->syncobj->server;
	if (n == 0 || !server || !owe(server, payer->account, n)) {
		waybuf_account_discharge(payer->account, WAYBUF_RESOURCE_POINTS, n);
		waybuf_account_unref(payer->account);
	}
	server_syncobj_unref(payer->syncobj);
	free(payer);
}

static const struct waybuf_syncobj_payer payer_ops = {
	.charge = handle_charge,
	.discharge = handle_discharge,
	.leave = handle_leave,
};

int watch_debts_pay(struct waybuf_server_syncobj *syncobj, struct waybuf_account *account,
	struct waybuf_syncobj *timeline)
{
	struct payer *payer = calloc(1, sizeof(*payer));
	if (!payer)
		return -ENOMEM;
	payer->syncobj = server_syncobj_ref(syncobj);
	payer->account = waybuf_account_ref(account);
	waybuf_syncobj_set_payer(timeline, &payer_ops, payer);
	return 0;
}

void watch_debts_finish(struct waybuf_server *server)
{
	struct watch_debt *debt, *next;
	wl_list_for_each_safe(debt, next, &server->watch_debts, link)
		debt_destroy(debt);
}
