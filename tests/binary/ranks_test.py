"""Ranks that die, stop or are missed: the run goes on without a worker, and nothing outlives rank 0."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

from lockstep_case import LOCKSTEP, LockstepCase, is_running

PATIENCE = "0.05"  # of LOCKSTEP_PATIENCE: silences of 30 s become 1.5 s


class Ranks(LockstepCase):
    def begin(self, job, items=12, arguments=()):
        """Starts a Map over a job's tasks on three ranks; `ranks` is its pids by rank, once all have begun."""
        self.write("jobs.json", {"jobs": [{"resource": "job:j", "exec": ["sh", "-c", job]}]})
        self.write("machine.asl.json", {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": self.task("job:j")}}})
        self.items = list(range(items))
        self.process = subprocess.Popen(
            [LOCKSTEP, "run", "machine.asl.json", "--dir", self.path("run"), "--input", json.dumps(self.items), "--ranks", "3", "--quiet",
             *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, LOCKSTEP_PATIENCE=PATIENCE))
        self.addCleanup(self.process.kill)
        deadline = time.monotonic() + 60
        while len(self.workers()) < 2:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(self.process.poll(), self.process.stderr.read() if self.process.poll() is not None else "")
            time.sleep(0.05)
        # Rank 0 is the workers' sibling that is none of them.
        mpirun = parent(self.workers()[1])
        self.ranks = dict(self.workers())
        self.ranks[0] = next(pid for pid in children(mpirun) if pid not in self.ranks.values() and name(pid) == "lockstep")

    def workers(self):
        """By rank, from the tasks themselves: each writes its rank, its parent and its own pid."""
        found = {}
        for entry in os.listdir(self.folder):
            if entry.startswith("began-"):
                _, rank, worker, _ = entry.split("-")
                found[int(rank)] = int(worker)
        return found

    def tasks(self):
        return [int(entry.split("-")[3]) for entry in os.listdir(self.folder) if entry.startswith("began-")]

    def end(self):
        out, err = self.process.communicate(timeout=60)
        for pid in [*self.ranks.values(), *self.tasks()]:
            self.assertFalse(is_running(pid), "process %d is left: %s" % (pid, err))
        return self.process.returncode, out, [line for line in err.splitlines() if line.startswith("lockstep:")]

    slow = ": > began-$LOCKSTEP_RANK-$PPID-$$; read x; sleep 0.2; echo $x"
    endless = ": > began-$LOCKSTEP_RANK-$PPID-$$; trap '' TERM; while :; do sleep 1; done"

    def test_a_killed_worker_costs_only_its_tasks(self):
        self.begin(self.slow)
        os.kill(self.ranks[1], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out)), (0, self.items), errors)
        self.assertEqual(len(errors), 1, errors)
        self.assertIn("rank 1 on", errors[0])
        self.assertIn("is lost", errors[0])

    def test_a_worker_that_was_stopped_for_a_moment_goes_on(self):
        self.begin(self.slow)
        os.kill(self.ranks[1], signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(self.ranks[1], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out), errors), (0, self.items, []))

    def test_a_worker_that_stays_stopped_does_not_hold_up_the_end(self):
        self.begin(self.slow)
        os.kill(self.ranks[1], signal.SIGSTOP)
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out)), (0, self.items), errors)
        self.assertIn("silent for", errors[0])

    def test_without_workers_the_run_is_over(self):
        self.begin(self.endless)
        os.kill(self.ranks[1], signal.SIGKILL)
        os.kill(self.ranks[2], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)
        self.assertIn("no worker is left", errors[-1])

    def test_nothing_outlives_rank_0(self):
        self.begin(self.endless)
        os.kill(self.ranks[0], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)
        self.assertIn("rank 0 has ended without a result", errors[-1])

    def test_nothing_outlives_mpirun(self):
        self.begin(self.endless)
        os.kill(parent(self.ranks[1]), signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)

    def test_a_second_signal_ends_the_run_at_once(self):
        self.begin(self.endless, arguments=["--grace", "60"])
        self.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)
        self.assertLess(time.monotonic() - began, 10)


def parent(pid):
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def name(pid):
    with open("/proc/%d/comm" % pid) as file:
        return file.read().strip()


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
