#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tally.py BUILD:STAGE:FILE...: adds up test results.

FILE is meson's testlog.json, an object a line, or a TAP stream (*.tap). A TAP
program counts by its cases; any other by its exit. A program that failed
without a case of its own to show for it (it crashed, timed out, or ran fewer
cases than it planned) counts as one failure more, and so does a stage that left
no log, ran nothing, or ended before its time: beside testlog.json lies
testlog.status, what `meson test` exited with. The last line is
`N passed, N failed[, N skipped]`.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not )?ok\b\s*\d*\s*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)\s*(#\s*skip\b.*)?$", re.IGNORECASE)
SKIP = re.compile(r"#\s*skip\b", re.IGNORECASE)
TAIL = 40


def tap_cases(text):
    """Yields (verdict, name) for each case, and 'plan', the planned number."""
    for line in text.splitlines():
        plan = PLAN.match(line)
        case = CASE.match(line)
        if plan:
            yield "plan", -1 if plan.group(2) else int(plan.group(1))
        elif case:
            name = case.group(2).lstrip("- ")
            if SKIP.search(name):
                yield "skipped", name
            else:
                yield ("failed" if case.group(1) else "passed"), name


class Tally:
    def __init__(self):
        self.count = {"passed": 0, "failed": 0, "skipped": 0}
        self.skips = []

    def fail(self, where, why, text=""):
        self.count["failed"] += 1
        print(f"FAILED {where}: {why}")
        for line in text.splitlines()[-TAIL:]:
            print(f"    {line}")

    def add_tap(self, where, text, exit_ok):
        seen = {"passed": 0, "failed": 0, "skipped": 0}
        plan = None
        for verdict, name in tap_cases(text):
            if verdict == "plan":
                plan = name
                continue
            seen[verdict] += 1
            if verdict == "failed":
                self.fail(where, name, text if seen["failed"] == 1 else "")
            else:
                self.count[verdict] += 1
                if verdict == "skipped":
                    self.skips.append(f"{where}: {name}")
        ran = sum(seen.values())
        if plan == -1 and exit_ok and not ran:
            self.count["skipped"] += 1
            self.skips.append(where)
        elif plan is None or plan not in (-1, ran):
            self.fail(where, f"{ran} cases ran, {plan} were planned", text)
        elif not exit_ok and not seen["failed"]:
            self.fail(where, "the program failed after its cases", text)
        return ran

    def add_meson(self, where, test):
        where = f"{where} {test['name'].rpartition(' / ')[2]}"
        text = test.get("stdout", "")
        output = text + test.get("stderr", "")
        result = test["result"]
        if any(True for _ in tap_cases(text)):
            self.add_tap(where, text, result in ("OK", "SKIP", "EXPECTEDFAIL"))
            if result not in ("OK", "SKIP", "EXPECTEDFAIL") and test.get("stderr"):
                print("\n".join("    " + s for s in test["stderr"].splitlines()[-TAIL:]))
        elif result in ("OK", "EXPECTEDFAIL"):
            self.count["passed"] += 1
        elif result == "SKIP":
            self.count["skipped"] += 1
            self.skips.append(where)
        else:
            self.fail(where, result.lower(), output)

    def add_stage(self, build, stage, path):
        where = f"{build}/{stage}"
        before = sum(self.count.values())
        failed = self.count["failed"]
        try:
            with open(path, encoding="utf-8", errors="replace") as log:
                text = log.read()
        except OSError as error:
            self.fail(where, f"no log: {error.strerror}")
            return
        if path.endswith(".tap"):
            self.add_tap(where, text, True)
        else:
            for line in text.splitlines():
                self.add_meson(where, json.loads(line))
            self.add_end(where, pathlib.Path(path), self.count["failed"] > failed)
        if sum(self.count.values()) == before:
            self.fail(where, "no test ran")

    def add_end(self, where, log, has_failed):
        """meson fails if a test did: what failed without one did not reach the rest."""
        try:
            status = log.with_suffix(".status").read_text().strip()
        except OSError:
            status = "missing"
        if status != "0" and not has_failed:
            said = log.parent.parent / f"{log.stem}.out"
            text = said.read_text(errors="replace") if said.exists() else ""
            self.fail(where, f"the run ended early (status {status})", text)


def main(stages):
    tally = Tally()
    for stage in stages:
        tally.add_stage(*stage.split(":", 2))
    count = tally.count
    for skip in tally.skips:
        print(f"skipped {skip}")
    print()
    line = f"{count['passed']} passed, {count['failed']} failed"
    if count["skipped"]:
        line += f", {count['skipped']} skipped"
    print(line)
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
