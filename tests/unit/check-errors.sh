#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # backquotes are what is looked for
# check-errors.sh SOURCE: docs/errors.md has every function that a library exports,
# and for each error that the function's comment names a row with tests that exist.
set -u
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
cd "$1" || exit 1
doc=docs/errors.md
folder=$(mktemp -d) || exit 1
trap 'rm -rf -- "$folder"' EXIT

# What the comments say, as "FUNCTION ERROR". One that says "Errors as above" has those of the plain
# comment above it.
said()
{
	find include -name '*.h' -exec cat -- {} + | awk '
		/^\/\*$/ { essay = ""; in_essay = 1 }
		in_essay { essay = essay " " $0; in_essay = !/\*\/$/; next }
		/^\/\*\*/ { text = ""; in_text = 1 }
		in_text { text = text " " $0; in_text = !/\*\/$/; next }
		/^WAYBUF_EXPORT / { decl = "" ; in_decl = 1 }
		in_decl {
			decl = decl " " $0
			if (!/;$/)
				next
			in_decl = 0
			sub(/\(.*/, "", decl)
			sub(/.*[ *]/, "", decl)
			gsub(/ +\* +/, " ", text)
			if (text ~ /Errors as above/)
				text = text essay
			while (match(text, /-E[A-Z0-9]+/)) {
				print decl, substr(text, RSTART, RLENGTH)
				text = substr(text, RSTART + RLENGTH)
			}
		}
		{ text = "" }' | sort -u
}

# The rows of errors that have a name, likewise.
rows()
{
	grep '^| `waybuf' "$doc" | awk -F' [|] ' '$2 ~ /^-E[A-Z0-9]+$/ {
		gsub(/[|` ()]/, "", $1)
		print $1, $2
	}' | sort -u
}

# a function that has neither a row nor a word that it has no errors
without_a_word()
{
	cat tests/abi/*.list | sort -u | while read -r name; do
		grep -q -- "\`$name()\`" "$doc" || echo "$name()"
	done
}

not_there()
{
	grep -o '`waybuf[a-z_0-9]*()`' "$doc" | tr -d '`()' | sort -u >"$folder/named"
	cat tests/abi/*.list | sort -u | comm -13 - "$folder/named" | sed 's/$/() is exported by nobody/'
}

# "TEST" for each test, and "FILE FUNCTION" for what the files of tests name; those that tests share
# are one file, "shared".
known()
{
	grep -H '^TEST(' tests/*/test_*.c | sed 's|^tests/||; s|\.c:TEST(|:|; s|).*||'
	grep -o -H 'waybuf_[a-z0-9_]*' tests/*/test_*.c | sed 's|^tests/||; s|\.c:| |' | sort -u
	grep -o -h 'waybuf_[a-z0-9_]*' tests/*.c | sed 's|^|shared |' | sort -u
}

bad_tests()
{
	known >"$folder/known"
	grep '^| `waybuf' "$doc" | awk -F' [|] ' -v known="$folder/known" '
		BEGIN { while ((getline <known) > 0) have[$0] = 1 }
		{
			gsub(/[|` ()]/, "", $1)
			gsub(/[|`]/, "", $3)
			n = split($3, test, / +/)
			found = 0
			for (i = 1; i <= n; i++) {
				if (test[i] == "")
					continue
				found = 1
				file = test[i]
				sub(/:.*/, "", file)
				if (!(test[i] in have))
					print $1 "(): there is no " test[i]
				else if (!((file " " $1) in have) && !(("shared " $1) in have))
					print $1 "(): " file " does not name it"
			}
			if (!found)
				print $1 "(): no test for " $2
		}'
}

# What reads nothing finds nothing wrong.
too_few()
{
	[ "$(wc -l <"$folder/said")" -ge 150 ] || echo "fewer than 150 errors in the headers"
	[ "$(wc -l <"$folder/rows")" -ge 150 ] || echo "fewer than 150 rows"
}

said >"$folder/said"
rows >"$folder/rows"
echo 1..6
verdict 'every function is there' "$(without_a_word)"
verdict 'every function is a function' "$(not_there)"
verdict 'every error has a row' "$(comm -23 "$folder/said" "$folder/rows")"
verdict 'every row is an error' "$(comm -13 "$folder/said" "$folder/rows")"
verdict 'every test exists, and names the function' "$(bad_tests)"
verdict 'the files were read' "$(too_few)"
exit $failed
