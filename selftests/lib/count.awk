# SPDX-License-Identifier: GPL-2.0
# What a TAP stream holds, as shell assignments.
{ sub(/\r$/, "") }
/^1\.\.0 # SKIP/ { plans++; planned++; skipped++; next }
/^1\.\.[0-9]+/ { plans++; planned += substr($1, 4); next }
/^ok( |$)/ { if (/# SKIP/) skipped++; else passed++ }
/^not ok( |$)/ { failed++ }
/^Bail out!/ { failed++; planned++ }
END {
	printf "plans=%d planned=%d passed=%d failed=%d skipped=%d\n", \
		plans, planned, passed, failed, skipped
}
