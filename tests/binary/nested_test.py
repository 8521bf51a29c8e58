"""Tasks that start executions of other state machines: what they come to, what a crash leaves of them."""
import json
import os
import random
import signal
import subprocess
import time
import unittest

from lockstep_case import LOCKSTEP, TIMEOUT, LockstepCase

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"
ECHO = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "it is"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
LOG = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:log", "End": True}}}
LOG_JOB = {"resource": "job:log", "exec": ["sh", "-c", "printf '%s\\n' \"$(cat)\" >> \"$LOG\"; echo 1"], "env": {"LOG": ""}}


def call(action="startExecution", service="states", **parameters):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::%s:%s" % (service, action),
                                             "Parameters": parameters, "End": True}}}


class NestedCase(LockstepCase):
    def setUp(self):
        super().setUp()
        for name, machine in (("echo", ECHO), ("fail", FAIL), ("wait", WAIT), ("log", LOG)):
            self.write("machines/%s.asl.json" % name, machine)

    def run_call(self, definition, *arguments):
        return self.run_machine(definition, arguments=("--machine", "machines", "--jobs", self.jobs(), "--quiet", *arguments))

    def jobs(self):
        job = json.loads(json.dumps(LOG_JOB))
        job["env"]["LOG"] = self.path("log")
        return self.write("jobs.json", {"jobs": [job]})

    def logged(self):
        return sorted(json.loads(line) for line in self.lines("log"))

    def listed(self, folder="run-1"):
        """Status by name, and no name twice."""
        statuses = {}
        more = ()
        while True:
            page = json.loads(self.lockstep("list", "--dir", folder, "--json", "--max", "1000", *more).out)
            for one in page["executions"]:
                self.assertNotIn(one["name"], statuses)
                statuses[one["name"]] = one["status"]
            if "nextToken" not in page:
                return statuses
            more = ("--token", page["nextToken"])


class Nested(NestedCase):
    def test_a_child_is_begun_waited_for_and_read(self):
        begun = self.run_call(call(StateMachineArn=ARN + "echo", Input={"a": 1}, Name="child")).value
        self.assertEqual(begun["ExecutionArn"], ARN.replace("stateMachine", "execution") + "echo:child")
        self.assertEqual(begun["SdkHttpMetadata"]["HttpStatusCode"], 200)
        text = self.run_call(call("startExecution.sync", StateMachineArn=ARN + "echo", Input={"a": 1})).value
        self.assertEqual((text["Status"], text["Input"], text["Output"]), ("SUCCEEDED", '{"a":1}', '{"a":1}'))
        value = self.run_call(call("startExecution.sync:2", StateMachineArn=ARN + "echo", Input={"a": 1})).value
        self.assertEqual((value["Output"], value["OutputDetails"]), ({"a": 1}, {"Included": True}))
        none = self.run_call(call("startExecution.sync:2", StateMachineArn=ARN + "echo")).value
        self.assertEqual(none["Output"], {})

    def test_a_failed_child_is_the_cause(self):
        failed = self.run_call(call("startExecution.sync", StateMachineArn=ARN + "fail", Name="child"))
        self.assertEqual((failed.status, failed.value["error"]), (1, "States.TaskFailed"))
        cause = json.loads(failed.value["cause"])
        self.assertEqual((cause["Status"], cause["Error"], cause["Cause"], cause["Name"]), ("FAILED", "Broken", "it is", "child"))
        self.assertNotIn("Output", cause)

    def test_what_cannot_be_started_fails_as_on_aws(self):
        unknown = self.run_call(call(StateMachineArn=ARN + "nobody")).value
        self.assertEqual(unknown["error"], "StepFunctions.StateMachineDoesNotExistException")
        self.assertIn("State Machine Does Not Exist: '%snobody' (Service: AWSStepFunctions; Status Code: 400;" % ARN, unknown["cause"])
        self.assertEqual(self.run_call(call(Input={})).value["error"], "StepFunctions.ValidationException")
        express = self.run_call(call("startExecution.sync", StateMachineArn=ARN + "echo"), "--express", "echo").value
        self.assertEqual(express["error"], "StepFunctions.StateMachineTypeNotSupportedException")
        twice = {"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "ItemsPath": "$.items", "End": True,
                 "ItemProcessor": call("startExecution.sync", **{"StateMachineArn": ARN + "echo", "Name": "one", "Input.$": "$"})}}}
        result = self.run_call(twice, "--input", '{"items": [1, 2]}').value
        self.assertEqual(result["error"], "StepFunctions.ExecutionAlreadyExistsException")

    def test_an_express_child_runs_at_once_and_says_how_it_ended(self):
        machine = call("startSyncExecution", "aws-sdk:sfn", StateMachineArn=ARN + "fail", Input={"a": 1})
        said = self.run_call(machine, "--express", "fail").value
        self.assertEqual((said["Status"], said["Error"], said["Input"]), ("FAILED", "Broken", '{"a":1}'))
        self.assertIn("BilledDurationInMilliseconds", said["BillingDetails"])

    def test_the_house_answers_calls_of_its_own_api(self):
        parallel = {"StartAt": "S", "States": {
            "S": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "ResultPath": "$.begun",
                  "Parameters": {"StateMachineArn": ARN + "wait", "Name": "sleeper"}, "Next": "D"},
            "D": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution", "ResultPath": "$.before",
                  "Parameters": {"ExecutionArn.$": "$.begun.ExecutionArn"}, "Next": "X"},
            "X": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:stopExecution", "ResultPath": "$.stopped",
                  "Parameters": {"ExecutionArn.$": "$.begun.ExecutionArn", "Error": "Enough"}, "Next": "E"},
            "E": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution", "ResultPath": "$.after",
                  "Parameters": {"ExecutionArn.$": "$.begun.ExecutionArn"}, "End": True}}}
        came = self.run_call(parallel).value
        self.assertEqual((came["before"]["Status"], came["after"]["Status"], came["after"]["Error"]), ("RUNNING", "ABORTED", "Enough"))
        self.assertIn("StopDate", came["stopped"])
        lost = self.run_call(call("sendTaskSuccess", "aws-sdk:sfn", TaskToken="nobody", Output="1")).value
        self.assertEqual(lost["error"], "Sfn.InvalidTokenException")
        self.assertRegex(lost["cause"], r"^Invalid Token: 'Invalid token' \(Service: Sfn, Status Code: 400, Request ID: [-0-9a-f]{36}\) "
                                        r"\(SDK Attempt Count: 1\)$")

    def test_a_child_answers_its_parents_token(self):
        answer = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", "End": True,
                  "Parameters": {"TaskToken.$": "$.token", "Output": {"b": 2}}}}}
        self.write("machines/answer.asl.json", answer)
        parent = call("startExecution.waitForTaskToken", **{"StateMachineArn": ARN + "answer", "Input": {"token.$": "$$.Task.Token"}})
        self.assertEqual(self.run_call(parent).value, {"b": 2})

    def test_a_child_goes_with_its_parent(self):
        parent = call("startExecution.sync", StateMachineArn=ARN + "wait", Name="child")
        parent["States"]["T"]["TimeoutSeconds"] = 1
        self.assertEqual(self.run_call(parent).value["error"], "States.Timeout")
        self.assertEqual(self.listed()["child"], "ABORTED")

    def test_a_synchronous_child_goes_with_its_task(self):
        for timeout, child, error in ((1, WAIT, "States.Timeout"), (60, ECHO, None)):
            self.write("machines/sync.asl.json", child)
            parent = call("startSyncExecution", "aws-sdk:sfn", StateMachineArn=ARN + "sync", Name="child")
            parent["States"]["T"]["TimeoutSeconds"] = timeout
            began = time.monotonic()
            ended = self.run_call(parent, "--express", "sync")
            self.assertEqual(ended.value.get("error"), error, ended.err)
            self.assertLess(time.monotonic() - began, 30, "the run did not wait for a child that nobody waits for")
            if error is None:
                self.assertEqual((ended.value["Status"], ended.value["Name"]), ("SUCCEEDED", "child"))

    def test_who_asks_for_a_name_again_gets_the_child_that_has_it(self):
        """Same machine, name and input while it runs: the same child, as StartExecution says; other input: refused."""
        def started(number):
            return {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "ResultPath": "$.%d" % number,
                    "Parameters": {"StateMachineArn": ARN + "wait", "Name": "one", "Input": {"n": 1 if number < 3 else 2}}}
        machine = {"StartAt": "A", "States": {
            "A": {**started(1), "Next": "B"}, "B": {**started(2), "Next": "C"},
            "C": {**started(3), "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "X"}], "End": True},
            "X": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:stopExecution", "ResultPath": None, "End": True,
                  "Parameters": {"ExecutionArn.$": "$.1.ExecutionArn"}}}}
        came = self.run_call(machine).value
        self.assertEqual(came["1"]["ExecutionArn"], came["2"]["ExecutionArn"])
        self.assertEqual(came["error"]["Error"], "StepFunctions.ExecutionAlreadyExistsException")
        listed = self.listed()
        self.assertEqual((len(listed), listed["one"]), (2, "ABORTED"))

    def test_a_run_ends_when_all_that_it_has_started_is_over(self):
        self.write("machines/later.asl.json", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "T"}, "T": LOG["States"]["T"]}})
        begun = self.run_call(call(StateMachineArn=ARN + "later", Name="child", Input={"n": 1}))
        self.assertEqual(begun.status, 0)
        self.assertEqual((self.logged(), self.listed()["child"]), ([{"n": 1}], "SUCCEEDED"))

    def test_wrong_machines_are_refused_before_anything_runs(self):
        broken = self.write("broken.asl.json", {"StartAt": "X", "States": {}})
        for arguments, words in ((("--machine", "m=" + broken), "broken.asl.json"), (("--machine", "m=nowhere.json"), "nowhere.json"),
                                 (("--machine", "a/b=" + broken), "'a/b'"), (("--express", "nobody"), "--express nobody")):
            self.write("machine.asl.json", ECHO)
            refused = self.lockstep("run", "machine.asl.json", "--dir", "refused", *arguments)
            self.assertIn(refused.status, (2, 65), refused.err)
            self.assertIn(words, refused.err)
            self.assertFalse(os.path.exists(self.path("refused/run.json")))


class NestedCrashes(NestedCase):
    """Children of one Map, and everything killed at random: each child runs once. LOCKSTEP_CHILDREN=N: so many."""

    def test_each_child_runs_once(self):
        count = int(os.environ.get("LOCKSTEP_CHILDREN", "60"))
        scale = max(1, count / 1000)
        rng = random.Random(int(os.environ.get("LOCKSTEP_SEED", "1")))
        child = call("startExecution.sync:2", **{"StateMachineArn": ARN + "log", "Input.$": "$"})
        self.write("machine.asl.json", {"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 20, "End": True, "ItemProcessor": child}}})
        self.write("input.json", list(range(count)))
        command = [LOCKSTEP, "run", "machine.asl.json", "--dir", "run-1", "--machine", "machines", "--jobs", self.jobs(), "--input", "input.json", "--quiet"]
        kills = 0
        deadline = time.monotonic() + TIMEOUT * scale
        while True:
            self.assertLess(time.monotonic(), deadline, "%d kills" % kills)
            process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
            try:
                out, err = process.communicate(timeout=None if kills >= 8 * scale else rng.uniform(0.1, 0.6) * min(scale, 4))
            except subprocess.TimeoutExpired:
                process.send_signal(rng.choice((signal.SIGKILL, signal.SIGTERM)))
                kills += 1
                out, err = process.communicate()
            if process.returncode == 0:
                break
            self.assertIn(process.returncode, (-signal.SIGKILL, -signal.SIGTERM, 75), err)
        results = json.loads(out)
        self.assertEqual([one["Input"] for one in results], list(range(count)))
        self.assertEqual({one["Status"] for one in results}, {"SUCCEEDED"})
        self.assertEqual(len(self.listed()), count + 1, "each was started once")
        # What was cut off while it ran is run again, in the same folder: no more often than the run was ended.
        self.assertEqual(sorted(set(self.logged())), list(range(count)))
        self.assertLessEqual(len(self.logged()) - count, kills * 20)


if __name__ == "__main__":
    unittest.main()
