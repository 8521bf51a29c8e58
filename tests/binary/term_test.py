"""What really ends runs: CONT and TERM to every process, KILL some seconds later; and owners that have lost the run."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from durable_test import DurableCase
from lockstep_case import LOCKSTEP, is_running, mpirun

SLEEPS = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
    "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:sleep", "End": True}}}}}}


def processes():
    """Parent and name of all that run, by pid."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as file:
                    head, tail = file.read().rsplit(")", 1)
            except OSError:
                continue
            state, parent = tail.split()[:2]
            if state not in "ZX":
                found[int(entry)] = (int(parent), head.split("(", 1)[1])
    return found


def tree(root, name=None):
    """The process and all its descendants, parents first; only those of that name."""
    found, everyone = [root], processes()
    for pid in found:
        found += [other for other, (parent, _) in everyone.items() if parent == pid]
    return [pid for pid in found if name is None or pid in everyone and everyone[pid][1] == name]


class EndsOfRuns(DurableCase):
    """As Slurm ends a job: scancel, a time limit, preemption, the loss of a node."""

    def sleeps(self, *arguments, items=48):
        self.prepare(SLEEPS, [{"resource": "job:sleep", "exec": ["sh", "-c", "sleep 0.$0; echo $0", "${tenths}"]}],
                     [{"tenths": 2 + i % 4} for i in range(items)])
        self.expected = [2 + i % 4 for i in range(items)]
        process = self.begin(*arguments)
        self.until(lambda: len(tree(process.pid, "sleep")) >= 3)
        return process

    def signal_all(self, process, tasks_first, number=signal.SIGTERM):
        everyone = tree(process.pid)
        for pid in reversed(everyone) if tasks_first else everyone:
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return everyone

    def kill_after(self, seconds, process, everyone):
        """The KILL that comes after TERM; false where nothing was left for it."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        left = [pid for pid in {*everyone, *tree(process.pid)} if pid in processes()]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return bool(left)

    def assert_goes_on(self, *arguments):
        status, out, err = self.finish(self.begin(*arguments, command="resume"))
        self.assertEqual((status, json.loads(out or "null")), (0, self.expected), err)
        self.assertNotIn("TaskFailed", self.types())

    def test_term_to_every_process_is_no_failure_of_any_task(self):
        for extra in (["--ranks", "4", "--slots", "2"], ["--slots", "4"]):
            for tasks_first in (True, False):
                with self.subTest(extra=extra, tasks_first=tasks_first):
                    process = self.sleeps("--fresh", *extra)
                    everyone = self.signal_all(process, tasks_first)
                    began = time.monotonic()
                    status, out, err = self.finish(process)
                    self.assertEqual((status, out), (75, ""), err)
                    self.assertLess(time.monotonic() - began, 8, "with all tasks over there is nothing to wait for")
                    self.assertRegex(err, "stops because of a signal .Terminated.|stopped by Terminated")
                    self.assertIn("lockstep resume --dir", err)
                    for pid in everyone:
                        self.assertFalse(is_running(pid), "process %d is left: %s" % (pid, err))
                    self.assert_goes_on(*extra)

    def test_and_neither_is_the_kill_that_follows(self):
        """The tasks ignore TERM, so that the run is in the middle of its grace."""
        for extra in (["--ranks", "4", "--slots", "2"], ["--slots", "4"]):
            for tasks_first in (True, False):
                with self.subTest(extra=extra, tasks_first=tasks_first):
                    process = self.sleeps("--fresh", "--grace", "60", *extra)
                    everyone = self.signal_all(process, tasks_first)
                    self.kill_after(0.4, process, everyone)
                    process.communicate()
                    self.assert_goes_on(*extra)

    def test_another_mpirun_gives_it_two_seconds(self):
        """TERM, TERM again after one second, KILL after two: where the run stands is kept by then."""
        launcher, environment = mpirun(3)
        self.prepare({"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "job:w", "End": True}}},
                     [{"resource": "job:w", "exec": ["sh", "-c", "trap '' TERM; echo > begun; sleep 300"]}])
        process = subprocess.Popen([*launcher, LOCKSTEP, "run", "machine.asl.json", "--dir", "run"], cwd=self.folder, text=True, env=environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.processes.append(process)
        self.until(lambda: os.path.exists(self.path("begun")))
        self.assertEqual(self.checkpoints(), [])
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertIn("stops because of a signal", err)
        self.assertTrue(self.checkpoints())

    def checkpoints(self):
        return [name for name in os.listdir(self.path("run/journal")) if name.startswith("checkpoint")]

    def test_who_is_to_hear_nothing_of_hup_goes_on(self):
        self.prepare(SLEEPS, [{"resource": "job:sleep", "exec": ["sh", "-c", "sleep 0.$0; echo $0", "${tenths}"]}], [{"tenths": 9}] * 4)
        for extra in ([], ["--ranks", "2"]):
            with self.subTest(extra=extra):
                process = subprocess.Popen(["nohup", LOCKSTEP, "run", "machine.asl.json", *self.input, "--dir", "run", "--fresh", "--slots", "1", *extra],
                                           cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
                self.processes.append(process)
                self.until(lambda: tree(process.pid, "sleep"))
                os.kill(process.pid, signal.SIGHUP)  # as a terminal does: not to the ranks, which stand in groups of their own
                status, out, err = self.finish(process)
                self.assertEqual((status, out), (0, "[9,9,9,9]\n"), err)


class LostLeases(DurableCase):
    def test_an_owner_that_has_lost_the_run_ends_its_tasks_and_itself(self):
        """The new owner is on another machine: only the lease tells of it."""
        for extra in (["--ranks", "2"], []):
            with self.subTest(extra=extra):
                self.prepare(SLEEPS, [{"resource": "job:sleep", "exec": ["sh", "-c", "trap '' TERM; echo $$ >> begun; sleep 300 & wait; wait"]}],
                             [1, 2, 3])
                process = self.begin("--slots", "1", *extra)
                self.until(lambda: self.lines("begun"))
                task = int(self.lines("begun")[0])
                with open(self.path("run/lease")) as file:
                    lease = dict(line.split(" ", 1) for line in file.read().splitlines() if " " in line)
                lease.update(epoch=str(int(lease["epoch"]) + 1), host="elsewhere", boot_id="another", pid="1")
                self.write("run/lease.new", "".join("%s %s\n" % item for item in lease.items()) + "end\n")
                os.rename(self.path("run/lease.new"), self.path("run/lease"))
                began = time.monotonic()
                status, out, err = self.finish(process)
                self.assertEqual((status, out), (73, ""), err)
                self.assertLess(time.monotonic() - began, 10)
                self.assertIn("was taken over by another Lockstep (host elsewhere", err)
                self.assertFalse(is_running(task), "its task would run beside the new owner's")
                self.assertEqual(len(self.lines("begun")), 1, "and none of the queue has begun")
                self.check_runs()
                os.remove(self.path("begun"))
                shutil.rmtree(self.path("run"))  # else the next would watch whoever is elsewhere for half a minute


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
