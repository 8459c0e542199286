/* SPDX-License-Identifier: MIT */
#include <json-c/json.h>
#include <unistd.h>

#include "core/account.h"
#include "core/manager.h"
#include "soak/shop.h"

/*
 * Kills one of three processes that share a pool, at any moment, and puts another one in its place.
 * Each time nothing is left of the dead; and when the others hold still, what is charged is what
 * is there, and this process, which has the server, has the fds for that and no others. 25 kills;
 * 1,000 with WAYBUF_TEST_SOAK.
 */

struct member {
	pid_t pid;
	struct wl_client *peer; /* NULL: the server has seen its end */
	struct wl_listener destroy;
	struct waybuf_account *account;
};

struct world {
	struct crew crew;
	struct fixture_server server;
	struct fixture_client observer;
	struct member members[SHOP_ROLES];
	uint64_t random;
	int fds; /* of the server at rest, without the memory */
	unsigned kills, newcomers, checks;
};

static void peer_destroyed(struct wl_listener *listener, void *data)
{
	struct member *member = wl_container_of(listener, member, destroy);
	member->peer = NULL;
}

static void hire(struct world *w, enum shop_role role)
{
	struct member *member = &w->members[role];
	*member = (struct member){.destroy.notify = peer_destroyed};
	shop_board->joined[role] = false;
	shop_board->parked[role] = false;
	int fd = fixture_server_connect(&w->server, &member->peer);
	wl_client_add_destroy_listener(member->peer, &member->destroy);
	member->account =
		waybuf_account_ref(waybuf_server_client_account(w->server.server, member->peer));
	member->pid = crew_start(&w->crew, role, harness_random(&w->random), fd);
}

/* Runs everything until @done says so; 20 s at most. */
static void run_until(struct world *w, bool (*done)(struct world *w), const char *what)
{
	for (int i = 0; !done(w); i++) {
		client_run(&w->observer, 5);
		for (int role = 0; role < SHOP_ROLES; role++) {
			ck_assert(shop_board->over || !crew_ended(&w->crew, w->members[role].pid));
		}
		if (i > 4000)
			ck_abort_msg("kill %u: not within 20 s: %s", w->kills, what);
	}
}

/* ---- nothing is left of the dead ----------------------------------------------------------- */

static bool is_empty(struct waybuf_account *account)
{
	bool empty = waybuf_account_bytes(account) == 0;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		empty = empty && waybuf_account_used(account, (enum waybuf_resource)i) == 0;
	return empty;
}

static void bury(struct world *w, struct member *member)
{
	for (int i = 0; member->peer || !is_empty(member->account); i++) {
		client_run(&w->observer, 2);
		if (i < 4000)
			continue;
		for (int k = 0; k < WAYBUF_RESOURCE_COUNT; k++)
			printf("# of the dead, kill %u: resource %d: %u\n", w->kills, k,
				waybuf_account_used(member->account, (enum waybuf_resource)k));
		fflush(stdout);
		ck_abort_msg("kill %u: something of the dead is left", w->kills);
	}
	waybuf_account_unref(member->account);
	member->account = NULL;
}

static void kill_one(struct world *w, enum shop_role role)
{
	struct member *member = &w->members[role];
	crew_kill(&w->crew, member->pid);
	w->kills++;
	bury(w, member);
	hire(w, role);
}

/* ---- what is there is what is charged ------------------------------------------------------ */

static bool all_joined(struct world *w)
{
	bool all = true;
	for (int i = 0; i < SHOP_ROLES; i++)
		all = all && shop_board->joined[i];
	return all;
}

static bool all_parked(struct world *w)
{
	bool all = true;
	for (int i = 0; i < SHOP_ROLES; i++)
		all = all && shop_board->parked[i];
	return all;
}

/* What the monitor says. */
struct census {
	unsigned clients, pools, members, buffers, backed, attachments;
	uint64_t bytes;
};

static uint64_t number_of(struct json_object *object, const char *key)
{
	return (uint64_t)json_object_get_int64(json_object_object_get(object, key));
}

static void count_line(struct census *census, struct json_object *object)
{
	const char *type = json_object_get_string(json_object_object_get(object, "type"));
	census->clients += strcmp(type, "client") == 0;
	census->attachments += strcmp(type, "attachment") == 0;
	if (strcmp(type, "pool") == 0) {
		census->pools++;
		census->members += (unsigned)number_of(object, "members");
	}
	if (strcmp(type, "buffer") == 0) {
		census->buffers++;
		census->backed += number_of(object, "bytes") > 0;
		census->bytes += number_of(object, "bytes");
	}
}

static void ask(struct world *w, struct census *census, uint32_t what, const char *argument)
{
	struct fixture_report report;
	raw_report_listen(&report, waybuf_monitor_v1_snapshot(w->observer.monitor, what, argument));
	ck_assert(client_sync(&w->observer));
	ck_assert_uint_eq(report.ready, 1);
	char *rest = report.text, *line;
	while ((line = strsep(&rest, "\n"))) {
		struct json_object *object = *line ? json_tokener_parse(line) : NULL;
		if (object)
			count_line(census, object);
		json_object_put(object);
	}
	raw_report_finish(&report);
}

static uint64_t sum(struct world *w, enum waybuf_resource what)
{
	uint64_t all = 0;
	for (int i = 0; i < SHOP_ROLES; i++)
		all += waybuf_account_used(w->members[i].account, what);
	return all;
}

/*
 * Of this process, less those of memory that somebody is charged for, or that is kept to be used
 * again: images have one fd each, as the filter wants it.
 */
static int fds_without_memory(struct world *w)
{
	uint32_t kept = waybuf_server_manager(w->server.server)->recycler.count;
	uint64_t charged = 0;
	for (int i = 0; i < SHOP_ROLES; i++) {
		if (w->members[i].account)
			charged += waybuf_account_used(w->members[i].account, WAYBUF_RESOURCE_FDS);
	}
	return harness_count_fds() - (int)charged - (int)kept;
}

/* The last generations may still be on their way out. */
static bool is_exact(struct world *w)
{
	struct census top = {0}, pool = {0};
	uint64_t bytes = 0;
	ask(w, &top, WAYBUF_MONITOR_V1_SNAPSHOT_TOP, "");
	ask(w, &pool, WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN, "1");
	for (int i = 0; i < SHOP_ROLES; i++)
		bytes += waybuf_account_bytes(w->members[i].account);
	uint64_t memory = sum(w, WAYBUF_RESOURCE_FDS);
	int fds = fds_without_memory(w);
	return top.clients == SHOP_ROLES + 1 && top.pools == 1 && top.members == SHOP_ROLES &&
		pool.attachments == SHOP_ROLES && bytes == top.bytes && memory == top.backed &&
		sum(w, WAYBUF_RESOURCE_POOLS) == SHOP_ROLES &&
		sum(w, WAYBUF_RESOURCE_ATTACHMENTS) == SHOP_ROLES &&
		sum(w, WAYBUF_RESOURCE_BUFFERS) == top.buffers &&
		sum(w, WAYBUF_RESOURCE_MAPS) == 0 && (w->fds == 0 || fds == w->fds);
}

static void print_state(struct world *w)
{
	struct census top = {0}, pool = {0};
	ask(w, &top, WAYBUF_MONITOR_V1_SNAPSHOT_TOP, "");
	ask(w, &pool, WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN, "1");
	printf("# %u clients, %u pools, %u members, %u attachments, %u of %u buffers backed, "
	       "%llu bytes; %d fds, %d without memory at first\n",
		top.clients, top.pools, top.members, pool.attachments, top.backed, top.buffers,
		(unsigned long long)top.bytes, harness_count_fds(), w->fds);
	for (int i = 0; i < SHOP_ROLES; i++) {
		printf("# role %d: %llu bytes;", i,
			(unsigned long long)waybuf_account_bytes(w->members[i].account));
		for (int k = 0; k < WAYBUF_RESOURCE_COUNT; k++)
			printf(" %u",
				waybuf_account_used(
					w->members[i].account, (enum waybuf_resource)k));
		printf("\n");
	}
	fflush(stdout); /* an assertion that fails does not */
}

static void check_ledger(struct world *w)
{
	run_until(w, all_joined, "the newcomer joins");
	shop_board->pause = true;
	run_until(w, all_parked, "everybody holds still");
	for (int i = 0; !is_exact(w); i++) {
		client_run(&w->observer, 10);
		if (i < 500)
			continue;
		print_state(w);
		ck_abort_msg("kill %u: the ledger is not exact", w->kills);
	}
	if (w->fds == 0) {
		client_run(&w->observer, 300);
		w->fds = fds_without_memory(w);
	}
	shop_board->pause = false;
	w->checks++;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void world_init(struct world *w)
{
	static const struct fixture_server_options options = {
		.exporters = "udmabuf,heap system,memfd"};
	*w = (struct world){.random = harness_seed()};
	shop_board = crew_share(sizeof(*shop_board));
	crew_init(&w->crew, shop_roles);
	fixture_server_init(&w->server, &options);
	client_init(&w->observer, &w->server);
	for (int i = 0; i < SHOP_ROLES; i++)
		hire(w, (enum shop_role)i);
	check_ledger(w);
}

static bool all_left(struct world *w)
{
	bool left = true;
	for (int i = 0; i < SHOP_ROLES; i++) {
		struct member *member = &w->members[i];
		if (member->pid && crew_ended(&w->crew, member->pid))
			member->pid = 0;
		left = left && !member->pid;
	}
	return left;
}

static void world_finish(struct world *w)
{
	shop_board->over = true;
	run_until(w, all_left, "everybody goes home");
	for (int i = 0; i < SHOP_ROLES; i++)
		bury(w, &w->members[i]);
	struct census top = {0};
	ask(w, &top, WAYBUF_MONITOR_V1_SNAPSHOT_TOP, "");
	ck_assert_uint_eq(top.clients, 1);
	ck_assert_uint_eq(top.pools + top.buffers, 0);
	/* libwayland has two of each connection */
	for (int i = 0; i < 500 && fds_without_memory(w) != w->fds - 2 * SHOP_ROLES; i++)
		client_run(&w->observer, 5);
	ck_assert_int_eq(fds_without_memory(w), w->fds - 2 * SHOP_ROLES);
	client_finish(&w->observer);
	fixture_server_finish(&w->server);
	crew_finish(&w->crew);
}

TEST(nothing_is_left_of_the_dead)
{
	struct world w;
	unsigned kills = getenv("WAYBUF_TEST_SOAK") ? 1000 : 25;
	world_init(&w);
	while (w.kills < kills) {
		enum shop_role role = (enum shop_role)(harness_random(&w.random) % SHOP_ROLES);
		client_run(&w.observer, (int)(harness_random(&w.random) % 30));
		kill_one(&w, role);
		/* sometimes the newcomer, too, on its way in */
		while (w.kills < kills && harness_random(&w.random) % 3 == 0) {
			client_run(&w.observer, (int)(harness_random(&w.random) % 15));
			kill_one(&w, role);
			w.newcomers++;
		}
		check_ledger(&w);
	}
	printf("# %u kills, %u of them on the way in, %u times the ledger was compared; %u maps, %u "
	       "migrations, %u grants of undefined contents\n",
		w.kills, w.newcomers, w.checks, shop_board->maps, shop_board->moves,
		shop_board->undefined);
	ck_assert_uint_gt(shop_board->maps, kills);
	ck_assert(kills < 1000 || shop_board->moves > kills / 20);
	world_finish(&w);
}

__attribute__((constructor)) static void set_timeout(void)
{
	harness_set_timeout(getenv("WAYBUF_TEST_SOAK") ? 3000 : 110);
}

TEST_MAIN("kills")
