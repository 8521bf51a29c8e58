#!/usr/bin/env python3
"""Kills whole runs (kill -9 of lockstep, its mpirun and ranks, and at times its jobs as well) at random moments, resumes
them, kills them again, and lets them come to their end. Every one must look as if nothing had happened:

  - the output and, up to times and the order of what is concurrent, the history are those of an undisturbed run
  - no task whose end was journalled begins again; what begins again had been in flight, and was scheduled in the journal
  - nothing of a killed run's jobs lives on; the journal is clean after each kill
  - the checker (tests/checker) allows history, dispatches and effects, after each kill and in the end

  kill_run.py [--kills N] [--seed S] [--jobs J] [--pipeline NAME] [--ranks N] [--keep] [--long]

Takes about 4 minutes on 2 cores (--long: 2,000 kills, 40 minutes). LOCKSTEP names the binary. A failure names the seed
of its chain; --seed with --chains 1 plays it again, as far as the clock allows. Exit status 0: all good."""
import argparse
import collections
import concurrent.futures
import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pipelines
from pipelines import Site, Wrong

PR_SET_CHILD_SUBREAPER = 36
SURVIVAL = 5  # seconds that the jobs of a killed run may take to be gone
CHAIN = 6     # kills of a run at most; then it is left to finish
RANKS = 3     # of the runs on ranks, which are one in seven
FACTS = ("kills", "runs", "reruns", "in_flight", "early", "on_ranks")


def descendants():
    """{pid: command} of all processes below this one; orphans come to it, too."""
    children, names = collections.defaultdict(list), {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as file:
                    head, rest = file.read().rsplit(")", 1)
            except OSError:
                continue
            fields = rest.split()
            if fields[0] != "Z":
                children[int(fields[1])].append(int(entry))
                names[int(entry)] = head.split("(", 1)[1]
    found, left = {}, list(children[os.getpid()])
    while left:
        pid = left.pop()
        found[pid] = names[pid]
        left += children[pid]
    return found


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def kill_tree(process, with_jobs):
    """Kills what belongs to Lockstep, or all. What is then left must go by itself."""
    binary = os.path.basename(pipelines.LOCKSTEP)[:15]
    process.send_signal(signal.SIGKILL)
    process.wait()
    while True:
        doomed = [pid for pid, name in descendants().items() if with_jobs or name in (binary, "mpirun", "orted", "orterun")]
        if not doomed:
            break
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
    deadline = time.monotonic() + SURVIVAL
    while descendants():
        reap()
        if time.monotonic() > deadline:
            left = descendants()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise Wrong("%d s after the kill these still ran: %s" % (SURVIVAL, left))
        time.sleep(0.01)
    reap()


def start(site, command):
    with open(os.path.join(site.folder, "out"), "wb") as out, open(os.path.join(site.folder, "err"), "wb") as err:
        return subprocess.Popen(command, cwd=site.folder, stdout=out, stderr=err)


def output(site, name="out"):
    with open(os.path.join(site.folder, name), errors="replace") as file:
        return file.read()


class Expected:
    """What an undisturbed run comes to."""

    def __init__(self, folder, pipeline):
        site = Site(folder, pipeline)
        began = time.monotonic()
        done = subprocess.run(site.run_command(), cwd=site.folder, capture_output=True, text=True, timeout=pipelines.TIMEOUT)
        self.seconds = time.monotonic() - began
        if done.returncode != 0:
            raise Wrong("%s alone: exit status %d: %s" % (pipeline, done.returncode, done.stderr))
        self.output = done.stdout
        self.history = pipelines.shape(site.history())
        self.tasks = collections.Counter(task for word, task, _ in site.log() if word == "begin")
        if max(self.tasks.values()) != 1:
            raise Wrong("%s: its tasks need different names" % pipeline)


class Chain:
    """One run, killed a few times, and brought to its end."""

    def __init__(self, folder, pipeline, expected, seed, ranks):
        self.site, self.expected = Site(folder, pipeline, ranks), expected
        self.random = random.Random(seed)
        self.facts = dict.fromkeys(FACTS, 0)
        self.over = set()      # tasks whose end is journalled
        self.counted = 0       # lines of the log that were looked at
        self.begun = collections.Counter()

    def play(self):
        facts, kills = self.facts, self.random.randint(1, CHAIN)
        span = self.expected.seconds + (0.8 if self.site.ranks else 0.0)
        while facts["kills"] < kills:
            process = start(self.site, self.site.resume_command() if facts["kills"] else self.site.run_command())
            # The later the run, the less is left of it.
            try:
                process.wait(self.random.uniform(0.002, span))
                self.inspect()
                self.finish(process.returncode)
                return facts
            except subprocess.TimeoutExpired:
                kill_tree(process, with_jobs=self.random.random() < 0.5)
            facts["kills"] += 1
            facts["on_ranks"] += self.site.ranks > 0
            self.inspect()
        process = start(self.site, self.site.resume_command())
        process.wait(pipelines.TIMEOUT)
        self.finish(process.returncode)
        return facts

    def look_at_log(self):
        """Tasks that began since the last look, checked against what the journal knew by then."""
        lines = self.site.log()
        began = [task for word, task, _ in lines[self.counted:] if word == "begin"]
        self.counted = len(lines)
        for task in began:
            if task in self.over:
                raise Wrong("%s began again, but its end had been journalled" % task)
            self.begun[task] += 1
            self.facts["reruns"] += self.begun[task] > 1

    def inspect(self):
        """After a kill."""
        self.look_at_log()
        if not os.path.exists(os.path.join(self.site.run_folder, "run.json")):
            self.facts["early"] += 1
            if self.begun:
                raise Wrong("tasks began before there was a run")
            return
        checked = self.site.call("fsck", "--dir", "run")
        if checked.returncode != 0:
            raise Wrong("fsck: exit status %d: %s %s" % (checked.returncode, checked.stdout[-800:], checked.stderr))
        events = self.site.history()
        self.site.check()
        scheduled, self.over = pipelines.tasks_of(events)
        for task in self.begun:
            key, attempt = task.split("#")
            if scheduled[key] <= int(attempt):
                raise Wrong("%s began, but the journal does not know that it was scheduled" % task)
        over = collections.Counter(task.split("#")[0] for task in self.over)
        self.facts["in_flight"] += sum(scheduled[key] - over[key] for key in scheduled)

    def finish(self, status):
        self.look_at_log()
        self.facts["runs"] = 1
        out = output(self.site)
        if status != 0 or out != self.expected.output:
            raise Wrong("in the end: exit status %d, output %r, not %r; %s" %
                        (status, out[-300:], self.expected.output[-300:], output(self.site, "err")[-600:]))
        events = self.site.history()
        self.site.check()
        found = pipelines.shape(events)
        if found != self.expected.history:
            raise Wrong("another history than undisturbed:\n    " + pipelines.difference(self.expected.history, found))
        if set(self.begun) != set(self.expected.tasks):
            raise Wrong("other tasks than undisturbed: %s" % (set(self.begun) ^ set(self.expected.tasks)))
        if self.facts["reruns"] > self.facts["in_flight"]:
            raise Wrong("%(reruns)d tasks began again, but only %(in_flight)d were in flight at the kills" % self.facts)
        again = self.site.call("resume", "--dir", "run")
        if (again.returncode, again.stdout) != (0, out):
            raise Wrong("a finished run, asked again, says %r, exit status %d" % (again.stdout[-300:], again.returncode))


def play_chain(folder, pipeline, expected, seed, ranks, keep):
    """In a process of its own: (what is wrong or "", facts)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    chain = Chain(folder, pipeline, expected, seed, ranks)
    wrong = ""
    try:
        chain.play()
    except (Wrong, subprocess.TimeoutExpired) as problem:
        wrong = str(problem)
    finally:
        for pid in descendants():
            os.kill(pid, signal.SIGKILL)
        reap()
    if not wrong and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return wrong, chain.facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--chains", type=int, default=0, help="so many runs instead, however often each is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the first chain; random unless given")
    parser.add_argument("--jobs", type=int, default=2, help="chains at a time")
    parser.add_argument("--pipeline", choices=sorted(pipelines.PIPELINES))
    parser.add_argument("--ranks", type=int)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave all folders, not only those of failures")
    options = parser.parse_args()
    if options.long:
        options.kills = max(options.kills, 2000)
    seed = options.seed or random.SystemRandom().randrange(1, 10**9)
    place = tempfile.mkdtemp(prefix="lockstep-kill-run-")
    began = time.monotonic()
    names = [options.pipeline] if options.pipeline else sorted(pipelines.PIPELINES)
    expected = {name: Expected(os.path.join(place, name), name) for name in names}

    def choose(number):
        chooser = random.Random("%d chain" % number)
        ranks = RANKS if chooser.random() < 1 / 7 else 0
        return chooser.choice(names), ranks if options.ranks is None else options.ranks

    total, failures = collections.Counter(), 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        running, chains = {}, 0
        while True:
            while len(running) < options.jobs and (chains < options.chains if options.chains else total["kills"] < options.kills):
                name, ranks = choose(seed + chains)
                folder = os.path.join(place, "chain-%d" % (seed + chains))
                running[pool.submit(play_chain, folder, name, expected[name], seed + chains, ranks, options.keep)] = (seed + chains, name, ranks)
                chains += 1
            if not running:
                break
            for done in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
                number, name, ranks = running.pop(done)
                wrong, facts = done.result()
                total.update(facts)
                if wrong:
                    failures += 1
                    again = "--seed %d --chains 1" % number
                    again += " --pipeline %s" % options.pipeline if options.pipeline else ""
                    again += " --ranks %d" % options.ranks if options.ranks is not None else ""
                    print("FAIL %s, %s ranks (%s; left in %s/chain-%d): %s" % (name, ranks or "no", again, place, number, wrong), flush=True)
    print("%(kills)d kills (%(on_ranks)d on ranks, %(early)d before there was a run), %(runs)d runs came to their end, "
          "%(in_flight)d tasks were in flight, %(reruns)d ran again" % {fact: total[fact] for fact in FACTS}
          + "; seed %d, %.0f s; %d failures" % (seed, time.monotonic() - began, failures))
    if not failures and not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
