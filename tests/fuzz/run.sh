#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# run.sh BUILDDIR SECONDS FUZZER...: runs each fuzzer for SECONDS, one after the other. What it finds
# new goes to BUILDDIR/corpus and BUILDDIR/findings; the tree keeps the seeds only. The last line is
# the sum; the exit status is that of the worst.
set -u

if [ $# -lt 3 ]; then
	echo "usage: $0 BUILDDIR SECONDS FUZZER..." >&2
	exit 2
fi
build=$1
seconds=$2
shift 2
seeds=$(dirname "$0")/corpus
total=0
failed=

for fuzzer; do
	name=${fuzzer#fuzz_}
	new=$build/corpus/$name
	findings=$build/findings/$name
	log=$build/$fuzzer.log
	mkdir -p "$new" "$findings"
	"$build/$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$findings/" "$new" "$seeds/$name" >"$log" 2>&1
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	# one that crashed prints no statistics: its last progress line has the number
	: "${runs:=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)}"
	: "${runs:=0}"
	total=$((total + runs))
	if [ $status -eq 0 ]; then
		echo "$fuzzer: $runs executions in $seconds s, no finding"
	else
		failed="$failed $fuzzer"
		echo "$fuzzer: $runs executions, FINDING (status $status), see $findings and $log"
		grep -a -E -m 5 'ERROR|runtime error|SUMMARY|^line ' "$log"
	fi
done

if [ -n "$failed" ]; then
	echo "fuzzing: $total executions, findings in:$failed"
	exit 1
fi
echo "fuzzing: $total executions, no findings"
