"""Integrations by jobs.json: callbacks on all of them, the forms of Batch and of HTTP, AWS's names of errors."""
import json
import os
import unittest

from lockstep_case import LockstepCase

ARN = "arn:aws:states:::"


def one(resource, parameters=None, **fields):
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters is not None:
        state["Parameters"] = parameters
    return {"StartAt": "T", "States": {"T": state}}


class Callbacks(LockstepCase):
    """`.waitForTaskToken` on every kind of resource that may have it."""

    RESOURCES = [ARN + name for name in ("sqs:sendMessage", "sns:publish", "ecs:runTask", "events:putEvents", "apigateway:invoke", "eks:runJob",
                                         "bedrock:invokeModel", "aws-sdk:s3:getObject", "aws-sdk:sfn:startExecution")
                 ] + ["job:ask"]

    def test_all_of_them_end_with_the_answer_and_show_what_was_submitted(self):
        os.chmod(self.write("say.sh", "#!/bin/sh\ncat > /dev/null; echo \"$LOCKSTEP_TASK_TOKEN\" >> tokens; echo '{\"mine\": 1}'\n"), 0o755)
        branches = [{"StartAt": "T%d" % i, "States": {"T%d" % i: {
            "Type": "Task", "Resource": resource + ".waitForTaskToken", "End": True, "HeartbeatSeconds": 60,
            "Parameters": {"token.$": "$$.Task.Token"}}}} for i, resource in enumerate(self.RESOURCES)]
        self.write("machine.asl.json", {"StartAt": "All", "States": {"All": {"Type": "Parallel", "End": True, "Branches": branches}}})
        self.write("jobs.json", {"jobs": [{"resource": resource, "exec": ["./say.sh"]} for resource in self.RESOURCES]})
        process = self.begin("run", "machine.asl.json", "--dir", "run", "--quiet", "--history", "history.json")
        self.until_status(lambda status: status["waiting"]["tokens"] == len(self.RESOURCES))
        with open(self.path("tokens")) as file:
            tokens = file.read().split()
        for token in tokens:
            self.assertEqual(self.lockstep("send-task-success", "run", "--task-token", token, "--task-output", '"answer"').status, 0)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, json.loads(out)), (0, ["answer"] * len(self.RESOURCES)), err)
        with open(self.path("history.json")) as file:
            events = json.load(file)["events"]
        submitted = [event["taskSubmittedEventDetails"] for event in events if event["type"] == "TaskSubmitted"]
        self.assertEqual([json.loads(details["output"]) for details in submitted], [{"mine": 1}] * len(self.RESOURCES))

    def test_a_job_that_fails_fails_the_task(self):
        for resource in (ARN + "sns:publish", "job:ask"):
            result = self.run_machine(one(resource + ".waitForTaskToken"), [{"resource": resource, "builtin": "fail"}])
            self.assertEqual(result.status, 1, result.err)

    def test_an_express_machine_refuses_them(self):
        for resource in self.RESOURCES:
            self.write("machine.asl.json", one(resource + ".waitForTaskToken"))
            self.write("jobs.json", {"jobs": [{"resource": "*", "builtin": "noop"}]})
            refused = self.lockstep("run", "machine.asl.json", "--type", "EXPRESS", "--dir", "run")
            self.assertEqual(refused.status, 65)
            self.assertIn("Express state machine does not support '.waitForTaskToken' service integration", refused.err)


class Services(LockstepCase):
    SHOW = 'printf \'{"A":"%s","id":"%s","args":"%s"}\' "$A" "$AWS_BATCH_JOB_ID" "$*" > seen; cat > given'
    PARAMETERS = {"JobName": "melt", "JobQueue": "q", "JobDefinition": "d",
                  "ContainerOverrides": {"Command": ["-n", "two words"], "Environment": [{"Name": "A", "Value": "a b"}]}}

    def batch(self, resource, body, **more):
        os.chmod(self.write("job.sh", "#!/bin/sh\n" + body + "\n"), 0o755)
        return self.run_machine(one(ARN + resource, dict(self.PARAMETERS, **more)),
                                [{"resource": ARN + "batch:submitJob", "exec": ["./job.sh", "${ContainerOverrides.Command...}"], "stdout": "log"}])

    def test_a_batch_job_gets_its_environment_and_command_and_answers_with_its_detail(self):
        result = self.batch("batch:submitJob.sync", self.SHOW + "; echo no JSON")
        self.assertEqual(result.status, 0, result.err)
        detail = result.value
        self.assertEqual((detail["Status"], detail["JobName"], detail["JobQueue"], detail["Container"]["ExitCode"]), ("SUCCEEDED", "melt", "q", 0))
        self.assertLessEqual(detail["StartedAt"], detail["StoppedAt"])
        with open(self.path("seen")) as file:
            self.assertEqual(json.load(file), {"A": "a b", "id": detail["JobId"], "args": "-n two words"})
        with open(self.path("given")) as file:
            self.assertEqual(json.load(file), self.PARAMETERS)
        submitted = self.batch("batch:submitJob", "cat > /dev/null")
        self.assertEqual(sorted(submitted.value), ["JobArn", "JobId", "JobName", "SdkHttpMetadata", "SdkResponseMetadata"])

    def test_a_batch_job_fails_with_its_detail(self):
        failed = self.batch("batch:submitJob.sync", "cat > /dev/null; echo broken >&2; exit 3")
        self.assertEqual((failed.status, failed.value["error"]), (1, "States.TaskFailed"), failed.err)
        detail = json.loads(failed.value["cause"])
        self.assertEqual((detail["Status"], detail["Container"]["ExitCode"]), ("FAILED", 3))
        self.assertIn("broken", detail["StatusReason"])
        late = self.batch("batch:submitJob.sync", "exec sleep 60", Timeout={"AttemptDurationSeconds": 1})
        self.assertEqual(json.loads(late.value["cause"])["StatusReason"], "Job attempt duration exceeded timeout")

    def test_errors_are_called_as_aws_calls_them(self):
        self.write("fail.sh", "#!/bin/sh\ncat > /dev/null\necho '{\"errorType\":\"NoSuchKey\",\"errorMessage\":\"no key\",\"statusCode\":404}'; exit 1\n")
        os.chmod(self.path("fail.sh"), 0o755)
        for resource, error, form in ((ARN + "aws-sdk:s3:getObject", "S3.NoSuchKeyException", "no key (Service: S3, Status Code: 404, Request ID: "),
                                      (ARN + "sqs:sendMessage", "SQS.NoSuchKeyException", "no key (Service: AmazonSQS; Status Code: 404; Error Code: NoSuchKey; "),
                                      ("job:a", "NoSuchKey", '{"errorType"')):
            failed = self.run_machine(one(resource), [{"resource": resource, "exec": ["./fail.sh"]}])
            self.assertEqual((failed.status, failed.value["error"]), (1, error), failed.err)
            self.assertTrue(failed.value["cause"].startswith(form), failed.value["cause"])

    def test_http(self):
        def answer(text):
            self.write("answer.sh", "#!/bin/sh\ncat > /dev/null\necho '%s'\n" % text)
            os.chmod(self.path("answer.sh"), 0o755)
            return self.run_machine(one(ARN + "http:invoke", {"ApiEndpoint": "https://example.com", "Method": "GET", "Authentication": {"ConnectionArn": "arn"}}),
                                    [{"resource": ARN + "http:invoke", "exec": ["./answer.sh"]}])
        whole = answer('{"a": 1}').value
        self.assertEqual((whole["ResponseBody"], whole["StatusCode"], whole["StatusText"], sorted(whole)), ({"a": 1}, 200, "OK", [
            "Headers", "ResponseBody", "StatusCode", "StatusText"]))
        failed = answer('{"StatusCode": 404, "ResponseBody": "not here"}').value
        self.assertEqual((failed["error"], failed["cause"]), ("States.Http.StatusCode.404", "not here"))

    def test_what_nothing_maps_fails_before_anything_runs_but_in_a_house_when_it_is_run(self):
        self.write("jobs.json", {"jobs": [{"resource": "job:none", "builtin": "noop"}]})
        for resource, error in ((ARN + "sqs:sendMessage", "SQS.SdkClientException"), (ARN + "http:invoke", "States.Http.Socket"),
                                (ARN + "aws-sdk:dynamodb:query", "DynamoDb.SdkClientException")):
            self.write("machine.asl.json", one(resource, {"ApiEndpoint": "x", "Method": "GET", "Authentication": {"ConnectionArn": "arn"}}))
            refused = self.lockstep("run", "machine.asl.json", "--dir", "run")
            self.assertEqual(refused.status, 65)
            self.assertIn(resource, refused.err)
            failed = self.lockstep("start", "--dir", "house", "machine.asl.json", "--jobs", "jobs.json", "--machine", error.split(".")[0] + "M", "--wait", "--quiet")
            self.assertEqual((failed.status, json.loads(failed.out)["error"]), (1, error), failed.err)


if __name__ == "__main__":
    unittest.main()
