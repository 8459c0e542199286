#!/bin/bash
# SPDX-License-Identifier: MIT
# make.sh JOBS: compiles both kernels into out/. Runs inside the root file
# system, in a folder with the source package, the patches and the config.
set -u
export ARCH=um KBUILD_BUILD_USER=waybuf KBUILD_BUILD_HOST=testbed
here=$PWD

fail()
{
	echo "error: $*"
	exit 1
}

# An option that Kconfig dropped leaves no message: the kernel just lacks it.
check_config()
{
	local wanted lost=0

	while read -r wanted; do
		if ! grep -qxF -- "$wanted" "$2"; then
			echo "error: ${wanted%%=*} is not in the kernel's configuration (wanted: $wanted)"
			lost=1
		fi
	done < <(grep '^CONFIG_' "$1")
	return $lost
}

apply()
{
	patch -p1 -F3 --no-backup-if-mismatch "$@" ||
		fail "a patch does not fit this kernel source: $*"
}

build()
{
	make -j"$jobs" linux || fail 'the kernel does not compile'
	strip -o "$here/out/linux-$1" linux || fail 'cannot write the kernel'
}

main()
{
	jobs=$1
	mkdir src
	dpkg-deb --fsys-tarfile linux-source-*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C src --strip-components=1 || fail 'the source package does not unpack'
	rm linux-source-*.deb
	cd src || exit
	apply -i ../um-sched-clock.patch
	apply -i ../um-hz-1000.patch
	apply -i ../um-map-runs.patch
	apply -i ../um-nohlt.patch
	apply -i ../um-spin-yield.patch
	apply -i ../crtc-fence-names.patch
	apply -i ../vkms-writeback.patch
	apply -i ../vkms-preferred-mode.patch
	apply -i ../vkms-keep-maps.patch
	apply -i ../mm-fault-ahead.patch
	apply -i ../mm-pfnmap-dirty.patch
	apply -i ../syncobj-flags.patch
	make allnoconfig
	cat ../config >>.config
	make olddefconfig
	check_config ../config .config || exit 1
	build syncobj
	apply -R -i ../syncobj-flags.patch
	build plain
	cp .config "$here/out/config"
	make -s kernelversion >"$here/out/version"
}

# sourced by the tests for check_config
if [ "$0" = "${BASH_SOURCE[0]}" ]; then
	main "$@"
fi
