"""Activities: made and removed, their tasks taken by workers, whatever is killed meanwhile."""
import json
import os
import signal
import time
import unittest

from house_test import HouseCase
from lockstep_case import LockstepCase

ARN = "arn:aws:states:us-east-1:123456789012:activity:%s"


def activity(name="paint", **fields):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ARN % name, "End": True, **fields}}}


class Workers:
    """Mixed into a case: worker processes, none of which outlives its test."""

    def setUp(self):
        super().setUp()
        self.processes = []

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def begin(self, *arguments):
        process = super().begin(*arguments)
        self.processes.append(process)
        return process

    def work(self, *options, command, house="house", name="paint"):
        return self.begin("activity-worker", name, "--dir", house, *options, "--", *command)

    def events(self, folder, *arguments):
        return json.loads(self.lockstep("history", "--dir", folder, "--json", *arguments).out)["events"]


class Activities(Workers, HouseCase):
    def setUp(self):
        super().setUp()
        self.write("paint.asl.json", activity())

    def create(self, name="paint"):
        done = self.lockstep("create-activity", name, "--dir", "house")
        self.assertEqual(done.status, 0, done.err)
        return json.loads(done.out)

    def test_are_made_listed_described_and_removed(self):
        self.serve()
        made = self.create()
        self.assertEqual(made["activityArn"], ARN % "paint")
        self.assertEqual(self.create(), made, "the same again changes nothing")
        self.create("print")
        listed = json.loads(self.lockstep("list-activities", "--dir", "house").out)
        self.assertEqual([one["name"] for one in listed["activities"]], ["paint", "print"])
        described = json.loads(self.lockstep("describe-activity", "paint", "--dir", "house").out)
        self.assertEqual((described["activityArn"], described["name"]), (ARN % "paint", "paint"))
        for name in ("paint", ARN % "print", "never-made"):
            self.assertEqual(self.lockstep("delete-activity", name, "--dir", "house").status, 0, name)
        self.assertEqual(json.loads(self.lockstep("list-activities", "--dir", "house").out), {"activities": []})
        self.assertEqual(self.lockstep("describe-activity", "paint", "--dir", "house").status, 2)
        bad = self.lockstep("create-activity", "a b", "--dir", "house")
        self.assertEqual(bad.status, 2)
        self.assert_one_line(bad.err, "'a b'")

    def test_one_that_is_not_there_fails_the_execution(self):
        self.serve()
        waited = self.start("paint", "--wait")
        self.assertEqual(waited.status, 1)
        self.assertEqual(json.loads(waited.out), {
            "status": "FAILED", "error": "States.Runtime",
            "cause": "An error occurred while executing the state 'T' (entered at the event id #2). The activity ARN does not exist."})
        refused = self.lockstep("activity-worker", "paint", "--dir", "house", "--", "cat")
        self.assertEqual(refused.status, 65)
        self.assert_one_line(refused.err, "ActivityDoesNotExist", ARN % "paint")
        self.create()
        self.start("paint", "--name", "early")
        self.lockstep("delete-activity", "paint", "--dir", "house")
        self.create()
        self.assertEqual(self.work("--once", command=["cat"]).wait(30), 0)
        self.assertEqual(self.ended("early"), ("SUCCEEDED", "{}"), "what had been asked for waits for the next of that name")

    def test_two_workers_share_the_tasks(self):
        self.serve()
        self.create()
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": activity()}}}
        self.write("map.asl.json", machine)
        script = "read x; echo $x >> %s; echo $((x * 2))"
        workers = [self.work("--name", name, command=["sh", "-c", script % self.path(name)]) for name in ("one", "two")]
        done = self.start("map", "--name", "all", "--input", json.dumps(list(range(100))), "--wait")
        self.assertEqual(json.loads(done.out), [2 * x for x in range(100)])
        shares = [self.lines(name) for name in ("one", "two")]
        self.assertEqual(sorted(int(x) for share in shares for x in share), list(range(100)), "each once")
        self.assertTrue(all(shares), "both had some")
        taken = [event["activityStartedEventDetails"]["workerName"] for event in self.events("house", "--execution", "all") if event["type"] == "ActivityStarted"]
        self.assertEqual([taken.count(name) for name in ("one", "two")], [len(share) for share in shares])
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(10), 0)
        self.assertEqual([name for name in os.listdir(self.path("house/mailbox")) if name.endswith(".request")], [])

    def test_a_stream_has_one_process_and_failures_are_told(self):
        self.serve()
        self.create()
        stream = "while read x; do echo '{\"pid\":'$$',\"x\":'$x'}'; done"
        worker = self.work("--stream", "--count", "2", command=["sh", "-c", stream])
        said = [json.loads(self.start("paint", "--input", str(n), "--wait").out) for n in (1, 2)]
        self.assertEqual([one["x"] for one in said], [1, 2])
        self.assertEqual(said[0]["pid"], said[1]["pid"])
        self.assertEqual(worker.wait(10), 0)
        self.work("--once", command=["sh", "-c", "echo '{\"errorType\":\"Smudged\"}'; exit 3"])
        failed = json.loads(self.start("paint", "--wait").out)
        self.assertEqual((failed["error"], json.loads(failed["cause"])), ("Smudged", {"errorType": "Smudged"}))

    def test_a_worker_gives_signs_of_life_and_one_that_dies_costs_a_timeout(self):
        self.serve()
        self.create()
        self.write("beat.asl.json", activity(HeartbeatSeconds=2, Retry=[{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]))
        self.start("beat", "--name", "long")
        worker = self.work(command=["sh", "-c", "echo begun >> %s; sleep 5; echo 1" % self.path("log")])
        self.assertEqual(self.ended("long"), ("SUCCEEDED", "1"), "it is longer than the heartbeat")
        self.start("beat", "--name", "lost")
        self.until(lambda: len(self.lines("log")) == 2, "it begins")
        worker.kill()
        self.work("--once", command=["echo", "2"])
        self.assertEqual(self.ended("lost"), ("SUCCEEDED", "2"))
        kinds = [event["type"] for event in self.events("house", "--execution", "lost")]
        self.assertEqual([kind for kind in kinds if kind.startswith("Activity")],
                         ["ActivityScheduled", "ActivityStarted", "ActivityTimedOut", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded"])

    def test_a_worker_that_dies_while_it_waits_gets_nothing(self):
        self.serve()
        self.create()
        idle = self.work(command=["cat"])
        self.until(lambda: any(name.endswith(".request") for name in os.listdir(self.path("house/mailbox"))), "it asks")
        time.sleep(1)
        idle.kill()
        idle.wait()
        self.start("paint", "--name", "one")
        self.assertEqual(self.work("--once", command=["echo", "3"]).wait(30), 0)
        self.assertEqual(self.ended("one"), ("SUCCEEDED", "3"))

    def test_a_worker_that_is_told_to_end_finishes_or_lets_go(self):
        self.serve()
        self.create()
        for grace, seconds, end in (("20", "2", ("SUCCEEDED", "4")), ("0", "60", ("FAILED", None))):
            log = "begun-" + grace
            self.start("paint", "--name", "for-" + grace)
            worker = self.work("--grace", grace, command=["sh", "-c", "echo >> %s; sleep %s; echo 4" % (self.path(log), seconds)])
            self.until(lambda: self.lines(log), "it begins")
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(30), 0)
            self.assertEqual(self.ended("for-" + grace), end)
        described = json.loads(self.lockstep("describe", "--dir", "house", "--execution", "for-0").out)
        self.assertEqual(described["error"], "Lockstep.TaskInterrupted")

    def test_nothing_is_lost_or_done_twice_while_servers_are_killed(self):
        self.create_offline()
        machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": activity()}}}
        self.write("map.asl.json", machine)
        server = self.serve()
        count = 120
        self.start("map", "--name", "all", "--input", json.dumps(list(range(count))))
        for name in ("one", "two"):
            self.work("--name", name, command=["sh", "-c", "read x; echo $x >> %s; echo $x" % self.path("log")])
        for n in range(4):
            self.until(lambda n=n: len(self.lines("log")) >= (n + 1) * count // 6, "they go on")
            self.end(server, signal.SIGKILL if n != 2 else signal.SIGTERM)
            server = self.serve()
        self.assertEqual(self.ended("all"), ("SUCCEEDED", json.dumps(list(range(count)), separators=(",", ":"))))
        self.assertEqual(sorted(map(int, self.lines("log"))), list(range(count)))

    def create_offline(self):
        waits = self.lockstep("create-activity", "paint", "--dir", "house")
        self.assertEqual((waits.status, waits.out), (0, ""))
        self.assert_one_line(waits.err, "lockstep serve")

    def test_a_long_poll_waits_for_a_task_that_comes(self):
        self.serve()
        self.create()
        worker = self.work("--once", command=["echo", "5"])
        time.sleep(2)
        self.assertIsNone(worker.poll())
        begun = time.monotonic()
        self.assertEqual(self.start("paint", "--wait").out, "5\n")
        self.assertLess(time.monotonic() - begun, 5)


class RunsWithActivities(Workers, LockstepCase):
    def begin_run(self, *arguments):
        run = self.begin("run", "machine.asl.json", "--dir", "run", *arguments)
        self.until(lambda: os.path.exists(self.path("run/mailbox")), "it runs")
        return run

    def test_the_activity_is_made_with_the_run(self):
        self.write("machine.asl.json", activity(TimeoutSeconds=60))
        run = self.begin_run("--activity", "paint", "--input", '{"a": 1}')
        self.assertEqual(self.work("--name", "w", "--once", command=["cat"], house="run").wait(30), 0)
        self.assertEqual(run.wait(30), 0)
        self.assertEqual(run.stdout.read(), '{"a": 1}\n')
        story = self.lockstep("explain", "run", "T").out
        for part in ("T: SUCCEEDED", "activity   paint", "taken by w"):
            self.assertIn(part, story)
        started = [event for event in self.events("run") if event["type"] == "ActivityStarted"]
        self.assertEqual(started[0]["activityStartedEventDetails"], {"workerName": "w"})
        over = self.work(command=["cat"], house="run")
        self.assertEqual(over.wait(30), 0, "a run that is over has no more tasks")

    def test_without_one_it_is_refused_before_anything_runs(self):
        refused = self.run_machine(activity(), [{"resource": "job:other", "builtin": "noop"}])
        self.assertEqual((refused.status, refused.out), (65, ""))
        self.assert_one_line(refused.err, ARN % "paint", "jobs.json", "--activity paint", "'T'")
        bare = self.lockstep("run", "machine.asl.json", "--jobs", "jobs.json", "--activity", "a b")
        self.assertEqual(bare.status, 2)

    def test_a_job_that_is_mapped_goes_before_workers(self):
        done = self.run_machine(activity(), [{"resource": ARN % "*", "builtin": "echo"}], input=7, arguments=["--activity", "paint"])
        self.assertEqual((done.status, done.out), (0, "7\n"))

    def test_stops_with_only_an_activity_open_and_goes_on(self):
        self.write("machine.asl.json", activity())
        run = self.begin_run("--activity", "paint", "--slots", "1")
        self.until_status(lambda status: status["waiting"]["activities"] == 1)
        explained = self.lockstep("explain", "--dir", "run").out
        self.assertIn("1 wait for an activity", explained)
        self.assertIn("lockstep activity-worker paint --dir", explained)
        self.assertIn("T: WAITING", self.lockstep("explain", "run", "T").out)
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(20), 75)
        resumed = self.begin("resume", "--dir", "run")
        self.assertEqual(self.work("--once", command=["echo", "6"], house="run").wait(30), 0)
        self.assertEqual(resumed.wait(30), 0)
        self.assertEqual(resumed.stdout.read(), "6\n")
        again = self.lockstep("run", "machine.asl.json", "--dir", "run")
        self.assertEqual((again.status, again.out), (0, "6\n"), "its activity need not be named again")

    def test_a_taken_task_waits_for_its_answer_when_the_run_was_killed(self):
        self.write("machine.asl.json", activity())
        run = self.begin_run("--activity", "paint")
        worker = self.work("--once", command=["sh", "-c", "echo >> %s; sleep 4; echo 8" % self.path("log")], house="run")
        self.until(lambda: self.lines("log"), "it begins")
        run.kill()
        run.wait()
        resumed = self.begin("resume", "--dir", "run")
        self.assertEqual(resumed.wait(60), 0)
        self.assertEqual(resumed.stdout.read(), "8\n")
        self.assertEqual(worker.wait(10), 0)
        self.assertEqual(len(self.lines("log")), 1)


if __name__ == "__main__":
    unittest.main()
