#!/usr/bin/env python3
"""The checker's own test: it accepts what runs really came to, and refuses every way of doctoring that. The samples are
real runs: history, dispatches and effects as they were exported (record.py made them)."""
import copy
import json
import os
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check_run
from effects import Effect
from values import UNKNOWN, agree, fill, holds, look_up

SAMPLES = sorted((HERE / "samples").glob("*.json"))
SHIFT = 5.0  # seconds


def load(path):
    sample = json.loads(path.read_text())
    sample["effects"] = [Effect(one[0], one[1], tuple(one[2]), *one[3:]) for one in sample["effects"]]
    return sample


def judge(sample, **options):
    jobs = sample.get("jobs", {})
    return check_run.check(sample["definition"], sample["events"], sample["rows"], sample["effects"],
                           check_run.never_twice(sample["definition"], jobs), **options)


def details(event):
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def without(events, at):
    """A history that never had an event: those after it move up."""
    gone = events[at]["id"]
    left = copy.deepcopy(events[:at] + events[at + 1:])
    for event in left:
        if event["previousEventId"] == gone:
            event["previousEventId"] = events[at]["previousEventId"]
        for key in ("id", "previousEventId"):
            event[key] -= event[key] > gone
    return left


def twice(events, at):
    """An event happens again, directly after itself."""
    more = copy.deepcopy(events[:at + 1])
    more.append({**copy.deepcopy(events[at]), "id": events[at]["id"] + 1, "previousEventId": events[at]["id"]})
    for event in copy.deepcopy(events[at + 1:]):
        for key in ("id", "previousEventId"):
            event[key] += event[key] > events[at]["id"]
        more.append(event)
    return more


class Samples(unittest.TestCase):
    def test_what_really_happened_is_accepted(self):
        self.assertGreaterEqual(len(SAMPLES), 6)
        for path in SAMPLES:
            with self.subTest(path.stem):
                self.assertEqual(judge(load(path)), "")

    def test_every_beginning_of_a_history_is_accepted(self):
        for path in SAMPLES:
            sample = load(path)
            for length in range(len(sample["events"])):
                self.assertEqual(check_run.check(sample["definition"], sample["events"][:length]), "", "%s up to %d" % (path.stem, length))


class DoctoredHistories(unittest.TestCase):
    def refuse_all(self, doctor, least=20, but=()):
        """`doctor(events, at)`: a doctored history, or None where it can do nothing. `but`: types of events where nobody
        can tell."""
        tried = 0
        for path in SAMPLES:
            sample = load(path)
            for at in range(len(sample["events"]) - 1):
                event = sample["events"][at]
                if event["type"] in but:
                    continue
                events = doctor(copy.deepcopy(sample["events"]), at)
                if events is not None and events != sample["events"]:
                    tried += 1
                    self.assertNotEqual(check_run.check(sample["definition"], events, sample["rows"], sample["effects"]), "",
                                        "%s, event %d, %s" % (path.stem, at + 1, event["type"]))
        self.assertGreaterEqual(tried, least)

    def test_an_event_is_missing(self):
        self.refuse_all(without)

    def test_an_event_happens_twice(self):
        self.refuse_all(twice)

    def test_an_event_follows_on_another(self):
        def doctor(events, at):
            events[at]["previousEventId"] = max(0, events[at]["previousEventId"] - 1)
            return events

        self.refuse_all(doctor)

    def test_two_events_change_places(self):
        def doctor(events, at):
            one, other = events[at], events[at + 1]
            if other["previousEventId"] != one["id"]:
                return None  # they have nothing to do with each other
            for key in ("id", "previousEventId", "timestamp"):
                one[key], other[key] = other[key], one[key]
            events[at], events[at + 1] = other, one
            return events

        self.refuse_all(doctor)

    def test_a_payload_is_another(self):
        def doctor(events, at):
            found = details(events[at])
            for key in ("output", "parameters", "input"):
                if key in found:
                    value = json.loads(found[key])
                    found[key] = json.dumps({**value, "more": 1} if isinstance(value, dict) else [value])
                    return events
            return None

        self.refuse_all(doctor, but=("TaskSucceeded",))  # what a task answers is for it to say

    def test_a_state_is_another(self):
        def doctor(events, at):
            found = details(events[at])
            if "name" not in found:
                return None
            found["name"] += "x"
            return events

        self.refuse_all(doctor)

    def test_an_iteration_is_another(self):
        def doctor(events, at):
            found = details(events[at])
            if "index" not in found:
                return None
            found["index"] += 1
            return events

        self.refuse_all(doctor)

    def test_an_error_is_another(self):
        def doctor(events, at):
            if not events[at]["type"].endswith(("Failed", "TimedOut")) or "error" not in details(events[at]):
                return None
            details(events[at])["error"] = "Different"
            return events

        self.refuse_all(doctor, least=10)

    def test_time_goes_back(self):
        def doctor(events, at):
            if at == 0:
                return None
            events[at]["timestamp"] -= 3600
            return events

        self.refuse_all(doctor)

    def test_what_waits_is_too_fast(self):
        """Retries and Wait states, where all that happens happens at once."""
        for name, pattern in (("flaky", "tried again after"), ("mixed", "it waited")):
            sample = load(HERE / "samples" / (name + ".json"))
            for event in sample["events"]:
                event["timestamp"] = sample["events"][0]["timestamp"]
            self.assertRegex(check_run.check(sample["definition"], sample["events"]), pattern)

    def test_a_definition_that_allows_less(self):
        for name, field, new in (("fan_out", "MaxConcurrency", 1), ("fan_out", "Next", "Elsewhere"), ("flaky", "MaxAttempts", 0),
                                 ("flaky", "IntervalSeconds", 60), ("flaky", "ErrorEquals", ["Other"]), ("flaky", "StringEquals", "x"),
                                 ("mixed", "Seconds", 7200), ("caught", "ErrorEquals", ["Other"]), ("caught", "ResultPath", "$.other"),
                                 ("loop", "NumericLessThan", 13), ("loop", "Default", "Turn")):
            sample = load(HERE / "samples" / (name + ".json"))
            changed = re.sub(r'("%s":) ?("[^"]*"|\[[^]]*\]|[\d.]+)' % field, lambda found: found[1] + json.dumps(new), json.dumps(sample["definition"]))
            self.assertNotEqual(changed, json.dumps(sample["definition"]))
            with self.subTest(name=name, field=field):
                self.assertNotEqual(check_run.check(json.loads(changed), sample["events"]), "")


def states_of(definition):
    for state in definition["States"].values():
        yield state
        for below in [*state.get("Branches", ()), state.get("ItemProcessor")]:
            if below:
                yield from states_of(below)


class DoctoredEffects(unittest.TestCase):
    def setUp(self):
        self.samples = [load(path) for path in SAMPLES]
        self.samples = [sample for sample in self.samples if sample["effects"]]
        self.assertTrue(self.samples)

    def refuse(self, sample, pattern):
        self.assertRegex(judge(sample), pattern)

    def test_a_task_that_has_succeeded_begins_again(self):
        for sample in self.samples:
            last = sample["effects"][-1]
            sample["effects"] += [last._replace(what="start", time=last.time + SHIFT), last._replace(time=last.time + SHIFT + 1)]
            self.refuse(sample, "when no dispatch of it was out")

    def test_a_task_begins_twice_in_one_dispatch(self):
        for sample in self.samples:
            first = next(effect for effect in sample["effects"] if effect.what == "start")
            sample["effects"].insert(1, first._replace(time=first.time + 0.001))
            self.refuse(sample, "began more often than it was dispatched")
            self.assertEqual(judge(sample, losses=1), "", "its rank was lost")

    def test_a_task_begins_before_it_is_dispatched(self):
        for sample in self.samples:
            sample["effects"][0] = sample["effects"][0]._replace(time=sample["effects"][0].time - SHIFT)
            self.refuse(sample, "when no dispatch of it was out")

    def test_work_was_not_done(self):
        for sample in self.samples:
            end = next(effect for effect in sample["effects"] if effect.what == "end" and
                       any(row["status"] == "SUCCEEDED" and (row["state"], row["item"], row["attempt"]) == effect.task for row in sample["rows"]))
            sample["effects"].remove(end)
            self.refuse(sample, "did not do its work|did its work")

    def test_two_at_the_same_time(self):
        for sample in self.samples:
            sample["effects"].append(sample["effects"][0]._replace(what="clash"))
            self.refuse(sample, "ran at the same time")

    def test_what_was_never_dispatched_begins(self):
        for sample in self.samples:
            sample["effects"].append(sample["effects"][0]._replace(task=("Nowhere", None, 0)))
            self.refuse(sample, "when no dispatch of it was out")

    def test_what_must_never_start_twice_does(self):
        sample = next(sample for sample in self.samples if any(row["status"] == "INTERRUPTED" for row in sample["rows"]))
        self.assertEqual(judge(sample), "")
        sample["jobs"] = {"jobs": [{"resource": state["Resource"], "interrupted": "fail"} for state in states_of(sample["definition"]) if "Resource" in state]}
        self.refuse(sample, "must never start twice")

    def test_of_another_run_nothing_counts(self):
        for sample in self.samples:
            sample["effects"].append(sample["effects"][0]._replace(execution="another"))
            self.assertEqual(judge(sample), "")


class DoctoredRows(unittest.TestCase):
    def test_rows(self):
        def missing(rows, at):
            del rows[at]

        def more(rows, at):
            rows.append(dict(rows[at]))

        def another_end(rows, at):
            rows[at]["status"] = "FAILED" if rows[at]["status"] != "FAILED" else "SUCCEEDED"

        def another_attempt(rows, at):
            rows[at]["attempt"] += 1

        def unexplained(rows, at):
            rows[at]["scheduled"] = "2020-01-01T00:00:00.000Z"

        def backwards(rows, at):
            rows[at]["ended"] = "2020-01-01T00:00:00.000Z"

        for path in SAMPLES:
            for doctor in (missing, more, another_end, another_attempt, unexplained, backwards):
                for at in range(len(load(path)["rows"])):
                    sample = load(path)
                    doctor(sample["rows"], at)
                    with self.subTest(sample=path.stem, doctor=doctor.__name__, at=at):
                        self.assertNotEqual(judge(sample), "")


class Values(unittest.TestCase):
    def test_agreement(self):
        self.assertTrue(agree({"a": [1, UNKNOWN]}, {"a": [1.0, "x"]}))
        self.assertFalse(agree({"a": 1}, {"a": 1, "b": 2}))
        self.assertFalse(agree(1, True))
        self.assertFalse(agree([1], [1, 1]))

    def test_paths_and_templates(self):
        self.assertEqual(look_up("$.a['b'][1]", {"a": {"b": [1, 2]}}), 2)
        self.assertIs(look_up("$..a", {}), UNKNOWN)
        self.assertEqual(fill({"n.$": "States.MathAdd($.n, 1)", "s.$": "States.Format('x-{}', $.n)", "k": [1]}, {"n": 4}), {"n": 5, "s": "x-4", "k": [1]})

    def test_choices(self):
        self.assertIs(holds({"Not": {"Variable": "$.n", "NumericLessThan": 3}}, {"n": 4}), True)
        self.assertIs(holds({"And": [{"Variable": "$.n", "NumericEquals": 4}, {"Variable": "$..n", "IsNull": True}]}, {"n": 4}), UNKNOWN)
        self.assertIs(holds({"Variable": "$.s", "NumericEquals": 1}, {"s": "1"}), False)


class Recordings(unittest.TestCase):
    def test_what_aws_wrote_is_accepted(self):
        folder = os.environ.get("LOCKSTEP_CONFORMANCE")
        if not folder or not os.path.isdir(os.path.join(folder, "aws")):
            self.skipTest("LOCKSTEP_CONFORMANCE names no folder")
        self.assertGreater(accept_recordings(pathlib.Path(folder) / "aws", self), 150)


def accept_recordings(folder, case):
    """Histories of AWS, without what was masked in them: times, names of resources, texts of some causes."""
    sys.path.insert(0, str(HERE.parent / "conformance"))
    import aws_cases
    accepted = 0
    for recorded in aws_cases.load(folder):
        try:
            runs = aws_cases.runs_of(recorded)
        except aws_cases.Miss:
            continue
        for run, answer in runs:
            events = answer.get("events") or []
            numbers = [event["id"] for event in events]
            if not events or numbers != list(range(1, len(events) + 1)) or not all(isinstance(event["previousEventId"], int) for event in events):
                continue
            for event in events:
                event["timestamp"] = 0
                if event["type"].endswith("Scheduled"):
                    details(event)["resource"] = ""
            with Masked():
                try:
                    wrong = check_run.check(json.loads(run.definition), events)
                except check_run.Unsupported:
                    continue
            case.assertEqual(wrong, "", recorded["id"])
            accepted += 1
    return accepted


class Masked:
    """No times and no payloads are compared."""

    def __enter__(self):
        import replay
        self.kept = replay.TOLERANCE, replay.agree
        replay.TOLERANCE, replay.agree = float("inf"), lambda expected, found: True

    def __exit__(self, *_):
        import replay
        replay.TOLERANCE, replay.agree = self.kept


if __name__ == "__main__":
    unittest.main()
