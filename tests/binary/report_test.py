"""What status, history, export and fsck promise a user, on a kept sample of a journal: two executions that were cut off,
seven that were stopped."""
import csv
import glob
import hashlib
import io
import json
import os
import shutil
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
        for command in (["status"], ["status", "--json"], ["history"], ["history", "--reverse"], ["export", "--csv"], ["fsck"]):
            result = self.report(*command)
            self.assertEqual((result.status, result.err), (0, ""), command)
        self.assertEqual(self.contents(), before)

    def test_status_says_how_a_run_stands(self):
        result = self.report("status", "--execution", "run-1")
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("run-1: RUNNING", result.out)
        self.assertIn("not running: go on with lockstep resume --dir " + self.run_folder, result.out)
        self.assertIn("waits: 1\n  Nap until ", result.out)
        document = self.report("status", "--execution", "run-1", "--json").value
        self.assertEqual((document["status"], document["owner"]["state"], document["historyEvents"]), ("RUNNING", "ended", 7))
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
        self.assertEqual(counts, {"SUCCEEDED": 1, "ABORTED": 7, "RUNNING": 1})

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
        self.assertEqual(self.report("export").status, 2)
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
