"""Every .h5 of a run can be read by h5dump and h5py at any instant, also while it is written, and holds the Events without a gap."""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lockstep_case import LockstepCase

# By Debian's Python, for which its h5py is. A line for each file: name, numbers of the first and the last Event, how many.
READER = """
import h5py, sys
for path in sys.argv[1:]:
    try:
        file = h5py.File(path, 'r')
    except FileNotFoundError:
        continue  # archived or replaced meanwhile
    with file:
        assert 'events' in file or 'executions' in file, path
        rows = file['events'][:] if 'events' in file else []
        rows = rows[rows['seq'] > 0] if len(rows) else rows
        if len(rows):
            assert (rows['offset'] + rows['length']).max() <= len(file['payload']), path
        print(path, rows['seq'][0] if len(rows) else 0, rows['seq'][-1] if len(rows) else 0, len(rows))
"""
PYTHON = "/usr/bin/python3"
HAS_H5PY = subprocess.run([PYTHON, "-c", "import h5py"], stderr=subprocess.DEVNULL, check=False).returncode == 0


class Hdf5(LockstepCase):
    """A counter and tasks on a rank, round and round: some thousand Events."""

    def start(self):
        self.write("jobs.json", {"jobs": [{"resource": "job:n", "builtin": "noop"}]})
        self.write("machine.asl.json", {"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "job:n", "ResultPath": None, "Next": "P"},
            "P": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 10000000, "Next": "T"}], "Default": "E"},
            "E": {"Type": "Succeed"}}})
        return self.begin("run", "machine.asl.json", "--dir", "run", "--input", '{"n":0}', "--quiet", "--ranks", "2",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def files(self):
        found = []
        for folder, _, names in os.walk(self.path("run")):
            found += [os.path.join(folder, name) for name in names if name.endswith(".h5")]
        return found

    def look_while_it_runs(self, look, times=8):
        """Calls look() again and again, the last time after a kill."""
        process = self.start()
        try:
            self.until(lambda: any("/journal/seg-" in name for name in self.files()), process=process)
            for _ in range(times):
                look()
                time.sleep(0.2)
            self.assertIsNone(process.poll(), "it ran all the time")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        look()

    def test_h5dump_reads_them(self):
        def look():
            for name in self.files():
                done = subprocess.run(["h5dump", "-H", name], capture_output=True, text=True, check=False)
                if done.returncode != 0 and not os.path.exists(name):
                    continue
                self.assertEqual((done.returncode, done.stderr), (0, ""), name)
                self.assertRegex(done.stdout, "DATASET \"(events|executions)\"")

        self.look_while_it_runs(look)
        segment = next(name for name in self.files() if "/journal/seg-" in name)
        rows = subprocess.run(["h5dump", "-d", "/events", "-c", "3", segment], capture_output=True, text=True, check=True).stdout
        self.assertTrue(re.search("ExecutionStarted", rows), rows[:2000])

    def test_h5dump_reads_archives_and_checkpoints(self):
        sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../orchestrator/journal/testdata")
        names = [os.path.join(folder, name) for folder, _, names in os.walk(sample) for name in names if name.endswith(".h5")]
        self.assertTrue(any("/archive/" in name for name in names) and any("/checkpoint-" in name for name in names))
        for name in names:
            done = subprocess.run(["h5dump", name], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    @unittest.skipUnless(HAS_H5PY, "needs Debian's python3-h5py")
    def test_h5py_sees_a_longer_gapless_beginning_each_time(self):
        self.seen = 0

        def look():
            names = sorted(name for name in self.files() if "/journal/seg-" in name)
            done = subprocess.run([PYTHON, "-c", READER, *names], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            following = 1
            for line in done.stdout.splitlines():
                _, first, last, count = line.rsplit(" ", 3)
                if int(count):
                    self.assertEqual(int(first), following)
                    self.assertEqual(int(count), int(last) - int(first) + 1)
                    following = int(last) + 1
            self.assertGreaterEqual(following, self.seen)
            self.seen = following

        self.look_while_it_runs(look)
        self.assertGreater(self.seen, 100)
        everything = subprocess.run([PYTHON, "-c", READER, *self.files()], capture_output=True, text=True, check=False)
        self.assertEqual((everything.returncode, everything.stderr), (0, ""))
        self.assertIn("/spool/", everything.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
