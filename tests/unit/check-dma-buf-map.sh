#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # backquotes are what is looked for
# check-dma-buf-map.sh SOURCE: docs/dma-buf-map.md names only what is there: test
# cases, C functions and types, messages of the protocol, calls of the kernel; and
# each row has a proof, or the reason why there is none.
set -u
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$1" || exit 1
doc=docs/dma-buf-map.md
xml=protocol/waybuf-allocator-v1.xml

# names PATTERN: what stands between backquotes and matches
names()
{
	grep -o '`[^`]*`' "$doc" | tr -d '`' | grep -E -x -- "$1" | sort -u
}

missing_tests()
{
	for proof in $(names '[a-z]+/test_[a-z0-9_]+:[a-z0-9_]+'); do
		file=tests/${proof%%:*}.c
		grep -q "^TEST(${proof#*:})" "$file" 2>/dev/null || echo "$file has no ${proof#*:}"
	done
}

missing_functions()
{
	for name in $(names '(waybuf|fd)_[a-z0-9_]+\(\)' | tr -d '()'); do
		grep -q -r -w --include='*.h' -- "$name" include src || echo "no header declares $name()"
	done
	for name in $(names '(struct|enum) waybuf_[a-z_]+' | sed 's/.* //') \
		$(names 'WAYBUF_[A-Z_]+'); do
		grep -q -r -w --include='*.[ch]' -- "$name" include src || echo "nothing defines $name"
	done
}

missing_messages()
{
	for name in $(names 'waybuf_[a-z]+_v1\.[a-z_]+'); do
		sed -n "/<interface name=\"${name%.*}\"/,/<\/interface>/p" "$xml" |
			grep -q -E "<(request|event) name=\"${name#*.}\"" || echo "$xml has no $name"
	done
}

# the third column
missing_calls()
{
	for name in $(grep '^| ' "$doc" | awk -F' [|] ' '{ print $3 }' | grep -o '`[^`/]*`' |
		tr -d '`' | sort -u); do
		grep -q -r -w --include='*.[ch]' -- "$name" src || echo "nothing calls $name"
	done
}

bad_rows()
{
	grep '^| ' "$doc" | grep -v '^| kernel |' | awk -F' [|] ' '
		NF != 5 { print "not five columns: " $1; next }
		$5 !~ /`[a-z]+\/test_/ && $5 !~ /^none: / { print "no proof: " $1 }'
}

# What the kernel's own guide to dma-buf sharing has, from its first version to the one with CPU access.
missing_interfaces()
{
	for name in dma_buf_ops dma_buf_export dma_buf_export_info DEFINE_DMA_BUF_EXPORT_INFO \
		exp_name dma_buf_fd O_CLOEXEC dma_buf_get dma_buf_put get_dma_buf llseek \
		dma_buf_attach dma_buf_attachment dma_buf_detach EBUSY release \
		dma_buf_map_attachment map_dma_buf dma_buf_unmap_attachment unmap_dma_buf \
		sg_table EINTR dma_buf_begin_cpu_access begin_cpu_access \
		dma_buf_end_cpu_access end_cpu_access dma_buf_kmap dma_buf_kunmap \
		dma_buf_kmap_atomic dma_buf_kunmap_atomic dma_buf_vmap dma_buf_vunmap \
		dma_buf_mmap vm_file vm_pgoff unmap_mapping_range DMA_BUF_IOCTL_SYNC \
		DMA_SHARED_BUFFER EXPORT_SYMBOL_GPL dma_fence dma_resv fence\ array \
		seqno\ fence sync_file poll; do
		grep '^| ' "$doc" | awk -F' [|] ' '{ print $1, $2 }' | grep -q -w -- "$name" ||
			echo "no row has $name"
	done
}

# A pattern that finds nothing would let everything pass.
too_few()
{
	for pattern in 'guest/test_[a-z0-9_]+:[a-z0-9_]+' 'waybuf_[a-z0-9_]+\(\)' \
		'waybuf_[a-z]+_v1\.[a-z_]+' '[a-z]+/test_[a-z0-9_]+:[a-z0-9_]+'; do
		[ "$(names "$pattern" | wc -l)" -ge 10 ] || echo "fewer than 10 of $pattern"
	done
	[ "$(grep -c '^| ' "$doc")" -ge 80 ] || echo "fewer than 80 rows"
}

echo 1..7
verdict 'every test exists' "$(missing_tests)"
verdict 'every function and type exists' "$(missing_functions)"
verdict 'every message exists' "$(missing_messages)"
verdict 'every call is made' "$(missing_calls)"
verdict 'every row has a proof or a reason' "$(bad_rows)"
verdict 'every interface of the guide has a row' "$(missing_interfaces)"
verdict 'the page was read' "$(too_few)"
exit $failed
