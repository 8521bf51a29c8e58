#!/usr/bin/env python3
"""Records whole runs, and rebuilds what a power loss at many moments could have left of their run folders. Every such
folder must pass fsck and be recovered to a beginning of what really happened, in which all is found that the world had
seen: every task that began was scheduled, and a result that was printed is the journal's. Of a sample the real binary
goes on to the end. The runs that go on are recorded themselves, and cut off as well.

Controls, which must be found out: the same with --sync none, and with a disk that forgets names although folders were
synced.

  power_loss_run.py --recorder SO --checker PROGRAM [--points N] [--resumed N] [--seed S] [--keep]

About 2 minutes on 2 cores. LOCKSTEP names the binary. Exit status 0: all good."""
import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import pipelines
import power_loss
from pipelines import Site, Wrong

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # images are many


class Checker:
    """journal_checker, one process for thousands of folders."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def look(self, folder):
        self.process.stdin.write(folder + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the checker died at " + folder)
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Recording:
    """A run, or what a resume made of `site`, operation by operation."""

    def __init__(self, recorder, site, options=(), resume=False):
        self.site = site
        self.base = site.folder + ".base"
        with open(site.log_path) as file:
            self.before = file.read() if resume else ""
        if resume:
            shutil.rmtree(self.base, ignore_errors=True)
            shutil.copytree(site.run_folder, self.base)
        log = site.folder + ".recording"
        if os.path.exists(log):
            os.remove(log)
        out_path = os.path.join(site.folder, "out")
        environment = dict(os.environ, LD_PRELOAD=recorder, RECORD_DIR=site.run_folder, RECORD_LOG=log)
        with open(out_path, "wb") as out:
            command = site.resume_command(*options) if resume else site.run_command(*options)
            done = subprocess.run(command, cwd=site.folder, env=environment, stdout=out, stderr=subprocess.PIPE, timeout=pipelines.TIMEOUT)
        if done.returncode != 0:
            raise Wrong("recording: exit status %d: %s" % (done.returncode, done.stderr.decode()))
        self.operations = power_loss.read_log(log)
        os.remove(log)
        self.out, self.log = os.stat(out_path).st_ino, os.stat(site.log_path).st_ino
        with open(out_path) as file:
            self.output = file.read()
        self.resumed = resume

    def disk(self, sync_folders=True):
        return power_loss.Disk(self.base if self.resumed else None, sync_folders)

    def told(self, disk):
        """(the log of the tasks that had begun, what had been printed) by now."""
        return self.before + disk.told.get(self.log, b"").decode(), disk.told.get(self.out, b"").decode()


def begun_in(log):
    return [task for word, task, _ in map(pipelines.words_of, log.splitlines()) if word == "begin"]


def check(checker, place, files, log, printed, truth):
    """What is wrong with an image; empty: nothing. Leaves it recovered."""
    begun = begun_in(log)
    if "run.json" not in files:
        return "no run.json, but tasks %s had begun" % begun if begun or printed else ""
    found = checker.look(place)
    if "error" in found:
        return found["error"]
    scheduled = collections.Counter(json.loads(parameters)["key"] for parameters in found["scheduled"])
    for task in begun:
        key, attempt = task.split("#")
        if scheduled[key] <= int(attempt):
            return "%s had begun, but was never scheduled" % task
    if printed and found.get("ended", "") + "\n" != printed:
        return "a result was printed, but the journal has none"
    # The first events of the real history; after a power loss during a resume they branch off from it.
    if truth is not None and found["digest"] != truth[:len(found["digest"])]:
        return "other events than really happened"
    return ""


def finish(place, folder, pipeline, expected, before):
    """The real binary takes an image to its end."""
    site = Site(folder, pipeline)
    if os.path.exists(os.path.join(place, "run.json")):
        # Its jobs are where they were when it was recorded, and so is what they say.
        site.log_path = os.path.join(os.path.dirname(folder), pipeline, "tasks.log")
    shutil.copytree(place, site.run_folder)
    with open(site.log_path, "w") as log:
        log.write(before)
    for command in (["fsck"], ["status", "--json"]):
        done = site.call(*command, "--dir", "run")
        if done.returncode != 0 and os.path.exists(os.path.join(site.run_folder, "run.json")):
            return "%s: exit status %d: %s %s" % (command[0], done.returncode, done.stdout[-500:], done.stderr)
    _, over = pipelines.tasks_of(site.history())
    done = subprocess.run(site.resume_command(), cwd=site.folder, capture_output=True, text=True, timeout=pipelines.TIMEOUT)
    if (done.returncode, done.stdout) != (0, expected.output):
        return "resumed: exit status %d, output %r; %s" % (done.returncode, done.stdout[-300:], done.stderr)
    with open(site.log_path) as log:
        again = set(begun_in(log.read()[len(before):])) & over
    if again:
        return "these had ended, but ran again: %s" % again
    events = site.history()
    try:
        site.check()
    except Wrong as wrong:
        return "resumed: %s" % wrong
    if pipelines.shape(events) != expected.history:
        return "resumed: another history:\n    " + pipelines.difference(expected.history, pipelines.shape(events))
    shutil.rmtree(folder, ignore_errors=True)
    return ""


class Test:
    def __init__(self, options, place):
        self.options, self.place = options, place
        self.random = random.Random(options.seed)
        self.checker = Checker(options.checker)
        self.numbers = collections.Counter()
        self.failures = []

    def points(self, recording, count, policies=power_loss.POLICIES, sync_folders=True, truth=None, resume=(0, "", None)):
        """Checks `count` images; returns what was wrong with them. `resume`: (of how many the real binary makes an end,
        its pipeline, what is expected)."""
        wrong = []
        operations = recording.operations
        moments = max(1, count // len(policies))
        chosen = set(self.random.sample(range(1, len(operations) + 1), min(moments, len(operations))))
        every = max(1, len(chosen) * len(policies) // resume[0]) if resume[0] else 0
        disk, seen = recording.disk(sync_folders), 0
        for index, operation in enumerate(operations, 1):
            disk.feed(operation)
            if index not in chosen:
                continue
            log, printed = recording.told(disk)
            for policy in policies:
                image = os.path.join(self.place, "image")
                shutil.rmtree(image, ignore_errors=True)
                folders, files = disk.image(policy, self.random)
                power_loss.build(folders, files, image)
                goes_on = every and seen % every == 0
                if goes_on:
                    shutil.copytree(image, image + ".whole")
                problem = check(self.checker, image, files, log, printed, truth)
                if goes_on and not problem:
                    problem = finish(image + ".whole", os.path.join(self.place, "end"), resume[1], resume[2], log)
                    self.numbers["resumed"] += 1
                shutil.rmtree(image + ".whole", ignore_errors=True)
                seen += 1
                if problem:
                    wrong.append("operation %d of %d, %s: %s" % (index, len(operations), policy, problem))
                    if self.options.keep:
                        shutil.copytree(image, os.path.join(self.place, "bad-%d-%s" % (index, policy)), dirs_exist_ok=True)
        self.numbers["images"] += seen
        return wrong

    def truth(self, site):
        copy = os.path.join(self.place, "truth")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(site.run_folder, copy)
        return self.checker.look(copy)["digest"]

    def play(self, pipeline, points, resumed):
        """A run that is recorded, cut off, and resumed; and the same of a resume."""
        import kill_run
        folder = os.path.join(self.place, pipeline)
        expected = kill_run.Expected(folder + "-alone", pipeline)
        first = Recording(self.options.recorder, Site(folder, pipeline))
        sizes = [len(first.operations)]
        self.failures += self.points(first, points * 2 // 3, truth=self.truth(first.site), resume=(resumed * 2 // 3, pipeline, expected))
        # The folder as a power loss half-way left it, and its recovery.
        half = first.disk()
        for operation in first.operations[:int(len(first.operations) * self.random.uniform(0.4, 0.7))]:
            half.feed(operation)
        told, _ = first.told(half)
        site = Site(folder, pipeline)
        power_loss.build(*half.image("prefix", self.random), site.run_folder)
        with open(site.log_path, "w") as log:
            log.write(told)
        second = Recording(self.options.recorder, site, resume=True)
        if second.output != expected.output:
            self.failures.append("the recorded resume printed %r" % second.output)
        sizes.append(len(second.operations))
        self.failures += self.points(second, points // 3, truth=self.truth(site), resume=(resumed // 3, pipeline, expected))
        print("%s: %d operations recorded, %d of its resume" % (pipeline, *sizes), flush=True)

    def every(self, pipeline, points):
        """The same with a sync for each event by itself."""
        recording = Recording(self.options.recorder, Site(os.path.join(self.place, "every"), pipeline), ["--sync", "every"])
        self.failures += ["--sync every: " + problem for problem in self.points(recording, points, truth=self.truth(recording.site))]

    def controls(self, pipeline, points):
        """What must be found out: [(what, how often)]."""
        before = self.numbers.copy()
        folder = os.path.join(self.place, "control")
        lazy = Recording(self.options.recorder, Site(folder, pipeline), ["--sync", "none"])
        found = [("--sync none", len(self.points(lazy, points, ("none", "prefix", "random"))))]
        right = Recording(self.options.recorder, Site(folder, pipeline))
        found.append(("no sync of folders", len(self.points(right, points, ("none", "nodir"), sync_folders=False))))
        # A kill leaves what was written, synced or not.
        killed = self.points(lazy, points, ("all",))
        self.failures += ["--sync none, killed: " + problem for problem in killed]
        self.numbers = before
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--checker", required=True)
    parser.add_argument("--points", type=int, default=700, help="images that are checked")
    parser.add_argument("--resumed", type=int, default=72, help="of them, how many go on to the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep images that are not as they must be")
    options = parser.parse_args()
    options.seed = options.seed or random.SystemRandom().randrange(1, 10**9)
    place = tempfile.mkdtemp(prefix="lockstep-power-loss-", dir=MEMORY)
    began = time.monotonic()
    test = Test(options, place)
    chosen = ("caught", "fan_out", "loop")
    for pipeline in chosen:
        test.play(pipeline, options.points // len(chosen) + 10, options.resumed // len(chosen))
    test.every("loop", 60)
    controls = test.controls("loop", 60)
    test.checker.close()
    for problem in test.failures[:10]:
        print("FAIL", problem)
    for what, count in controls:
        print("%s: found out %d times" % (what, count))
    print("%d images after a power loss, %d of them resumed to the end; seed %d, %.0f s; %d failures" %
          (test.numbers["images"], test.numbers["resumed"], options.seed, time.monotonic() - began, len(test.failures)))
    if not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    good = not test.failures and all(count for _, count in controls)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
