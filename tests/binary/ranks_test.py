"""Ranks that die, stop or are missed: the run goes on without a worker, and nothing outlives rank 0."""
import json
import os
import signal
import sys
import time
import unittest

from lockstep_case import LockstepCase, is_running

# In a task's shell: the rank that it belongs to, above its keeper and the guard.
RANK = "$(cut -d' ' -f4 /proc/$(cut -d' ' -f4 /proc/$PPID/stat)/stat)"
PATIENCE = "0.05"  # of LOCKSTEP_PATIENCE: silences of 30 s become 1.5 s


class RanksCase(LockstepCase):
    """Starts a Map on ranks, and knows their processes and those of their tasks."""

    losses = 1000  # whole ranks are lost, and what ran there begins again

    def begin(self, job, items=12, arguments=(), fields={}, task_fields={}, lost=None, patience=PATIENCE, ranks=3, map_fields={}):
        """Starts a Map over a job's tasks; self.ranks is the pids by rank, once tasks have begun on every worker."""
        self.write("jobs.json", {"jobs": [{"resource": "job:j", "exec": ["sh", "-c", job], **fields}]})
        processor = self.task("job:j", **task_fields)
        if lost:
            processor["States"]["Lost"] = lost
        self.write("machine.asl.json", {"StartAt": "M", "States": {"M": {
            "Type": "Map", "End": True, "ItemProcessor": processor, **map_fields}}})
        self.items = list(range(items))
        self.process = super().begin(
            "run", "machine.asl.json", "--dir", self.path("run"), "--input", json.dumps(self.items), "--ranks", str(ranks), "--quiet",
            *arguments, environment=dict(os.environ, LOCKSTEP_PATIENCE=patience))
        self.until(lambda: len(self.workers()) >= ranks - 1, process=self.process)
        # Rank 0 is the workers' sibling that is none of them.
        self.ranks = dict(self.workers())
        mpirun = next(parent(pid) for pid in self.ranks.values() if is_alive(pid))
        self.ranks[0] = next(pid for pid in children(mpirun) if pid not in self.ranks.values() and name(pid) == "lockstep")

    def workers(self):
        """By rank, from the tasks themselves: each writes its rank, that one's pid and its own."""
        found = {}
        for entry in os.listdir(self.folder):
            if entry.startswith("began-"):
                _, rank, worker, _ = entry.split("-")
                found[int(rank)] = int(worker)
        return found

    def tasks(self):
        return [int(entry.split("-")[3]) for entry in os.listdir(self.folder) if entry.startswith("began-")]

    def beginnings(self):
        """How often each item's task began, where its job says so."""
        counts = {}
        for entry in os.listdir(self.folder):
            if entry.startswith("item-"):
                item = int(entry.split("-")[1])
                counts[item] = counts.get(item, 0) + 1
        return counts

    def resume(self, quiet=True):
        return self.lockstep("resume", "--dir", self.path("run"), "--ranks", "3", *["--quiet"][:quiet], environment=dict(os.environ, LOCKSTEP_PATIENCE=PATIENCE))

    def task_of(self, rank):
        """A task that the rank has begun."""
        return next(int(entry.split("-")[3]) for entry in os.listdir(self.folder) if entry.startswith("began-%d-" % rank))

    def end(self):
        out, err = self.process.communicate(timeout=60)
        for pid in [*self.ranks.values(), *self.tasks()]:
            self.assertFalse(is_running(pid), "process %d is left: %s" % (pid, err))
        return self.process.returncode, out, [line for line in err.splitlines() if line.startswith("lockstep:")]

    slow = ": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; sleep 0.2; echo $x"
    endless = ": > began-$LOCKSTEP_RANK-" + RANK + "-$$; trap '' TERM; while :; do sleep 1; done"

    # One item a file each time, so that what began twice shows.
    counted = ": > began-$LOCKSTEP_RANK-" + RANK + "-$$; : > item-$LOCKSTEP_ITEM_INDEX-$$; read x; sleep 0.1; echo $x"

    def wait_for_file(self, name):
        self.until(lambda: os.path.exists(self.path(name)))

    def wait_for_end(self, pid):
        self.until(lambda: not is_alive(pid))


class Ranks(RanksCase):
    def test_what_a_killed_worker_had_finished_is_not_run_again(self):
        # Rank 0 is stopped when the task ends: it knows of that from the rank's spool, or from a message that had left.
        job = ": > began-$LOCKSTEP_RANK-" + RANK + """-$$; : > item-$LOCKSTEP_ITEM_INDEX-$$; until test -e go; do sleep 0.02; done; sleep 0.1; echo '"result-of-'$$'"'"""
        self.begin(job, patience="1", arguments=["--slots", "1"])
        first = self.task_of(1)
        os.kill(self.ranks[0], signal.SIGSTOP)
        self.write("go", "")
        self.until(lambda: self.is_spooled(1, "result-of-%d" % first))
        time.sleep(0.5)  # that is written at once with its record
        os.kill(self.ranks[1], signal.SIGKILL)
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual(status, 0, errors)
        self.assertIn("result-of-%d" % first, json.loads(out), "it counts")
        runs = self.beginnings()
        self.assertEqual(sorted(runs), self.items)
        self.assertLessEqual(sum(runs.values()), len(self.items) + 1, "only what was running began again")

    def is_spooled(self, rank, text):
        folder = self.path("run/spool/rank-%05d.e1" % rank)
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), "rb") as file:
                if text.encode() in file.read():
                    return True
        return False

    def test_a_worker_killed_at_any_moment_under_load(self):
        for moment in (0.0, 0.011, 0.037, 0.083):
            with self.subTest(moment=moment):
                self.setUp()
                self.begin(": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; echo $x", items=300)
                time.sleep(moment)
                os.kill(self.ranks[1], signal.SIGKILL)
                status, out, errors = self.end()
                self.assertEqual((status, json.loads(out)), (0, self.items), errors)
                self.assertTrue(all("rank 1 on" in line for line in errors), errors)
                self.tearDown()

    def test_short_tasks_do_not_wait_behind_a_long_one(self):
        # The long task ends when all others have ended: also those that were queued ahead behind it, on its rank.
        job = (": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; if [ $x = 150 ]; then tries=0; while [ $(ls | grep -c ^over-) -lt 299 ]; do "
               "tries=$((tries + 1)); test $tries -lt 300 || exit 1; sleep 0.1; done; fi; : > over-$x; echo $x")
        self.begin(job, items=300, arguments=["--slots", "1"])
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out)), (0, self.items), (errors, out))

    def test_no_more_tasks_run_than_max_concurrency_allows(self):
        # Each says how many ran while it did; short ones, so that ranks hold them ahead.
        job = ": > began-$LOCKSTEP_RANK-" + RANK + "-$$; : > now-$$; ls | grep -c ^now-; test $LOCKSTEP_ITEM_INDEX -lt 100 || sleep 0.05; rm now-$$"
        self.begin(job, items=120, arguments=["--slots", "4"], map_fields={"MaxConcurrency": 3})
        status, out, errors = self.end()
        self.assertEqual(status, 0, errors)
        self.assertLessEqual(max(json.loads(out)), 3)
        self.assertGreater(max(json.loads(out)), 1)

    def test_what_must_never_start_twice_fails_when_its_worker_is_lost(self):
        self.begin(self.counted.replace("0.1", "0.4"), items=6, fields={"interrupted": "fail"}, task_fields={
            "Catch": [{"ErrorEquals": ["Lockstep.TaskInterrupted"], "Next": "Lost"}]}, lost={"Type": "Pass", "End": True})
        os.kill(self.ranks[1], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual(status, 0, errors)
        lost = [value for value in json.loads(out) if isinstance(value, dict)]
        self.assertGreaterEqual(len(lost), 1)
        self.assertIn("had begun on rank 1", lost[0]["Cause"])
        self.assertEqual(set(self.beginnings().values()), {1})
        self.assertEqual(len(self.beginnings()), 6)

    def test_after_the_loss_of_rank_0_a_resume_goes_on(self):
        self.begin(self.counted, items=20)
        time.sleep(0.3)
        os.kill(self.ranks[0], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)
        before = self.beginnings()
        resumed = self.resume()
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)
        again = [item for item, count in self.beginnings().items() if count > before.get(item, 0) and item in before]
        self.assertLessEqual(len(again), len(os.sched_getaffinity(0)) + 2, "only what was running: %s" % again)

    def test_after_the_loss_of_all_workers_a_resume_goes_on(self):
        self.begin(self.counted + "; test -e go || { trap '' TERM; while :; do sleep 1; done; }")
        os.kill(self.ranks[1], signal.SIGKILL)
        os.kill(self.ranks[2], signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)
        self.write("go", "")
        resumed = self.resume()
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)

    def test_a_worker_that_stays_silent_on_the_machine_of_rank_0_is_ended(self):
        self.begin(self.slow, items=60)
        os.kill(self.ranks[1], signal.SIGSTOP)
        self.wait_for_end(self.ranks[1])  # it never goes on: its tasks are about to be handed on
        self.assertIsNone(self.process.poll(), "the run goes on meanwhile")
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out)), (0, self.items), errors)
        self.assertIn("silent for", errors[0])

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

    def test_a_worker_that_misses_rank_0_starts_nothing(self):
        # A long task with short ones behind it on the same rank: it ends when rank 0 has been missed for long enough.
        job = (": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; : > item-$x-$$; if [ $x = 60 ]; then : > long; "
               "until test -e go; do sleep 0.02; done; fi; echo $x")
        self.begin(job, items=200, arguments=["--slots", "1"], patience="0.2", ranks=2)
        self.wait_for_file("long")
        os.kill(self.ranks[0], signal.SIGSTOP)
        time.sleep(2.5)  # a fifth of 10 s, and some more
        before = self.beginnings()
        self.write("go", "")
        self.wait_for_end(self.ranks[1])
        self.assertEqual(self.beginnings(), before)
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)
        resumed = self.resume()
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)

    def test_a_worker_that_misses_rank_0_kills_its_tasks_and_ends_later(self):
        self.begin(self.endless, patience="0.1")
        tasks = {rank: self.task_of(rank) for rank in (1, 2)}
        os.kill(self.ranks[0], signal.SIGSTOP)
        stopped = time.monotonic()
        for rank, task in tasks.items():
            self.wait_for_end(task)
            self.assertGreater(time.monotonic() - stopped, 2.0 - 0.3, "20 s, a tenth, counted from a beat before")
        self.assertTrue(any(is_alive(self.ranks[rank]) for rank in tasks), "they wait on for rank 0 without their tasks")
        for rank in tasks:
            self.wait_for_end(self.ranks[rank])
            self.assertGreater(time.monotonic() - stopped, 3.0 - 0.3, "30 s, a tenth")
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)

    def test_tasks_of_a_silent_worker_are_handed_on_only_when_it_must_have_ended(self):
        self.begin(self.counted, items=8, patience="0.1")
        os.kill(self.ranks[1], signal.SIGSTOP)
        stopped = time.time()
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out)), (0, self.items), errors)
        again = [item for item, count in self.beginnings().items() if count > 1]
        self.assertGreater(len(again), 0)
        for item in again:
            last = max(os.stat(self.path(entry)).st_mtime for entry in os.listdir(self.folder) if entry.startswith("item-%d-" % item))
            self.assertGreater(last - stopped, 3.0 - 0.3, "30 s, a tenth, counted from a beat before")

    def test_a_task_that_takes_three_ranks_with_it_is_lost(self):
        job = ": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; test $x != 2 || kill -9 " + RANK + "; sleep 0.1; echo $x"
        self.begin(job, items=8, arguments=["--slots", "1"], ranks=5, task_fields={
            "Catch": [{"ErrorEquals": ["Lockstep.WorkerLost"], "Next": "Lost"}]}, lost={"Type": "Pass", "End": True})
        status, out, errors = self.end()
        self.assertEqual(status, 0, errors)
        result = json.loads(out)
        self.assertEqual([value for value in result if value != result[2]], [0, 1, 3, 4, 5, 6, 7])
        self.assertIn("was cut off 3 times", result[2]["Cause"])
        self.assertEqual(len([line for line in errors if "is lost: process" in line]), 3, errors)

    def test_nothing_outlives_mpirun(self):
        self.begin(self.endless)
        os.kill(parent(self.ranks[1]), signal.SIGKILL)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)

    def test_a_second_signal_ends_the_run_at_once(self):
        self.begin(self.endless, arguments=["--grace", "60"])
        self.process.send_signal(signal.SIGTERM)
        time.sleep(2.5)
        self.assertIsNone(self.process.poll())
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status, out, errors = self.end()
        self.assertEqual((status, out), (75, ""), errors)
        self.assertLess(time.monotonic() - began, 10)


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


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
