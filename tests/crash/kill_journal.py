#!/usr/bin/env python3
"""Kills a process that writes a journal (kill -9) at random moments, again and again, lets the next one go on, and checks
after every kill that all it had acknowledged is there, once and in order. A writer that acknowledges before the commit
must be found out.

  kill_journal.py WRITER [--kills N] [--seed S] [--keep]

About 0.15 s a kill. Exit status 0: all good."""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

EVENTS = 3000  # of one run
SHORTEST_MS, LONGEST_MS = 2, 150


class Run:
    """A run folder, what was acknowledged in it, and its writers."""

    def __init__(self, writer, folder, options=()):
        self.writer, self.folder, self.options = writer, folder, list(options)
        self.acks = folder + ".acks"
        self.clear()

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        open(self.acks, "w").close()

    def start(self):
        with open(self.acks, "ab") as acks:
            return subprocess.Popen([self.writer, "write", self.folder, str(EVENTS), *self.options], stdout=acks,
                                    stderr=subprocess.PIPE)

    def wait_for_ack(self, process):
        """Until the process has said something, so that the kill finds it at work and not at its start."""
        size = os.path.getsize(self.acks)
        while process.poll() is None and os.path.getsize(self.acks) == size:
            time.sleep(0.001)

    def check(self):
        """What is wrong; empty: nothing."""
        done = subprocess.run([self.writer, "check", self.folder, self.acks], capture_output=True, text=True, timeout=120)
        return "" if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


def kill_loop(run, kills, rng):
    """Problems that were found, and how often a writer came to the end."""
    problems, finished, killed = [], 0, 0
    while killed < kills:
        process = run.start()
        if rng.random() < 0.5:
            run.wait_for_ack(process)
        time.sleep(rng.uniform(SHORTEST_MS, LONGEST_MS) / 1000)
        ended = process.poll() is not None
        if not ended:
            process.send_signal(signal.SIGKILL)
            killed += 1
        errors = process.communicate()[1].decode(errors="replace").strip()
        if ended and process.returncode != 0:
            problems.append(f"after {killed} kills the writer stopped: {errors}")
            run.clear()
            continue
        wrong = run.check()
        if wrong:
            problems.append(f"after {killed} kills: {wrong}")
            run.clear()
        elif ended:
            finished += 1
            run.clear()
    return problems, finished


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folders")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    place = tempfile.mkdtemp(prefix="lockstep-kill-")

    problems, finished = kill_loop(Run(options.writer, place + "/run"), options.kills, rng)
    for problem in problems[:10]:
        print("FAIL", problem)
    print(f"{options.kills} kills, {finished} runs came to their end, {len(problems)} failures")

    control, _ = kill_loop(Run(options.writer, place + "/control", ["ack-early"]), max(20, options.kills // 10), rng)
    print(f"acknowledging before the commit: found out {len(control)} times")
    if not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    return 0 if not problems and control else 1


if __name__ == "__main__":
    sys.exit(main())
