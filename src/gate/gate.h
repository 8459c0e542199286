/* SPDX-License-Identifier: MIT */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include <waybuf/gate.h>

#include "util/deadline.h"
#include "util/loop.h"

/*
 * A gate on @loop with its deadlines on @deadlines; both are borrowed and outlive it. @ops is
 * copied. 0 or -ENOMEM, -EINVAL (an operation is missing).
 */
int waybuf_gate_create(struct waybuf_loop *loop, struct waybuf_deadlines *deadlines,
	const struct waybuf_gate_ops *ops, struct waybuf_gate **out);

#endif
