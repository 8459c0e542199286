/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "set.h"

/* ---- references ---------------------------------------------------------------------------- */

struct connection *connection_ref(struct connection *connection)
{
	g_atomic_ref_count_inc(&connection->references);
	return connection;
}

void connection_unref(struct connection *connection)
{
	if (!g_atomic_ref_count_dec(&connection->references))
		return;
	if (connection->wake_fd >= 0)
		close(connection->wake_fd);
	g_cond_clear(&connection->changed);
	g_mutex_clear(&connection->lock);
	g_free(connection);
}

/* ---- in and out ---------------------------------------------------------------------------- */

void connection_enter(struct connection *connection)
{
	g_mutex_lock(&connection->lock);
}

/* Those that wait look again at least that often, see connection_wait(). */
#define LOOK_US (G_USEC_PER_SEC / 50)

/* What waits, and what the sink does with it. Whether something has happened. */
static bool turn(struct connection *connection)
{
	struct waybuf_client *client = connection->client;
	const uint64_t turns = connection->turns;
	if (!client)
		return false;
	int ret = connection->broken ? 0 : waybuf_client_dispatch(client, 0);
	if (ret < 0) {
		connection->broken = ret;
		g_strlcpy(connection->why, waybuf_client_error(client), sizeof(connection->why));
	}
	if (sets_tidy(connection) || ret != 0)
		connection->turns++;
	if (connection->handle && connection->handle(connection->data))
		connection->telling = true;
	if (!connection->broken)
		waybuf_client_flush(client);
	return turns != connection->turns;
}

static void drop(void *object)
{
	gst_mini_object_unref(object);
}

/* The application may end the sink when it is told, so nothing of it is used after. */
void connection_leave(struct connection *connection)
{
	turn(connection);
	g_cond_broadcast(&connection->changed);
	GSList *garbage = connection->garbage;
	void (*tell)(struct connection *, void *) =
		connection->telling && connection->handle ? connection->tell : NULL;
	void *data = tell ? g_object_ref(connection->data) : NULL;
	connection->garbage = NULL;
	connection->telling = false;
	g_mutex_unlock(&connection->lock);
	g_slist_free_full(garbage, drop);
	if (!tell)
		return;
	tell(connection, data);
	g_object_unref(data);
}

void connection_wait(struct connection *connection, int64_t end_us)
{
	/*
	 * What others have read is in the queues, and nothing else tells of it. Two that wait must not
	 * wake each other for nothing, or they never sleep; and what the library hears while one of them
	 * asks it for a buffer may be the other's.
	 */
	if (turn(connection)) {
		g_cond_broadcast(&connection->changed);
		return;
	}
	g_cond_wait_until(&connection->changed, &connection->lock,
		MIN(end_us, g_get_monotonic_time() + LOOK_US));
}

void connection_discard(struct connection *connection, void *object)
{
	if (object)
		connection->garbage = g_slist_prepend(connection->garbage, object);
}

void connection_wake(struct connection *connection)
{
	uint64_t one = 1;
	/* Full is as good: it is readable. */
	if (write(connection->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool is_over(const struct connection *connection)
{
	return connection->closing && !connection->sets;
}

/* A full socket is tried again soon; otherwise something wakes us. */
static void sleep_until_event(struct connection *connection)
{
	uint64_t count;
	connection_enter(connection);
	int fd = connection->broken ? -1 : waybuf_client_get_fd(connection->client);
	int timeout =
		!connection->broken && waybuf_client_flush(connection->client) == -EAGAIN ? 10 : -1;
	connection_leave(connection);
	struct pollfd fds[] = {
		{.fd = connection->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	poll(fds, 2, timeout);
	if (fds[0].revents && read(connection->wake_fd, &count, sizeof(count)) < 0)
		return;
}

static void finish(struct connection *connection)
{
	globals_finish(&connection->globals);
	waybuf_client_destroy(connection->client);
	connection->client = NULL;
}

static void *run(void *data)
{
	struct connection *connection = data;
	bool over = false;
	while (!over) {
		sleep_until_event(connection);
		connection_enter(connection);
		turn(connection);
		over = is_over(connection);
		if (over)
			finish(connection);
		connection_leave(connection);
	}
	connection_unref(connection);
	return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static struct connection *fail(struct connection *connection, char **why, const char *text)
{
	*why = g_strdup(text);
	finish(connection);
	connection_unref(connection);
	return NULL;
}

struct connection *connection_open(const char *name, char **why)
{
	struct connection *connection = g_new0(struct connection, 1);
	g_atomic_ref_count_init(&connection->references);
	g_mutex_init(&connection->lock);
	g_cond_init(&connection->changed);
	connection->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (connection->wake_fd < 0)
		return fail(connection, why, g_strerror(errno));
	if (waybuf_client_connect(name, &connection->client) < 0)
		return fail(connection, why, waybuf_client_error(NULL));
	const char *text = globals_init(&connection->globals, connection->client);
	if (text)
		return fail(connection, why, text);
	connection->thread = g_thread_new("waybufsink", run, connection_ref(connection));
	return connection;
}

void connection_close(struct connection *connection)
{
	connection_enter(connection);
	connection->closing = true;
	connection->handle = NULL;
	connection->shown = NULL;
	for (struct set *set = connection->sets; set; set = set->next)
		set->over = true;
	sets_tidy(connection);
	/* Memory is still out, and the thread stays until it comes back. */
	bool detached = connection->sets || connection->thread == g_thread_self();
	connection_wake(connection);
	connection_leave(connection);
	if (detached)
		g_thread_unref(connection->thread);
	else
		g_thread_join(connection->thread);
	connection_unref(connection);
}
