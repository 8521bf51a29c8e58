#!/usr/bin/env python3
"""Runs recorded workflows of AWS Step Functions and compares with what AWS answered.

Three levels: 1 status and error (or: the definition is refused); 2 output and cause (or: code, message and location);
3 the whole history, modulo the interleaving of concurrent branches. Cases that are expected to miss a level stand in
a list with the reason; one that leaves or joins it unannounced fails the run. The folder of the cases is named by
--cases or by LOCKSTEP_CONFORMANCE (its folder `aws`); without it, nothing is run.
"""

import argparse
import base64
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import aws_activity_worker
import aws_history
from aws_match import Matcher, parse

HERE = pathlib.Path(__file__).resolve().parent
LEVELS = (1, 2, 3)


class Miss(Exception):
    def __init__(self, level, text):
        super().__init__(text)
        self.level = level


def load(folder):
    cases = []
    for path in sorted(folder.rglob("*.json")):
        case = json.loads(path.read_text())
        case["group"] = path.relative_to(folder).parts[0]
        cases.append(case)
    return cases


def definition_of(case):
    return case["definition_text"] if "definition_text" in case else json.dumps(case["definition"])


def input_of(case):
    """A case without an input, or with null, was started without one. A boundary in the future, whose days stand in the
    case's name, lies so far ahead of the run, not of the recording."""
    boundary = re.search(r"too_far_in_future_boundary\[(\d+)\]", case["id"])
    if boundary:
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=int(boundary[1]))
        return json.dumps(dict.fromkeys(case["input"], moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    return "{}" if case.get("input") is None else json.dumps(case["input"])


class Run(collections.namedtuple("Run", "name definition input machines")):
    """What is run: the state machine's name and text, the input's text, and the texts of other machines by their names."""


def runs_of(case):
    """What the case runs, and what is expected of each: (Run, answer)."""
    expected = case["expected"]
    answers = expected if isinstance(expected, list) else [
        {"status": "SUCCEEDED", "output": one["output"]} for one in expected["cases"]
    ] if "cases" in expected else [expected]
    runs, machines, last = [], {}, "case"
    for step in case.get("steps", []):
        params = step.get("params", {})
        if step["op"] == "CreateStateMachine":
            last = params["name"]
            machines[last] = params["definition"]
        elif step["op"] == "DeleteStateMachine":
            machines.pop(params["stateMachineArn"].rsplit(":", 1)[1], None)
        elif step["op"] == "StartExecution":
            name = params["stateMachineArn"].rsplit(":", 1)[1]
            name = name if name in machines else last
            others = {other: text for other, text in machines.items() if other != name}
            runs.append(Run(name, machines.get(name, definition_of(case)), params.get("input", "{}"), others))
    if not runs:
        runs = [Run("case", definition_of(case), input_of(case), {})] * len(answers)
    if len(runs) != len(answers):
        raise Miss(1, f"the case has {len(runs)} executions but {len(answers)} answers")
    return list(zip(runs, answers))


def jobs_of(case):
    entries = []
    for name, function in case.get("resources", {}).get("lambda", {}).items():
        entries.append({
            "resource": f"arn:aws:lambda:*:*:function:{name}",
            "exec": [sys.executable, str(HERE / "aws_function.py"), function["behaviour"],
                     function.get("errorType", ""), function.get("errorMessage", "")]})
    return {"jobs": entries}


class Runner:
    def __init__(self, binary, timeout):
        self.binary = binary
        self.timeout = timeout

    def command(self, *arguments):
        try:
            return subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=self.timeout,
                                  stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as problem:
            raise Miss(1, f"no end within {self.timeout} s") from problem

    def command_with_workers(self, run_folder, workers, *arguments):
        """The same, while the workers that a case has do what it says."""
        with concurrent.futures.ThreadPoolExecutor(max(1, len(workers))) as pool:
            ends = [pool.submit(aws_activity_worker.work, run_folder, worker, self.timeout) for worker in workers]
            done = self.command(*arguments)
            for end in ends:
                if done.returncode in (0, 1) and end.result() is not None:
                    raise Miss(1, f"a worker: {end.result()}")
        return done

    def check(self, case):
        """Raises the first Miss."""
        matcher = Matcher(case["wildcards"])
        if case["kind"] == "validation":
            self.validation(case, matcher)
            return
        misses = []
        for number, (run, expected) in enumerate(runs_of(case)):
            try:
                self.execution(case, matcher, run, expected)
            except Miss as miss:
                misses.append(Miss(miss.level, f"execution {number + 1}: {miss}"))
        if misses:
            raise min(misses, key=lambda miss: miss.level)

    def execution(self, case, matcher, run, expected):
        with tempfile.TemporaryDirectory(prefix="lockstep-aws-") as name:
            folder = pathlib.Path(name)
            others = []
            for machine, definition in {run.name: run.definition, **run.machines}.items():
                (folder / f"{machine}.asl.json").write_text(definition)
                others += [] if machine == run.name else ["--machine", f"{machine}={folder / machine}.asl.json"]
            (folder / "jobs.json").write_text(json.dumps(jobs_of(case)))
            (folder / "input.json").write_text(run.input)
            for thing in case.get("resources", {}).get("s3", []):
                place = folder / "s3" / thing["bucket"] / thing.get("key", ".")
                (place.parent if "body" in thing else place).mkdir(parents=True, exist_ok=True)
                if "body" in thing:
                    place.write_bytes(base64.b64decode(thing["body"]))
            steps = case.get("steps", [])
            workers = [step["params"] for step in steps if step["op"] == "@activity_worker"]
            activities = [part for step in steps if step["op"] == "CreateActivity"
                          for part in ("--activity", step["params"]["name"])]
            done = self.command_with_workers(
                str(folder / "run"), workers, "run", str(folder / f"{run.name}.asl.json"), *others, "--input",
                str(folder / "input.json"), "--jobs", str(folder / "jobs.json"), "--history",
                str(folder / "history.json"), "--limits", "aws", "--quiet", "--type", case["type"], "--dir",
                str(folder / "run"), "--s3-root", str(folder / "s3"), *activities)
            if done.returncode not in (0, 1):
                raise Miss(1, f"exit status {done.returncode}: {done.stderr.strip()[:500]}")
            self.result(matcher, done, expected)
            if "events" in expected:
                history = json.loads((folder / "history.json").read_text())["events"]
                if found := aws_history.difference(matcher, expected["events"], history):
                    raise Miss(3, found)

    @staticmethod
    def result(matcher, done, expected):
        line = done.stdout.rstrip("\n")
        got = {"status": "SUCCEEDED"} if done.returncode == 0 else parse(line)
        if not isinstance(got, dict):
            raise Miss(1, f"the result line is {line!r}")
        for key in ("status", "error"):
            if found := matcher.difference(expected.get(key), got.get(key), key):
                raise Miss(1, f"{found}; {line[:500]}")
        if expected["status"] == "SUCCEEDED":
            if found := matcher.difference(expected.get("output"), line, "output"):
                raise Miss(2, found)
        elif ("cause" in expected) != ("cause" in got):
            raise Miss(2, f"cause: expected {expected.get('cause')!r}, got {got.get('cause')!r}")
        elif found := matcher.difference(expected.get("cause"), got.get("cause"), "cause"):
            raise Miss(2, found)

    def validation(self, case, matcher):
        with tempfile.TemporaryDirectory(prefix="lockstep-aws-") as name:
            path = pathlib.Path(name) / "case.asl.json"
            path.write_text(definition_of(case))
            done = self.command("validate", "--json", "--type", case["type"], str(path))
        answer = parse(done.stdout)
        if not isinstance(answer, dict):
            raise Miss(1, f"no answer: {done.stdout[:300]!r} {done.stderr[:300]!r}")
        errors = [one for one in answer["diagnostics"] if one["severity"] == "ERROR"]
        wanted = refusals(case["expected"])
        if wanted is None:
            raise Miss(1, "the case is about the API, not about a definition")
        if bool(wanted) != bool(errors) or answer["valid"] == bool(wanted):
            raise Miss(1, f"expected {'a refusal' if wanted else 'no error'}, got {errors}")
        for one in wanted:
            if not any(one.matches(matcher, error) for error in errors):
                raise Miss(2, f"expected {one}, got {errors}")


class Refusal(collections.namedtuple("Refusal", "code message location")):
    def matches(self, matcher, error):
        """As a diagnostic, or as CreateStateMachine words it: CODE: MESSAGE at LOCATION."""
        if self.location is None and self.code is None:
            text = f"{error['code']}: {error['message']}"
            if "location" in error:
                text += f" at {error['location']}"
            return matcher.text_matches(self.message, text)
        return (error["code"] == self.code and error.get("location", "") == self.location
                and matcher.text_matches(self.message, error["message"]))


def refusals(expected):
    """What AWS said against the definition; [] if nothing; None if the case is not about its text."""
    for answer in expected.values():
        if "diagnostics" in answer:
            return [Refusal(one["code"], one["message"], one.get("location", "")) for one in answer["diagnostics"]]
        text = answer.get("exception_value") or answer.get("message")
        if text == "<not-from-aws>":
            return [Refusal(None, text, None)]
        found = re.search(r"Invalid State Machine Definition: '(.*)'$", text or "", re.DOTALL)
        return [Refusal(None, found.group(1), None)] if found else None
    return None


def read_misses(path):
    """Case id → (level, reason). A line `# …` is the reason of the lines below it, `LEVEL ID` each."""
    misses, reason = {}, ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            reason = line.lstrip("# ")
        elif line.strip():
            level, _, name = line.strip().partition(" ")
            if not reason or level not in "123" or name in misses:
                raise SystemExit(f"{path}:{number}: not `LEVEL ID` under a reason, or twice: {line}")
            misses[name] = (int(level), reason)
    return misses


def levels_of(case):
    if case["kind"] == "validation":
        return 2
    expected = case["expected"]
    with_history = all("events" in one for one in expected) if isinstance(expected, list) else "events" in expected
    return 3 if with_history else 2


def language_of(case):
    return "in JSONata" if '"JSONata"' in definition_of(case) else "in JSONPath"


def table(cases, missed):
    """Passed/total by group, language and level."""
    lines = [f"{'group':<22}" + "".join(f"{'level ' + str(level):>12}" for level in LEVELS)]
    sums = collections.defaultdict(lambda: [0, 0])
    for case in cases:
        for level in LEVELS[:levels_of(case)]:
            for key in (case["group"], language_of(case), "all"):
                sums[key, level][1] += 1
                sums[key, level][0] += case["id"] not in missed or missed[case["id"]].level > level
    for group in sorted({case["group"] for case in cases}) + ["in JSONPath", "in JSONata", "all"]:
        cells = "".join(
            f"{'{}/{}'.format(*sums[group, level]) if sums[group, level][1] else '-':>12}" for level in LEVELS)
        lines.append(f"{group:<22}{cells}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lockstep", default=shutil.which("lockstep") or "lockstep")
    parser.add_argument("--cases", default=os.path.join(os.environ.get("LOCKSTEP_CONFORMANCE", ""), "aws"))
    parser.add_argument("--misses", type=pathlib.Path, default=HERE / "aws_expected_misses.txt")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one execution")
    parser.add_argument("--verbose", action="store_true", help="show expected misses too")
    parser.add_argument("filter", nargs="?", default="", help="only cases whose id contains this")
    options = parser.parse_args()

    folder = pathlib.Path(options.cases)
    if not folder.is_dir():
        print(f"skipped: no recorded answers at {folder} (LOCKSTEP_CONFORMANCE names their folder)")
        return 0
    cases = [case for case in load(folder) if options.filter in case["id"]]
    expected = read_misses(options.misses)
    runner = Runner(options.lockstep, options.timeout)

    def check(case):
        try:
            runner.check(case)
        except Miss as miss:
            return case["id"], miss
        return case["id"], None

    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        missed = {name: miss for name, miss in pool.map(check, cases) if miss is not None}

    print(table(cases, missed))
    surprises = 0
    for case in cases:
        name = case["id"]
        miss, (level, reason) = missed.get(name), expected.get(name, (None, None))
        if miss is None and level is not None:
            print(f"passes, but is listed as a miss ({reason}): {name}")
        elif miss is not None and miss.level != level:
            print(f"misses level {miss.level}{f', listed with {level}' if level else ''}: {name}\n    {miss}")
        else:
            if miss is not None and options.verbose:
                print(f"expected miss of level {level} ({reason}): {name}\n    {miss}")
            continue
        surprises += 1
    reasons = collections.Counter(expected[name][1] for name in missed if name in expected)
    for reason, count in reasons.most_common():
        print(f"{count:4} expected: {reason}")
    print(f"{len(cases)} cases, {len(missed)} missed, {surprises} unannounced")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
