"""Runs the real binary on small state machines: alone, under mpirun, and by --ranks."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "checker"))
import check_run

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


# Says in the effects log (checker/effects.py) that a job begins.
SAY_START = """[ -z "$LOCKSTEP_TASK_DIR" ] || printf 'start\\t%%s\\t%%s\\t%%s\\t%%s\\t%%s\\t-\\n' "$LOCKSTEP_EXECUTION" "$LOCKSTEP_STATE" \
  "${LOCKSTEP_ITEM_INDEX:--}" "$LOCKSTEP_ATTEMPT" "${LOCKSTEP_TASK_DIR##*/}" >> '%s'
"""


class LockstepCase(unittest.TestCase):
    """A folder of its own per test; `run` puts definition, jobs and input there. What the test leaves is checked: no run
    may have a history, dispatches or starts of jobs that the language and README do not allow."""

    losses = 0  # see check_log

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lockstep-test-")
        self.runs = 0

    def tearDown(self):
        self.end_all()
        self.check_runs()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_all(self):
        """Whatever the test has started and left."""

    def begin_afresh(self):
        """To be called before a run folder of the test is emptied for another run of the same name."""
        self.check_runs()
        if os.path.exists(self.path("effects.log")):
            os.remove(self.path("effects.log"))

    def check_runs(self):
        effects = self.path("effects.log")
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            try:
                wrong = check_run.check_folder(self.path(name), effects if os.path.exists(effects) else None, self.losses, is_whole=False)
            except check_run.Unsupported:
                continue
            self.assertEqual(wrong, "", name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def lines(self, name):
        """Of a file that may not be there yet."""
        try:
            with open(self.path(name)) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def script(self, name, body):
        path = self.write(name, "#!/bin/sh\n" + SAY_START % self.path("effects.log") + body + "\n")
        os.chmod(path, 0o755)
        return path

    def lockstep(self, *arguments, launcher=(), environment=None, stdin=""):
        process = subprocess.run([*launcher, LOCKSTEP, *arguments], capture_output=True, text=True, input=stdin,
                                 timeout=TIMEOUT, cwd=self.folder, env=environment or os.environ)
        return Result(process)

    def begin(self, *arguments, environment=None, **options):
        """One in the background, which does not outlive the test."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen([LOCKSTEP, *arguments], cwd=self.folder, text=True, env=environment, **options)
        self.addCleanup(process.kill)
        return process

    def until(self, is_so, what="it does not happen", process=None, seconds=60):
        """Waits for it and returns what it is; not for ever, nor beyond the end of `process`."""
        deadline = time.monotonic() + seconds
        while not (found := is_so()):
            self.assertLess(time.monotonic(), deadline, what)
            if process and process.poll() is not None:
                self.fail("it has ended: %s" % (process.stderr.read() if process.stderr else process.returncode))
            time.sleep(0.02)
        return found

    def until_status(self, condition):
        """What `lockstep status` says of the run once `condition` holds of it."""
        deadline = time.monotonic() + 60
        while True:
            shown = self.lockstep("status", "run", "--json")
            status = shown.value if shown.status == 0 else {}
            if status.get("status") and condition(status):
                return status
            self.assertLess(time.monotonic(), deadline, status)
            time.sleep(0.05)

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
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.1)
    return True
