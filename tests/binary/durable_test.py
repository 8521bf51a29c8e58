"""What survives: resume, drain, redrive, stop, and answers to task tokens, with the real binary."""
import glob
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lockstep_case import LOCKSTEP, LockstepCase, is_running

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


class DurableCase(LockstepCase):
    """Starts runs in the background, kills them, and goes on with them."""

    processes = ()

    def prepare(self, definition, jobs, input=None):
        self.write("machine.asl.json", definition)
        self.write("jobs.json", {"jobs": jobs})
        self.input = ["--input", json.dumps(input)] if input is not None else []
        self.processes = []

    def begin(self, *arguments, command="run"):
        if "--fresh" in arguments:
            self.begin_afresh()
        head = ["run", "machine.asl.json", *self.input] if command == "run" else [command]
        process = super().begin(*head, "--dir", "run", *arguments, start_new_session=True)
        self.processes.append(process)
        return process

    def kill(self, process):
        """As a lost node does: all at once. Jobs stand in groups of their own and die with their rank."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def finish(self, process):
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def history(self):
        result = self.lockstep("history", "--dir", "run", "--json")
        self.assertEqual(result.status, 0, result.err)
        return result.value["events"]

    def types(self):
        return [event["type"] for event in self.history()]


class Resumes(DurableCase):
    MAP = {"StartAt": "M", "States": {"M": {
        "Type": "Map", "MaxConcurrency": 2, "Next": "P",
        "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:square", "End": True}}}},
        "P": {"Type": "Pass", "Parameters": {"squares.$": "$", "n.$": "States.ArrayLength($)"}, "End": True}}}

    def square(self, seconds=0.2):
        self.script("square.sh", "read x; echo begin $x >> log; sleep %s; echo end $x >> log; echo $((x * x))" % seconds)
        return [{"resource": "job:square", "exec": ["./square.sh"]}]

    def test_a_killed_run_goes_on_where_it_was(self):
        for extra in ([], ["--ranks", "3"]):
            with self.subTest(extra):
                self.prepare(self.MAP, self.square(), [1, 2, 3, 4, 5, 6])
                process = self.begin(*extra, "--fresh")
                self.until(lambda: "end 2" in self.lines("log"))
                time.sleep(0.1)
                self.kill(process)
                ended = set(line for line in self.lines("log") if line.startswith("end"))
                status, out, err = self.finish(self.begin(*extra, command="resume"))
                self.assertEqual((status, json.loads(out)), (0, {"squares": [1, 4, 9, 16, 25, 36], "n": 6}), err)
                log = self.lines("log")
                for key in range(1, 7):
                    begun = log.count("begin %d" % key)
                    self.assertIn(begun, (1, 2))
                    if begun == 2:
                        self.assertGreaterEqual(len(ended), 2)
                self.assertLessEqual(len([line for line in log if line.startswith("begin")]), 6 + 3)
                os.remove(self.path("log"))

    def test_run_on_an_unfinished_folder_goes_on_with_it(self):
        self.prepare(self.MAP, self.square(), [1, 2, 3])
        process = self.begin("--name", "first")
        self.until(lambda: "begin 1" in self.lines("log"))
        self.kill(process)
        status, out, err = self.finish(self.begin("--name", "first"))
        self.assertEqual((status, json.loads(out)["n"]), (0, 3), err)
        self.assertIn("goes on after event", err)

    def test_the_number_of_ranks_may_change(self):
        self.prepare(self.MAP, self.square(), list(range(1, 9)))
        process = self.begin("--ranks", "3")
        self.until(lambda: "end 1" in self.lines("log"))
        self.kill(process)
        process = self.begin(command="resume")
        self.until(lambda: "end 5" in self.lines("log"))
        self.kill(process)
        status, out, err = self.finish(self.begin("--ranks", "2", command="resume"))
        self.assertEqual((status, json.loads(out)["n"]), (0, 8), err)

    def test_a_finished_run_prints_its_result_again(self):
        self.prepare(self.MAP, self.square(0), [3])
        first = self.finish(self.begin())
        again = self.finish(self.begin(command="resume"))
        self.assertEqual((again[0], again[1]), (0, first[1]))
        self.assertEqual(self.lines("log").count("begin 3"), 1)

    def test_a_result_that_was_never_told_is_told(self):
        """Killed between the durable end and its telling: result.json is all that is missing then."""
        self.prepare(self.MAP, self.square(0), [3])
        first = self.finish(self.begin())
        os.remove(self.path("run/result.json"))
        again = self.finish(self.begin(command="resume"))
        self.assertEqual((again[0], again[1]), (0, first[1]))
        self.assertTrue(os.path.exists(self.path("run/result.json")))
        self.assertEqual(self.lines("log").count("begin 3"), 1)

    def test_another_definition_or_input_is_refused(self):
        self.prepare(self.MAP, self.square(), [1, 2])
        process = self.begin()
        self.until(lambda: self.lines("log"))
        self.kill(process)
        self.input = ["--input", "[1,3]"]
        status, out, err = self.finish(self.begin())
        self.assertEqual((status, out), (73, ""))
        self.assertIn("another input", err)

    def test_a_wait_ends_at_its_time_not_later(self):
        definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "Next": "N"},
                                                 "N": {"Type": "Pass", "End": True}}}
        self.prepare(definition, [])
        began = time.monotonic()
        process = self.begin()
        time.sleep(1)
        self.kill(process)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual(status, 0, err)
        took = time.monotonic() - began
        self.assertGreater(took, 2.9)
        self.assertLess(took, 5.5)

    def test_a_wait_that_is_overdue_ends_at_once(self):
        definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}}
        self.prepare(definition, [])
        process = self.begin()
        time.sleep(0.7)
        self.kill(process)
        time.sleep(1.5)
        began = time.monotonic()
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual(status, 0, err)
        self.assertLess(time.monotonic() - began, 1.5)

    def test_the_timeout_of_an_execution_counts_the_time_away(self):
        self.prepare({"TimeoutSeconds": 2, **self.task("job:slow")}, [{"resource": "job:slow", "exec": ["sleep", "60"]}])
        process = self.begin()
        time.sleep(1)
        self.kill(process)
        time.sleep(1.5)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, json.loads(out)["status"]), (1, "TIMED_OUT"), err)

    def test_the_timeout_of_a_task_starts_anew(self):
        self.script("slow.sh", "echo begin >> log; sleep 1.5; echo 1")
        self.prepare(self.task("job:slow", TimeoutSeconds=2), [{"resource": "job:slow", "exec": ["./slow.sh"]}])
        process = self.begin()
        self.until(lambda: self.lines("log"))
        time.sleep(1)
        self.kill(process)
        time.sleep(1)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "1\n"), err)
        self.assertEqual(len(self.lines("log")), 2)

    def test_an_interruption_is_no_retry(self):
        self.script("fail.sh", "echo begin >> log; sleep 0.5; exit 1")
        self.prepare(self.task("job:f", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1}]),
                     [{"resource": "job:f", "exec": ["./fail.sh"]}])
        process = self.begin()
        self.until(lambda: self.lines("log"))
        self.kill(process)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual(status, 1, err)
        self.assertEqual(len(self.lines("log")), 3, "interrupted, again, and one retry")
        self.assertEqual(self.types().count("TaskScheduled"), 2)

    def test_a_task_goes_on_in_its_own_folder(self):
        """A simulation that writes restart files goes on from them."""
        self.script("sim.sh", 'cd "$LOCKSTEP_TASK_DIR"; n=$(cat step 2>/dev/null || echo 0); echo "from $n" >> %s\n'
                    'while [ $n -lt 10 ]; do n=$((n + 1)); sleep 0.1; echo $n > step.tmp; mv step.tmp step; done; echo $n'
                    % self.path("log"))
        self.prepare(self.task("job:sim"), [{"resource": "job:sim", "exec": ["./sim.sh"]}])
        process = self.begin()
        self.until(lambda: glob.glob(self.path("run/tasks/*/step")))
        self.kill(process)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "10\n"), err)
        self.assertEqual(self.lines("log")[0], "from 0")
        self.assertRegex(self.lines("log")[1], r"from [1-9]")

    def test_what_must_not_start_twice_fails_by_name(self):
        definition = self.task("job:once", Catch=[{"ErrorEquals": ["Lockstep.TaskInterrupted"], "Next": "C"}])
        definition["States"]["C"] = {"Type": "Pass", "InputPath": "$.Error", "End": True}
        self.script("once.sh", "echo begin >> log; sleep 5; echo 1")  # ranks live on for a second
        for extra in ([], ["--ranks", "2"]):
            with self.subTest(extra):
                self.prepare(definition, [{"resource": "job:once", "exec": ["./once.sh"], "interrupted": "fail"}])
                process = self.begin("--fresh", *extra)
                self.until(lambda: self.lines("log"))
                self.kill(process)
                status, out, err = self.finish(self.begin(command="resume"))
                self.assertEqual((status, out), (0, '"Lockstep.TaskInterrupted"\n'), err)
                self.assertEqual(len(self.lines("log")), 1)
                os.remove(self.path("log"))

    def test_express_begins_again_from_the_beginning(self):
        definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "Next": "B"},
                                                 "B": {"Type": "Task", "Resource": "job:b", "End": True}}}
        self.script("a.sh", "echo a >> log; echo 1")
        self.script("b.sh", "echo b >> log; sleep 0.5; echo 2")
        self.prepare(definition, [{"resource": "job:a", "exec": ["./a.sh"]}, {"resource": "job:b", "exec": ["./b.sh"]}])
        process = self.begin("--type", "EXPRESS")
        self.until(lambda: "b" in self.lines("log"))
        self.kill(process)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "2\n"), err)
        self.assertEqual(self.lines("log"), ["a", "b", "a", "b"])

    def test_a_live_run_is_refused_with_who_holds_it(self):
        self.prepare(self.task("job:slow"), [{"resource": "job:slow", "exec": ["sleep", "60"]}])
        process = self.begin()
        self.until(lambda: os.path.exists(self.path("run/journal/seg-0000000001.h5")))
        for command in ("run", "resume", "redrive"):
            status, out, err = self.finish(self.begin(command=command))
            self.assertEqual((status, out), (73, ""), err)
            self.assertIn("process %d" % process.pid, err)
        self.kill(process)

    def test_what_tasks_wrote_to_stderr_is_there_after_a_kill(self):
        self.prepare({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "Next": "B"}, "B": {"Type": "Task", "Resource": "job:b", "End": True}}},
                     [{"resource": "job:a", "exec": ["sh", "-c", "echo careful >&2"]}, {"resource": "job:b", "exec": ["sh", "-c", "echo > began; sleep 60"]}])
        process = self.begin()
        self.until(lambda: os.path.exists(self.path("began")))
        self.kill(process)
        self.assertIn("careful\n", self.lockstep("logs", "--dir", "run").out)

    def test_the_history_of_a_resumed_run_is_whole(self):
        self.prepare(self.MAP, self.square(), [1, 2, 3])
        process = self.begin()
        self.until(lambda: "end 1" in self.lines("log"))
        self.kill(process)
        status, out, err = self.finish(self.begin("--history", "history.json", command="resume"))
        self.assertEqual(status, 0, err)
        with open(self.path("history.json")) as file:
            events = json.load(file)["events"]
        self.assertEqual([event["id"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events, self.history())


class Owners(DurableCase):
    def test_an_owner_that_stands_still_is_ended_by_who_takes_over(self):
        """About 35 s: so long it must stand still."""
        self.script("first.sh", "echo $$ > pid; echo first >> log; [ -e go ] || sleep 300; echo 1")
        self.script("second.sh", "echo second >> log; echo 2")
        self.prepare({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "Next": "B"}, "B": {"Type": "Task", "Resource": "job:b", "End": True}}},
                     [{"resource": "job:a", "exec": ["./first.sh"]}, {"resource": "job:b", "exec": ["./second.sh"]}])
        old = self.begin()
        self.until(lambda: self.lines("log"))
        task = int(self.lines("pid")[0])
        self.write("go", "")
        os.kill(old.pid, signal.SIGSTOP)
        status, out, err = self.finish(self.begin("--takeover", command="resume"))
        self.assertEqual((status, out), (0, "2\n"), err)
        before = self.history()
        log = self.lines("log")
        self.assertEqual(log, ["first", "first", "second"])
        self.assertIn("was ended: host", err)
        self.finish(old)
        self.assertEqual(old.returncode, -signal.SIGKILL)
        self.assertFalse(is_running(task), "and its task with it")
        self.assertEqual((self.history(), self.lines("log")), (before, log))
        self.assertEqual(self.lockstep("fsck", "--dir", "run").status, 0)


class Drains(DurableCase):
    def test_tasks_may_end_within_the_grace(self):
        self.script("t.sh", "read x; echo begin $x >> log; sleep 1; echo end $x >> log; echo $x")
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}}}}
        for number, extra in ((signal.SIGTERM, []), (signal.SIGINT, []), (signal.SIGUSR1, []), (signal.SIGHUP, []), (signal.SIGTERM, ["--ranks", "3"]),
                              (signal.SIGHUP, ["--ranks", "3"])):
            with self.subTest(number=number, extra=extra):
                self.prepare(machine, [{"resource": "job:t", "exec": ["./t.sh"]}], [1, 2, 3, 4, 5])
                process = self.begin("--fresh", "--slots", "1", *extra)
                self.until(lambda: self.lines("log"))
                process.send_signal(number)
                status, out, err = self.finish(process)
                self.assertEqual((status, out), (75, ""), err)
                self.assertIn("lockstep resume --dir", err)
                log = self.lines("log")
                begun = [line.split()[1] for line in log if line.startswith("begin")]
                ended = [line.split()[1] for line in log if line.startswith("end")]
                self.assertEqual(sorted(begun), sorted(ended), "what ran was let end")
                self.assertLess(len(begun), 5)
                status, out, err = self.finish(self.begin(command="resume"))
                self.assertEqual((status, out), (0, "[1,2,3,4,5]\n"), err)
                self.assertEqual(len(self.lines("log")), 10, "nothing ran twice")
                os.remove(self.path("log"))

    def test_what_does_not_end_is_stopped_and_runs_again(self):
        self.script("t.sh", "echo begin $$ >> log; [ -e go ] && echo 1 && exit; sleep 300")
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["./t.sh"]}])
        process = self.begin("--grace", "0.5")
        self.until(lambda: self.lines("log"))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (75, ""), err)
        self.assertLess(time.monotonic() - began, 8)
        self.assertTrue([name for name in os.listdir(self.path("run/journal")) if name.startswith("checkpoint")])
        self.write("go", "")
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "1\n"), err)
        self.assertEqual(self.types().count("TaskFailed"), 0)

    def test_a_second_signal_ends_it_at_once(self):
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["sleep", "300"]}])
        process = self.begin("--grace", "100")
        self.until(lambda: os.path.exists(self.path("run/journal/seg-0000000001.h5")))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)  # passed on by somebody: still the same request
        process.send_signal(signal.SIGINT)
        time.sleep(2)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        status, _, _ = self.finish(process)
        self.assertEqual(status, 75)


class Redrives(DurableCase):
    def test_only_what_failed_runs_again(self):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "ResultPath": None, "Next": "B"},
                                       "B": {"Type": "Task", "Resource": "job:b", "End": True}}}}}}
        self.script("a.sh", "read x; echo a $x >> log")
        self.script("b.sh", "read x; echo b $x >> log; [ $x != 2 ] || [ -e mended ] || exit 3; sleep 0.1; echo $((10 * x))")
        for extra in ([], ["--ranks", "2"]):
            with self.subTest(extra):
                self.prepare(machine, [{"resource": "job:a", "exec": ["./a.sh"]}, {"resource": "job:b", "exec": ["./b.sh"]}], [1, 2])
                status, out, err = self.finish(self.begin("--fresh", *extra))
                self.assertEqual((status, json.loads(out)["status"]), (1, "FAILED"), err)
                self.write("mended", "")
                status, out, err = self.finish(self.begin(*extra, command="redrive"))
                self.assertEqual((status, out), (0, "[10,20]\n"), err)
                self.assertEqual(self.lines("log").count("a 2"), 1, "what had succeeded did not run again")
                self.assertEqual(self.lines("log").count("b 2"), 2)
                types = self.types()
                self.assertEqual(types.count("ExecutionRedriven"), 1)
                self.assertNotIn("INTERRUPTED", self.lockstep("export", "--csv", "--dir", "run").out)
                self.assertEqual(types[-1], "ExecutionSucceeded")
                self.assertEqual([event["id"] for event in self.history()], list(range(1, len(types) + 1)))
                os.remove(self.path("log"))
                os.remove(self.path("mended"))

    def test_it_may_be_killed_and_resumed(self):
        self.script("t.sh", "echo begin >> log; [ -e mended ] || exit 1; sleep 0.7; echo 5")
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["./t.sh"]}])
        self.assertEqual(self.finish(self.begin())[0], 1)
        self.write("mended", "")
        process = self.begin(command="redrive")
        self.until(lambda: len(self.lines("log")) == 2)
        self.kill(process)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "5\n"), err)

    def test_a_run_that_succeeded_is_refused(self):
        self.prepare(self.task("job:t"), [{"resource": "job:t", "builtin": "noop"}])
        self.assertEqual(self.finish(self.begin())[0], 0)
        status, out, err = self.finish(self.begin(command="redrive"))
        self.assertEqual((status, out), (65, ""))
        self.assertIn("succeeded", err)

    def test_one_whose_history_is_full_is_refused_and_stays_as_it_is(self):
        self.prepare({"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "E"}], "Default": "P"},
            "P": {"Type": "Pass", "Next": "C"}, "E": {"Type": "Succeed"}}}, [])
        self.assertEqual(self.finish(self.begin("--limits", "aws"))[0], 1)
        result = self.lines("run/result.json")
        status, out, err = self.finish(self.begin(command="redrive"))
        self.assertEqual((status, out), (65, ""), err)
        self.assertIn("its history has 25000 of 25000 events", err)
        self.assertEqual(self.lines("run/result.json"), result)
        self.assertEqual(self.lockstep("status", "--dir", "run", "--json").value["status"], "FAILED")

    def test_a_stopped_run_can_be_redriven(self):
        self.script("t.sh", "echo begin >> log; [ -e go ] || exec sleep 300; echo 1")
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["./t.sh"]}])
        process = self.begin()
        self.until(lambda: self.lines("log"))
        stop = self.lockstep("stop", "--dir", "run", "--error", "Enough", "--cause", "too slow")
        self.assertEqual(stop.status, 0, stop.err)
        status, out, err = self.finish(process)
        self.assertEqual((status, json.loads(out)), (1, {"status": "ABORTED", "error": "Enough", "cause": "too slow"}), err)
        self.write("go", "")
        status, out, err = self.finish(self.begin(command="redrive"))
        self.assertEqual((status, out), (0, "1\n"), err)


class Redefinitions(DurableCase):
    """Redrives with another definition."""

    def check_runs(self):
        """The checker knows one definition for all of a history."""

    def two(self, broken, **more):
        return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "job:a", "Next": "B"},
                                           "B": {"Type": "Task", "Resource": broken, "End": True}, **more}}

    def fail_first(self):
        """A run whose second state was wrong, and the definition mended."""
        self.script("a.sh", "echo a >> log; echo 1")
        self.prepare(self.two("job:broken"), [{"resource": "job:a", "exec": ["./a.sh"]}, {"resource": "job:broken", "exec": ["false"]},
                                              {"resource": "job:b", "exec": ["sh", "-c", "read x; echo $((x + 10))"]}])
        self.assertEqual(self.finish(self.begin())[0], 1)
        return self.write("mended.asl.json", {"StartAt": "Z", "States": {"Z": {"Type": "Pass", "Next": "A"}, **self.two("job:b")["States"]}})

    def test_goes_on_with_it_and_keeps_it(self):
        mended = self.fail_first()
        for extra in ([], ["--ranks", "2"]):
            with self.subTest(extra):
                status, out, err = self.finish(self.begin("--definition", "mended.asl.json", *extra, command="redrive"))
                self.assertEqual((status, out), (0, "11\n"), err)
                self.assertIn("from here on the run takes its definition from %s (line 1: there `" % mended, err)
                self.assertEqual(self.lines("log"), ["a"], "what had succeeded did not run again")
                with open(mended) as given, open(self.path("run/definition.json")) as kept:
                    self.assertEqual(kept.read(), given.read())
                self.assertEqual(self.lockstep("status", "run", "--json").value["status"], "SUCCEEDED")
                self.assertNotIn("has changed", self.lockstep("status", "run").out)
                names = [event["stateEnteredEventDetails"]["name"] for event in self.history() if "stateEnteredEventDetails" in event]
                self.assertEqual(names, ["A", "B"], "B is entered once")
                self.assertEqual([(row["state"], row["status"]) for row in map(json.loads, self.lockstep("export", "--jsonl", "run").out.splitlines())],
                                 [("A", "SUCCEEDED"), ("B", "FAILED"), ("B", "SUCCEEDED")])
                self.assertIn("job:b", self.lockstep("explain", "run", "B").out)
                self.assertEqual(self.lockstep("run", "mended.asl.json", "--dir", "run").out, "11\n", "it is this run's")
                self.assertEqual(self.lockstep("resume", "run", "--quiet").out, "11\n")
                shutil.rmtree(self.path("run"))
                os.remove(self.path("log"))
                self.assertEqual(self.finish(self.begin())[0], 1)

    def test_a_crash_leaves_either_and_resume_goes_on_with_what_the_journal_says(self):
        self.fail_first()
        with open(self.path("run/definition.json")) as file:
            old = file.read()
        new = self.write("waits.asl.json", self.two("job:slow"))
        self.script("slow.sh", "echo slow >> log; [ -e go ] || exec sleep 300; echo 5")
        self.write("more.json", {"jobs": [{"resource": "job:a", "exec": ["./a.sh"]}, {"resource": "job:broken", "exec": ["false"]},
                                          {"resource": "job:slow", "exec": ["./slow.sh"]}]})
        process = self.begin("--definition", "waits.asl.json", "--jobs", "more.json", command="redrive")
        self.until(lambda: "slow" in self.lines("log"))
        self.kill(process)
        self.write("run/definition.json", old)  # as where the crash came first
        self.write("go", "")
        refused = self.lockstep("redrive", "run", "--definition", self.write("other.asl.json", self.two("job:a")))
        self.assertEqual((refused.status, refused.out), (65, ""))
        self.assert_one_line(refused.err, "has not ended", "lockstep stop --dir ")
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "5\n"), err)
        with open(self.path("run/definition.json")) as kept, open(new) as given:
            self.assertEqual(kept.read(), given.read())

    def test_what_does_not_fit_is_refused_and_nothing_is_lost(self):
        self.fail_first()
        without_b = self.write("without.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        before = self.history()
        for definition, parts in ((without_b, ("the state 'A' was a Task and is a Pass", "the state 'B' is not there any more")),
                                  (self.write("bad.asl.json", {"StartAt": "A", "States": {}}), ("bad.asl.json",)),
                                  (self.write("job.asl.json", self.two("job:nobody")), ("job:nobody", "state 'B'"))):
            refused = self.lockstep("redrive", "run", "--definition", definition, "--quiet")
            self.assertEqual((refused.status, refused.out), (65, ""), refused.err)
            for part in parts:
                self.assertIn(part, refused.err)
        self.assertEqual(self.lockstep("resume", "run", "--quiet").value["status"], "FAILED")
        self.assertEqual(self.history(), before)
        with open(self.path("run/definition.json")) as kept:
            self.assertEqual(json.load(kept), self.two("job:broken"))
        status, out, err = self.finish(self.begin("--definition", "mended.asl.json", command="redrive"))
        self.assertEqual((status, out), (0, "11\n"), err)

    def test_the_command_that_is_told_takes_the_mended_one(self):
        self.fail_first()
        self.write("machine.asl.json", self.two("job:b"))
        for command in ("status", "resume", "redrive"):
            told = self.lockstep(command, "run")
            text = told.out + told.err
            self.assertIn(self.path("machine.asl.json") + " has changed", text)
            line = re.search(r"to go on with the new one: lockstep (redrive [^;\n]*)", text)
            self.assertIsNotNone(line, text)
        done = self.lockstep(*shlex.split(line.group(1)))
        self.assertEqual((done.status, done.out), (0, "11\n"), done.err)

    def test_an_empty_option(self):
        self.fail_first()
        refused = self.lockstep("redrive", "run", "--definition", "")
        self.assertEqual(refused.status, 2)
        self.assert_one_line(refused.err, "--definition is given, but empty")


class Mailboxes(DurableCase):
    """Task tokens, and stop, through the run folder."""

    def callback(self, **fields):
        return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": CALLBACK, "End": True, "Parameters": {
            "FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}}, **fields}}}

    def ask(self, **fields):
        self.script("ask.sh", "read x; echo \"$x\" >> log")
        self.prepare(self.callback(**fields), [{"resource": "f", "exec": ["./ask.sh"]}])

    def token(self):
        self.until(lambda: self.lines("log"))
        return json.loads(self.lines("log")[-1])["token"]

    def send(self, verb, token, *arguments):
        return self.lockstep("send-task-" + verb, "--dir", "run", "--task-token", token, *arguments)

    def test_an_answer_ends_the_task(self):
        self.ask()
        process = self.begin()
        token = self.token()
        began = time.monotonic()
        sent = self.send("success", token, "--task-output", '{"ok": true}')
        self.assertEqual((sent.status, sent.err), (0, ""))
        self.assertLess(time.monotonic() - began, 2, "promised on a local disk")
        status, out, err = self.finish(process)
        self.assertEqual((status, json.loads(out)), (0, {"ok": True}), err)
        late = self.send("success", token, "--task-output", "1")
        self.assertEqual(late.status, 65)
        self.assertIn("TaskTimedOut", late.err)

    def test_a_token_is_valid_whoever_holds_the_run_and_no_two_are_equal(self):
        self.script("ask.sh", "read x; echo \"$x\" >> log")
        task = self.callback()["States"]["T"]
        self.prepare({"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "A", "States": {"A": task}}}}}, [{"resource": "f", "exec": ["./ask.sh"]}], [1, 2, 3])
        process = self.begin()
        self.until(lambda: len(self.lines("log")) == 3)
        tokens = sorted(json.loads(line)["token"] for line in self.lines("log"))
        self.assertEqual(len(set(tokens)), 3)
        for token in tokens:
            self.assertRegex(token, "^A[A-Za-z0-9_-]{47}$")
        for token in tokens[:2]:
            self.assertEqual(self.send("success", token, "--task-output", "1").status, 0)
            self.kill(process)
            process = self.begin(command="resume")
        slip = tokens[2][:-1] + ("x" if tokens[2][-1] != "x" else "y")
        refused = self.send("success", slip, "--task-output", "1")
        self.assertEqual((refused.status, "InvalidToken: Invalid Token: 'Invalid token'" in refused.err), (65, True), refused.err)
        self.assertEqual(self.send("success", tokens[2], "--task-output", "1").status, 0)
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (0, "[1,1,1]\n"), err)

    def test_a_failure_and_a_wrong_token(self):
        self.ask()
        process = self.begin()
        token = self.token()
        wrong = self.send("success", "nonsense", "--task-output", "1")
        self.assertEqual(wrong.status, 65)
        self.assertIn("InvalidToken", wrong.err)
        bad = self.send("success", token, "--task-output", "{")
        self.assertEqual(bad.status, 65)
        self.assertEqual(self.send("failure", token, "--error", "Rejected", "--cause", "no").status, 0)
        status, out, err = self.finish(process)
        self.assertEqual((status, json.loads(out)), (1, {"status": "FAILED", "error": "Rejected", "cause": "no"}), err)

    def test_heartbeats_keep_it_alive_and_silence_ends_it(self):
        self.ask(HeartbeatSeconds=2, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}])
        definition = self.callback(HeartbeatSeconds=2, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}])
        definition["States"]["C"] = {"Type": "Pass", "Result": "silent", "End": True}
        self.write("machine.asl.json", definition)
        process = self.begin()
        token = self.token()
        began = time.monotonic()
        for _ in range(3):
            time.sleep(1)
            self.assertEqual(self.send("heartbeat", token).status, 0)
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (0, '"silent"\n'), err)
        self.assertGreater(time.monotonic() - began, 4.5)

    def test_what_is_sent_while_nobody_runs_it_is_not_lost(self):
        self.ask()
        process = self.begin()
        token = self.token()
        time.sleep(0.3)
        self.kill(process)
        sent = self.send("success", token, "--task-output", "42")
        self.assertEqual(sent.status, 0, sent.err)
        self.assertIn("waits for `lockstep resume`", sent.err)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, out), (0, "42\n"), err)
        self.assertEqual(len(self.lines("log")), 1, "the job that asked was not run again")

    def test_a_run_that_nobody_runs_can_be_stopped(self):
        self.script("t.sh", "echo begin >> log; exec sleep 300")
        self.prepare(self.task("job:t"), [{"resource": "job:t", "exec": ["./t.sh"]}])
        process = self.begin()
        self.until(lambda: self.lines("log"))
        self.kill(process)
        self.assertEqual(self.lockstep("stop", "--dir", "run").status, 0)
        self.assertEqual(len(self.lines("log")), 1)
        status, out, err = self.finish(self.begin(command="resume"))
        self.assertEqual((status, json.loads(out)["status"]), (1, "ABORTED"), err)

    def test_a_job_may_answer_for_itself(self):
        self.script("self.sh", 'cat > /dev/null; "%s" send-task-success --task-output \'"mine"\' >&2' % LOCKSTEP)
        self.prepare(self.callback(), [{"resource": "f", "exec": ["./self.sh"]}])
        status, out, err = self.finish(self.begin())
        self.assertEqual((status, out), (0, '"mine"\n'), err)

    def test_bad_messages_are_answered_and_harm_nobody(self):
        self.ask()
        process = self.begin()
        token = self.token()
        for i, text in enumerate(["", "{", "[]", '{"action":"fly"}', '{"action":"send-task-success","token":1}', "\0" * 100]):
            self.write("run/mailbox/bad%d.request" % i, text)
        self.until(lambda: sum(name.endswith(".answer") for name in os.listdir(self.path("run/mailbox"))) >= 6)
        self.assertEqual(self.send("success", token, "--task-output", "1").status, 0)
        self.assertEqual(self.finish(process)[0], 0)

    def test_usage(self):
        for arguments in (["send-task-success"], ["stop"], ["send-task-failure", "--dir", "nowhere"], ["resume"], ["redrive"]):
            result = self.lockstep(*arguments)
            self.assertEqual(result.status, 2, arguments)
        result = self.lockstep("stop", "--dir", "nowhere")
        self.assertEqual(result.status, 73)
        self.assert_one_line(result.err, "nowhere")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
