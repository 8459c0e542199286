#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# stdin.pl send|receive DIR: carries the stdin of a command into the guest.
#
# The guest's serial lines have no end of file and drop bytes when they are
# fed faster than they are read. So stdin travels as files, DIR/0, DIR/1, ...
# of which the host renames each into place when it is whole and the guest
# removes each when it has read it; an empty one is the end.
use strict;
use warnings;

my ($role, $dir) = @ARGV;
my $ahead = 16;
$SIG{PIPE} = 'IGNORE';

sub nap {
	select undef, undef, undef, 0.01;
}

sub send_all {
	my ($n, $size) = (0, 1);

	while ($size) {
		$size = sysread STDIN, my $bytes, 65536;
		$bytes = '' unless $size;
		nap() while $n >= $ahead && -e "$dir/" . ($n - $ahead);
		open my $file, '>', "$dir/new" or exit 1;
		syswrite $file, $bytes;
		close $file;
		rename "$dir/new", "$dir/$n" or exit 1;
		$n++;
	}
}

sub receive_all {
	for (my $n = 0;; $n++) {
		my $file;
		nap() until open $file, '<', "$dir/$n";
		my $size = sysread $file, my $bytes, 65536;
		unlink "$dir/$n";
		return unless $size;
		while (length $bytes) {
			my $put = syswrite STDOUT, $bytes;
			return unless defined $put;
			substr $bytes, 0, $put, '';
		}
	}
}

$role eq 'send' ? send_all() : receive_all();
