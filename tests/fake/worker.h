/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_WORKER_H
#define TESTS_FAKE_WORKER_H

#include <stdbool.h>

/* While they are held, workers take jobs and do none of them, unless they are destroyed. */
void fake_worker_hold(bool hold);
/* The next job is not taken: @error. */
void fake_worker_refuse(int error);

#endif
