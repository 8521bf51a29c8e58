"""The three small pipelines of jobs/first-day, with the results that their README promises."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

LOCKSTEP = os.environ["LOCKSTEP"]
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "jobs", "first-day")


class FirstDay(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lockstep-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def result(self, definition, value, *arguments):
        ran = subprocess.run([LOCKSTEP, "run", os.path.join(FOLDER, definition), "--input", json.dumps(value), "--quiet",
                              "--dir", os.path.join(self.folder, "run"), *arguments],
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return json.loads(ran.stdout)

    def test_sweep(self):
        self.assertEqual(self.result("sweep.asl.json", {"table": "table.csv"}),
                         {"best": {"name": "fast", "height": 22.9}, "given_up": 1})

    def test_sweep_on_ranks(self):
        self.assertEqual(self.result("sweep.asl.json", {"table": "table.csv"}, "--ranks", "3"),
                         {"best": {"name": "fast", "height": 22.9}, "given_up": 1})

    def test_poll(self):
        looks = os.path.join(self.folder, "looks")
        self.assertEqual(self.result("poll.asl.json", {"file": looks}), 3)
        with open(looks) as file:
            self.assertEqual(len(file.readlines()), 4)  # the second one failed, and was tried again

    def test_report(self):
        self.assertEqual(self.result("report.asl.yaml", {"numbers": [3, 1, 4, 1.5]}),
                         {"statistics": {"mean": 2.375, "largest": 4}, "drawing": ["***", "*", "****", "**"]})


if __name__ == "__main__":
    unittest.main()
