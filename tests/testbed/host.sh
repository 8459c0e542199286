# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the parts share their tb_ variables
# What is asked of the machine: a few packages, namespaces, and little else.

# host_packages: prints what is missing here, one name a line.
host_packages()
{
	command -v mmdebstrap >/dev/null || echo mmdebstrap
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
	command -v flock >/dev/null && command -v unshare >/dev/null || echo util-linux
	[ "$(id -u)" -eq 0 ] || command -v newuidmap >/dev/null || echo uidmap
}

host_prepare()
{
	local missing log

	[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m): the testbed needs x86_64"
	mapfile -t missing < <(host_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "this machine lacks ${missing[*]} and has no apt-get: install them with your own package manager"
	[ "$(id -u)" -eq 0 ] ||
		die "this machine lacks ${missing[*]}: run 'sudo apt-get install ${missing[*]}' first"
	say "installing on this machine with apt-get: ${missing[*]}"
	log=$(mktemp)
	host_install "$log" "${missing[@]}" ||
		die "apt-get could not install ${missing[*]}: $(explain_log "$log") (log: $log)"
	rm -f -- "$log"
}

# The lists of a fresh machine are empty or old: try, refresh, try again.
host_install()
{
	local log=$1
	shift

	export DEBIAN_FRONTEND=noninteractive
	run_child apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null && return
	run_child apt-get update >"$log" 2>&1 </dev/null
	run_child apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null
}

# host_mirror: the Debian mirror that this machine uses, or nothing, and then
# mmdebstrap takes its own default. A mirror that a person chose is the one
# that works from here.
host_mirror()
{
	command -v apt-get >/dev/null || return 0
	# shellcheck disable=SC2016 # the format is apt's
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed -n 's/^Debian|Debian|\(http.*\)$/\1/p' | head -n 1
}

# host_namespace_args: sets the array `ns` to the unshare options that this
# machine allows. Without a PID namespace a killed guest may leave helpers.
host_namespace_args()
{
	ns=(--mount --propagation private)
	[ "$(id -u)" -eq 0 ] || ns=(--user --map-root-user --map-auto "${ns[@]}")
	if unshare "${ns[@]}" --pid --fork --kill-child --mount-proc true 2>/dev/null; then
		ns+=(--pid --fork --kill-child --mount-proc)
	elif ! unshare "${ns[@]}" true 2>/dev/null; then
		host_explain_namespaces
	fi
}

host_explain_namespaces()
{
	if [ "$(id -u)" -eq 0 ]; then
		die "this machine refuses mount namespaces to root:" \
			"give the container CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN --security-opt apparmor=unconfined)"
	elif ! command -v newuidmap >/dev/null; then
		die "user namespaces need newuidmap: run 'sudo apt-get install uidmap' first"
	elif ! grep -q "^$(id -un):" /etc/subuid 2>/dev/null; then
		die "user namespaces need a range for $(id -un) in /etc/subuid and /etc/subgid:" \
			"run 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)'"
	fi
	die "this machine refuses user namespaces: run the testbed as root," \
		"or allow them (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
}

# in_namespace CMD...: root over its own mounts. Becomes the command, so it is
# called in a subshell or in the background, and dies with the shell that did.
in_namespace()
{
	local ns

	host_namespace_args
	exec setpriv --pdeathsig KILL unshare "${ns[@]}" "$@"
}

host_has_display()
{
	compgen -G '/dev/dri/card*' >/dev/null
}
