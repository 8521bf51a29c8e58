"""What status, history, export and fsck promise a user: on a kept sample of a journal (two executions that were cut off,
seven that were stopped), and on runs while they go on, after a kill, and after their end."""
import csv
import glob
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

from lockstep_case import LOCKSTEP, LockstepCase

SAMPLE = os.path.join(os.path.dirname(__file__), "../../orchestrator/journal/testdata/1.0/run")


class ReportCase(LockstepCase):
    def setUp(self):
        super().setUp()
        self.run_folder = self.path("sample")
        shutil.copytree(SAMPLE, os.path.join(self.run_folder, "journal"))
        for path in glob.glob(self.run_folder + "/**", recursive=True):
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)

    def report(self, command, *arguments, **options):
        return self.lockstep(command, "--dir", self.run_folder, *arguments, **options)

    def journal(self, pattern):
        return sorted(glob.glob(os.path.join(self.run_folder, "journal", pattern)))

    def contents(self):
        files = [path for path in glob.glob(self.run_folder + "/**", recursive=True) if os.path.isfile(path)]
        found = {}
        for path in files:
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
        return found

    def flip(self, path, offset):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))

    def status_on_a_full_disk(self, command):
        with open("/dev/full", "w") as full:
            return subprocess.run([LOCKSTEP, *command, "--dir", self.run_folder], stdout=full,
                                  stderr=subprocess.DEVNULL).returncode


class Reports(ReportCase):
    def test_reading_changes_nothing(self):
        before = self.contents()
        for command in (["status"], ["status", "--json"], ["history"], ["history", "--reverse"], ["export", "--csv"], ["fsck"],
                        ["list"], ["describe"]):
            result = self.report(*command)
            self.assertEqual((result.status, result.err), (0, ""), command)
        self.assertEqual(self.contents(), before)

    def test_status_says_how_a_run_stands(self):
        result = self.report("status", "--execution", "run-1")
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("run-1: INTERRUPTED", result.out)
        self.assertIn("not running: go on with lockstep resume --dir " + self.run_folder, result.out)
        self.assertIn("waits: 1\n  Nap until ", result.out)
        document = self.report("status", "--execution", "run-1", "--json").value
        self.assertEqual((document["status"], document["owner"]["state"], document["historyEvents"]), ("INTERRUPTED", "ended", 7))
        self.assertEqual(document["waits"]["first"][0]["until"], "2023-11-14T22:14:20.000Z")
        self.assertEqual(document["executions"], {"total": 9, "RUNNING": 2, "ABORTED": 7})

    def test_history_is_a_document_or_lines(self):
        events = self.report("history", "--execution", "run-1", "--json").value["events"]
        self.assertEqual([event["id"] for event in events], list(range(1, 8)))
        self.assertEqual(events[-1]["type"], "WaitStateEntered")
        backwards = self.report("history", "--execution", "1", "--json", "--reverse").value["events"]
        self.assertEqual(backwards, events[::-1])
        lines = self.report("history", "--execution", "run-1").out.splitlines()
        self.assertEqual(len(lines), 7)
        self.assertNotIn("\033", "".join(lines))
        self.assertIn("TaskSucceeded", lines[4])
        nap = self.report("history", "--execution", "run-1", "--state", "Nap").out.splitlines()
        self.assertEqual(len(nap), 1)

    def test_csv_is_read_by_csv_and_sqlite(self):
        target = self.path("tasks.csv")
        result = self.report("export", "--csv", "--output", target)
        self.assertEqual((result.status, result.out, result.err), (0, "", ""))
        self.assertEqual(glob.glob(self.path("tasks.csv*")), [target])
        with open(target, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 9)
        self.assertEqual(rows[0]["status"], "SUCCEEDED")
        database = sqlite3.connect(":memory:")
        columns = ",".join(rows[0])
        database.execute("create table tasks (%s)" % columns)
        database.executemany("insert into tasks values (%s)" % ",".join("?" * len(rows[0])), [list(row.values()) for row in rows])
        counts = dict(database.execute("select status, count(*) from tasks group by status"))
        self.assertEqual(counts, {"SUCCEEDED": 1, "ABORTED": 7, "INTERRUPTED": 1})

    def test_json_lines_hold_the_same_rows(self):
        rows = [json.loads(line) for line in self.report("export", "--jsonl").out.splitlines()]
        table = list(csv.DictReader(io.StringIO(self.report("export", "--csv").out, newline="")))
        self.assertEqual([row["execution"] for row in rows], [row["execution"] for row in table])
        self.assertEqual(rows[0]["result_bytes"], 13)

    def test_what_cannot_be_written_is_told(self):
        self.assertEqual(self.report("export", "--csv", "--output", self.path("no/such/folder.csv")).status, 74)
        for command in (["status"], ["history"], ["export", "--csv"]):
            self.assertEqual(self.status_on_a_full_disk(command), 74, command)

    def test_errors_are_one_line_with_their_status(self):
        for command in ("status", "history", "fsck"):
            missing = self.lockstep(command, "--dir", self.path("nowhere"))
            self.assertEqual(missing.status, 73)
            self.assert_one_line(missing.err, "nowhere", "no such run folder")
            other = self.lockstep(command, "--dir", self.folder)
            self.assertEqual(other.status, 73)
            self.assert_one_line(other.err, "is not a run folder")
            self.assertEqual(self.lockstep(command).status, 2)
            self.assertEqual(self.report(command, "--nonsense").status, 2)
            self.assertEqual(self.lockstep(command, "--help").status, 0)
        self.assertEqual(self.report("history", "--execution", "nobody").status, 2)
        self.assertEqual(self.report("history", "--state", "Nowhere").status, 2)
        self.assertEqual(self.report("export", "--csv", "--jsonl").status, 2)

    def test_damage_is_told_and_salvaged(self):
        segment = self.journal("seg-*.h5")[-1]
        self.flip(segment, 40)  # its header
        for command in (["status"], ["history"], ["export", "--csv"], ["fsck"]):
            result = self.report(*command)
            self.assertEqual(result.status, 74, command)
        self.assertIn(os.path.basename(segment), result.out)
        self.assertIn("resume refuses", result.out)
        salvaged = self.report("fsck", "--salvage")
        self.assertEqual(salvaged.status, 0, salvaged.out + salvaged.err)
        self.assertIn("moved: " + os.path.basename(segment), salvaged.out)
        self.assertTrue(os.path.exists(os.path.join(self.run_folder, "journal/salvage-1", os.path.basename(segment))))
        self.assertEqual(self.report("fsck").status, 0)
        self.assertEqual(self.report("history", "--execution", "run-1").status, 0)

    def test_a_damaged_checkpoint_is_passed_over(self):
        self.flip(self.journal("checkpoint-*.h5")[-1], 3000)
        result = self.report("fsck")
        self.assertEqual(result.status, 74)
        self.assertIn("resume goes on after event 39", result.out)
        self.assertEqual(self.report("status").status, 0)
        self.assertEqual(self.report("fsck", "--salvage").status, 0)
        self.assertEqual(self.report("fsck").status, 0)


class ReportsOfRuns(LockstepCase):
    SURVEY = {"StartAt": "Survey", "States": {
        "Survey": {"Type": "Map", "MaxConcurrency": 2, "Next": "Nap", "ItemProcessor": {"StartAt": "Measure", "States": {
            "Measure": {"Type": "Task", "Resource": "job:measure", "End": True,
                        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]}}}},
        "Nap": {"Type": "Wait", "Seconds": 1, "End": True}}}
    # Item 2 ends only where the file "go" stands, item 3 fails unless "mended" does.
    JOB = {"resource": "job:measure", "exec": ["sh", "-c", """read x
        while [ $x = 2 ] && [ ! -e go ]; do sleep 0.02; done
        if [ $x = 3 ] && [ ! -e mended ]; then echo "no luck with $x" >&2; exit 4; fi
        echo $x"""]}

    def begin(self, items, *arguments):
        self.write("machine.asl.json", self.SURVEY)
        self.write("jobs.json", {"jobs": [self.JOB]})
        process = super().begin("run", "machine.asl.json", "--dir", "run", "--slots", "2", "--quiet", "--input",
                                json.dumps(items), *arguments, start_new_session=True)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def status(self):
        result = self.lockstep("status", "--dir", "run", "--json")
        return result.value if result.status == 0 else {}

    def test_a_run_is_watched_while_it_goes_on(self):
        process = self.begin([1, 2, 4, 5])
        status = self.until_status(lambda status: status["states"][0]["items"]["succeeded"] == 3 and status["running"] == 1)
        self.assertEqual((status["status"], status["owner"]["state"], status["owner"]["process"]),
                         ("RUNNING", "running", process.pid))
        self.assertEqual(status["states"][0]["items"]["running"], 1)
        self.assertEqual([(task["state"], task["item"]) for task in status["tasks"]["first"]], [("Measure", 1)])
        self.assertEqual(status["next"], None)
        text = self.lockstep("status", "--dir", "run").out
        self.assertIn("running on host", text)
        self.assertIn("3/4 done, 1 running", text)
        self.assertEqual(self.lockstep("fsck", "--dir", "run").status, 0)
        refused = self.lockstep("fsck", "--salvage", "--dir", "run")
        self.assertEqual(refused.status, 73)
        self.assert_one_line(refused.err, "nothing is salvaged")
        rows = [json.loads(line) for line in self.lockstep("export", "--dir", "run", "--jsonl").out.splitlines()]
        self.assertEqual([row["status"] for row in rows], ["SUCCEEDED"] * 3 + ["RUNNING"])
        self.write("go", "")
        waiting = self.until_status(lambda status: status["waits"]["count"] == 1)
        self.assertEqual(waiting["waits"]["first"][0]["state"], "Nap")
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(self.status()["status"], "SUCCEEDED")

    def test_a_killed_run_says_how_to_go_on(self):
        process = self.begin([1, 2])
        self.until_status(lambda status: status["states"][0]["items"]["succeeded"] == 1)
        self.end(process)
        status = self.status()
        self.assertEqual((status["status"], status["owner"]["state"]), ("INTERRUPTED", "ended"))
        self.assertEqual(status["next"], "lockstep resume --dir run")
        self.write("go", "")
        resumed = self.lockstep(*status["next"].split()[1:], "--quiet")
        self.assertEqual((resumed.status, resumed.out), (0, "[1,2]\n"), resumed.err)
        rows = [json.loads(line) for line in self.lockstep("export", "--dir", "run", "--jsonl").out.splitlines()]
        self.assertEqual([(row["item"], row["dispatch"], row["status"]) for row in rows],
                         [(0, 1, "SUCCEEDED"), (1, 1, "INTERRUPTED"), (1, 2, "SUCCEEDED")])

    def test_a_failed_run_is_explained_and_redriven(self):
        self.write("go", "")
        process = self.begin([1, 2, 3])
        self.assertEqual(process.wait(60), 1)
        status = self.status()
        self.assertEqual((status["status"], status["error"]), ("FAILED", "States.TaskFailed"))
        self.assertEqual([(group["count"], group["state"], group["item"]) for group in status["failures"]], [(1, "Measure", 2)])
        self.assertIn("no luck with 3", status["failures"][0]["cause"])
        self.assertEqual(status["next"], "lockstep redrive --dir run")
        self.write("mended", "")
        self.assertEqual(self.lockstep(*status["next"].split()[1:], "--quiet").status, 0)
        again = self.status()
        self.assertEqual((again["status"], again["redriveCount"], again["failures"]), ("SUCCEEDED", 1, []))
        self.assertEqual(again["states"][0]["items"]["succeeded"], 3)

    def test_a_redrive_that_fails_again_has_failed_and_is_not_offered(self):
        machine = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"a.$": "$.nope"}, "End": True}}}
        failed = self.run_machine(machine, input={})
        self.assertEqual(failed.status, 1)
        status = self.lockstep("status", "run-1", "--json").value
        self.assertEqual((status["status"], status["next"]), ("FAILED", None))
        self.assertIn("a redrive would only fail the same way", self.lockstep("status", "run-1").out)
        again = self.lockstep("redrive", "run-1")
        self.assertEqual((again.status, again.out), (1, failed.out))
        self.assertIn("lockstep: FAILED in ", again.err)
        self.assertNotIn("RUNNING", again.err)
        self.assertIn(" FAILED P ", again.err)
        self.assertEqual(self.lockstep("status", "run-1", "--json").value["redriveCount"], 1)

    def test_the_folder_of_a_task_is_called_by_state_and_item_and_stands_in_cause_and_export(self):
        machine = {"StartAt": "Survey", "States": {"Survey": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "Two words", "States": {"Two words": {"Type": "Task", "Resource": "job:j", "End": True}}}}}}
        jobs = [{"resource": "job:j", "exec": ["sh", "-c", "read x; [ $x = 8 ] || { echo half > restart; echo no luck >&2; exit 3; }"],
                 "cwd": "task"}]
        for mode in ("alone", "ranks"):
            failed = self.run_machine(machine, jobs, [8, 9], mode=mode, arguments=["--slots", "1"])
            folder, = glob.glob(self.path("run-%d/tasks/*" % self.runs))
            self.assertRegex(os.path.basename(folder), r"^Two_words-1\.1-[0-9]+$")
            self.assertTrue(os.path.exists(folder + "/restart"))
            self.assertEqual(failed.value["cause"].splitlines(), ["exit status 3", "folder: " + folder, "no luck"])
            rows = [json.loads(line) for line in self.lockstep("export", folder + "/../..", "--jsonl").out.splitlines()]
            self.assertEqual([(row["item"], os.path.realpath(row["folder"]) if row["folder"] else None) for row in rows],
                             [(0, None), (1, os.path.realpath(folder))])

    def test_export_says_where_tasks_ran_and_what_they_used(self):
        large = "dd if=/dev/zero of=/dev/null bs=300M count=1 2>/dev/null; "
        burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo 1"
        machine = {"StartAt": "E", "States": {"E": {"Type": "Task", "Resource": "job:exec", "Next": "S"},
                                              "S": {"Type": "Task", "Resource": "job:stream", "Next": "B"},
                                              "B": {"Type": "Task", "Resource": "job:bad", "End": True}}}
        jobs = [{"resource": "job:exec", "exec": ["sh", "-c", large + burn]},
                {"resource": "job:stream", "stream": ["sh", "-c", "while read x; do %s; done" % burn]},
                {"resource": "job:bad", "exec": ["sh", "-c", burn + "; exit 1"]}]
        for mode in ("alone", "ranks"):
            self.assertEqual(self.run_machine(machine, jobs, mode=mode).status, 1)
            lines = self.lockstep("export", "--jsonl", "--dir", "run-%d" % self.runs).out.splitlines()
            rows = {row["state"]: row for row in map(json.loads, lines)}
            for row in rows.values():
                self.assertTrue(0 < row["cpu_seconds"] < 60, row)
                self.assertEqual(row["rank"] > 0, mode == "ranks")
            self.assertGreater(rows["E"]["max_rss_kib"], 300000)
            self.assertIsNone(rows["B"]["max_rss_kib"], "less than the worker's own")

    def test_the_history_is_that_which_run_writes(self):
        self.write("go", "")
        process = self.begin([1, 2], "--history", self.path("history.json"))
        self.assertEqual(process.wait(60), 0, process.communicate())
        with open(self.path("history.json")) as file:
            self.assertEqual(self.lockstep("history", "--dir", "run", "--json").value, json.load(file))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
