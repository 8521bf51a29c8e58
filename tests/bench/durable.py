"""The figures of scripts/bench durable: what it costs that nothing is lost, beside the disk's floor and DBOS on PostgreSQL.

A round measures its figures one after another, so that what else the machine does falls on all alike: the ratios count."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import peers
from dispatch import FLOOR, LOCKSTEP, Bench, each, loop, task

ROUNDS = 3
CHAIN = 10_000
PEER_CHAIN = 1_000
EVENTS = 1_000_000
SUSTAINED = 60  # seconds


def chain(steps):
    """Durable tasks one after another, and a counter."""
    return {"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "job:noop", "ResultPath": None, "Next": "P"},
        "P": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": steps, "Next": "T"}], "Default": "E"},
        "E": {"Type": "Succeed"}}}


def burn():
    """A process for each item, each with a tenth of a second of work: what durability adds to it."""
    return each(task("job:burn"))


class Durable(Bench):
    def __init__(self, work):
        super().__init__(work)
        self.jobs = {"jobs": [{"resource": "job:noop", "builtin": "noop"},
                              {"resource": "job:burn", "exec": ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]}]}

    def command(self, definition, value, *arguments):
        made = super().command(definition, value, *arguments)
        with open(os.path.join(self.work, "jobs.json"), "w") as file:
            json.dump(self.jobs, file)
        return made

    def syncs(self):
        return self.floor("sync", self.work + "/sync", "3000")

    def transitions(self, seconds):
        """Choice and Pass, a second, sustained; the number of turns is set by a short run before."""
        rate = 200_000 / self.run(loop(200_000), {"n": 0})
        turns = int(rate * seconds)
        return 2 * turns / self.run(loop(turns), {"n": 0})

    def chain(self):
        return CHAIN / self.run(chain(CHAIN), {"n": 0})

    def chain_on_ranks(self):
        """A worker on another rank: a message each way as well."""
        return self.rate(CHAIN, chain(CHAIN), {"n": 0}, "--ranks", "2")

    def burning(self, sync):
        return self.run(burn(), list(range(60)), "--slots", "2", "--sync", sync)

    def recovery(self):
        """Seconds from `resume` until a run with a million events of history goes on, after kill -9."""
        turns = EVENTS // 4  # a turn is two states, each entered and left
        machine = loop(turns)
        machine["States"]["E"] = {"Type": "Wait", "Seconds": 3600, "End": True}
        command = self.command(machine, {"n": 0})
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while json.loads(self.status()).get("journalEvents", 0) < 4 * turns:
            time.sleep(0.5)
        process.kill()
        process.wait()
        began = time.monotonic()
        again = subprocess.Popen([LOCKSTEP, "resume", "--dir", self.work + "/run"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = again.stderr.readline()
        took = time.monotonic() - began
        again.send_signal(signal.SIGKILL)
        again.communicate()
        assert "goes on after event" in line, line
        return took

    def status(self):
        done = subprocess.run([LOCKSTEP, "status", "--json", "--dir", self.work + "/run"], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else "{}"


class Dbos:
    """A PostgreSQL of its own, for as long as the bench takes."""

    def __init__(self, work):
        self.place = os.path.join(work, "postgresql")
        self.programs = "/usr/lib/postgresql/15/bin/"
        self.here = os.path.isdir(work + "/node_modules/@dbos-inc/dbos-sdk") and os.path.exists(self.programs + "initdb")
        self.modules = work + "/node_modules"

    def __enter__(self):
        if self.here:
            shutil.rmtree(self.place, ignore_errors=True)
            os.makedirs(self.place)
            if os.getuid() == 0:
                shutil.chown(self.place, "postgres")
            self.call("initdb", "-D", self.place + "/data", "-A", "trust", "-U", "bench")
            # A socket's path may not be long.
            self.socket = "/tmp/lockstep-bench-%d" % os.getpid()
            os.makedirs(self.socket)
            os.chmod(self.socket, 0o777)
            self.call("pg_ctl", "-D", self.place + "/data", "-o", "-k %s -c listen_addresses=" % self.socket, "-l", self.place + "/log", "-w", "start")
        return self

    def __exit__(self, *_):
        if self.here:
            self.call("pg_ctl", "-D", self.place + "/data", "-m", "fast", "stop")
            shutil.rmtree(self.socket, ignore_errors=True)

    def call(self, program, *arguments):
        who = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*who, self.programs + program, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def chain(self):
        if not self.here:
            return None
        url = "postgresql://bench@localhost/dbos?host=" + self.socket
        command = ["node", peers.HERE + "/dbos_peer.cjs", url, str(PEER_CHAIN)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ, NODE_PATH=self.modules))
        return float(done.stdout)


def show(name, value, unit, more=""):
    text = "not installed" if value is None else "%.2f" % value if value < 100 else "%.0f" % value
    print("%-58s %13s %-4s %s" % (name, text, unit, more), flush=True)


def main(work):
    bench = Durable(work)
    rounds = []
    with Dbos(work) as dbos:
        for _ in range(ROUNDS):
            rounds.append({"sync": bench.syncs(), "chain": bench.chain(), "dbos": dbos.chain(), "ranks": bench.chain_on_ranks(),
                           "group": bench.burning("group"), "none": bench.burning("none"), "resume": bench.recovery()})

    def median(key):
        values = [one[key] for one in rounds]
        return None if None in values else statistics.median(values)

    def ratio(a, b, goal):
        if median(b) is None:
            return ""
        return "%.2f (to reach: %s)" % (statistics.median(one[a] / one[b] for one in rounds), goal)

    show("floor: pwrite + fdatasync into zeroed space", median("sync"), "/s")
    show("durable tasks, one after another", median("chain"), "/s", "of the floor: " + ratio("chain", "sync", "0.3"))
    show("  on a worker rank", median("ranks"), "/s", "of the floor: " + ratio("ranks", "sync", "0.3"))
    show("  DBOS on PostgreSQL, steps of a workflow", median("dbos"), "/s", "ours is more by " + ratio("chain", "dbos", "5") if median("dbos") else "")
    show("60 processes, --sync group", median("group"), "s", "of --sync none: " + ratio("group", "none", "at most 1.1"))
    show("resume of a run with %d events" % EVENTS, median("resume"), "s", "(to reach: at most 1)")
    show("durable Choice and Pass, sustained for %d s" % SUSTAINED, bench.transitions(SUSTAINED), "/s", "(to reach: 100000)")
    shutil.rmtree(work + "/run", ignore_errors=True)
    print()
    subprocess.run([os.environ["JOURNAL_BENCH"], work + "/journal"], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
