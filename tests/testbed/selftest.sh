#!/bin/bash
# SPDX-License-Identifier: MIT
echo 1..1
echo ok 1 placeholder
