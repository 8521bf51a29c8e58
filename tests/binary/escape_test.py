"""Jobs whose processes leave their group, their session or their parent: nothing of them outlives task, rank or run."""
import os
import signal
import sys
import unittest

from lockstep_case import LockstepCase, is_running

# Each leaves a process behind that would live for a minute, and names it in a file pid-…
AWAY = "sh -c 'echo $$ > pid-$$.new; mv pid-$$.new pid-$$; sleep 60'"
WAYS = {
    "timeout": "timeout 60 %s &" % AWAY,
    "session": "setsid %s &" % AWAY,
    "job control": "bash -c 'set -m; sleep 60 & echo $! > pid-$!.new; mv pid-$!.new pid-$!; wait' &",
    "daemon": "(setsid %s </dev/null >/dev/null 2>&1 &)" % AWAY,
    "nameless daemon": "(env -i PATH=$PATH setsid %s </dev/null >/dev/null 2>&1 &)" % AWAY,
}
# All of them, and on once they are away.
ALL_WAYS = "\n".join(WAYS.values()) + "\nwhile [ $(ls | grep -c '^pid-[0-9]*$') -lt %d ]; do sleep 0.05; done\n"


class Escapes(LockstepCase):
    def away(self):
        return [int(entry[4:]) for entry in os.listdir(self.folder) if entry.startswith("pid-") and entry[4:].isdigit()]

    def assert_nothing_left(self, count=len(WAYS)):
        self.assertEqual(len(self.away()), count)
        for pid in self.away():
            self.assertFalse(is_running(pid), pid)

    def start(self, job, *arguments):
        self.write("jobs.json", {"jobs": [{"resource": "job:j", "exec": [self.script("job.sh", job)]}]})
        self.write("machine.asl.json", self.task("job:j"))
        process = self.begin("run", "machine.asl.json", "--dir", self.path("run"), "--quiet", *arguments)
        self.until(lambda: len(self.away()) >= len(WAYS), process=process)
        return process

    def test_attempts_do_not_overlap(self):
        for mode in ("alone", "ranks"):
            with self.subTest(mode=mode):
                self.begin_afresh()
                for pid in self.away():
                    os.unlink(self.path("pid-%d" % pid))
                job = ("if [ $LOCKSTEP_ATTEMPT = 1 ]; then for f in pid-*; do ! kill -0 $(cat $f) || exit 3; done; echo 1; exit; fi\n" +
                       ALL_WAYS % len(WAYS) + "sleep 60")
                definition = self.task("job:j", TimeoutSeconds=3, Retry=[
                    {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}])
                result = self.run_machine(definition, [{"resource": "job:j", "exec": [self.script("job.sh", "exec 2>/dev/null\n" + job)]}], mode=mode)
                self.assertEqual(result.status, 0, result.err)
                self.assert_nothing_left()

    def test_a_cancelled_task(self):
        definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": True, "Branches": [
            {"StartAt": state, "States": {state: {"Type": "Task", "Resource": "job:" + state, "End": True}}} for state in ("long", "fails")]}}}
        result = self.run_machine(definition, [
            {"resource": "job:long", "exec": [self.script("long.sh", ALL_WAYS % len(WAYS) + "touch away; sleep 60")]},
            {"resource": "job:fails", "exec": [self.script("fails.sh", "while [ ! -e away ]; do sleep 0.05; done; exit 1")]}],
            arguments=["--slots", "2"])
        self.assertEqual(result.status, 1, result.err)
        self.assert_nothing_left()

    def test_what_a_successful_task_leaves(self):
        # The second task looks for it.
        definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "Next": "B"},
                                                 "B": {"Type": "Task", "Resource": "job:b", "End": True}}}
        result = self.run_machine(definition, [
            {"resource": "job:a", "exec": [self.script("a.sh", ALL_WAYS % len(WAYS) + "echo 1")]},
            {"resource": "job:b", "exec": [self.script("b.sh", "for f in pid-*; do ! kill -0 $(cat $f) 2>/dev/null || exit 3; done")]}])
        self.assertEqual(result.status, 0, result.err)
        self.assert_nothing_left()

    def test_the_end_of_the_run(self):
        for arguments in ([], ["--ranks", "3"]):
            with self.subTest(arguments=arguments):
                self.begin_afresh()
                for pid in self.away():
                    os.unlink(self.path("pid-%d" % pid))
                process = self.start(ALL_WAYS % len(WAYS) + "sleep 60", "--fresh", *arguments)
                process.send_signal(signal.SIGTERM)
                _, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 75, err)
                self.assert_nothing_left()

    def test_the_death_of_the_rank(self):
        process = self.start(ALL_WAYS % len(WAYS) + "sleep 60")
        process.kill()
        process.wait()
        self.assert_nothing_left()

    def test_the_death_of_all_that_bears_our_name(self):
        process = self.start(ALL_WAYS % len(WAYS) + "sleep 60", "--ranks", "3")
        doomed = [pid for pid in descendants(process.pid) if name_of(pid) == "lockstep"]
        self.assertEqual(len(doomed), 3)
        for pid in [process.pid, *doomed]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        self.assert_nothing_left()

    def test_the_death_of_all_but_the_task(self):
        process = self.start(ALL_WAYS % len(WAYS) + "sleep 60")
        keepers = [pid for pid in descendants(process.pid) if name_of(pid).startswith("task-")]
        main = next(pid for pid in descendants(process.pid) if name_of(pid) == "job.sh")
        self.assertEqual(len(keepers), 2)
        for pid in [process.pid, *keepers]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        self.assertFalse(is_running(main), "nobody is left who could end the others")
        for pid in self.away():
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)


def name_of(pid):
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().strip()
    except OSError:
        return ""


def descendants(pid):
    found = []
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                for child in map(int, file.read().split()):
                    found += [child, *descendants(child)]
    except OSError:
        pass
    return found


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
