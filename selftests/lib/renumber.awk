# SPDX-License-Identifier: GPL-2.0
# One program's tests as a part of a longer TAP stream: number is the last one
# used, why says what else was wrong with it, failed counts that too, and with
# show its whole output follows. What a failed test says of itself comes with it, and
# figures, "# name: {…}" (selftests/lib/record).
BEGIN { told = 6 }
{ sub(/\r$/, ""); kept[++lines] = $0 }
/^1\.\.0 # SKIP/ {
	sub(/^1\.\.0 # SKIP */, "")
	print "ok " ++number " - " name " # SKIP " $0
}
/^(not )?ok( |$)/ {
	verdict = /^not/ ? "not ok" : "ok"
	if (/^not/)
		failed--
	sub(/^(not )?ok */, "")
	sub(/^[0-9]+ */, "")
	sub(/^- */, "")
	print verdict " " ++number " - " name ": " $0
	told = verdict == "ok" ? 6 : 0
	next
}
/^# [a-z]+: \{.*\}$/ { print; next }
/^# / && told < 6 && number { told++; print; next }
{ told = 6 }
/^Bail out!/ {
	failed--
	print "not ok " ++number " - " name ": " $0
}
END {
	while (failed-- > 0)
		print "not ok " ++number " - " name ": " why
	if (show)
		for (i = 1; i <= lines; i++)
			print "#  | " kept[i]
}
