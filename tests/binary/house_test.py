"""A house of many executions: served, stopped and killed while requests come in.

LOCKSTEP_EXECUTIONS=N  so many in Multitudes;  LOCKSTEP_SEED=S  its servers end at the same moments again"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

from lockstep_case import LOCKSTEP, TIMEOUT, LockstepCase

TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:log", "End": True}}}
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}}
JOBS = {"jobs": [{"resource": "job:log", "exec": ["sh", "-c", "cat >> ../log; echo >> ../log; echo 1"], "cwd": "task"}]}


class HouseCase(LockstepCase):
    """Servers of one house, none of which outlives its test."""

    def setUp(self):
        super().setUp()
        self.servers = []
        for name, content in (("task", TASK), ("pass", PASS), ("wait", WAIT), ("fail", FAIL)):
            self.write(name + ".asl.json", content)

    def tearDown(self):
        for server in self.servers:
            if server.poll() is None:
                server.kill()
            server.wait()
            server.stderr.close()
        super().tearDown()

    def serve(self, *arguments):
        server = subprocess.Popen([LOCKSTEP, "serve", "--dir", "house", *arguments], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.servers.append(server)
        for line in server.stderr:
            if "a house held open" in line:
                return server
        self.fail("it did not open")

    def start(self, definition, *arguments):
        return self.lockstep("start", "--dir", "house", definition + ".asl.json", *arguments)

    def listed(self):
        return json.loads(self.lockstep("list", "--dir", "house", "--json", "--max", "1000").out)["executions"]

    def end(self, server, how):
        server.send_signal(how)
        return server.wait(30)

    def ended(self, name):
        """Status and output of an execution, once it is over."""
        def over():
            described = json.loads(self.lockstep("describe", "--dir", "house", "--execution", name).out)
            return described["status"] != "RUNNING" and (described["status"], described.get("output"))
        return self.until(over)


class Houses(HouseCase):
    def test_prints_the_arn_or_the_result(self):
        self.serve()
        started = json.loads(self.start("pass", "--name", "one").out)
        self.assertTrue(started["executionArn"].endswith(":execution:pass:one"))
        waited = self.start("pass", "--input", '{"a": 1}', "--wait")
        self.assertEqual((waited.status, waited.out), (0, '{"a": 1}\n'))
        failed = self.start("fail", "--wait")
        self.assertEqual((failed.status, json.loads(failed.out)), (1, {"status": "FAILED", "error": "Broken"}))

    def test_a_machine_keeps_its_type_and_a_name_is_used_once(self):
        self.serve()
        self.assertEqual(self.start("pass", "--name", "one", "--wait").status, 0)
        again = self.start("pass", "--name", "one", "--input", '{"b": 2}')
        self.assertEqual(again.status, 65)
        self.assert_one_line(again.err, "ExecutionAlreadyExists")
        express = self.start("pass", "--type", "EXPRESS")
        self.assertEqual(express.status, 65)
        self.assert_one_line(express.err, "type")

    def test_a_synchronous_execution_is_answered(self):
        self.serve()
        said = self.start("pass", "--machine", "quick", "--type", "EXPRESS", "--sync", "--input", '{"a": 1}')
        self.assertEqual((said.status, said.out), (0, '{"a": 1}\n'))
        self.assertEqual(self.listed(), [])

    def test_without_a_server_the_request_waits_or_is_carried_out_here(self):
        queued = self.start("pass", "--name", "later")
        self.assertEqual((queued.status, queued.out), (0, ""))
        self.assert_one_line(queued.err, "lockstep serve --dir")
        here = self.start("pass", "--name", "now", "--wait", "--quiet")
        self.assertEqual((here.status, here.out), (0, "{}\n"))
        self.assertEqual({one["name"]: one["status"] for one in self.listed()}, {"later": "SUCCEEDED", "now": "SUCCEEDED"})

    def test_stop_needs_a_name_where_several_are_open(self):
        self.serve()
        for name in ("a", "b"):
            self.start("wait", "--name", name)
        unclear = self.lockstep("stop", "--dir", "house")
        self.assertEqual(unclear.status, 65)
        self.assert_one_line(unclear.err, "--execution")
        self.assertEqual(self.lockstep("stop", "--dir", "house", "--execution", "a").status, 0)
        self.assertEqual({one["name"]: one["status"] for one in self.listed()}, {"a": "ABORTED", "b": "RUNNING"})

    def test_what_failed_long_ago_can_be_redriven(self):
        server = self.serve()
        self.start("fail", "--name", "broken", "--wait")
        self.end(server, signal.SIGTERM)
        self.serve()
        self.assertEqual(self.lockstep("redrive", "--dir", "house", "--execution", "broken").status, 0)
        described = json.loads(self.lockstep("describe", "--dir", "house", "--execution", "broken").out)
        self.assertEqual(described["redriveCount"], 1)

    def test_what_failed_is_redriven_with_another_definition(self):
        machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "Next": "B"}, "B": {"Type": "Task", "Resource": "job:broken", "End": True}}}
        jobs = [{"resource": "job:broken", "exec": ["false"]}, {"resource": "job:b", "builtin": "echo"}]
        self.write("jobs.json", {"jobs": jobs})
        self.write("work.asl.json", machine)
        server = self.serve("--jobs", "jobs.json")
        self.assertEqual(self.start("work", "--name", "one", "--wait").status, 1)
        self.assertEqual(self.start("work", "--name", "two", "--wait").status, 1)
        redrive = ("redrive", "--dir", "house", "--execution", "one", "--definition", "work.asl.json")
        self.write("work.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        refused = self.lockstep(*redrive)
        self.assertEqual((refused.status, refused.out), (65, ""))
        self.assert_one_line(refused.err, "DefinitionDoesNotFit: the state 'B' is not there any more")
        self.write("work.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Pass"}}})
        self.assertEqual(self.lockstep(*redrive).status, 65)
        described = lambda: json.loads(self.lockstep("describe", "--dir", "house", "--machine", "work").out)
        self.assertEqual(json.loads(described()["definition"]), machine, "what was refused is no revision")
        machine["States"]["B"]["Resource"] = "job:b"
        self.write("work.asl.json", {"StartAt": "Z", "States": {"Z": {"Type": "Pass", "Next": "A"}, **machine["States"]}})
        self.end(server, signal.SIGKILL)
        self.serve()
        self.assertEqual(self.lockstep(*redrive).status, 0)
        self.assertEqual(self.ended("one"), ("SUCCEEDED", "1"))
        self.assertIn("job:b", described()["definition"], "it is the machine's from here on")
        for command, end in (("false", ("FAILED", None)), ("echo 7", ("SUCCEEDED", "7"))):
            own = self.write("own.json", {"jobs": [{"resource": "job:broken", "exec": ["sh", "-c", command]}]})
            self.assertEqual(self.lockstep("redrive", "--dir", "house", "--execution", "two", "--jobs", own).status, 0)
            self.assertEqual(self.ended("two"), end, "with the jobs that it was given last")

    def test_a_house_is_no_run(self):
        self.start("pass", "--wait", "--quiet")
        refused = self.lockstep("resume", "--dir", "house")
        self.assertEqual(refused.status, 73)
        self.assert_one_line(refused.err, "lockstep serve")

    def test_none_is_lost_and_none_runs_twice_however_the_server_ends(self):
        """Requests come in while servers are killed and stopped: each execution is carried out once."""
        self.write("jobs.json", JOBS)
        ends = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM]
        names = []
        for how in ends:
            server = self.serve("--jobs", "jobs.json")
            for _ in range(25):
                names.append("n%03d" % len(names))
                subprocess.Popen([LOCKSTEP, "start", "--dir", "house", "task.asl.json", "--name", names[-1], "--input", json.dumps(names[-1])],
                                 cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(90)
            self.end(server, how)
        self.serve("--jobs", "jobs.json")
        self.until(lambda: all(one["status"] != "RUNNING" for one in self.listed()))
        executions = self.listed()
        self.assertEqual(sorted(one["name"] for one in executions), names)
        self.assertEqual({one["status"] for one in executions}, {"SUCCEEDED"})


class Clients:
    """As many clients as there are executions, in one process: each starts one and waits for its answer, as `lockstep start` does."""

    def __init__(self, house, count, machine, definition, **more):
        self.mailbox = os.path.join(house, "mailbox")
        self.request = {"action": "start", "machine": machine, "definition": json.dumps(definition), "type": "", "input": "{}", **more}
        self.names = ["n%06d" % i for i in range(count)]
        self.most_at_once = min(5000, max(10, count // 20))
        self.sent = 0
        self.waiting = {}  # name by request
        self.answers = {}  # by name
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.002) and len(self.answers) < len(self.names):
            while self.sent < len(self.names) and len(self.waiting) < self.most_at_once:
                self.post(self.names[self.sent])
                self.sent += 1
            self.fetch_answers()

    def post(self, name):
        request = "%021d-%d-%08x" % (time.time_ns(), os.getpid(), self.sent)
        text = json.dumps({**self.request, "name": name})
        temporary = os.path.join(self.mailbox, request + ".tmp")
        with open(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        self.waiting[request] = name
        os.rename(temporary, os.path.join(self.mailbox, request + ".request"))

    def fetch_answers(self):
        """An owner that was killed may have answered; then the next one answers once more."""
        for file in os.listdir(self.mailbox):
            if file.endswith(".answer"):
                path = os.path.join(self.mailbox, file)
                with open(path) as answer:
                    text = answer.read()
                os.remove(path)
                name = self.waiting.pop(file[:-len(".answer")], None)
                if name is not None:
                    self.answers[name] = text

    def end(self):
        self.ended.set()
        self.thread.join()


class Multitudes(HouseCase):
    def setUp(self):
        super().setUp()
        self.clients = None

    def tearDown(self):
        if self.clients:
            self.clients.end()
        super().tearDown()

    def peak(self, server):
        with open("/proc/%d/status" % server.pid) as file:
            return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))

    def test_none_is_lost_and_none_is_twice_whenever_servers_are_killed_or_stopped(self):
        count = int(os.environ.get("LOCKSTEP_EXECUTIONS", "400"))
        seed = int(os.environ.get("LOCKSTEP_SEED", random.randrange(1 << 32)))
        dice = random.Random(seed)
        began = time.monotonic()
        self.start("pass", "--machine", "first", "--wait", "--quiet")  # makes the house
        self.clients = Clients(self.path("house"), count, "pass", PASS)
        ends = {signal.SIGKILL: 0, signal.SIGTERM: 0}
        peak = 0
        while len(self.clients.answers) < count:
            self.assertLess(time.monotonic() - began, 120 + count / 100, "seed %d" % seed)
            server = self.serve()
            enough = min(count, len(self.clients.answers) + dice.expovariate(30 / count))
            while len(self.clients.answers) < enough:
                self.assertLess(time.monotonic() - began, 120 + count / 100, "seed %d" % seed)
                time.sleep(0.001)
            time.sleep(dice.uniform(0, 0.02))
            peak = max(peak, self.peak(server))
            how = dice.choice(list(ends))
            ends[how] += 1
            status = self.end(server, how)
            self.assertEqual(status, 0 if how == signal.SIGTERM else -how, "seed %d" % seed)
        self.clients.end()
        seconds = time.monotonic() - began
        self.end(self.serve(), signal.SIGTERM)
        self.check(count, seed)
        if "LOCKSTEP_EXECUTIONS" in os.environ:
            files = sum(len(names) for _, _, names in os.walk(self.path("house")))
            size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(self.path("house")) for name in names)
            print("%d executions in %.1f s, %d servers killed, %d stopped, at most %d MB; %d files, %d MB" %
                  (count, seconds, ends[signal.SIGKILL], ends[signal.SIGTERM], peak, files, size >> 20), file=sys.stderr)

    def test_a_standard_execution_goes_on_beside_a_thousand_express_ones(self):
        self.write("jobs.json", {"jobs": [{"resource": "job:log", "exec": ["sh", "-c", "read x; echo $x >> '%s'; echo 1" % self.path("log")]}]})
        server = self.serve("--jobs", "jobs.json", "--slots", "2")
        items = list(range(20))
        self.write("map.asl.json", {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "T"}, **TASK["States"]}}}}})
        self.assertEqual(self.start("map", "--name", "standard", "--input", json.dumps(items)).status, 0)
        echo = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:echo", "End": True}}}
        own = json.dumps({"jobs": [{"resource": "job:echo", "builtin": "echo"}]})
        self.clients = Clients(self.path("house"), 1000, "quick", echo, type="EXPRESS", wait=True, input="[7]", jobs=own, jobs_folder=self.folder)
        self.clients.thread.join(TIMEOUT)
        self.assertEqual({(answer["status"], answer["output"]) for answer in map(json.loads, self.clients.answers.values())}, {("SUCCEEDED", "[7]")})
        self.assertEqual(sorted(self.clients.answers), self.clients.names)
        self.assertEqual(self.ended("standard"), ("SUCCEEDED", json.dumps([1] * 20, separators=(",", ":"))))
        self.end(server, signal.SIGTERM)
        self.assertEqual([(one["name"], one["status"]) for one in self.listed()], [("standard", "SUCCEEDED")], "EXPRESS leaves no entry")
        with open(self.path("log")) as log:
            self.assertEqual(sorted(map(int, log)), items)

    def check(self, count, seed):
        said = "seed %d" % seed
        for name, answer in self.clients.answers.items():
            self.assertTrue(json.loads(answer)["executionArn"].endswith(":execution:pass:" + name), said)
        listed = []
        token = ()
        while True:
            page = json.loads(self.lockstep("list", "--dir", "house", "--machine", "pass", "--json", "--max", "20000", *token).out)
            listed += page["executions"]
            if not page.get("nextToken"):
                break
            token = ("--token", page["nextToken"])
        self.assertEqual(sorted(one["name"] for one in listed), self.clients.names, said)
        self.assertEqual({one["status"] for one in listed}, {"SUCCEEDED"}, said)
        # Whatever its name, each that has begun is counted here.
        total = self.lockstep("status", "--dir", "house", "--json").value["executions"]
        self.assertEqual(total, {"total": count + 1, "SUCCEEDED": count + 1}, said)
        left = [name for name in os.listdir(self.path("house/mailbox")) if name.endswith(".request")]
        self.assertEqual(left, [], said)
        self.assertEqual(self.lockstep("fsck", "house").status, 0, said)


if __name__ == "__main__":
    unittest.main()
