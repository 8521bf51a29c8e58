"""What is told of a run while it goes on: what runs, what is queued, what waits and for what; and what one task has been
through."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

from lockstep_case import LOCKSTEP, LockstepCase

SURVEY = {"StartAt": "Survey", "States": {"Survey": {"Type": "Map", "End": True, "ItemProcessor": {
    "StartAt": "Measure", "States": {"Measure": {"Type": "Task", "Resource": "job:measure", "End": True}}}}}}
# Ends where the file "go" stands.
UNTIL_GO = {"resource": "job:measure", "exec": ["sh", "-c", "read x; while [ ! -e go ]; do sleep 0.05; done; echo $x"]}


class WatchCase(LockstepCase):
    processes = ()

    def begin(self, machine, jobs, input, *arguments):
        self.write("machine.asl.json", machine)
        self.write("jobs.json", {"jobs": jobs})
        with open(self.path("out"), "w") as out, open(self.path("err"), "w") as err:
            process = super().begin("run", "machine.asl.json", "--dir", "run", "--input", json.dumps(input), *arguments,
                                    stdout=out, stderr=err, start_new_session=True)
        self.processes = (*self.processes, process)
        return process

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def said(self):
        with open(self.path("err")) as file:
            return file.read()

    def rows(self):
        return [json.loads(line) for line in self.lockstep("export", "run", "--jsonl").out.splitlines()]


class Standing(WatchCase):
    def test_what_runs_is_told_from_what_is_queued_everywhere(self):
        for options, ranks in ((["--slots", "2"], {0}), (["--slots", "1", "--ranks", "3"], {1, 2})):
            self.begin_afresh()
            process = self.begin(SURVEY, [UNTIL_GO], [1, 2, 3, 4, 5], "--fresh", *options)
            status = self.until_status(lambda status: sum(task["started"] for task in status["tasks"]["first"]) == 2)
            self.assertEqual((status["running"], status["queued"], status["waiting"]), (2, 3, {"timers": 0, "retries": 0, "tokens": 0, "activities": 0, "children": 0}))
            survey, measure = status["states"]
            self.assertEqual((measure["running"], measure["queued"], measure["waiting"]), (2, 3, 0))
            self.assertEqual((survey["items"]["started"], survey["items"]["running"], survey["items"]["queued"]), (5, 2, 3))
            begun = [task for task in status["tasks"]["first"] if task["started"]]
            self.assertEqual({task["rank"] for task in begun}, ranks)
            text = self.lockstep("status", "run").out
            self.assertIn("0/5 done, 2 running, 3 queued", text)
            self.assertIn("tasks: 2 running, 3 queued", text)
            self.assertEqual((text.count(" runs since "), text.count(" is queued since ")), (2, 3))
            rows = self.rows()
            self.assertEqual(sorted(row["status"] for row in rows), ["QUEUED"] * 3 + ["RUNNING"] * 2)
            self.assertEqual({row["item"] for row in rows if row["started"]}, {task["item"] for task in begun})
            self.write("go", "")
            self.assertEqual(process.wait(60), 0, self.said())
            os.remove(self.path("go"))

    def test_what_was_cut_off_is_told_from_what_had_not_begun(self):
        for stop in (signal.SIGKILL, signal.SIGINT):
            self.begin_afresh()
            process = self.begin(SURVEY, [UNTIL_GO], [1, 2, 3, 4, 5], "--fresh", "--slots", "2", "--grace", "0")
            self.until_status(lambda status: status["running"] == 2)
            os.killpg(process.pid, stop)
            process.wait(60)
            status = self.until_status(lambda status: status["owner"]["state"] == "ended")
            self.assertEqual((status["status"], status["running"], status["queued"]), ("INTERRUPTED", 0, 5))
            text = self.lockstep("status", "run").out
            self.assertEqual((text.count(" was running since "), text.count(" had not begun")), (2, 3))
            self.assertEqual(sorted(row["status"] for row in self.rows()), ["INTERRUPTED"] * 2 + ["QUEUED"] * 3)
            self.write("go", "")
            resumed = self.lockstep("resume", "run")
            self.assertEqual((resumed.status, resumed.out), (0, "[1,2,3,4,5]\n"), resumed.err)
            self.assertIn("of 5 tasks that were out, 2 were running, 3 had not begun, 0 had finished", resumed.err)
            os.remove(self.path("go"))

    def test_the_time_in_which_nobody_ran_it_is_no_run_time(self):
        process = self.begin(SURVEY, [UNTIL_GO], [1])
        self.until_status(lambda status: status["running"] == 1)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        time.sleep(4)
        self.write("go", "")
        began = time.monotonic()
        self.assertEqual(self.lockstep("resume", "run").status, 0)
        status = self.lockstep("status", "run", "--json").value
        start, stop = (time.mktime(time.strptime(status[name][:19], "%Y-%m-%dT%H:%M:%S")) for name in ("startDate", "stopDate"))
        self.assertLess(status["seconds"], stop - start - 2)
        self.assertIn(", ran ", self.lockstep("status", "run").out)

    def test_a_task_that_waits_for_its_token_says_so_and_how_to_answer(self):
        machine = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": True, "Branches": [
            {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
                                                  "Parameters": {"t.$": "$$.Task.Token"}}}},
            {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 3600, "Next": "Never"},
                                          "Never": {"Type": "Pass", "End": True}}},
            {"StartAt": "Again", "States": {"Again": {"Type": "Task", "Resource": "job:bad", "End": True,
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}]}}}]}}}
        self.begin(machine, [{"resource": "*sendMessage*", "builtin": "noop"}, {"resource": "job:bad", "builtin": "fail"}], {})
        status = self.until_status(lambda status: status["waiting"] == {"timers": 1, "retries": 1, "tokens": 1, "activities": 0, "children": 0})
        self.assertEqual((status["running"], status["queued"]), (0, 0))
        self.assertEqual({state["name"]: state["waiting"] for state in status["states"] if state["waiting"]}, {"Ask": 1, "Nap": 1, "Again": 1})
        token = status["tokens"]["first"][0]["token"]
        self.until_status(lambda _: "WAITING Both/Ask for the answer to its token " + token in self.said())
        self.assertEqual({row["state"]: row["status"] for row in self.rows()}, {"Ask": "WAITING", "Again": "FAILED"})
        text = self.lockstep("status", "run").out
        command, = re.findall(r"lockstep (send-task-success .*)$", text, re.M)
        answered = self.lockstep(*command.replace("JSON", "{}").split())
        self.assertEqual(answered.status, 0, answered.err)
        self.until_status(lambda status: status["waiting"]["tokens"] == 0)


class Explains(WatchCase):
    MACHINE = {"StartAt": "Survey", "States": {"Survey": {"Type": "Map", "End": True, "ItemProcessor": {
        "StartAt": "Measure", "States": {
            "Measure": {"Type": "Task", "Resource": "job:measure", "End": True, "TimeoutSeconds": 60,
                        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}],
                        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Skip"}]},
            "Skip": {"Type": "Pass", "End": True}}}}}}
    JOB = {"resource": "job:measure", "exec": ["sh", "-c", """read x; echo "read $x in $PWD"; echo "$1 $LOCKSTEP_STATE $LOCKSTEP_ITEM_INDEX" >&2
        [ $LOCKSTEP_ATTEMPT = 0 ] || echo half > "$LOCKSTEP_TASK_DIR/restart"; exit 3""", "job", "it's ${plate}"]}

    def explain(self, *arguments):
        shown = self.lockstep("explain", "run", *arguments)
        self.assertEqual((shown.status, shown.err), (0, ""))
        return shown.out

    def test_one_items_whole_story(self):
        for options in (["--slots", "2"], ["--slots", "1", "--ranks", "3"]):
            self.begin_afresh()
            process = self.begin(self.MACHINE, [self.JOB], [{"plate": "A 1"}, {"plate": "B 2"}], "--fresh", *options)
            self.assertEqual(process.wait(60), 0, self.said())
            text = self.explain("--state", "Measure", "--item", "1")
            self.assertEqual(text, self.explain("Measure[1]"))
            self.assertEqual(text, self.explain("Survey/Measure[1]"))
            dispatch = re.search(r"restart|tasks/Measure-1\.(1-[0-9]+)", text).group(1)
            self.assertEqual(text, self.explain(dispatch))
            for line in (r"Measure\[1\]: FAILED States.TaskFailed after 2 dispatches, caught",
                         r'  input      \{"plate":"B 2"\}', r"  job        job:measure: exec sh -c .*",
                         r"  folder     \S*/run/tasks/Measure-1\.1-[0-9]+", r" +LOCKSTEP_ITEM_INDEX=1", r"  limits     timeout 60 s",
                         r"  attempt 1, dispatch 1: FAILED States.TaskFailed", r"  attempt 2, dispatch 2: FAILED States.TaskFailed",
                         r"    began 2\S+ \S+ on rank [0-9]+ on \S+", r"    ended 2\S+ \S+ after \d+\.\d+ s", r"    used 0\.\d+ s of CPU.*",
                         r"    tried again at .*", r"  then       was caught, went on to Skip at .*"):
                self.assertRegex(text, "(?m)^" + line + "$")
            for once in ("    | it's B 2 Measure 1", '    | read {"plate":"B 2"} in ' + os.path.realpath(self.folder), "    | exit status 3"):
                self.assertEqual(text.count(once + "\n"), 2, "once for each attempt")
            # What is pasted does the same.
            command, = re.findall(r"^  command +(.*?)^  folder", text, re.M | re.S)
            pasted = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd="/", env={"PATH": os.environ["PATH"]})
            self.assertEqual((pasted.returncode, pasted.stderr), (3, "it's B 2 Measure 1\n"))
            self.assertEqual(pasted.stdout, 'read {"plate":"B 2"} in %s\n' % os.path.realpath(self.folder))

    def test_a_task_that_runs_is_queued_or_there_is_none_of(self):
        self.begin(SURVEY, [UNTIL_GO], [1, 2], "--slots", "1")
        self.until_status(lambda status: status["running"] == 1)
        self.assertTrue(self.explain("Measure[0]").startswith("Measure[0]: RUNNING\n"))
        self.assertTrue(self.explain("Measure[1]").startswith("Measure[1]: QUEUED\n"))
        for task, said in (("Mesure[0]", "did you mean 'Measure'?"), ("Measure[9]", "no such task has begun: Measure[9]"),
                           ("Measure[x]", "'Measure[x]' is no task")):
            shown = self.lockstep("explain", "run", task)
            self.assertEqual((shown.status, shown.out), (2, ""))
            self.assert_one_line(shown.err, said)

    def test_why_nothing_runs(self):
        machine = {"StartAt": "All", "States": {"All": {"Type": "Parallel", "End": True, "Branches": [
            {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 3600, "End": True}}},
            {"StartAt": "Again", "States": {"Again": {"Type": "Task", "Resource": "job:bad", "End": True,
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600}]}}},
            {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
                                                  "Parameters": {"t.$": "$$.Task.Token"}}}},
            {"StartAt": "Survey", "States": SURVEY["States"]}]}}}
        jobs = [{"resource": "*sendMessage*", "builtin": "noop"}, {"resource": "job:bad", "builtin": "fail"}, UNTIL_GO]
        os.environ["SLURM_JOB_END_TIME"] = str(int(time.time()) + 7200)
        self.addCleanup(os.environ.pop, "SLURM_JOB_END_TIME")
        process = self.begin(machine, jobs, [1, 2, 3], "--slots", "1")
        self.until_status(lambda status: status["running"] == 1 and status["waiting"] == {"timers": 1, "retries": 1, "tokens": 1, "activities": 0, "children": 0})
        text = self.explain()
        for line in (r"run: RUNNING", r"- 1 task run on 1 slot", r"    Measure\[0\] for .*", r"- 2 tasks wait for a slot: all 1 are taken",
                     r"    Nap until \S+ \S+ \(in 00:59:\d\d\)", r"    Again retry 1 at \S+ \S+ \(in 00:59:\d\d\)",
                     r"    Ask: lockstep send-task-success --dir run --task-token \S+ --task-output JSON",
                     r"- the allocation ends at \S+ \S+ \(in 01:59:\d\d\)"):
            self.assertRegex(text, "(?m)^" + line + "$")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        text = self.explain()
        self.assertIn("run: INTERRUPTED\n- nothing runs: nobody carries the run on; the last to do so was ", text)
        self.assertIn("- go on with: lockstep resume --dir run\n", text)
        self.assertIn("- 3 tasks will be dispatched again\n", text)
        # Its owner was on a host that nobody can ask.
        lease = self.path("run/lease")
        with open(lease) as file:
            told = file.read()
        with open(lease, "w") as file:
            file.write(re.sub("(?m)^host .*$", "host elsewhere", re.sub("(?m)^boot_id .*$", "boot_id another", told)))
        os.remove(self.path("run/LOCK"))
        self.assertIn("- its lease is held by host elsewhere", self.explain())

    def test_of_a_run_that_is_over(self):
        self.assertEqual(self.begin(self.task("job:bad"), [{"resource": "job:bad", "builtin": "fail"}], {}).wait(60), 1)
        self.assertRegex(self.explain(), r"^run: FAILED\n- it is over: FAILED .*\n- go on with: lockstep redrive --dir run\n$")


class Told(WatchCase):
    def test_a_timeout_says_how_long(self):
        machine = self.task("job:slow", TimeoutSeconds=1)
        self.assertEqual(self.begin(machine, [{"resource": "job:slow", "exec": ["sleep", "60"]}], {}).wait(60), 1)
        self.assertRegex(self.said(), r" FAILED T States.Timeout: after 1\.\d+ s")
        failure, = self.lockstep("status", "run", "--json").value["failures"]
        self.assertEqual((failure["error"], failure["cause"]), ("States.Timeout", "not over in time, after 1 s"))
        self.assertIn("1 x States.Timeout: not over in time, after 1 s", self.lockstep("status", "run").out)
        self.assertRegex(self.lockstep("logs", "run", "--failed").out, r" T on rank 0 on \S+ failed States.Timeout after 1\.\d+ s ---")

    def test_a_map_that_fails_and_each_item_that_does_have_a_line(self):
        inner = {"StartAt": "Inner", "States": {"Inner": {"Type": "Map", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Skip"}],
            "ItemProcessor": {"StartAt": "Measure", "States": {"Measure": {"Type": "Task", "Resource": "job:bad", "End": True}}}},
            "Skip": {"Type": "Pass", "End": True}}}
        machine = {"StartAt": "Outer", "States": {"Outer": {"Type": "Map", "ItemProcessor": inner, "Next": "Last"}, "Last": {
            "Type": "Map", "End": True, "ItemProcessor": {"StartAt": "Check", "States": {"Check": {"Type": "Task", "Resource": "job:bad", "End": True}}}}}}
        self.assertEqual(self.begin(machine, [{"resource": "job:bad", "builtin": "fail"}], [[1]] * 40).wait(60), 1)
        failed = re.findall(r" FAILED (\S+) ", self.said())
        self.assertEqual(failed.count("Outer/Inner/Measure[0]"), 40)
        self.assertIn("Last", failed)
        self.assertTrue(any(place.startswith("Last/Check[") for place in failed), failed)


class FollowedLogs(WatchCase):
    def test_a_log_is_followed_until_the_run_is_over(self):
        for options in (["--slots", "2"], ["--slots", "1", "--ranks", "3"]):
            self.begin_afresh()
            job = {"resource": "job:measure", "exec": ["sh", "-c", "read x; echo $x begins >&2; while [ ! -e go ]; do sleep 0.05; done; echo $x ends >&2"]}
            process = self.begin(SURVEY, [job], [1, 2], "--fresh", *options)
            self.until_status(lambda status: status["running"] == 2)
            with open(self.path("followed"), "w") as out:
                follower = subprocess.Popen([LOCKSTEP, "logs", "run", "--follow", "--item", "1"], cwd=self.folder, stdout=out)
            self.addCleanup(follower.kill)

            def followed():
                with open(self.path("followed")) as file:
                    return [line for line in file.read().splitlines() if not line.startswith("---")]
            self.until_status(lambda _: followed() == ["2 begins"])
            self.assertIsNone(follower.poll())
            self.write("go", "")
            self.assertEqual(process.wait(60), 0, self.said())
            self.assertEqual(follower.wait(30), 0)
            self.assertEqual(followed(), ["2 begins", "2 ends"])
            os.remove(self.path("go"))
        refused = self.lockstep("logs", "run", "--follow", "--failed")
        self.assertEqual(refused.status, 2)
        self.assert_one_line(refused.err, "do not go together")

    def test_headers_name_what_people_look_for(self):
        job = {"resource": "job:measure", "exec": ["sh", "-c", "echo lost >&2; exit 4"]}
        self.assertEqual(self.begin(SURVEY, [job], [1]).wait(60), 1)
        lines = self.lockstep("logs", "run").out.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0], r"^--- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d Measure\[0\] on rank 0 on \S+ ---$")
        self.assertRegex(lines[2], r"^--- \S+ \S+ Measure\[0\] on rank 0 on \S+ failed States.TaskFailed after \S+ s ---$")
        self.assertEqual((lines[1], lines[3]), ("lost", "exit status 4"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
