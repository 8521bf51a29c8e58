"""What `lockstep run` promises a user: results, errors, exit statuses; the same alone and on ranks."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest

from lockstep_case import LOCKSTEP, LockstepCase, is_running, mpirun

MODES = ("alone", "mpirun", "ranks")


class Pipelines(LockstepCase):
    def test_the_same_definition_gives_the_same_output_in_every_mode(self):
        pipeline = os.path.join(os.path.dirname(__file__), "../../jobs/contact-sheet")
        lines = []
        for mode in MODES:
            request = {"folder": self.path("sheet"), "frames": 6, "damaged": 2, "least": 5, "width": 64, "height": 48}
            options = ["run", os.path.join(pipeline, "contact-sheet.asl.json"), "--dir", self.path("run-" + mode),
                       "--input", json.dumps(request), "--quiet"]
            if mode == "mpirun":
                launcher, environment = mpirun(3)
                result = self.lockstep(*options, launcher=launcher, environment=environment)
            else:
                result = self.lockstep(*options, *(["--ranks", "3"] if mode == "ranks" else []))
            self.assertEqual(result.status, 0, result.err)
            self.assertTrue(os.path.getsize(self.path("sheet/contact-sheet.png")) > 1000)
            lines.append(result.out)
        self.assertEqual(json.loads(lines[0]), {"sheet": self.path("sheet/contact-sheet.png"), "good": 5, "damaged": [2]})
        self.assertEqual(len(set(lines)), 1, lines)

    def test_a_map_over_ranks_keeps_the_order_of_its_items(self):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": self.task("job:slow")}}}
        jobs = [{"resource": "job:slow", "exec": ["sh", "-c", "read x; sleep 0.0$((x % 3)); echo $x"]}]
        for mode in MODES:
            result = self.run_machine(machine, jobs, list(range(40)), mode)
            self.assertEqual((result.status, result.out), (0, json.dumps(list(range(40)), separators=(",", ":")) + "\n"), result.err)

    def test_of_tasks_that_wait_those_of_higher_priority_go_first(self):
        kind = {"StartAt": "K", "States": {
            "K": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericGreaterThan": 3, "Next": "High"}], "Default": "Low"},
            "High": {"Type": "Task", "Resource": "job:high", "End": True}, "Low": {"Type": "Task", "Resource": "job:low", "End": True}}}
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": kind}}}
        jobs = [{"resource": "job:" + name, "exec": ["sh", "-c", "read x; echo $x >> order"], **fields}
                for name, fields in (("low", {}), ("high", {"priority": 2}))]
        for mode in ("alone", "ranks"):
            self.write("order", "")
            slots = ["--slots", "1"] if mode == "alone" else ["--slots", "1", "--ranks", "2"]
            result = self.run_machine(machine, jobs, list(range(7)), "alone", slots)
            self.assertEqual(result.status, 0, result.err)
            with open(self.path("order")) as file:
                self.assertEqual(file.read().split(), ["4", "5", "6", "0", "1", "2", "3"])

    def test_tasks_run_on_the_worker_ranks(self):
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": self.task("job:rank")}}}
        jobs = [{"resource": "job:rank", "exec": ["sh", "-c", "sleep 0.05; echo $LOCKSTEP_RANK"]}]
        for mode in ("mpirun", "ranks"):
            result = self.run_machine(machine, jobs, list(range(20)), mode)
            self.assertEqual(set(result.value), {1, 2}, result.err)

    def test_megabytes_pass_both_ways(self):
        text = "x" * (5 << 20)
        for mode in MODES:
            result = self.run_machine(self.task("job:cat"), [{"resource": "job:cat", "exec": ["cat"]}], {"text": text}, mode)
            self.assertEqual(result.status, 0, result.err[-300:])
            self.assertEqual(result.value, {"text": text})

    def test_history_is_written_as_aws_answers_it(self):
        result = self.run_machine(self.task("job:e"), [{"resource": "job:e", "builtin": "echo"}], {"a": 1},
                                  arguments=["--history", self.path("history.json")])
        self.assertEqual(result.status, 0, result.err)
        with open(self.path("history.json")) as file:
            events = json.load(file)["events"]
        self.assertEqual([event["type"] for event in events],
                         ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
                          "ExecutionSucceeded"])
        self.assertEqual([event["id"] for event in events], list(range(1, 8)))


class FailingJobs(LockstepCase):
    def fails(self, job, error, *cause_parts, input=None, mode="alone"):
        jobs = [dict(job, resource="job:j")]
        result = self.run_machine(self.task("job:j"), jobs, input, mode)
        self.assertEqual(result.status, 1, result.err)
        self.assertEqual(result.value["status"], "FAILED")
        self.assertEqual(result.value["error"], error, result.out)
        for part in cause_parts:
            self.assertIn(part, result.value["cause"])
        self.assertLess(len(result.out), 20000)

    def test_a_missing_program(self):
        for mode in MODES:
            self.fails({"exec": ["./not-there"]}, "States.TaskFailed", "not-there", "not found", mode=mode)

    def test_a_file_that_is_not_executable(self):
        self.write("plain.txt", "hello")
        self.fails({"exec": ["./plain.txt"]}, "States.TaskFailed", "plain.txt", "Permission denied")

    def test_a_killed_program(self):
        self.fails({"exec": ["sh", "-c", "kill -9 $$"]}, "States.TaskFailed", "signal 9")

    def test_an_exit_status_with_the_end_of_stderr(self):
        self.fails({"exec": ["sh", "-c", "echo the disk is full >&2; exit 3"]}, "States.TaskFailed", "exit status 3", "the disk is full")

    def test_an_error_that_the_job_names(self):
        line = '{"errorType":"NoData","errorMessage":"none"}'
        jobs = [{"resource": "job:j", "exec": ["sh", "-c", "echo noise; echo '%s'; exit 1" % line]}]
        result = self.run_machine(self.task("job:j"), jobs)
        self.assertEqual(result.value, {"status": "FAILED", "error": "NoData", "cause": line})

    def test_garbage_on_stdout(self):
        self.fails({"exec": ["sh", "-c", "echo not json"]}, "Lockstep.BadOutput")
        self.fails({"exec": ["head", "-c", "3000000", "/dev/urandom"]}, "Lockstep.BadOutput")

    def test_an_answer_that_is_longer_than_awss_limit(self):
        def run(letters, quote):
            print_it = 'import sys; sys.stdout.write(sys.argv[2] + "a" * int(sys.argv[1]) + sys.argv[2] + "\\n")'
            jobs = [{"resource": "job:j", "exec": [sys.executable, "-c", print_it, str(letters), quote]}]
            return self.run_machine(self.task("job:j"), jobs, arguments=["--limits", "aws"])

        limit = 262_144
        self.assertEqual(run(limit - 2, '"').value, "a" * (limit - 2))
        cause = ("The state/task 'job:j' returned a result with a size exceeding the maximum number of bytes service "
                 "limit.")
        for letters, quote in ((limit - 1, '"'), (limit + 3, "")):  # the second is no JSON, which nobody looks at
            self.assertEqual(run(letters, quote).value,
                             {"status": "FAILED", "error": "States.DataLimitExceeded", "cause": cause})

    def test_a_missing_field_in_an_argument(self):
        self.fails({"exec": ["echo", "${no}"]}, "Lockstep.BadArguments", "no", input={"yes": 1})

    def test_a_timeout_kills_the_whole_group(self):
        self.script("stubborn.sh", "trap '' TERM; sleep 300 & echo $! > child; wait; sleep 300")
        for mode in ("alone", "ranks"):
            began = time.monotonic()
            result = self.run_machine(self.task("job:j", TimeoutSeconds=1), [{"resource": "job:j", "exec": ["./stubborn.sh"]}],
                                      mode=mode, arguments=["--grace", "0.5"])
            self.assertEqual(result.value, {"status": "FAILED", "error": "States.Timeout"})
            self.assertLess(time.monotonic() - began, 30)
            with open(self.path("child")) as file:
                child = int(file.read())
            self.assertFalse(is_running(child))

    def test_a_failing_branch_stops_its_siblings(self):
        sleep = {"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "job:sleep", "End": True}}}
        machine = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [sleep, self.task("job:fail")], "End": True}}}
        jobs = [{"resource": "job:sleep", "exec": ["sh", "-c", "echo $$ > pid; exec sleep 300"]},
                {"resource": "job:fail", "exec": ["sh", "-c", "while [ ! -s pid ]; do sleep 0.05; done; exit 7"]}]
        for mode in MODES:
            result = self.run_machine(machine, jobs, mode=mode, arguments=["--slots", "2"])
            self.assertEqual(result.status, 1, result.err)
            self.assertIn("exit status 7", result.value["cause"])
            with open(self.path("pid")) as file:
                self.assertFalse(is_running(int(file.read())))
            os.remove(self.path("pid"))


class BadRequests(LockstepCase):
    def test_an_unknown_state_type(self):
        result = self.run_machine({"StartAt": "A", "States": {"A": {"Type": "Task!", "End": True}}})
        self.assertEqual((result.status, result.out), (65, ""))
        self.assertIn("should have one of these values", result.err)
        self.assertIn("/States/A/Type", result.err)

    def test_a_transition_to_nowhere(self):
        for mode in MODES:
            result = self.run_machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"}}}, mode=mode)
            self.assertEqual((result.status, result.out), (65, ""), result.err)
            self.assertEqual(result.err.count("Missing 'Next' target: B"), 1, result.err)

    def test_a_definition_that_is_not_json(self):
        result = self.run_machine('{"StartAt": \n nonsense}')
        self.assertEqual((result.status, result.out), (65, ""))
        self.assertIn("machine.asl.json:2", result.err)
        self.assertIn("nonsense", result.err)

    def test_a_definition_that_is_not_there(self):
        result = self.lockstep("run", "nowhere.json")
        self.assert_one_line(result.err, "nowhere.json", "No such file")
        self.assertIn(result.status, (65, 74))

    def test_a_resource_that_nothing_maps(self):
        for jobs in ([], [{"resource": "job:other", "builtin": "noop"}], None):
            result = self.run_machine(self.task("job:mine"), jobs)
            self.assertEqual((result.status, result.out), (65, ""))
            self.assert_one_line(result.err, "job:mine", "jobs.json")

    def test_a_broken_jobs_file(self):
        self.write("machine.asl.json", self.task("job:a"))
        for jobs, part in (("[", "jobs.json"), ('{"jobs":[{"resource":"job:a"}]}', "job:a"), ('{"jobs":[{"resource":"job:a","exec":[]}]}', "exec"),
                           ('{"jobs":[{"resource":"job:a","builtin":"dance"}]}', "builtin"), ('{"job":[]}', "job")):
            self.write("jobs.json", jobs)
            result = self.lockstep("run", "machine.asl.json")
            self.assertEqual((result.status, result.out), (65, ""), jobs)
            self.assert_one_line(result.err, "jobs.json", part)

    def test_a_bad_input(self):
        for text in ("{", "{'a':1}", "nothing-of-that-name"):
            self.write("machine.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
            result = self.lockstep("run", "machine.asl.json", "--input", text)
            self.assertEqual((result.status, result.out), (65, ""), text)
            self.assert_one_line(result.err, "input")

    def test_wrong_options(self):
        for arguments, part in ((["run"], "definition"), (["run", "a", "b"], "one definition"), (["run", "a", "--ranks", "0"], "--ranks"),
                                (["run", "a", "--bogus"], "bogus"), (["dance"], "dance"), (["run", "a", "--type", "FAST"], "FAST"),
                                (["run", "a", "--slots", "x"], "slots")):
            result = self.lockstep(*arguments)
            self.assertEqual((result.status, result.out), (2, ""), arguments)
            self.assert_one_line(result.err, part)

    def test_what_this_version_cannot_run_is_refused_by_name(self):
        inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
        reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": {"InputType": "PARQUET"}}
        result = self.run_machine({"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "ItemReader": reader, "End": True}}})
        self.assertEqual(result.status, 65)
        self.assert_one_line(result.err, "Parquet")

    def test_an_empty_option_is_no_wish_for_the_default(self):
        for option in ("--input", "--jobs", "--dir", "--name", "--ranks", "--history"):
            result = self.lockstep("run", "machine.asl.json", option, "")
            self.assertEqual((result.status, result.out), (2, ""), option)
            self.assert_one_line(result.err, option, "empty")

    def test_names_that_are_not_utf8(self):
        self.write("machine.asl.json", self.ends)
        for extra in ([], ["--ranks", "2"]):
            result = self.lockstep("run", "machine.asl.json", "--name", b"\xff", *extra)
            self.assertEqual((result.status, result.out), (2, ""), result.err)
            self.assert_one_line(result.err, "--name")
        names = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"name.$": "$$.StateMachine.Name"}, "End": True}}}
        os.rename(self.write("machine.asl.json", names), os.path.join(os.fsencode(self.folder), b"m\xff.asl.json"))
        result = self.lockstep("run", b"m\xff.asl.json", "--quiet")
        self.assertEqual((result.status, result.value), (0, {"name": "m\ufffd"}))

    def test_every_line_of_an_error_says_whose_it_is(self):
        result = self.run_machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Pass", "Next": "D"}}})
        self.assertGreater(result.err.count("\n"), 1)
        for line in result.err.splitlines():
            self.assertTrue(line.startswith("lockstep: machine.asl.json"), line)

    ends = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}


class Streams(LockstepCase):
    """Standard streams that are closed or full, and files that cannot be written."""
    machine = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}

    def shell(self, redirection, *arguments):
        self.write("machine.asl.json", self.machine)
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "exec": ["sh", "-c", "echo noise >&2; echo 7"]}]})
        command = 'exec "$0" run machine.asl.json --dir run --fresh "$@" ' + redirection
        process = subprocess.run(["sh", "-c", command, LOCKSTEP, *arguments], capture_output=True, text=True, cwd=self.folder, timeout=60)
        return process.returncode, process.stdout, process.stderr

    def test_a_result_that_cannot_be_written_is_an_error(self):
        for redirection in (">&-", ">/dev/full"):
            for extra in ([], ["--ranks", "2"]):
                status, _, err = self.shell(redirection, "--quiet", *extra)
                self.assertEqual(status, 74, (redirection, extra))
                self.assertIn("standard output", err)
        self.assertEqual(self.shell("<&- >&- 2>&-")[0], 74)

    def test_a_result_that_nobody_reads(self):
        for extra in ([], ["--ranks", "2"]):
            self.shell("| true", *extra)
            with open(self.path("run/result.json")) as file:
                self.assertEqual(json.load(file)["line"], "7")

    def test_the_other_streams_may_be_closed(self):
        for extra in ([], ["--ranks", "2"]):
            self.assertEqual(self.shell("<&- 2>&-", *extra), (0, "7\n", ""))
        status, _, err = self.shell("<&-", "--input", "-")
        self.assertEqual(status, 74)
        self.assert_one_line(err, "standard input")

    def test_a_file_that_may_not_grow_is_an_error(self):
        self.write("large.json", ["x" * 4000])
        self.write("machine.asl.json", self.machine)
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "builtin": "echo"}]})
        process = subprocess.run(["sh", "-c", 'ulimit -f 2; exec "$0" run machine.asl.json --input large.json --dir run', LOCKSTEP],
                                 capture_output=True, text=True, cwd=self.folder, timeout=60)
        self.assertEqual((process.returncode, process.stdout), (74, ""), process.stderr)
        self.assert_one_line(process.stderr, "input.json", "File too large")

    def test_a_history_that_cannot_be_written_costs_no_result(self):
        status, out, err = self.shell("", "--quiet", "--history", "/dev/full")
        self.assertEqual((status, out), (74, "7\n"))
        self.assert_one_line(err, "/dev/full", "No space left")

    def test_a_history_that_cannot_be_made_is_said_before_anything_runs(self):
        status, out, err = self.shell("", "--history", "nowhere/history.json")
        self.assertEqual((status, out), (74, ""))
        self.assert_one_line(err, "nowhere/history.json", "No such file")
        self.assertFalse(os.path.exists(self.path("run")))

    def test_a_finished_run_leaves_its_history_alone(self):
        self.shell("", "--history", "history.json")
        before = os.stat(self.path("history.json"))
        self.assertGreater(before.st_size, 100)
        self.assertEqual(self.lockstep("run", "machine.asl.json", "--dir", "run", "--history", "history.json").out, "7\n")
        self.assertEqual(os.stat(self.path("history.json")).st_mtime_ns, before.st_mtime_ns)


class RunFolders(LockstepCase):
    machine = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}

    def go(self, *arguments, input="{}"):
        self.write("machine.asl.json", self.machine)
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "exec": ["sh", "-c", "echo x >> ran; echo 1"]}]})
        return self.lockstep("run", "machine.asl.json", "--dir", "run", "--input", input, *arguments)

    def test_a_finished_run_prints_its_result_again_without_running(self):
        self.assertEqual(self.go().out, "1\n")
        self.assertEqual(self.go().out, "1\n")
        with open(self.path("ran")) as file:
            self.assertEqual(file.read(), "x\n")
        self.assertEqual(self.go("--fresh").out, "1\n")
        with open(self.path("ran")) as file:
            self.assertEqual(file.read(), "x\nx\n")

    def test_another_input_is_refused_and_the_difference_shown(self):
        self.go(input='{"a":1}')
        result = self.go(input='{"a":2}')
        self.assertEqual((result.status, result.out), (73, ""))
        self.assert_one_line(result.err, "another input", '{"a":1}', '{"a":2}')

    def test_a_folder_of_something_else_is_left_alone(self):
        self.write("run/precious.txt", "mine")
        result = self.go("--fresh")
        self.assertEqual(result.status, 73)
        self.assert_one_line(result.err, "not empty")
        self.assertTrue(os.path.exists(self.path("run/precious.txt")))


class Signals(LockstepCase):
    def test_term_stops_the_jobs_and_says_that_work_is_left(self):
        self.script("long.sh", "echo $$ > pid; exec sleep 300")
        self.write("machine.asl.json", self.task("job:long"))
        self.write("jobs.json", {"jobs": [{"resource": "job:long", "exec": ["./long.sh"]}]})
        for extra in ([], ["--ranks", "3"]):
            self.begin_afresh()
            process = self.begin("run", "machine.asl.json", "--dir", "run", "--fresh", *extra)
            self.until(lambda: self.lines("pid"))
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out), (75, ""), err)
            self.assertIn("work left", err)
            with open(self.path("pid")) as file:
                self.assertFalse(is_running(int(file.read())))
            os.remove(self.path("pid"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
