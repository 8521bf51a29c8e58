"""Runs the real binary on small state machines: alone, under mpirun, and by --ranks."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

LOCKSTEP = os.environ["LOCKSTEP"]
TIMEOUT = 120  # seconds; a hang is a failure


def mpirun(ranks):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_hwloc_base_binding_policy="none")
    return ["mpirun", "--oversubscribe", "-n", str(ranks)], environment


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def value(self):
        return json.loads(self.out)


class LockstepCase(unittest.TestCase):
    """A folder of its own per test; `run` puts definition, jobs and input there."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lockstep-test-")
        self.runs = 0

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def script(self, name, body):
        path = self.write(name, "#!/bin/sh\n" + body + "\n")
        os.chmod(path, 0o755)
        return path

    def lockstep(self, *arguments, launcher=(), environment=None, stdin=""):
        process = subprocess.run([*launcher, LOCKSTEP, *arguments], capture_output=True, text=True, input=stdin,
                                 timeout=TIMEOUT, cwd=self.folder, env=environment or os.environ)
        return Result(process)

    def run_machine(self, definition, jobs=None, input=None, mode="alone", arguments=()):
        self.runs += 1
        self.write("machine.asl.json", definition)
        if jobs is not None:
            self.write("jobs.json", {"jobs": jobs})
        options = ["run", "machine.asl.json", "--dir", self.path("run-%d" % self.runs), *arguments]
        if input is not None:
            self.write("input.json", input)
            options += ["--input", "input.json"]
        if mode == "alone":
            return self.lockstep(*options)
        if mode == "ranks":
            return self.lockstep(*options, "--ranks", "3")
        launcher, environment = mpirun(3)
        return self.lockstep(*options, launcher=launcher, environment=environment)

    def task(self, job, **fields):
        return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": job, "End": True, **fields}}}

    def assert_one_line(self, text, *parts):
        """The text is one line that says all of `parts`."""
        lines = [line for line in text.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, text)
        for part in parts:
            self.assertIn(part, lines[0])


def is_running(pid):
    """A zombie that nobody has reaped yet runs no more."""
    for _ in range(20):
        try:
            with open("/proc/%d/stat" % pid) as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return False
        except FileNotFoundError:
            return False
        time.sleep(0.1)
    return True
