#!/usr/bin/env python3
"""Breaks the disk under whole runs of the real binary, at each of their operations in turn: it is full from there on, or
one operation fails as of a broken disk. The run must stop with exit status 74 and one clear line, or not have needed
what failed; and once the disk is well a resume must bring it to the end as if nothing had happened: same output, same
history, nothing done twice.

  disk_fault_run.py --breaker SO [--points N] [--seed S] [--keep] [--long]

About 60 s on 2 cores (--long: every operation). LOCKSTEP names the binary. Exit status 0: all good."""
import argparse
import collections
import concurrent.futures
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import pipelines
from kill_run import Chain, Expected, output
from pipelines import Site, Wrong


class BrokenRun(Chain):
    """One run on a disk that breaks at operation `at`, and its resume."""

    def play(self, breaker, at, number):
        told = os.path.join(self.site.folder, "told")
        environment = dict(os.environ, LD_PRELOAD=breaker, RECORD_DIR=self.site.run_folder, BREAK_AT=str(at), BREAK_WITH=str(number), BREAK_TOLD=told)
        with open(os.path.join(self.site.folder, "out"), "wb") as out, open(os.path.join(self.site.folder, "err"), "wb") as err:
            done = subprocess.run(self.site.run_command(), cwd=self.site.folder, env=environment, stdout=out, stderr=err, timeout=pipelines.TIMEOUT)
        text = output(self.site, "err")
        lines = [line for line in text.splitlines() if line.startswith("lockstep: ")]
        if lines != text.splitlines():
            raise Wrong("not all it says is a message of its own: %r" % text)
        if not os.path.exists(told):
            return "over"  # it had fewer operations
        if done.returncode == 0:
            # What failed was not needed: a log, a checkpoint, a file that is only removed to save space.
            self.finish(0)
            return "unharmed"
        if done.returncode not in (73, 74):
            raise Wrong("exit status %d: %s" % (done.returncode, text))
        if not any(os.strerror(number) in line and self.names_a_file(line) for line in lines):
            raise Wrong("no line says what failed where and why: %r" % text)
        if len(lines) > 4:
            raise Wrong("too many words: %r" % text)
        self.inspect()
        with open(os.path.join(self.site.folder, "out"), "wb") as out, open(os.path.join(self.site.folder, "err"), "wb") as err:
            again = subprocess.run(self.site.resume_command(), cwd=self.site.folder, stdout=out, stderr=err, timeout=pipelines.TIMEOUT)
        self.finish(again.returncode)
        return "stopped"

    @staticmethod
    def names_a_file(line):
        return "run/" in line or "run:" in line or "run folder" in line or line.rstrip().endswith("/run")


def count_operations(folder, pipeline, breaker):
    """Of an undisturbed run."""
    site = Site(folder, pipeline)
    told = os.path.join(folder, "count")
    environment = dict(os.environ, LD_PRELOAD=breaker, RECORD_DIR=site.run_folder, BREAK_AT=str(10**9), BREAK_WITH="5", BREAK_COUNT=told)
    subprocess.run(site.run_command(), cwd=folder, env=environment, check=True, capture_output=True, timeout=pipelines.TIMEOUT)
    with open(told) as file:
        return int(file.read())


def play(folder, pipeline, expected, breaker, at, number, keep):
    run = BrokenRun(folder, pipeline, expected, at, 0)
    try:
        came, wrong = run.play(breaker, at, number), ""
    except (Wrong, subprocess.TimeoutExpired) as problem:
        came, wrong = "wrong", "%s, operation %d, %s: %s" % (pipeline, at, errno.errorcode[number], problem)
    if not wrong and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return came, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--breaker", required=True)
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 10**9)
    chooser = random.Random(seed)
    place = tempfile.mkdtemp(prefix="lockstep-disk-fault-")
    began = time.monotonic()
    names = ("caught", "fan_out", "loop")
    expected = {name: Expected(os.path.join(place, name), name) for name in names}
    counts = {name: count_operations(os.path.join(place, name + "-counted"), name, options.breaker) for name in names}
    points = [(name, at, number) for name in names for at in range(1, counts[name] + 1) for number in (errno.ENOSPC, errno.EIO)]
    if not options.long:
        # All operations of the beginning, where the folder is made, for one of them; of the rest a sample.
        first = [point for point in points if point[0] == "loop" and point[1] <= 12]
        points = first + chooser.sample([point for point in points if point not in first], max(0, options.points - len(first)))
    came, failures = collections.Counter(), []
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        running = [pool.submit(play, os.path.join(place, "run-%d" % index), name, expected[name], options.breaker, at, number, options.keep)
                   for index, (name, at, number) in enumerate(points)]
        for one in running:
            what, wrong = one.result()
            came[what] += 1
            if wrong:
                failures.append(wrong)
    for wrong in failures[:10]:
        print("FAIL", wrong)
    print("%d runs on disks that broke: %d stopped and were resumed, %d unharmed, %d over before; seed %d, %.0f s; %d failures" %
          (len(points), came["stopped"], came["unharmed"], came["over"], seed, time.monotonic() - began, len(failures)))
    if not options.keep and not failures:
        shutil.rmtree(place, ignore_errors=True)
    return 0 if not failures and came["stopped"] >= len(points) / 4 else 1


if __name__ == "__main__":
    sys.exit(main())
