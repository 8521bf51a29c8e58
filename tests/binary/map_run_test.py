"""Distributed Maps: what is read, what the children come to, what is written, and what a crash leaves of it."""
import collections
import glob
import json
import os
import random
import signal
import subprocess
import time
import unittest

from lockstep_case import LOCKSTEP, TIMEOUT, LockstepCase

GET = "arn:aws:states:::s3:getObject"
PUT = "arn:aws:states:::s3:putObject"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ROWS = int(os.environ.get("LOCKSTEP_ROWS", "300"))


def processor(scope, kind="STANDARD"):
    return {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, **scope}


def map_state(scope=PASS, kind="STANDARD", name="M", **fields):
    return {"StartAt": name, "States": {name: {"Type": "Map", "ItemProcessor": processor(scope, kind), "End": True, **fields}}}


def csv(key="rows.csv"):
    return {"Resource": GET, "Parameters": {"Bucket": "in", "Key": key}, "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}}


def task(job, **fields):
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": job, "End": True, **fields}}}


class MapRunCase(LockstepCase):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("s3/out"))

    def run_map(self, definition, *arguments, input=None, jobs=None):
        return self.run_machine(definition, jobs=jobs, input=input, arguments=("--s3-root", self.path("s3"), "--quiet", *arguments))

    def rows(self, count, name="rows.csv"):
        self.write("s3/in/" + name, "id,name\n" + "".join("%d,row %d\n" % (i, i) for i in range(count)))

    def results(self, manifest):
        """By kind, the records that the manifest's files hold."""
        with open(self.path("s3/out/" + manifest["ResultWriterDetails"]["Key"])) as file:
            files = json.load(file)["ResultFiles"]
        records = {}
        for kind, listed in files.items():
            records[kind] = []
            for one in listed:
                path = self.path("s3/out/" + one["Key"])
                self.assertEqual(os.path.getsize(path), one["Size"])
                with open(path) as file:
                    records[kind] += json.load(file)
        return records

    def history(self, folder="run-1", execution=None):
        which = [] if execution is None else ["--execution", execution]
        return [event["type"] for event in json.loads(self.lockstep("history", "--dir", folder, "--json", *which).out)["events"]]


class MapRuns(MapRunCase):
    def test_items_come_from_the_input(self):
        self.assertEqual(self.run_map(map_state(), input=[1, "two", {"n": 3}]).value, [1, "two", {"n": 3}])
        pairs = self.run_map(map_state(ItemsPath="$.o"), input={"o": {"a": 1, "b": [2]}})
        self.assertEqual(pairs.value, [{"Key": "a", "Value": 1}, {"Key": "b", "Value": [2]}])
        self.assertEqual(self.run_map(map_state(), input=[]).value, [])

    def test_rows_are_read_selected_and_batched(self):
        self.rows(5)
        definition = map_state(ItemReader=csv(), ItemSelector={"n.$": "$$.Map.Item.Value.id", "i.$": "$$.Map.Item.Index", "x.$": "$.x"},
                               ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"b": 1}})
        batches = self.run_map(definition, input={"x": "X"}).value
        self.assertEqual([len(batch["Items"]) for batch in batches], [2, 2, 1])
        self.assertEqual(batches[2], {"BatchInput": {"b": 1}, "Items": [{"n": "4", "i": 4, "x": "X"}]})

    def test_results_are_written_where_the_writer_says(self):
        self.rows(4)
        fail = {"StartAt": "C", "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.id", "StringEquals": "2", "Next": "F"}], "Default": "P"},
            "F": {"Type": "Fail", "Error": "Two", "Cause": "it is"}, "P": {"Type": "Pass", "End": True}}}
        came = self.run_map(map_state(fail, Label="L", ItemReader=csv(), ToleratedFailureCount=1,
                                      ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "out", "Prefix": "p"}})).value
        self.assertEqual(came["MapRunArn"].split(":")[5:7], ["mapRun", "machine/L"])
        self.assertEqual(came["ResultWriterDetails"], {"Bucket": "out", "Key": "p/%s/manifest.json" % came["MapRunArn"].split(":")[-1]})
        records = self.results(came)
        self.assertEqual(sorted(json.loads(one["Output"])["id"] for one in records["SUCCEEDED"]), ["0", "1", "3"])
        self.assertEqual([(one["Status"], one["Error"], one["Cause"]) for one in records["FAILED"]], [("FAILED", "Two", "it is")])
        self.assertEqual(records["PENDING"], [])

    def test_it_fails_if_and_only_if_more_than_tolerated_failed(self):
        jobs = [{"resource": "job:odd", "exec": ["sh", "-c", "read n; echo $n >> %s; [ $((n %% 2)) = 0 ] && echo $n" % self.path("ran")]}]
        odd = task("job:odd")
        for fields, ends in (({}, "FAILED"), ({"ToleratedFailureCount": 2}, "FAILED"), ({"ToleratedFailureCount": 3}, "SUCCEEDED"),
                             ({"ToleratedFailurePercentage": 49.9}, "FAILED"), ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
                             ({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 0}, "FAILED")):
            came = self.run_map(map_state(odd, MaxConcurrency=1, **fields), input=[0, 1, 2, 3, 4, 5], jobs=jobs)
            if ends == "SUCCEEDED":
                self.assertEqual([one if isinstance(one, int) else one["Status"] for one in came.value], [0, "FAILED", 2, "FAILED", 4, "FAILED"])
            else:
                self.assertEqual((came.status, came.value["error"]), (1, "States.ExceedToleratedFailureThreshold"), fields)
        self.assertEqual(self.lines("ran")[:2], ["0", "1"], "with MaxConcurrency 1 nothing starts after the failure")
        self.assertEqual(self.lines("ran")[2], "0")

    def test_children_are_executions_with_histories(self):
        self.run_map(map_state(Label="L"), input=[1])
        listed = json.loads(self.lockstep("list", "--dir", "run-1", "--json").out)["executions"]
        child = next(one for one in listed if one["stateMachineArn"].endswith("/L"))
        self.assertEqual(child["status"], "SUCCEEDED")
        self.assertEqual(self.history(execution=child["executionArn"]), ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"])
        described = json.loads(self.lockstep("describe", "--execution", child["executionArn"], "--dir", "run-1").out)
        self.assertEqual((described["input"], described["output"]), ("1", "1"))

    def test_a_machines_own_jobs_reach_its_children(self):
        self.write("machine.asl.json", map_state(task("job:double")))
        self.write("own.json", {"jobs": [{"resource": "job:double", "exec": ["sh", "-c", "read n; echo $((2 * n))"]}]})
        came = self.lockstep("start", "--dir", "house", "machine.asl.json", "--jobs", "own.json", "--input", "[1, 2]", "--wait")
        self.assertEqual((came.status, came.out.strip()), (0, "[2,4]"), came.err)

    def map_run(self, *arguments, folder="run-1"):
        told = self.lockstep("map-run", "--dir", folder, *arguments)
        self.assertEqual(told.status, 0, told.err)
        return told

    def test_what_became_of_its_items_is_counted_and_what_failed_runs_again(self):
        self.rows(6)
        choosy = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:choosy", "End": True}}}
        jobs = [{"resource": "job:choosy", "exec": ["sh", "-c", "grep -q -e row.[14] && exit 7; echo 1"]}]
        definition = map_state(choosy, Label="L", ItemReader=csv(), ToleratedFailurePercentage=100,
                               ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "out"}})
        self.write("machine.asl.json", definition)
        self.write("jobs.json", {"jobs": jobs})
        came = self.lockstep("run", "machine.asl.json", "--s3-root", self.path("s3"), "--dir", "run-1")
        self.assertEqual(came.status, 0, came.err)
        self.assertRegex(came.err, r"tasks: ok 4 failed 2")
        self.assertRegex(came.err, r"failed 2 x States.TaskFailed: exit status 7 .*first M/T\[1\]")
        told = json.loads(self.map_run("--json").out)[0]
        self.assertEqual((told["status"], told["toleratedFailurePercentage"], told["redriveCount"]), ("SUCCEEDED", 100, 0))
        for counts in (told["itemCounts"], told["executionCounts"]):
            self.assertEqual((counts["succeeded"], counts["failed"], counts["running"], counts["pending"], counts["total"], counts["resultsWritten"]),
                             (4, 2, 0, 0, 6, 6))
        self.assertIn("items 6: succeeded 4, failed 2", self.map_run("L").out)
        again = self.map_run("--remaining", "again").out.strip()
        with open(self.path(again)) as file:
            self.assertEqual(file.read(), "id,name\n1,row 1\n4,row 4\n")
        os.replace(self.path(again), self.path("s3/in/rows.csv"))
        self.write("jobs.json", {"jobs": [dict(jobs[0], exec=["echo", "2"])]})
        self.assertEqual(self.lockstep("run", "machine.asl.json", "--s3-root", self.path("s3"), "--dir", "run-2", "--quiet").status, 0)
        for folder, name, merged in (("run-1", "all.json", 4), ("run-2", "all.jsonl", 2)):
            self.map_run("--merge", name, folder=folder)
            with open(self.path(name)) as file:
                results = [json.loads(line) for line in file] if name.endswith("l") else json.load(file)
            self.assertEqual([one["Status"] for one in results], ["SUCCEEDED"] * merged)
        self.assertIn("nothing remains", self.map_run("--remaining", "nothing", folder="run-2").err)

    def test_batches_that_failed_or_never_ran_remain(self):
        jobs = [{"resource": "job:odd", "exec": ["sh", "-c", "grep -q 3 && exit 1; echo 1"]}]
        came = self.run_map(map_state(task("job:odd"), MaxConcurrency=1, ItemBatcher={"MaxItemsPerBatch": 2}), input=[0, 1, 2, 3, 4, 5, 6], jobs=jobs)
        self.assertEqual(came.value["error"], "States.ExceedToleratedFailureThreshold")
        told = json.loads(self.map_run("--json").out)[0]
        self.assertEqual([told["itemCounts"][kind] for kind in ("succeeded", "failed", "pending", "total")], [2, 2, 3, 7])
        with open(self.path(self.map_run("--remaining", "again").out.strip())) as file:
            self.assertEqual(json.load(file), [2, 3, 4, 5, 6])

    def test_its_settings_change_while_it_runs(self):
        self.write("machine.asl.json", map_state(task("job:wait"), MaxConcurrency=1))
        self.write("jobs.json", {"jobs": [{"resource": "job:wait", "exec": ["sh", "-c", "read n; echo $n >> ran; while ! [ -e go ]; do sleep 0.05; done; [ $n -lt 4 ] && echo $n"],
                                           "cwd": self.folder}]})
        run = subprocess.Popen([LOCKSTEP, "run", "machine.asl.json", "--dir", "run-1", "--input", "[0, 1, 2, 3, 4, 5]", "--slots", "6"], cwd=self.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def await_begun(count):
            deadline = time.monotonic() + TIMEOUT
            while len(self.lines("ran")) < count:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

        await_begun(1)
        told = json.loads(self.map_run("--json").out)[0]
        self.assertEqual([told["itemCounts"][kind] for kind in ("running", "pending", "total", "succeeded")], [1, 5, 6, 0])
        self.map_run("--set", "maxConcurrency=4", "--set", "toleratedFailureCount=2")
        await_begun(4)
        time.sleep(0.5)
        self.assertEqual(len(self.lines("ran")), 4, "no more than were allowed")
        told = json.loads(self.map_run("--json").out)[0]
        self.assertEqual((told["maxConcurrency"], told["toleratedFailureCount"], told["itemCounts"]["running"]), (4, 2, 4))
        self.write("go", "")
        out, err = run.communicate(timeout=TIMEOUT)
        self.assertEqual((run.returncode, [one if isinstance(one, int) else one["Status"] for one in json.loads(out)]),
                         (0, [0, 1, 2, 3, "FAILED", "FAILED"]), err)
        for arguments, words in ((("--set", "maxConcurrency=-1"), "whole number"), (("--set", "speed=1"), "maxConcurrency=N"),
                                 (("--set", "maxConcurrency=1"), "no such Map Run"), (("nobody",), "no such Map Run: 'nobody'"), (("nobody", "--merge", "x"), "no such Map Run"),
                                 (("--merge", "x"), "no ResultWriter")):
            refused = self.lockstep("map-run", "run-1", *arguments)
            self.assertIn(refused.status, (2, 65), refused.err)
            self.assert_one_line(refused.err, words)

    def test_the_parents_history_is_awss(self):
        self.run_map(map_state(), input=[1])
        self.assertEqual(self.history(), ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
                                          "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"])

    def test_what_cannot_be_read_says_what_and_where(self):
        for reader, said in ((csv("none.csv"), "none.csv"), (dict(csv(), Parameters={"Bucket": "none", "Key": "k"}), "none")):
            came = self.run_map(map_state(ItemReader=reader)).value
            self.assertEqual(came["error"], "States.ItemReaderFailed")
            self.assertIn(said, came["cause"])
        self.write("s3/in/half.json", "[1, 2")
        half = dict(csv("half.json"), ReaderConfig={"InputType": "JSON"})
        self.assertEqual(self.run_map(map_state(ItemReader=half)).value["error"], "States.ItemReaderFailed")

    def test_a_bucket_may_be_named(self):
        self.write("elsewhere/k.json", "[7]")
        reader = dict(csv("k.json"), ReaderConfig={"InputType": "JSON"})
        self.write("machine.asl.json", map_state(ItemReader=reader))
        named = self.lockstep("run", "machine.asl.json", "--bucket", "in=elsewhere", "--quiet")
        self.assertEqual(named.value, [7])
        self.write("jobs.json", {"jobs": [], "buckets": {"in": "elsewhere"}})
        self.assertEqual(self.lockstep("run", "machine.asl.json", "--quiet").value, [7])

    def test_children_wait_are_retried_and_nest(self):
        inner = map_state(name="N", ItemsPath="$.items", ItemSelector={"x.$": "$$.Map.Item.Value"})
        self.assertEqual(self.run_map(map_state(inner), input=[{"items": [1, 2]}, {"items": []}]).value, [[{"x": 1}, {"x": 2}], []])
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
        began = time.monotonic()
        self.assertEqual(self.run_map(map_state(wait), input=list(range(50))).value, list(range(50)))
        self.assertLess(time.monotonic() - began, 20, "they wait side by side")
        self.assertEqual(self.run_map(map_state(kind="EXPRESS"), input=[1, 2]).value, [1, 2])

    def test_stopping_the_parent_stops_the_children(self):
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
        self.write("machine.asl.json", map_state(wait))
        self.write("input.json", [1, 2, 3])
        process = subprocess.Popen([LOCKSTEP, "run", "machine.asl.json", "--input", "input.json", "--dir", self.path("run-1"), "--quiet"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        deadline = time.monotonic() + 60
        while self.lockstep("list", "--dir", "run-1", "--json").out.count("RUNNING") < 4 and time.monotonic() < deadline:
            time.sleep(0.2)
        work = json.loads(self.lockstep("status", "--dir", "run-1", "--json").out)
        self.assertEqual((work["children"]["count"], work["tasks"]["count"]), (1, 0), "it waits for its children, and no task for a slot")
        self.assertIn("M", self.lockstep("explain", "--dir", "run-1").out)
        self.assertEqual(self.lockstep("stop", "--dir", "run-1", "--execution", self.parent()).status, 0)
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 1, err)
        self.assertEqual(json.loads(out)["status"], "ABORTED")
        listed = json.loads(self.lockstep("list", "--dir", "run-1", "--json").out)["executions"]
        self.assertEqual([one["status"] for one in listed], ["ABORTED"] * 4)

    def parent(self):
        listed = json.loads(self.lockstep("list", "--dir", "run-1", "--json").out)["executions"]
        return next(one["name"] for one in listed if "/" not in one["executionArn"])


class MapRunCrashes(MapRunCase):
    """The job writes a line a row; one that was cut off may write another."""

    def jobs(self):
        return self.write("jobs.json", {"jobs": [{"resource": "job:log", "exec": ["sh", "-c", "read l; echo \"$l\" >> %s; echo \"$l\"" % self.path("log")]}]})

    def begin(self, command):
        return subprocess.Popen([LOCKSTEP, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder,
                                start_new_session=True)

    def cut_off(self, process, lines, chance):
        """Ends the run when the log has so many lines (None: never); what it has said."""
        deadline = time.monotonic() + TIMEOUT
        while lines is not None and len(self.lines("log")) < lines and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if lines is not None and process.poll() is None:
            time.sleep(chance.random() * 0.05)
            os.killpg(process.pid, signal.SIGKILL if chance.random() < 0.6 else signal.SIGTERM)
        return process.communicate(timeout=TIMEOUT)

    def test_each_row_comes_once_though_redrives_are_killed(self):
        """Every row fails in the first pass; the redrives that follow are cut off."""
        self.rows(60)
        job = ["sh", "-c", "read l; echo \"$l\" >> %s; [ -e %s ] && exit 3; echo \"$l\"" % (self.path("log"), self.path("broken"))]
        jobs = self.write("jobs.json", {"jobs": [{"resource": "job:log", "exec": job}]})
        for kind in ("STANDARD", "EXPRESS"):
            self.write("broken", "")
            self.write("log", "")
            self.write("machine.asl.json", map_state(task("job:log"), kind, ItemReader=csv(), MaxConcurrency=10, ToleratedFailureCount=20,
                                                     ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "out", "Prefix": kind}}))
            failed = self.lockstep("run", "machine.asl.json", "--jobs", jobs, "--dir", kind, "--s3-root", self.path("s3"), "--quiet")
            self.assertEqual(failed.value["error"], "States.ExceedToleratedFailureThreshold", failed.err)
            os.remove(self.path("broken"))
            chance = random.Random(11)
            for attempt in range(50):
                process = self.begin(["redrive" if attempt == 0 else "resume", "--dir", kind, "--quiet", "--slots", "2"])
                out, err = self.cut_off(process, len(self.lines("log")) + 6 if attempt < 5 else None, chance)
                if process.returncode == 1 and attempt < 5:  # killed before the redrive was taken in
                    self.assertIn("FAILED", out, err)
                    process = self.begin(["redrive", "--dir", kind, "--quiet"])
                    out, err = process.communicate(timeout=TIMEOUT)
                if process.returncode in (0, 1):
                    break
            self.assertEqual(process.returncode, 0, err)
            records = self.results(json.loads(out))
            self.assertEqual((records["FAILED"], records["PENDING"]), ([], []))
            self.assertEqual(sorted(int(json.loads(one["Output"])["id"]) for one in records["SUCCEEDED"]), list(range(60)), kind)
            self.assertEqual((records["FAILED"], records["PENDING"]), ([], []))

    def test_a_listing_stays_what_it_was(self):
        for name in "bcd":
            self.write("s3/in/%s" % name, name)
        lists = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "in"}}
        keyed = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:log", "InputPath": "$.Key", "End": True}}}
        self.write("machine.asl.json", map_state(keyed, ItemReader=lists, MaxConcurrency=1))
        job = ["sh", "-c", "read l; echo \"$l\" >> %s; while ! [ -e %s ]; do sleep 0.02; done; echo \"$l\"" % (self.path("log"), self.path("go"))]
        jobs = self.write("jobs.json", {"jobs": [{"resource": "job:log", "exec": job}]})
        process = self.begin(["run", "machine.asl.json", "--jobs", jobs, "--dir", self.path("run-1"), "--s3-root", self.path("s3"), "--quiet"])
        self.cut_off(process, 1, random.Random(1))
        self.write("s3/in/a", "a")
        os.remove(self.path("s3/in/d"))
        self.write("go", "")
        self.assertEqual(self.lockstep("resume", "--dir", "run-1", "--quiet").value, ["b", "c", "d"])

    def test_what_remains_of_a_listing_is_what_was_listed_in_buckets_of_the_jobs_file(self):
        for name in "bcd":
            self.write("s3/in/%s" % name, name)
        lists = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "data"}}
        keyed = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:b", "InputPath": "$.Key", "End": True}}}
        self.write("machine.asl.json", map_state(keyed, ItemReader=lists, MaxConcurrency=1))
        self.write("jobs.json", {"buckets": {"data": "s3/in"}, "jobs": [{"resource": "job:b", "exec": ["sh", "-c", "read k; [ $k = '\"b\"' ] && echo 1"]}]})
        self.assertEqual(self.lockstep("run", "machine.asl.json", "--dir", "run-1", "--quiet").status, 1)
        self.write("s3/in/a", "a")
        told = self.lockstep("map-run", "run-1", "--remaining", "again")
        self.assertEqual(told.status, 0, told.err)
        with open(self.path(told.out.strip())) as file:
            self.assertEqual([one["Key"] for one in json.load(file)], ["c", "d"])

    def test_each_row_comes_once_though_the_run_is_killed_and_stopped(self):
        self.rows(ROWS)
        self.write("machine.asl.json", map_state(task("job:log"), ItemReader=csv(), MaxConcurrency=20,
                                                 ItemBatcher={"MaxItemsPerBatch": 3},
                                                 ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "out", "Prefix": "p"}}))
        command = ["run", "machine.asl.json", "--jobs", self.jobs(), "--dir", self.path("run-1"), "--s3-root", self.path("s3"), "--quiet",
                   "--slots", "4"]
        chance = random.Random(7)
        ends = collections.Counter()
        for attempt in range(200):
            process = self.begin(command)
            out, err = self.cut_off(process, (attempt + 1) * ROWS // 30 if attempt < 8 else None, chance)
            ends[process.returncode] += 1
            if process.returncode in (0, 1):
                break
        self.assertEqual(process.returncode, 0, (ends, err))
        self.assertGreater(sum(ends.values()), 2, "it was cut off")
        records = self.results(json.loads(out))
        rows = [row["id"] for one in records["SUCCEEDED"] for row in json.loads(one["Output"])["Items"]]
        self.assertEqual(sorted(map(int, rows)), list(range(ROWS)))
        self.assertEqual((records["FAILED"], records["PENDING"]), ([], []))
        self.assertEqual(glob.glob(self.path("s3/out/p/*/*.part")), [])

    def test_a_redrive_runs_only_what_has_not_succeeded(self):
        self.rows(12)
        self.write("broken", "")
        jobs = self.write("jobs.json", {"jobs": [{"resource": "job:log", "exec": [
            "sh", "-c", "read l; echo \"$l\" >> %s; case $l in *'\"5\"'*) [ ! -e %s ] || exit 3;; esac; echo \"$l\"" % (self.path("log"), self.path("broken"))]}]})
        for kind in ("STANDARD", "EXPRESS"):
            self.write("broken", "")
            if os.path.exists(self.path("log")):
                os.remove(self.path("log"))
            self.write("machine.asl.json", map_state(task("job:log"), kind, ItemReader=csv(), MaxConcurrency=1,
                                                     ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "out", "Prefix": kind}}))
            failed = self.lockstep("run", "machine.asl.json", "--jobs", jobs, "--dir", kind, "--s3-root", self.path("s3"), "--quiet")
            self.assertEqual(failed.value["error"], "States.ExceedToleratedFailureThreshold", failed.err)
            self.assertEqual(len(self.lines("log")), 6)
            os.remove(self.path("broken"))
            again = self.lockstep("redrive", "--dir", kind, "--quiet")
            self.assertEqual(again.status, 0, again.err)
            self.assertEqual(len(self.lines("log")), 13, "the one that failed, and those that had not begun")
            records = self.results(again.value)
            self.assertEqual(sorted(int(json.loads(one["Output"])["id"]) for one in records["SUCCEEDED"]), list(range(12)))
            self.assertEqual((records["FAILED"], records["PENDING"]), ([], []))
            self.assertIn("MapRunRedriven", self.history(kind))

    def test_a_file_that_changed_meanwhile_is_refused(self):
        self.rows(500)
        self.write("machine.asl.json", map_state({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}},
                                                 ItemReader=csv(), MaxConcurrency=2))
        process = self.begin(["run", "machine.asl.json", "--dir", self.path("run-1"), "--s3-root", self.path("s3"), "--quiet"])
        deadline = time.monotonic() + 60
        while self.lockstep("list", "--dir", "run-1", "--json").out.count("RUNNING") < 3 and time.monotonic() < deadline:
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.rows(501)
        came = self.lockstep("resume", "--dir", "run-1", "--quiet")
        self.assertEqual(came.value["error"], "States.ItemReaderFailed", came.err)
        self.assertIn("has changed", came.value["cause"])
        self.assertIn("rows.csv", came.value["cause"])


if __name__ == "__main__":
    unittest.main()
