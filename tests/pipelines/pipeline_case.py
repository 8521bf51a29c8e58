"""Runs the pipelines of jobs/ in their five-second variant, on ranks, with the real binary."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

LOCKSTEP = os.environ["LOCKSTEP"]
JOBS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../jobs"))
TIMEOUT = 300  # seconds; a hang is a failure
SKIPPED = 77


def missing_packages(name):
    """Those that the pipeline needs and that are not installed."""
    with open(os.path.join(JOBS, name, "packages.txt")) as file:
        return [package for package in file.read().split() if not is_installed(package)]


def is_installed(package):
    try:
        answer = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    except FileNotFoundError:
        return False
    return "ok installed" in answer.stdout


def main(name):
    """Ends as skipped where the pipeline `name` cannot run."""
    missing = missing_packages(name)
    if missing:
        print("skipped: the pipeline %s needs packages that are not installed: %s" % (name, " ".join(missing)))
        sys.exit(SKIPPED)
    unittest.main()


class PipelineCase(unittest.TestCase):
    name = ""  # of the folder in jobs/

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lockstep-pipeline-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def input(self, results, **changes):
        with open(os.path.join(JOBS, self.name, "small.json")) as file:
            return dict(json.load(file), folder=self.path(results), **changes)

    def start(self, *arguments):
        return subprocess.Popen([LOCKSTEP, *arguments, "--quiet"], cwd=self.folder, text=True, start_new_session=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill_session(self, process):
        """Kills -9 all that the process has started: mpirun, ranks, jobs. None is left when it returns."""
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)])
        process.communicate()
        deadline = time.monotonic() + TIMEOUT
        while True:
            states = subprocess.run(["ps", "-o", "stat=", "-s", str(process.pid)], capture_output=True, text=True).stdout.split()
            if all(state.startswith("Z") for state in states):
                return
            self.assertLess(time.monotonic(), deadline, "it survived kill -9")
            time.sleep(0.02)

    def run_arguments(self, results, **changes):
        definitions = [file for file in os.listdir(os.path.join(JOBS, self.name)) if ".asl." in file]
        self.assertEqual(len(definitions), 1, definitions)
        return ["run", os.path.join(JOBS, self.name, definitions[0]), "--ranks", "3", "--dir", self.path(results + ".lockstep"), "--s3-root", self.folder,
                "--input", json.dumps(self.input(results, **changes))]

    def finish(self, process, status):
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill_session(process)
            raise
        self.assertEqual(process.returncode, status, out + err)
        return json.loads(out)

    def run_pipeline(self, results="results", status=0, **changes):
        return self.finish(self.start(*self.run_arguments(results, **changes)), status)
