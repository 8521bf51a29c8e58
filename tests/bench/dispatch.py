"""The figures of scripts/bench dispatch: engine, dispatch and idle fleet, each beside its floor and its peers.

Every figure is the median of its rounds. A round measures all of them one after another, so that what else the machine
does falls on all alike: the ratios count."""
import csv
import datetime
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import peers

LOCKSTEP = os.environ["LOCKSTEP"]
FLOOR = os.environ["FLOOR"]
TICKS = os.sysconf("SC_CLK_TCK")

# The engine without the journal: it keeps only the start and the end of such a run.
ALONE = ("--type", "EXPRESS")

# How many of each; a peer that is much slower does fewer of them.
TURNS = 1_000_000
PEER_TURNS = 20_000
NOOPS = 100_000
PEER_NOOPS = 10_000
ITEMS = 100_000
PEER_ITEMS = 10_000
PROCESSES = 6_000


def loop(turns):
    return {"StartAt": "P", "States": {
        "P": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": turns, "Next": "P"}], "Default": "E"},
        "E": {"Type": "Succeed"}}}


def each(processor):
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": processor}}}


def task(resource):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True}}}


PASSES = each({"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Next": "C"},
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.v", "NumericGreaterThanEquals": 0, "Next": "B"}], "Default": "B"},
    "B": {"Type": "Pass", "End": True}}})
JOBS = {"jobs": [{"resource": "job:noop", "builtin": "noop"}, {"resource": "job:true", "exec": ["/bin/true"]},
                 {"resource": "job:now", "exec": ["date", "+%s.%N"]}]}


def records(count):
    return [{"v": n + 1} for n in range(count)]


class Bench:
    def __init__(self, work):
        self.work = work

    def command(self, definition, value, *arguments):
        shutil.rmtree(self.work + "/run", ignore_errors=True)
        for name, content in (("machine.asl.json", definition), ("jobs.json", JOBS), ("input.json", value)):
            with open(os.path.join(self.work, name), "w") as file:
                json.dump(content, file)
        return [LOCKSTEP, "run", self.work + "/machine.asl.json", "--input", self.work + "/input.json", "--dir", self.work + "/run",
                "--quiet", *arguments]

    def run(self, *arguments):
        return peers.seconds(self.command(*arguments))

    def rate(self, count, *arguments):
        """Per second, the start of everything left out: that has a row of its own."""
        ranks = arguments[2:] if "--ranks" in arguments else ()
        return count / max(self.run(*arguments) - self.run(each(task("job:noop")), [], *ranks), 1e-6)

    # Floors

    def spawn(self):
        return self.floor("spawn", str(PROCESSES))

    def sync(self):
        return self.floor("sync", self.work + "/sync", "1000")

    def ping(self):
        return self.floor("ping", "200000", launcher=["mpirun", "--oversubscribe", "-n", "2"])

    def empty_mpirun(self):
        return peers.seconds(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "3", FLOOR, "empty"], env=peers.MPI)

    @staticmethod
    def floor(*arguments, launcher=()):
        return float(subprocess.run([*launcher, FLOOR, *arguments], check=True, capture_output=True, text=True, env=peers.MPI).stdout)

    # Figures that are not rates

    def first_task(self, *arguments):
        """Seconds from the start of everything to that of the first process."""
        began = time.time()
        out = subprocess.run(self.command(task("job:now"), None, *arguments), check=True, capture_output=True, text=True).stdout
        return float(out) - began

    def idle_latency(self):
        """Milliseconds from the end of a Wait to the start of its task, on ranks that had nothing to do: the median of many."""
        first = time.time() + 3
        due = [first + 0.3 * n + 0.007 * (n % 10) for n in range(20)]
        times = [{"t": datetime.datetime.utcfromtimestamp(t).isoformat(timespec="milliseconds") + "Z"} for t in due]
        waits = each({"StartAt": "W", "States": {"W": {"Type": "Wait", "TimestampPath": "$.t", "Next": "T"},
                                                 "T": {"Type": "Task", "Resource": "job:true", "End": True}}})
        subprocess.run(self.command(waits, times, "--ranks", "3"), check=True, stdout=subprocess.DEVNULL)
        table = subprocess.run([LOCKSTEP, "export", "--csv", "--dir", self.work + "/run"], check=True, capture_output=True, text=True).stdout
        delays = []
        for row in csv.DictReader(table.splitlines()):
            started = datetime.datetime.fromisoformat(row["started"].replace("Z", "+00:00")).timestamp()
            delays.append(1000 * (started - round(due[int(row["item"])], 3)))
        return statistics.median(delays)

    def idle_cost(self):
        """Percent of a core that a rank takes while the run waits, of the rank that takes most."""
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
        process = subprocess.Popen(self.command(wait, None, "--ranks", "3"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            ranks = []
            while len(ranks) < 3 and time.monotonic() < deadline:
                time.sleep(0.1)
                ranks = [rank for launcher in children(process.pid) for rank in children(launcher)]
            time.sleep(1)
            before = [cpu_seconds(rank) for rank in ranks]
            began = time.monotonic()
            time.sleep(4)
            spent = time.monotonic() - began
            return max(100 * (cpu_seconds(rank) - cpu) / spent for rank, cpu in zip(ranks, before))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def children(pid):
    found = []
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
            found += map(int, file.read().split())
    return found


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def figures(work):
    bench = Bench(work)
    numbers, few = list(range(NOOPS)), list(range(PROCESSES))
    noops, trues = each(task("job:noop")), each(task("job:true"))
    two_ranks = ["--ranks", "3", "--slots", "1"]

    def peer_asl(count, definition, value):
        took = peers.aws_local_stepfunctions(work, definition, value)
        return None if took is None else count / took

    return {
        "loop": ("Pass and Choice, turns/s", lambda: bench.rate(TURNS, loop(TURNS), {"n": 0}, *ALONE)),
        "loop standard": ("  with the journal", lambda: bench.rate(TURNS, loop(TURNS), {"n": 0})),
        "asl loop": ("  aws-local-stepfunctions", lambda: peer_asl(PEER_TURNS, loop(PEER_TURNS), {"n": 0})),
        "items": ("Map of Pass, Choice, Pass, items/s", lambda: bench.rate(ITEMS, PASSES, records(ITEMS), *ALONE)),
        "items standard": ("  with the journal", lambda: bench.rate(ITEMS, PASSES, records(ITEMS))),
        "asl items": ("  aws-local-stepfunctions", lambda: peer_asl(PEER_ITEMS, PASSES, records(PEER_ITEMS))),
        "noop": ("no-op tasks, this process, /s", lambda: bench.rate(NOOPS, noops, numbers)),
        "noop ranks": ("no-op tasks, 2 worker ranks, /s", lambda: bench.rate(NOOPS, noops, numbers, "--ranks", "3")),
        "noop ranks none": ("  --sync none", lambda: bench.rate(NOOPS, noops, numbers, "--ranks", "3", "--sync", "none")),
        "ping": ("  floor: MPI round trips, one outstanding, /s", bench.ping),
        "mpi4py": ("  mpi4py.futures, chunksize 1", lambda: peers.mpi4py_futures(work, PEER_NOOPS)),
        "true": ("/bin/true, 2 slots, /s", lambda: bench.rate(PROCESSES, trues, few, "--slots", "2")),
        "true none": ("  --sync none", lambda: bench.rate(PROCESSES, trues, few, "--slots", "2", "--sync", "none")),
        "true ranks": ("/bin/true, 2 worker ranks of 1 slot, /s", lambda: bench.rate(PROCESSES, trues, few, *two_ranks)),
        "true ranks none": ("  --sync none", lambda: bench.rate(PROCESSES, trues, few, *two_ranks, "--sync", "none")),
        "spawn": ("  floor: posix_spawn + pipes, 2 threads, /s", bench.spawn),
        "make": ("  make -j2", lambda: peers.make(work, PROCESSES)),
        "ninja": ("  ninja -j2", lambda: peers.ninja(work, PROCESSES)),
        "xargs": ("  xargs -P2", lambda: peers.xargs(work, PROCESSES)),
        "first": ("start to first task, this process, s", bench.first_task),
        "first ranks": ("start to first task, 2 worker ranks, s", lambda: bench.first_task("--ranks", "3")),
        "empty": ("  floor: an empty MPI program on 3 ranks, s", bench.empty_mpirun),
        "latency": ("idle ranks: end of a Wait to start of its task, ms", bench.idle_latency),
        "idle": ("idle ranks: of a core, the busiest, %", bench.idle_cost),
        "sync": ("floor: pwrite + fdatasync, /s", bench.sync),
    }


# Each figure, beside what it is compared with, and what the ratio is to reach.
RATIOS = (
    ("loop", "asl loop", 50), ("items", "asl items", 50), ("noop ranks", "ping", 0.1), ("noop ranks", "mpi4py", 25),
    ("true", "spawn", 0.9), ("true", "make", 1), ("true", "ninja", 1), ("true", "xargs", 1), ("true", "true none", 0.9),
    ("true ranks", "spawn", 0.9), ("true ranks", "true ranks none", 0.9),
)


def report(work, rounds, wanted):
    table = figures(work)
    chosen = {key: value for key, value in table.items() if not wanted or key in wanted}
    found = {key: [] for key in chosen}
    for n in range(rounds):
        for key, (_, measure) in chosen.items():
            print("round %d of %d: %-60s" % (n + 1, rounds, table[key][0].strip()), end="\r", file=sys.stderr, flush=True)
            found[key].append(measure())
    print(" " * 78, end="\r", file=sys.stderr)
    for key, (name, _) in chosen.items():
        values = found[key]
        if None in values:
            print("%-52s %12s" % (name, "not installed"))
        elif statistics.median(values) < 100:
            print("%-52s %12.2f" % (name, statistics.median(values)))
        else:
            print("%-52s %12.0f" % (name, statistics.median(values)))
    print()
    for ours, other, goal in RATIOS:
        if ours in found and other in found and None not in found[other]:
            ratio = statistics.median(a / b for a, b in zip(found[ours], found[other]))
            print("%-40s / %-42s %8.2f  (to reach: %s)" % (table[ours][0].strip(), table[other][0].strip(), ratio, goal))
    if "first ranks" in found and "empty" in found:
        more = statistics.median(a - b for a, b in zip(found["first ranks"], found["empty"]))
        print("%-85s %8.2f  (to reach: 0.3)" % ("start to first task on ranks, more than an empty MPI program, s", more))


if __name__ == "__main__":
    report(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
