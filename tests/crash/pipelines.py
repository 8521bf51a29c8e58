"""Small pipelines for crash tests, each about a second long, and what a run of one must look like afterwards.

Their jobs say in tasks.log what they do, as checker/effects.py reads it, with TASK, KEY#ATTEMPT, and their pid at the end
of the line, and name TASK in their result. So the log and the run's history can be held against each other."""
import collections
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "checker"))
import check_run
import effects

LOCKSTEP = os.environ.get("LOCKSTEP", "lockstep")
TIMEOUT = 120  # seconds; a hang is a failure

# dash writes what it says by write(), as file_recorder.c sees it; bash does not.
# job.sh KEY SECONDS FAILURES: the first FAILURES attempts fail, unless there is a file `mended`. What still runs of a start before holds the lock.
JOB = r"""#!/bin/sh
task="$1#$LOCKSTEP_ATTEMPT"
say() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$LOCKSTEP_EXECUTION" "$LOCKSTEP_STATE" "${LOCKSTEP_ITEM_INDEX:--}" \
    "$LOCKSTEP_ATTEMPT" "${LOCKSTEP_TASK_DIR##*/}" "$(date +%s.%N)" "$task" "$$" >&8
}
exec 8>> tasks.log 9< "$LOCKSTEP_TASK_DIR"
say start
flock --nonblock 9 || say clash
sleep "$2"
say end
if [ "$LOCKSTEP_ATTEMPT" -lt "$3" ] && ! [ -e mended ]; then
  echo "{\"errorType\":\"Flaky\",\"errorMessage\":\"task $task.\"}"
  exit 1
fi
echo "{\"done\":\"task $task.\"}"
"""
JOBS = {"jobs": [{"resource": "job:step", "exec": ["./job.sh", "${key}", "${seconds}", "${failures}"]}]}

# What a history says that differs between two runs of the same pipeline.
VOLATILE = ("id", "previousEventId", "timestamp", "taskToken")
# Events that follow on whichever of several strands came last.
JOINS = ("ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateExited", "MapStateSucceeded", "MapStateFailed",
         "MapStateExited", "MapIterationStarted")


def task(key, seconds="0.1", failures="0", **fields):
    """A Task state. A key that begins with $ is looked up in the state's input."""
    named = {"key.$": key} if key.startswith("States.") else {"key": key}
    return {"Type": "Task", "Resource": "job:step", "Parameters": {**named, "seconds": seconds, "failures": failures}, **fields}


def chain(**states):
    names = list(states)
    for name, following in zip(names, names[1:]):
        states[name].setdefault("Next", following)
    states[names[-1]]["End"] = True
    return {"StartAt": names[0], "States": states}


RETRY = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]


def fan_out():
    """A Map whose iterations are two tasks each, a few at a time."""
    body = chain(One=task("States.Format('one-{}', $)", "0.05", ResultPath=None), Two=task("States.Format('two-{}', $)", "0.08"))
    return chain(Fan={"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": body, "ItemsPath": "$.items"},
                 Rest={"Type": "Pass"}), {"items": list(range(12))}


def mixed():
    """Parallel branches: tasks one after another, a Wait, a Map."""
    body = chain(Each=task("States.Format('each-{}', $)", "0.06"))
    branches = [chain(A=task("a", "0.2", ResultPath=None), B=task("b", "0.1", ResultPath=None), C=task("c", "0.3")),
                chain(Nap={"Type": "Wait", "Seconds": 1}, Awake=task("awake", "0.05")),
                chain(Items={"Type": "Map", "ItemProcessor": body, "ItemsPath": "$.items"})]
    return chain(Both={"Type": "Parallel", "Branches": branches}, After=task("after", "0.1")), {"items": list(range(5))}


def flaky():
    """Tasks that fail and are retried, within a Map, and a Choice on what they gave."""
    body = chain(Try=task("States.Format('try-{}', $)", "0.1", "1", Retry=RETRY))
    machine = chain(First=task("first", "0.1", ResultPath="$.first"),
                    Tries={"Type": "Map", "ItemProcessor": body, "ItemsPath": "$.items", "ResultPath": "$.tries"},
                    Which={"Type": "Choice", "Choices": [{"Variable": "$.first.done", "StringEquals": "task first#0.", "Next": "Good"}],
                           "Default": "Bad"},
                    Good=task("good", "0.2"))
    del machine["States"]["Which"]["Next"]
    machine["States"]["Bad"] = {"Type": "Fail"}
    return machine, {"items": list(range(4))}


def caught():
    """Failures that are caught: of tasks in a Map, and of a Parallel state whose other branch waits."""
    body = chain(Risk=task("States.Format('risk-{}', $.i)", "0.1", "9", ResultPath=None,
                           Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Mend"}]),
                 Mend=task("States.Format('mend-{}', $.i)", "0.05"))
    fails = chain(Slow=task("slow", "0.2", ResultPath=None), Break=task("break", "0.1", "9"))
    waits = chain(Long={"Type": "Wait", "Seconds": 600})
    return chain(Risks={"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": body, "ItemsPath": "$.items"},
                 Split={"Type": "Parallel", "Branches": [fails, waits], "Catch": [{"ErrorEquals": ["Flaky"], "Next": "Clear"}]},
                 Clear=task("clear", "0.2")), {"items": [{"i": i} for i in range(6)]}


def loop():
    """A counter, a Choice and a task, round and round."""
    turn = task("States.Format('turn-{}', $.n)", "0.04", ResultPath="$.last")
    count = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "last.$": "$.last"}, "Next": "More"}
    more = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 14, "Next": "Turn"}], "Default": "Done"}
    return {"StartAt": "Turn", "States": {"Turn": {**turn, "Next": "Count"}, "Count": count, "More": more,
                                          "Done": {"Type": "Succeed"}}}, {"n": 0}


def redriven():
    """Fails in one of its iterations while others run; for a redrive when it is mended."""
    risk = task("States.Format('risk-{}', $.i)", "0.2")
    risk["Parameters"]["failures.$"] = "$.failures"
    del risk["Parameters"]["failures"]
    body = chain(First=task("States.Format('first-{}', $.i)", "0.05", ResultPath=None),
                 Both={"Type": "Parallel", "Branches": [chain(Risk=risk), chain(Nap={"Type": "Wait", "Seconds": 1})]})
    return chain(Each={"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": body},
                 After=task("after", "0.05")), [{"i": i, "failures": "9" if i == 1 else "0"} for i in range(3)]


PIPELINES = {pipeline.__name__: pipeline for pipeline in (fan_out, mixed, flaky, caught, loop)}
ALL_PIPELINES = {**PIPELINES, "redriven": redriven}  # the last one fails


class Site:
    """A folder with a pipeline, its jobs, and a run folder."""

    def __init__(self, folder, pipeline, ranks=0):
        self.folder, self.pipeline, self.ranks = folder, pipeline, ranks
        self.run_folder = os.path.join(folder, "run")
        self.log_path = os.path.join(folder, "tasks.log")
        self.clear()

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        machine, data = ALL_PIPELINES[self.pipeline]()
        for name, content in (("machine.asl.json", machine), ("input.json", data), ("jobs.json", JOBS)):
            with open(os.path.join(self.folder, name), "w") as file:
                json.dump(content, file)
        job = os.path.join(self.folder, "job.sh")
        with open(job, "w") as file:
            file.write(JOB)
        os.chmod(job, 0o755)
        open(self.log_path, "w").close()

    def run_command(self, *options):
        ranks = ["--ranks", str(self.ranks), "--slots", "2"] if self.ranks else ["--slots", "4"]
        return [LOCKSTEP, "run", "machine.asl.json", "--input", "input.json", "--dir", "run", "--quiet", *ranks, *options]

    def resume_command(self, *options):
        if not os.path.exists(os.path.join(self.run_folder, "run.json")):
            return self.run_command()  # it was killed before there was a run
        ranks = ["--ranks", str(self.ranks), "--slots", "2"] if self.ranks else ["--slots", "4"]
        return [LOCKSTEP, "resume", "--dir", "run", "--quiet", *ranks, *options]

    def call(self, *arguments, env=None, timeout=TIMEOUT):
        return subprocess.run([LOCKSTEP, *arguments], cwd=self.folder, env=env, capture_output=True, text=True, timeout=timeout)

    def history(self):
        """AWS's history as far as it is journalled."""
        if not os.path.isdir(os.path.join(self.run_folder, "journal")):
            return []
        done = self.call("history", "--dir", "run", "--json")
        if done.returncode != 0:
            raise Wrong("history: " + done.stderr.strip())
        return json.loads(done.stdout)["events"] if done.stdout.strip() else []

    def log(self):
        """[(begin or end, task, pid)]"""
        with open(self.log_path) as file:
            return [words_of(line) for line in file.read().splitlines()]

    def check(self, losses=0):
        """Whether history, dispatches and effects are what the language and README allow."""
        wrong = check_run.check_folder(self.run_folder, self.log_path, losses)
        if wrong:
            raise Wrong("the checker: " + wrong)


def words_of(line):
    """(begin, end or clash, task, pid) of a line of the log."""
    fields = line.split("\t")
    return {"start": "begin"}.get(fields[0], fields[0]), fields[effects.FIELDS], int(fields[effects.FIELDS + 1])


class Wrong(Exception):
    """What must not be."""


def details(event):
    """Of an event all that must be the same in every run."""
    kept = {key: value for key, value in event.items() if key not in VOLATILE}
    return json.dumps(kept, sort_keys=True)


def shape(events):
    """A history up to times, numbers and the order of what is concurrent: the events, each with what it follows on."""
    by_id = {event["id"]: event for event in events}
    found = collections.Counter()
    for event in events:
        before = by_id.get(event["previousEventId"])
        follows = "" if before is None or event["type"] in JOINS else details(before)
        found[details(event) + " <- " + follows] += 1
    return found


def difference(expected, found):
    lines = ["missing: " + line for line in list((expected - found).elements())[:3]]
    lines += ["too much: " + line for line in list((found - expected).elements())[:3]]
    return "\n    ".join(line[:600] for line in lines)


def tasks_of(events):
    """(scheduled, over): how often each task's key was scheduled, and the tasks, KEY#ATTEMPT, whose end is journalled."""
    scheduled, over = collections.Counter(), set()
    for event in events:
        detail = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        if event["type"] == "TaskScheduled":
            parameters = json.loads(detail["parameters"])
            scheduled[parameters.get("key") or parameters.get("Payload", {}).get("key")] += 1
        elif event["type"] in ("TaskSucceeded", "TaskFailed"):
            text = detail.get("output") or detail.get("cause") or ""
            if "task " in text:
                over.add(text.split("task ", 1)[1].split(".", 1)[0])
    return scheduled, over
