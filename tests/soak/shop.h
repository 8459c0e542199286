/* SPDX-License-Identifier: MIT */
#ifndef SOAK_SHOP_H
#define SOAK_SHOP_H

#include <stdatomic.h>

#include "crew.h"

/*
 * A decoder, a filter and a display share one pool of NV12 images, each with constraints of its
 * own, and never stop. Whoever has made the pool, or has inherited it, hands out the token that
 * somebody new asks for on the board.
 */
enum shop_role { SHOP_DECODER, SHOP_FILTER, SHOP_DISPLAY, SHOP_ROLES };

struct shop_board {
	/* tokens so far: asked for, written below, and tried */
	_Atomic unsigned wanted, tokens, tried;
	char token[64];
	_Atomic bool made; /* the pool */
	_Atomic bool pause, over;
	/* of each role: has joined; holds nothing and waits for the end of the pause */
	_Atomic bool joined[SHOP_ROLES], parked[SHOP_ROLES];
	_Atomic unsigned displays; /* so far */
	_Atomic unsigned maps, moves, undefined;
};

extern struct shop_board *shop_board;
extern const crew_role_t shop_roles[SHOP_ROLES];

#endif
