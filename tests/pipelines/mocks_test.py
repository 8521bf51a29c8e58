"""The test cases of a pipeline of jobs/, named by its folder: they pass, and reach every state, rule, retrier and catcher."""
import glob
import os
import subprocess
import sys
import unittest

LOCKSTEP = os.environ["LOCKSTEP"]
JOBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "jobs")


class Pipeline(unittest.TestCase):
    folder = ""

    def test_cases(self):
        definitions = glob.glob(os.path.join(JOBS, self.folder, "*.asl.*"))
        self.assertTrue(definitions, self.folder)
        for definition in definitions:
            ran = subprocess.run([LOCKSTEP, "test", definition, "--coverage"], capture_output=True, text=True, timeout=60)
            self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran.stdout)
            self.assertIn("coverage: states ", ran.stdout)
            self.assertNotIn("never reached", ran.stdout)


if __name__ == "__main__":
    Pipeline.folder = sys.argv.pop()
    unittest.main()
