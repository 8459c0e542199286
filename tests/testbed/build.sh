# SPDX-License-Identifier: MIT
# shellcheck shell=bash

command_run()
{
	[ "${1:-}" = -- ] && shift
	[ $# -gt 0 ] || die "run needs a command: ./testbed run -- CMD"
	setup
	tb_binds=("rw:$tb_top")
	tb_cwd=$PWD
	machine_run "$@"
}
command_shell() { setup; tb_binds=("rw:$tb_top"); tb_cwd=$tb_top; machine_shell; }
