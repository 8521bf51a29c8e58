"""Who may go on with a run: requeued jobs, owners that live elsewhere, locks that outlive their holders."""
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from durable_test import DurableCase
from lockstep_case import LOCKSTEP

PATIENCE = "0.1"  # of LOCKSTEP_PATIENCE: 30 s become 3 s


class Requeues(DurableCase):
    def setUp(self):
        super().setUp()
        self.script("work.sh", "read x; echo begin $x >> log; sleep 0.2; echo $x")
        self.prepare({"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "End": True, "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:w", "End": True}}}}}},
            [{"resource": "job:w", "exec": ["./work.sh"]}], [1, 2, 3, 4])
        process = self.begin()
        self.until(lambda: "begin 2" in self.lines("log"))
        self.kill(process)

    def lease(self):
        return dict(line.split(" ", 1) for line in self.lines("run/lease") if " " in line)

    def leave_lease(self, **fields):
        """As an owner on another host would have left it."""
        lease = {**self.lease(), "host": "n-gone", "boot_id": "another", "slurm_job": "77", "slurm_restart": "0", **fields}
        self.write("run/lease.new", "".join("%s %s\n" % field for field in lease.items()) + "end\n")
        os.rename(self.path("run/lease.new"), self.path("run/lease"))

    @contextlib.contextmanager
    def held_lock(self):
        with open(self.path("run/LOCK"), "r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def beating_owner(self):
        stop = threading.Event()

        def beat():
            counter = 1000
            while not stop.wait(0.05):
                counter += 1
                self.leave_lease(counter=counter)
        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def resume(self, *arguments, **variables):
        environment = {**os.environ, "LOCKSTEP_PATIENCE": PATIENCE, **variables}
        return self.lockstep("resume", "--dir", "run", *arguments, environment=environment)

    def squeue(self, body):
        """A PATH with such a squeue."""
        self.script("bin/squeue", body)
        return self.path("bin") + ":" + os.environ["PATH"]

    def test_a_requeued_job_outwaits_the_lock_of_its_dead_owner(self):
        self.leave_lease()
        with self.held_lock():
            result = self.resume(SLURM_JOB_ID="77", SLURM_RESTART_COUNT="1")
        self.assertEqual((result.status, result.out), (0, "[1,2,3,4]\n"), result.err)
        waits = [line for line in result.err.splitlines() if "waiting for the last owner" in line]
        self.assertEqual(len(waits), 1, result.err)
        self.assertIn("host n-gone", waits[0])
        self.assertIn("Slurm job 77", waits[0])

    def test_a_first_run_that_lives_on_keeps_its_run(self):
        """After a crash of the controller, Slurm starts a copy while the first run goes on."""
        began = len(self.lines("log"))
        self.leave_lease()
        with self.beating_owner():
            result = self.resume(SLURM_JOB_ID="77", SLURM_RESTART_COUNT="1")
        self.assertEqual((result.status, result.out), (75, ""), result.err)
        self.assertIn("n-gone", result.err)
        self.assertNotIn("--takeover", result.err)
        self.assertEqual(len(self.lines("log")), began)
        self.assertEqual(self.lease()["host"], "n-gone")

    def test_another_jobs_owner_is_judged_by_what_squeue_says(self):
        for answer, status in (("echo RUNNING", 73), ("exit 0", 0), ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", 0)):
            with self.subTest(answer):
                shutil.rmtree(self.path("run"), ignore_errors=True)
                self.setUp()
                self.leave_lease()
                with self.held_lock():
                    result = self.resume(PATH=self.squeue(answer))
                self.assertEqual(result.status, status, result.err)
                self.assertEqual("--takeover" in result.err, status == 73, result.err)

    def test_within_slurm_an_owner_of_whom_nobody_knows_is_tried_again(self):
        self.leave_lease()
        with self.held_lock():
            outside = self.resume(PATH=self.squeue("exit 1"))
            within = self.resume(PATH=self.squeue("exit 1"), SLURM_JOB_ID="78", SLURM_RESTART_COUNT="0")
        self.assertEqual((outside.status, within.status), (73, 75), within.err)
        self.assertIn("--takeover", within.err)

    def test_an_empty_journal_is_not_a_new_run(self):
        self.assertEqual(self.lease()["has_journal"], "1")
        began = self.lines("log")
        shutil.move(self.path("run/journal"), self.path("elsewhere"))
        result = self.resume()
        self.assertEqual((result.status, result.out), (74, ""), result.err)
        self.assertIn("--fresh", result.err)
        self.assertEqual(self.lines("log"), began)
        self.assertEqual(self.lockstep("fsck", "--dir", "run").status, 74)
        shutil.rmtree(self.path("run/journal"))
        shutil.move(self.path("elsewhere"), self.path("run/journal"))
        result = self.resume()
        self.assertEqual((result.status, result.out), (0, "[1,2,3,4]\n"), result.err)
        shutil.rmtree(self.path("run/journal"))
        self.assertEqual(self.finish(self.begin("--fresh"))[:2], (0, "[1,2,3,4]\n"))


class Strangers(DurableCase):
    """Shared folders and login nodes: what is not this user's alone is refused, and nothing below is followed."""

    def setUp(self):
        super().setUp()
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["sh", "-c", "echo hello >&2; echo 1"]}])

    def refused(self, part, why):
        status, out, err = self.finish(self.begin())
        self.assertEqual((status, out), (73, ""), err)
        self.assertIn(self.path(part), err)
        self.assertIn(why, err)

    def test_all_is_made_for_its_user_alone_whatever_the_umask(self):
        for mask in (0, 0o777):
            process = subprocess.Popen([LOCKSTEP, "run", "machine.asl.json", "--dir", "run-%o" % mask], cwd=self.folder, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: os.umask(mask))
            status, out, err = self.finish(process)
            self.assertEqual((status, out), (0, "1\n"), err)
            found = 0
            for folder, folders, files in os.walk(self.path("run-%o" % mask)):
                for name, mode in [(folder, 0o700)] + [(os.path.join(folder, name), 0o600) for name in files]:
                    self.assertEqual(os.stat(name).st_mode & 0o777, mode, name)
                    found += 1
            self.assertGreater(found, 10)

    def test_an_empty_folder_that_was_open_to_others_is_closed(self):
        os.mkdir(self.path("run"))
        os.chmod(self.path("run"), 0o777)
        self.assertEqual(self.finish(self.begin())[0], 0)
        self.assertEqual(os.stat(self.path("run")).st_mode & 0o777, 0o700)

    def test_a_run_that_others_may_write_to_is_refused(self):
        self.assertEqual(self.finish(self.begin())[0], 0)
        for part in ("run", "run/journal", "run/spool", "run/mailbox", "run/logs", "run/tasks"):
            os.makedirs(self.path(part), exist_ok=True)
            before = os.stat(self.path(part)).st_mode
            os.chmod(self.path(part), 0o770)
            self.refused(part, "chmod go-w")
            self.assertEqual(self.lockstep("resume", "--dir", "run").status, 73)
            os.chmod(self.path(part), before)
        self.assertEqual(self.finish(self.begin())[0], 0)

    def test_links_that_were_there_before_are_not_followed(self):
        os.makedirs(self.path("elsewhere"))
        for part in ("logs", "journal", "mailbox", "spool", "tasks"):
            os.makedirs(self.path("run"), exist_ok=True)
            os.symlink("../elsewhere", self.path("run/" + part))
            self.refused("run/" + part, "symbolic link")
            os.remove(self.path("run/" + part))
        self.write("victim", "untouched")
        os.makedirs(self.path("run/logs"))
        os.symlink("../../victim", self.path("run/logs/rank-0.log"))
        status, out, err = self.finish(self.begin())
        self.assertEqual((status, out), (0, "1\n"), err)
        self.assertEqual(self.lines("victim"), ["untouched"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a folder away")
    def test_what_belongs_to_another_user_is_refused(self):
        for part in ("run", "run/logs"):
            os.makedirs(self.path(part), exist_ok=True)
            os.chown(self.path(part), 12345, 12345)
            self.refused(part, "user 12345")
            os.chown(self.path(part), 0, 0)

    def test_what_is_no_message_does_not_block_the_run(self):
        self.script("slow.sh", "touch began; while ! [ -e go ]; do sleep 0.05; done; echo 1")
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["./slow.sh"]}])
        process = self.begin()
        self.until(lambda: os.path.exists(self.path("began")))
        os.mkfifo(self.path("run/mailbox/pipe.request"))
        os.symlink("/etc/passwd", self.path("run/mailbox/link.request"))
        os.mkdir(self.path("run/mailbox/folder.request"))
        self.until(lambda: not os.path.lexists(self.path("run/mailbox/pipe.request")) and
                      not os.path.lexists(self.path("run/mailbox/link.request")))
        self.assertIn("no regular file", "".join(self.lines("run/mailbox/pipe.answer")))
        self.write("go", "")
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (0, "1\n"), err)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
