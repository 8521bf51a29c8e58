"""What ends runs on a cluster: scancel, requeue, preemption, a time limit, nodes without power, a controller that forgets."""
import json
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "binary")]
import cluster as clusters
from cluster import until
from lockstep_case import LOCKSTEP, LockstepCase

MAP = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
    "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}}}}
ITEMS = 60
EXPECTED = [i * i for i in range(ITEMS)]


class ClusterCase(LockstepCase):
    nodes = 2  # a job takes two
    losses = 20  # tasks in flight on ranks that an end takes before rank 0

    @classmethod
    def setUpClass(cls):
        try:
            cls.cluster = clusters.Cluster(cls.nodes)
        except clusters.Unavailable as problem:
            print("skipped: %s" % problem)
            raise unittest.SkipTest(str(problem))

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def setUp(self):
        super().setUp()
        self.jobs = []

    def end_all(self):
        for job in self.jobs:
            self.cluster.run("scancel", job, check=False)
        self.cluster.run("scontrol", "update", "nodename=ALL", "state=resume", check=False)
        for name in self.cluster.nodes:
            if self.cluster.holders[name].poll() is not None:
                self.cluster.start_node(name)
        until(90, self.cluster.is_idle, "all nodes are idle")

    def prepare(self, seconds=0.5, interrupted="rerun"):
        self.script("t.sh", "read -r i; sleep %s; echo $((i * i))" % seconds)
        self.write("machine.asl.json", MAP)
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "exec": ["./t.sh"], "interrupted": interrupted}]})
        self.write("input.json", list(range(ITEMS)))

    def submit(self, *options, command="run machine.asl.json --input input.json --dir run", before="", ranks="all"):
        script = "#!/bin/bash\n%s\nexec '%s' %s --ranks %s > out${SLURM_RESTART_COUNT:-}.json\n" % (before, LOCKSTEP, command, ranks)
        job = self.cluster.submit(script, "-N2", "--ntasks-per-node=3", *options, cwd=self.folder)
        self.jobs.append(job)
        return job

    def begun(self):
        """How often a task has begun."""
        try:
            with open(self.path("effects.log")) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def items_begun(self):
        with open(self.path("effects.log")) as file:
            return [line.split("\t")[3] for line in file if line.startswith("start")]

    def await_begun(self, count):
        until(60, lambda: self.begun() >= count, "%d tasks have begun: %s" % (count, self.log()))

    def log(self):
        try:
            with open(self.path("job.log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def output(self, restart=""):
        """Of the job's first start, or of another; nothing where there is none."""
        try:
            with open(self.path("out%s.json" % restart)) as file:
                return json.loads(file.read() or "null")
        except FileNotFoundError:
            return None

    def assert_done(self, job, limit=120):
        is_over = lambda: self.cluster.job(job)["JobState"] in ("COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL", "CANCELLED")
        until(limit, is_over, lambda: "the job is over: %s\n%s" % (self.cluster.job(job), self.log()))
        facts = self.cluster.job(job)
        self.assertEqual(facts["JobState"], "COMPLETED", self.log())
        self.assertEqual(self.output(facts["Restarts"].lstrip("0")), EXPECTED, self.log())

    def assert_resumes(self):
        self.assert_done(self.submit(command="resume --dir run"))

    def events(self, kind):
        exported = self.cluster.run(LOCKSTEP, "history", "--dir", self.path("run"))
        return exported.count('"%s"' % kind)


class Ends(ClusterCase):
    def test_a_pipeline_runs_on_all_nodes(self):
        self.prepare(seconds=0.1)
        self.assert_done(self.submit())

    def test_scancel_loses_nothing(self):
        """CONT and TERM to every process of the job at once, on all nodes; KILL five seconds later."""
        for before in ("", "trap 'kill -TERM $pid; wait $pid' TERM; '%s' run machine.asl.json --input input.json --dir run --ranks all"
                       " > out.json & pid=$!; wait $pid; exit" % LOCKSTEP):
            with self.subTest(before=before):
                self.begin_afresh()
                self.cluster.run("rm", "-rf", "run", "job.log", cwd=self.folder)
                self.prepare()
                job = self.submit(before=before)
                self.await_begun(10)
                self.cluster.run("scancel", job)
                self.cluster.await_state(job, "CANCELLED")
                self.assertIn("stopped by Terminated with work left", self.log())
                until(30, self.cluster.is_idle, "all nodes are idle")
                self.assert_resumes()
                self.assertEqual(self.events("TaskFailed"), 0)

    def test_a_requeued_job_goes_on(self):
        self.prepare()
        job = self.submit()
        self.await_begun(10)
        self.cluster.run("scontrol", "requeue", job)
        self.assert_done(job)
        self.assertEqual(self.cluster.job(job)["Restarts"], "1")
        self.assertEqual(self.events("TaskFailed"), 0)

    def test_a_preempted_job_goes_on(self):
        self.prepare()
        job = self.submit("--requeue")
        self.await_begun(10)
        with open(self.path("high.sh"), "w") as file:
            file.write("#!/bin/sh\nsleep 1\n")
        self.jobs.append(self.cluster.run("sbatch", "--parsable", "-N2", "--exclusive", "-p", "high", "--output=/dev/null", "high.sh",
                                          cwd=self.folder).strip())
        until(60, lambda: self.cluster.job(job)["Restarts"] == "1", "the job was requeued")
        self.assert_done(job)
        self.assertEqual(self.events("TaskFailed"), 0)

    def test_a_task_that_must_not_start_twice_does_not(self):
        """Whatever of it was cut off has failed; no start is repeated."""
        self.prepare(interrupted="fail")
        job = self.submit()
        self.await_begun(10)
        self.cluster.run("scancel", "--signal=KILL", "--full", job, check=False)
        self.cluster.run("scancel", job, check=False)
        self.cluster.await_state(job, "CANCELLED", "FAILED", "COMPLETED")
        until(30, self.cluster.is_idle, "all nodes are idle")
        again = self.submit(command="resume --dir run")
        self.cluster.await_state(again, "COMPLETED", "FAILED")
        items = self.items_begun()
        self.assertEqual(len(items), len(set(items)), self.log())


class Machines(ClusterCase):
    def test_rank_0s_node_loses_power(self):
        self.prepare()
        job = self.submit()
        self.await_begun(10)
        head = self.cluster.job(job)["BatchHost"]
        self.cluster.cut_power(head)
        until(180, lambda: self.cluster.job(job)["JobState"] != "RUNNING", "Slurm noticed the loss")
        self.cluster.start_node(head)
        self.assert_done(job, limit=240)


class Copies(ClusterCase):
    def test_a_node_that_only_the_controller_has_lost_runs_on(self):
        """Its cable is pulled: Slurm starts the job once more on the other node, and both reach the file system."""
        self.prepare(seconds=2)
        job = self.submit("-N1")
        self.await_begun(2)
        first = self.cluster.job(job)["BatchHost"]
        self.cluster.pull_cable(first)
        try:
            until(90, lambda: "waiting for its end" in self.log(), lambda: "the copy waits: %s\n%s" % (self.cluster.job(job), self.log()))
            self.assertLess(self.begun(), ITEMS)
            self.cluster.await_state(job, "FAILED")  # with 75: a script that requeues itself has it looked at again
            self.assertEqual(self.cluster.job(job)["ExitCode"], "75:0")
            until(60, lambda: self.output() == EXPECTED, "the first has ended: " + self.log())
            self.assertEqual(len(self.items_begun()), ITEMS, "no task has run twice: " + self.log())
        finally:
            self.cluster.plug_in(first)


if __name__ == "__main__":
    unittest.main()
