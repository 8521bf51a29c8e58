"""Descriptors, processes and inodes that run out: a task that cannot begin goes elsewhere or waits; and limits of sizes."""
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import unittest

from lockstep_case import LOCKSTEP, TIMEOUT, LockstepCase, Result

# In a task's shell: the rank that it belongs to, above its keeper and the guard.
RANK = "$(cut -d' ' -f4 /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat)"
MAP = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
    "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:j", "End": True}}}}}}
OTHER_USER = 54321  # has no process yet


class Shortages(LockstepCase):
    def write_map(self, job, **fields):
        self.write("machine.asl.json", MAP)
        self.write("jobs.json", {"jobs": [{"resource": "job:j", "exec": job, **fields}]})

    def run_limited(self, limit, items, *arguments):
        """Runs the Map in a shell that has set a limit."""
        return self.lockstep("run", "machine.asl.json", "--input", json.dumps(items), *arguments,
                             launcher=["sh", "-c", limit + '; exec "$0" "$@"'])

    def journal_events(self, run):
        return int(re.search(r"(\d+) in the journal", self.lockstep("status", self.path(run)).out).group(1))

    def test_few_descriptors_leave_fewer_tasks_at_a_time_and_no_trace_in_the_journal(self):
        items = list(range(40))
        self.write_map(["sh", "-c", "read x; sleep 0.2; echo $x"])
        for run, limit in (("plenty", "ulimit -n 1000"), ("few", "ulimit -n 64")):
            result = self.run_limited(limit, items, "--slots", "16", "--dir", self.path(run))
            self.assertEqual((result.status, result.value), (0, items), result.err)
            said = [line for line in result.err.splitlines() if "at a time now" in line]
            if run == "few":
                self.assertEqual(len(said), 1, result.err)
                self.assertIn("Too many open files", said[0])
                self.assertIn("ulimit -n", said[0])
            else:
                self.assertEqual(said, [])
        self.assertEqual(self.journal_events("few"), self.journal_events("plenty"))
        self.assertEqual(os.listdir(self.path("few/tasks")), [])

    @unittest.skipUnless(os.getuid() == 0, "needs a user who has no other process")
    def test_few_processes_leave_fewer_tasks_at_a_time(self):
        self.write_map(["sleep", "0.3"], stdout="text")  # needs no process but its own
        os.chmod(self.folder, 0o777)

        def become_other_user():
            os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])  # one thread that starts tasks
            os.setgroups([])
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            resource.setrlimit(resource.RLIMIT_NPROC, (15, 15))

        def run(*command):
            return Result(subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=self.folder,
                                         preexec_fn=become_other_user))
        try:
            if run(LOCKSTEP, "--help").status != 0:
                raise PermissionError
        except PermissionError:
            self.skipTest("another user cannot run it")
        items = list(range(24))
        result = run(LOCKSTEP, "run", "machine.asl.json", "--input", json.dumps(items), "--slots", "8", "--dir", self.path("run"))
        self.assertEqual((result.status, result.value), (0, [""] * len(items)), result.err)
        self.assertIn("at a time now", result.err)
        self.assertIn("ulimit -u", result.err)

    @unittest.skipUnless(os.getuid() == 0, "needs a mount")
    def test_few_inodes_leave_fewer_tasks_at_a_time(self):
        tasks = self.path("run/tasks")
        os.mkdir(self.path("run"), 0o700)
        os.mkdir(tasks, 0o700)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", tasks.encode(), b"tmpfs", 0, b"nr_inodes=4,mode=0700") != 0:
            self.skipTest("cannot mount: " + os.strerror(ctypes.get_errno()))
        try:
            items = list(range(20))
            self.write_map(["sh", "-c", "read x; sleep 0.2; echo $x"])
            result = self.run_limited(":", items, "--slots", "8", "--dir", self.path("run"))
            self.assertEqual((result.status, result.value), (0, items), result.err)
            self.assertIn("cannot make the task's folder", result.err)
            self.assertIn("inodes", result.err)
        finally:
            libc.umount2(tasks.encode(), 2)

    def begin_on_ranks(self, items):
        """Two workers of four slots; their pids by rank, once tasks have begun on both."""
        self.write_map(["sh", "-c", ": > began-$LOCKSTEP_RANK-" + RANK + "; read x; echo $LOCKSTEP_RANK >> item-$x; sleep 0.2; echo $x"])
        self.process = self.begin("run", "machine.asl.json", "--input", json.dumps(items), "--dir", self.path("run"), "--ranks", "3", "--slots", "4")

        def ranks():
            found = {int(name.split("-")[1]): int(name.split("-")[2]) for name in os.listdir(self.folder) if name.startswith("began-")}
            return len(found) >= 2 and found
        return self.until(ranks, process=self.process)

    def take_descriptors(self, pid):
        """From now on the process can open nothing more. What it had before."""
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        return before

    def begins(self):
        """The ranks on which each item's task has begun."""
        found = {}
        for name in os.listdir(self.folder):
            if name.startswith("item-"):
                with open(self.path(name)) as file:
                    found[int(name[5:])] = file.read().split()
        return found

    def test_a_rank_with_few_descriptors_swallows_no_task_of_the_others(self):
        items = list(range(200))
        ranks = self.begin_on_ranks(items)
        self.take_descriptors(ranks[2])
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.assertEqual((self.process.returncode, json.loads(out or "null")), (0, items), err)
        self.assertEqual({item: len(where) for item, where in self.begins().items()}, {item: 1 for item in items})
        here = sum(where == ["2"] for where in self.begins().values())
        self.assertLess(here, 100, err)
        self.assertRegex(err, r"rank 2 on \S+ (cannot begin more than|begins no task while others do).*Too many open files")
        self.assertEqual(self.lockstep("export", "--dir", self.path("run")).out.count("INTERRUPTED"), 0)

    def test_where_no_rank_can_begin_a_task_the_run_stops_and_goes_on_later(self):
        items = list(range(60))
        ranks = self.begin_on_ranks(items)
        for pid in ranks.values():
            self.take_descriptors(pid)
        begin = time.monotonic()
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.assertEqual((self.process.returncode, out), (74, ""), err)
        self.assertGreater(time.monotonic() - begin, 25)
        last = [line for line in err.splitlines() if "no task can begin any more" in line]
        self.assertEqual(len(last), 1, err)
        for part in ("Too many open files", "ulimit -n", "nothing is lost", "lockstep resume --dir " + self.path("run")):
            self.assertIn(part, last[0])
        result = self.lockstep("resume", "--dir", self.path("run"), "--ranks", "3", "--slots", "4", "--quiet")
        self.assertEqual((result.status, result.value), (0, items), result.err)
        self.assertEqual({item: len(where) for item, where in self.begins().items()}, {item: 1 for item in items})


class Sizes(LockstepCase):
    def test_a_log_that_is_full_says_so_and_fails_nothing(self):
        job = ["sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x >&2; echo; read x; echo $x"]
        self.write("machine.asl.json", MAP)
        result = self.run_machine(MAP, [{"resource": "job:j", "exec": job, "stdout": "text"}], list(range(6)), arguments=["--log-limit", "1M"])
        self.assertEqual(result.status, 0, result.err)
        said = "rank 0: its log has reached its limit of 1048576 bytes"
        self.assertEqual(result.err.count(said), 1, result.err)
        log = self.path("run-1/logs/rank-0.log")
        self.assertLess(os.path.getsize(log), 1_050_000)
        with open(log) as file:
            self.assertIn(said, file.read())
        self.assertIn("--log-limit", self.lockstep("logs", self.path("run-1")).out[-1000:])

    def test_ranks_share_the_limit(self):
        job = ["sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x >&2; read x; echo $x"]
        result = self.run_machine(MAP, [{"resource": "job:j", "exec": job}], list(range(8)), mode="ranks", arguments=["--log-limit", "1M"])
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("reached its limit of 524288 bytes", result.err)

    def test_the_longest_result_of_a_task_is_an_option(self):
        job = ["sh", "-c", "printf '\"'; head -c 2000000 /dev/zero | tr '\\0' x; printf '\"'"]
        for size, status in (("1M", 1), ("4M", 0)):
            result = self.run_machine(self.task("job:j"), [{"resource": "job:j", "exec": job}], arguments=["--output-limit", size])
            self.assertEqual(result.status, status, result.err)
            if status == 1:
                self.assertEqual(result.value["error"], "States.DataLimitExceeded")
                self.assertIn("1048576 bytes", result.value["cause"])
        result = self.run_machine(self.task("job:j"), [{"resource": "job:j", "exec": job}], mode="ranks", arguments=["--output-limit", "1M"])
        self.assertEqual(result.value["error"], "States.DataLimitExceeded")

    def test_what_is_no_size(self):
        self.write("machine.asl.json", MAP)
        for option, value in (("--output-limit", "lots"), ("--output-limit", "3G"), ("--log-limit", "-1"), ("--log-limit", "5X"),
                              ("--log-limit", "99999999999T")):
            result = self.lockstep("run", "machine.asl.json", option, value)
            self.assertEqual(result.status, 2)
            self.assert_one_line(result.err, option)


if __name__ == "__main__":
    unittest.main()
