"""`qwen-nb doctor`: what is here, what is missing and the command that mends it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from qwen_nb.commands.findings import Finding, look

MARKS = {"ok": "ok", "note": "--", "wrong": "!!"}


def main(argv: list[str]) -> int:
    """Prints the report; 0 when all is well for nano, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="qwen-nb doctor", description="What is here, what is missing, what mends it.")
    parser.add_argument("--json", action="store_true", help="the same for programs")
    options = parser.parse_args(argv)
    findings = list(look())
    print(as_json(findings) if options.json else as_text(findings))
    return 1 if _wrong(findings) else 0


def as_json(findings: Sequence[Finding]) -> str:
    """`{"ok": bool, "findings": [{group, name, value, state, mend}, ...]}`."""
    return json.dumps({"ok": not _wrong(findings), "findings": [asdict(finding) for finding in findings]}, indent=2)


def as_text(findings: Sequence[Finding]) -> str:
    """The report as lines: groups, then one line of verdict."""
    lines: list[str] = []
    for group, members in groupby(findings, key=lambda finding: finding.group):
        lines += [group, *_rows(members), ""]
    wrong = _wrong(findings)
    verdict = (
        f"{len(wrong)} to mend: {', '.join(finding.name for finding in wrong)}." if wrong else "All is well for nano."
    )
    return "\n".join([*lines, verdict])


def _rows(findings: Iterable[Finding]) -> Iterable[str]:
    for finding in findings:
        yield f"  {MARKS[finding.state]}  {finding.name:18} {finding.value}"
        if finding.mend:
            yield f"      {'':18} → {finding.mend}"


def _wrong(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == "wrong"]
