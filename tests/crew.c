/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A check that fails in a client ends it with another status. */
#define RETURNED 42

enum order_kind { START, KILL, ASK };

struct order {
	enum order_kind kind;
	unsigned role;
	uint64_t seed;
	pid_t pid;
};

struct answer {
	pid_t pid; /* 0: still running */
	int status;
};

void *crew_share(size_t size)
{
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	return page;
}

/* ---- the keeper ---------------------------------------------------------------------------- */

/* False: the test has closed its end. */
static bool receive(int control, struct order *order, int *fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {order, sizeof(*order)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room)};
	*fd = -1;
	if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*order))
		return false;
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	if (cmsg)
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	return true;
}

static _Noreturn void play(crew_role_t role, uint64_t seed, int fd)
{
	static struct fixture_client client;
	client_init_fd(&client, fd);
	role(&client, seed);
	client_finish(&client);
	_exit(RETURNED);
}

static struct answer start(int control, const crew_role_t *roles, const struct order *order, int fd)
{
	struct answer answer = {.pid = fork()};
	if (answer.pid == 0) {
		close(control);
		play(roles[order->role], order->seed, fd);
	}
	return answer;
}

static struct answer reap(const struct order *order)
{
	struct answer answer = {0};
	if (order->kind == KILL)
		kill(order->pid, SIGKILL);
	answer.pid = waitpid(order->pid, &answer.status, order->kind == ASK ? WNOHANG : 0);
	return answer;
}

static _Noreturn void keep(int control, const crew_role_t *roles)
{
	struct order order;
	int fd;
	while (receive(control, &order, &fd)) {
		struct answer answer =
			order.kind == START ? start(control, roles, &order, fd) : reap(&order);
		if (fd >= 0)
			close(fd);
		if (send(control, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* ---- the test's side ----------------------------------------------------------------------- */

void crew_init(struct crew *crew, const crew_role_t *roles)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	fflush(NULL);
	crew->keeper = fork();
	ck_assert_int_ge(crew->keeper, 0);
	if (crew->keeper == 0) {
		close(fds[0]);
		keep(fds[1], roles);
	}
	close(fds[1]);
	crew->control = fds[0];
}

void crew_finish(struct crew *crew)
{
	close(crew->control);
	ck_assert_int_eq(waitpid(crew->keeper, NULL, 0), crew->keeper);
}

static struct answer ask(struct crew *crew, const struct order *order, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(void *)order, sizeof(*order)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct answer answer;
	if (fd >= 0) {
		message.msg_control = room;
		message.msg_controllen = sizeof(room);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(crew->control, &message, MSG_NOSIGNAL), sizeof(*order));
	ck_assert_int_eq(recv(crew->control, &answer, sizeof(answer), 0), sizeof(answer));
	return answer;
}

pid_t crew_start(struct crew *crew, unsigned role, uint64_t seed, int fd)
{
	struct order order = {.kind = START, .role = role, .seed = seed};
	struct answer answer = ask(crew, &order, fd);
	close(fd);
	ck_assert_int_gt(answer.pid, 0);
	return answer.pid;
}

void crew_kill(struct crew *crew, pid_t pid)
{
	struct order order = {.kind = KILL, .pid = pid};
	struct answer answer = ask(crew, &order, -1);
	ck_assert_int_eq(answer.pid, pid);
	ck_assert_msg(WIFSIGNALED(answer.status), "a client had failed: status %#x", answer.status);
}

bool crew_ended(struct crew *crew, pid_t pid)
{
	struct order order = {.kind = ASK, .pid = pid};
	struct answer answer = ask(crew, &order, -1);
	if (answer.pid == 0)
		return false;
	/* its own words are with libcheck already, and end the test when this process ends */
	if (!WIFEXITED(answer.status) || WEXITSTATUS(answer.status) != RETURNED)
		_exit(EXIT_FAILURE);
	return true;
}
