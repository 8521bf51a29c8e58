#!/usr/bin/env python3
"""Decides whether what a run shows is what the language and README allow: its history, event by event (states in the
order of the definition, retries, catchers, times, iterations, numbers, payloads as far as they can be told), its
dispatches, and how often its jobs had their effects. Shares no code with the engine.

  check_run.py --dir RUN [--effects LOG] [--losses N]
  check_run.py --definition FILE --history FILE [--export FILE] [--effects LOG]    what was exported, as JSON (lines)

LOCKSTEP names the binary that exports. --losses: so many starts may be one more than a dispatch explains, for ranks that
were lost while rank 0 lived. Exit status: 0 allowed, 1 not (one line says what is wrong), 2 it cannot be judged."""
import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from effects import WrongEffects, check_log, check_rows, read_log
from machine import Machine, Unsupported
from replay import Replay, Wrong


def check(definition, events, rows=None, effects=None, never_twice=(), losses=0, is_whole=True):
    """What is wrong; empty: nothing. `rows` and `effects` None: not looked at. The others: see check_log."""
    try:
        replay = Replay(Machine(definition))
        replay.take_all(events)
        if rows is not None:
            check_rows(rows, replay.tasks)
            if effects is not None:
                check_log(rows, effects, never_twice, losses, is_whole)
    except (Wrong, WrongEffects) as wrong:
        return str(wrong)
    return ""


def never_twice(definition, jobs):
    """States whose job says "interrupted": "fail"; resources here are spelled out, without patterns."""
    fails = {job["resource"] for job in jobs.get("jobs", ()) if job.get("interrupted") == "fail"}
    return {state.name for state in Machine(definition).all_states() if state.fields.get("Resource") in fails}


def load(path):
    with open(path) as file:
        return json.load(file)


def export(folder, *arguments):
    done = subprocess.run([os.environ.get("LOCKSTEP", "lockstep"), *arguments, "--dir", folder], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Unsupported("%s: %s" % (arguments[0], done.stderr.strip()))
    return done.stdout


def await_end(folder):
    """Rank 0 outlives a mpirun that was killed for about a second, and writes on meanwhile."""
    end = time.monotonic() + 20
    while json.loads(export(folder, "status", "--json"))["owner"]["state"] == "running":
        if time.monotonic() > end:
            raise Unsupported("the run goes on")
        time.sleep(0.2)


def check_folder(folder, effects=None, losses=0, is_whole=True):
    """What is wrong with the run in a folder, which nobody is running; empty: nothing. Raises Unsupported where that
    cannot be said: of an EXPRESS run, or a damaged one."""
    if not os.path.exists(os.path.join(folder, "run.json")) or not os.path.isdir(os.path.join(folder, "journal")):
        return ""
    try:
        if load(os.path.join(folder, "run.json")).get("type") != "STANDARD":
            raise Unsupported("only STANDARD runs keep a history")
        definition = load(os.path.join(folder, "definition.json"))
    except (OSError, ValueError) as damage:
        raise Unsupported("damaged: %s" % damage) from None
    await_end(folder)
    rows = [json.loads(line) for line in export(folder, "export", "--jsonl").splitlines()]
    try:
        jobs = load(os.path.join(folder, "jobs.json"))
    except (FileNotFoundError, json.JSONDecodeError):  # an empty one: the run has no jobs
        jobs = {}
    log = read_log(effects) if effects else None

    def check_one(definition, execution):
        """`execution` None: the folder has no other than its own."""
        named = () if execution is None else ("--execution", execution)
        shown = export(folder, "history", "--json", *named)
        events = json.loads(shown)["events"] if shown.strip() else []
        its_own = lambda name: execution in (None, name)
        return check(definition, events, [row for row in rows if its_own(row["execution"])],
                     log and [effect for effect in log if its_own(effect.execution)], never_twice(definition, jobs), losses, is_whole)

    others = os.path.join(folder, "machines.json")
    if not os.path.exists(others):
        return check_one(definition, None)
    definitions = {name: json.loads(machine["definition"]) for name, machine in load(others).items()}
    for one in json.loads(export(folder, "list", "--json", "--max", "1000"))["executions"]:
        machine = definitions.get(one["stateMachineArn"].rsplit(":", 1)[1], definition)
        if wrong := check_one(machine, one["name"]):
            return "%s: %s" % (one["name"], wrong)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir")
    parser.add_argument("--definition")
    parser.add_argument("--history")
    parser.add_argument("--export")
    parser.add_argument("--effects")
    parser.add_argument("--losses", type=int, default=0)
    options = parser.parse_args()
    try:
        if options.dir:
            wrong = check_folder(options.dir, options.effects, options.losses)
        else:
            rows = None
            if options.export:
                with open(options.export) as file:
                    rows = [json.loads(line) for line in file]
            wrong = check(load(options.definition), load(options.history)["events"], rows,
                          read_log(options.effects) if options.effects else None, (), options.losses)
    except Unsupported as unsupported:
        print("cannot be judged: %s" % unsupported)
        return 2
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
