"""What a lost owner leaves: its workers start nothing more, and are gone before the next owner hands anything out."""
import ctypes
import json
import os
import signal
import sys
import time
import unittest

from lockstep_case import is_running
from ranks_test import RANK, RanksCase, is_alive

CATCH = {"task_fields": {"Catch": [{"ErrorEquals": ["Lockstep.TaskInterrupted"], "Next": "Lost"}]},
         "lost": {"Type": "Pass", "End": True}}


class Fences(RanksCase):
    # Each beginning leaves a file. An attempt that finds an earlier one of its own task alive says so.
    job = (": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; : > item-$x-$$; "
           "old=$(cat $LOCKSTEP_TASK_DIR/pid 2>/dev/null) && grep -q ') [^ZX] ' /proc/$old/stat 2>/dev/null && echo $x >> overlaps; echo $$ > $LOCKSTEP_TASK_DIR/pid; "
           "if [ $x = 60 ]; then : > long; sleep 4; elif [ $x -gt 60 ] && [ $x -lt 76 ]; then sleep 0.5; fi; echo $x")
    few = job.replace("= 60", "= 3").replace("-gt 60", "-ge 0").replace("0.5", "0.1")

    def lose_rank_0(self, fields={}, catch={}, **others):
        """Killed alone while a task sleeps, with a queue behind it: short ones came before, so that ranks hold many ahead."""
        self.begin(self.job, items=120, arguments=["--slots", "1"], patience="1", fields=fields, **catch, **others)
        self.wait_for_file("long")
        os.kill(self.ranks[0], signal.SIGKILL)

    def test_after_the_loss_of_rank_0_alone_nothing_starts_twice(self):
        self.lose_rank_0({"interrupted": "fail"}, CATCH)
        resumed = self.resume()
        self.assertEqual(resumed.status, 0, resumed.err)
        lost = [value for value in resumed.value if isinstance(value, dict)]
        self.assertEqual(set(self.beginnings().values()), {1})
        self.assertEqual(len(self.beginnings()), 120)
        self.assertLessEqual(len(lost), 2, "only what was running")
        self.end()

    def test_after_the_loss_of_rank_0_alone_no_two_attempts_of_a_task_run_at_once(self):
        self.lose_rank_0()
        began = time.monotonic()
        resumed = self.resume(quiet=False)
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)
        self.assertFalse(os.path.exists(self.path("overlaps")))
        self.assertGreater(max(self.beginnings().values()), 1, "what was cut off runs again")
        self.assertLess(time.monotonic() - began, 20, "on its own machine the old owner's workers are not waited for, but ended")
        self.assertIn("left behind", resumed.err)
        self.assertEqual([name for name in os.listdir(self.path("run/spool")) if name.startswith("workers")] if os.path.exists(self.path("run/spool")) else [], [])
        self.end()

    def test_another_fleet_than_the_first_waits_for_it_too(self):
        self.lose_rank_0({"interrupted": "fail"}, CATCH)
        resumed = self.lockstep("resume", "--dir", self.path("run"), "--quiet")
        self.assertEqual(resumed.status, 0, resumed.err)
        self.assertEqual((set(self.beginnings().values()), len(self.beginnings())), ({1}, 120))
        self.end()

    def test_express_begins_anew_only_when_the_old_workers_are_gone(self):
        self.begin(self.few, items=8, arguments=["--slots", "1", "--type", "EXPRESS"], patience="1")
        self.wait_for_file("long")
        os.kill(self.ranks[0], signal.SIGKILL)
        resumed = self.resume()
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)
        self.assertFalse(os.path.exists(self.path("overlaps")))
        self.end()

    def test_fresh_clears_only_what_nobody_works_in(self):
        self.lose_rank_0()
        again = self.lockstep("run", "machine.asl.json", "--dir", self.path("run"), "--input", json.dumps(self.items), "--fresh", "--quiet")
        self.assertEqual((again.status, again.value), (0, self.items), again.err)
        for pid in (self.ranks[1], self.ranks[2]):
            self.assertFalse(is_running(pid))
        self.end()

    def test_after_a_kill_of_everything_a_resume_is_immediate(self):
        self.begin(self.counted, items=20, patience="1")
        for pid in (self.process.pid, *self.ranks.values()):
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        resumed = self.resume(quiet=False)
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)
        self.assertLess(time.monotonic() - began, 9, "10 s is the least that patience would take")
        self.assertNotIn("waits, at most", resumed.err)
        self.process.communicate()

    def test_a_clean_end_leaves_nobody_to_wait_for(self):
        self.begin(self.counted, items=6)
        status, out, errors = self.end()
        self.assertEqual((status, json.loads(out), errors), (0, self.items, []))
        self.assertEqual([name for _, _, names in os.walk(self.path("run")) for name in names if name.startswith("workers")], [])

    def test_a_worker_that_was_stopped_starts_nothing_before_it_has_heard_of_rank_0_again(self):
        # A long task with others behind it ends while its worker is stopped: what comes next must not begin.
        job = (": > began-$LOCKSTEP_RANK-" + RANK + "-$$; read x; : > item-$x-$$; if [ $x = 60 ]; then : > long; until test -e go; do sleep 0.02; done; fi; echo $x")
        self.begin(job, items=200, arguments=["--slots", "1"], patience="0.1", ranks=2)
        self.wait_for_file("long")
        os.kill(self.ranks[1], signal.SIGSTOP)
        os.kill(self.ranks[0], signal.SIGSTOP)
        self.write("go", "")
        time.sleep(1.5)  # a tenth of 10 s, and some more
        before = self.beginnings()
        os.kill(self.ranks[1], signal.SIGCONT)
        self.wait_for_end(self.ranks[1])
        self.assertEqual(self.beginnings(), before)
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)
        resumed = self.resume()
        self.assertEqual((resumed.status, resumed.value), (0, self.items), resumed.err)

    def test_a_worker_whose_loop_hangs_loses_its_tasks_all_the_same(self):
        self.begin(self.endless, patience="0.2", arguments=["--slots", "1"], ranks=2)
        task = self.task_of(1)
        with StoppedThread(self, self.ranks[1]) as thread:  # as one that waits for a file server
            os.kill(self.ranks[0], signal.SIGSTOP)
            stopped = time.monotonic()
            self.wait_for_end(task)
            self.assertGreater(time.monotonic() - stopped, 4.0 - 0.4, "20 s, a fifth, counted from a beat before")
            self.assertLess(time.monotonic() - stopped, 5.9, "well before 32.5 s, a fifth, when rank 0 may hand on")
            thread.wait_for_exit()
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)

    def test_a_worker_that_is_stopped_loses_its_tasks_all_the_same(self):
        self.begin(self.endless, patience="0.2", arguments=["--slots", "1"], ranks=2)
        task = self.task_of(1)
        os.kill(self.ranks[0], signal.SIGSTOP)  # it would end the worker: on another machine it could not
        os.kill(self.ranks[1], signal.SIGSTOP)
        stopped = time.monotonic()
        self.wait_for_end(task)
        self.assertGreater(time.monotonic() - stopped, 4.0 - 0.4, "20 s, a fifth, counted from a beat before")
        self.assertLess(time.monotonic() - stopped, 6.5, "32.5 s, a fifth, when rank 0 may hand on")
        os.kill(self.ranks[1], signal.SIGCONT)
        self.wait_for_end(self.ranks[1])
        os.kill(self.ranks[0], signal.SIGCONT)
        status, out, errors = self.end()
        self.assertEqual((status, out), (69, ""), errors)

    def test_a_silent_worker_is_ended_before_its_tasks_are_handed_on(self):
        # Its tasks are other processes, and would go on while it is stopped.
        self.begin(self.few.replace("sleep 4", "trap '' TERM; sleep 20"), items=8, patience="0.1", arguments=["--slots", "1"])
        self.wait_for_file("long")
        rank = next(rank for rank in (1, 2) if self.is_with(rank, 3))
        os.kill(self.ranks[rank], signal.SIGSTOP)
        time.sleep(5)
        self.assertFalse(os.path.exists(self.path("overlaps")))
        self.assertFalse(is_alive(self.ranks[rank]))
        self.assertGreater(self.beginnings()[3], 1, "it was handed on")
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGTERM)
        self.end()

    def is_with(self, rank, item):
        pids = [int(entry.split("-")[2]) for entry in os.listdir(self.folder) if entry.startswith("item-%d-" % item)]
        return any(os.path.exists(self.path("began-%d-%d-%d" % (rank, self.ranks[rank], pid))) for pid in pids)


class StoppedThread:
    """Stops the main thread of a process and no other."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, case, pid):
        self.case = case
        self.pid = pid
        self.exited = False
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def __enter__(self):
        if self.libc.ptrace(self.SEIZE, self.pid, None, None) != 0:
            self.case.skipTest("this machine does not let a process trace another")
        self.libc.ptrace(self.INTERRUPT, self.pid, None, None)
        os.waitpid(self.pid, self.WALL)
        return self

    def wait_for_exit(self):
        """Its death is told to us first."""
        while not self.exited:
            _, status = os.waitpid(self.pid, self.WALL)
            self.exited = os.WIFEXITED(status) or os.WIFSIGNALED(status)

    def __exit__(self, *_):
        if not self.exited:
            self.libc.ptrace(self.DETACH, self.pid, None, None)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
