"""What is said before anything runs: what is missing, where a slip is, which program could not be started."""
import json
import os
import unittest

from lockstep_case import LockstepCase

CORES = len(os.sched_getaffinity(0))


class Advice(LockstepCase):
    """Of definitions and jobs.json: what is wrong, where, and what was probably meant."""

    def machine(self, **states):
        return {"StartAt": next(iter(states)), "States": states}

    def task(self, job, **fields):
        return {"Type": "Task", "Resource": job, "End": True, **fields}

    def test_without_any_jobs_file(self):
        two = self.machine(A={"Type": "Task", "Resource": "job:blur", "Next": "B"}, B={"Type": "Task", "Resource": "job:blur", "Next": "C"},
                           C=self.task("arn:aws:lambda:us-east-1:123456789012:function:resize"))
        self.write("here/machine.asl.json", two)
        for arguments in ([], ["--dry-run"], ["--ranks", "2"]):
            result = self.lockstep("run", "here/machine.asl.json", *arguments)
            self.assertEqual((result.status, result.out), (65, ""))
            self.assert_one_line(result.err, "there is no jobs.json (looked for here/jobs.json", "job:blur (states 'A' and 'B')",
                                 "function:resize (state 'C')")
        entry = result.err[result.err.index("for example ") + len("for example "):]
        self.write("here/jobs.json", entry)
        self.assertIn("nothing in here/jobs.json maps arn:aws:lambda:us-east-1:123456789012:function:resize (state 'C')",
                      self.lockstep("run", "here/machine.asl.json").err, "the example is an entry that works")

    def test_a_resource_that_nothing_maps_names_its_states_and_what_was_meant(self):
        self.write("machine.asl.json", self.machine(A=self.task("job:thumbnial")))
        self.write("jobs.json", {"jobs": [{"resource": "job:thumbnail", "builtin": "noop"}]})
        result = self.lockstep("run", "machine.asl.json")
        self.assertEqual(result.status, 65)
        self.assert_one_line(result.err, "nothing in jobs.json maps job:thumbnial (state 'A'; did you mean 'job:thumbnail'?)")

    def test_states_fields_types_and_resources(self):
        pass_on = {"Type": "Pass", "Next": "Middle"}
        middle = {"Type": "Succeed"}
        for definition, meant, place in (
                (self.machine(A=dict(pass_on, Next="Midle"), Middle=middle), "Missing 'Next' target: Midle; did you mean 'Middle'?", ":3:"),
                ({"StartAt": "frist", "States": {"First": middle}}, "Missing 'StartAt' target: frist; did you mean 'First'?", ":1:"),
                (self.machine(A={"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "Middle"}], "Default": "Midle"},
                              Middle=middle), "Missing 'Default' target: Midle; did you mean 'Middle'?", ":1:"),
                (self.machine(A={"Type": "Map", "Next": "B", "ItemProcessor": {"StartAt": "C", "States": {"C": {"Type": "Pass", "Next": "B"}}}}, B=middle),
                 "Missing 'Next' target: B; 'B' is there, but not in the same Map or Parallel branch", ":1:"),
                (self.machine(A={"Type": "Pass", "Nxet": "Middle", "End": True}), "Field 'Nxet' is not supported; did you mean 'Next'?", ":1:"),
                (self.machine(A={"Type": "Pass", "InputPaht": "$", "End": True}), "did you mean 'InputPath'?", ":1:"),
                (self.machine(A=self.task("job:a", Retry=[{"ErorEquals": ["States.ALL"]}])), "did you mean 'ErrorEquals'?", ":1:"),
                (self.machine(A={"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEqual": 1, "Next": "Middle"}]}, Middle=middle),
                 "did you mean 'NumericEquals'?", ":1:"),
                (self.machine(A={"Type": "Taks", "End": True}), "did you mean 'Task'?", ":1:"),
                (self.machine(A=self.task("jbo:a")), "did you mean 'job:a'?", ":1:"),
                (self.machine(A=self.task("blur")), "did you mean 'job:blur'?", ":1:"),
                ({"StratAt": "A", "States": {"A": middle}}, "Field 'StratAt' is not supported; did you mean 'StartAt'?", ":1:")):
            with self.subTest(meant):
                text = json.dumps(definition)
                self.write("machine.asl.json", text.replace('"Next": "Midle"', '\n\n"Next": "Midle"'))
                said = [self.lockstep("validate", "machine.asl.json").out, self.lockstep("run", "machine.asl.json").err]
                for text in said:
                    line = next((line for line in text.splitlines() if meant in line), "")
                    self.assertIn("machine.asl.json" + place, line, text)
                # One line says the same of both commands.
                self.assertEqual(said[0].splitlines(), [line[len("lockstep: "):] for line in said[1].splitlines()])

    def test_the_hint_is_apart_from_awss_words_in_json(self):
        self.write("machine.asl.json", {"StartAt": "frist", "States": {"First": {"Type": "Succeed"}}})
        first = self.lockstep("validate", "--json", "machine.asl.json").value["diagnostics"][0]
        self.assertEqual((first["message"], first["location"], first["hint"]), ("Missing 'Next' target: frist", "/StartAt", "did you mean 'First'?"))

    def test_fields_of_the_jobs_file(self):
        self.write("machine.asl.json", self.machine(A=self.task("job:a")))
        for jobs, meant in (({"jobs": [{"resource": "job:a", "exec": ["true"], "stdot": "log"}]}, "'stdout'"), ({"jbos": []}, "'jobs'")):
            self.write("jobs.json", jobs)
            self.assert_one_line(self.lockstep("run", "machine.asl.json").err, "jobs.json: ", "did you mean %s?" % meant)

    def test_yaml_errors_name_the_file_and_tabs(self):
        for text, parts in (("StartAt: A\nStates:\n\tA:\n\t\tType: Pass\n", ["line 3: indented with a tab"]),
                            ("StartAt: [\n", ["line 2"]), ("StartAt: A\nStates:\n  A: {Type: Pass, Next: B}\n  C: {Type: Succeed}\n", [":3:25: ", "Missing 'Next' target: B"])):
            self.write("m.asl.yaml", text)
            for said in (self.lockstep("run", "m.asl.yaml").err, self.lockstep("validate", "m.asl.yaml").out):
                for part in ["m.asl.yaml", *parts]:
                    self.assertIn(part, said.splitlines()[0])

    def test_validate_warns_of_what_this_version_cannot_run(self):
        inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
        reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": {"InputType": "PARQUET"}}
        self.write("machine.asl.json", self.machine(A={"Type": "Map", "ItemProcessor": inner, "ItemReader": reader, "End": True}))
        result = self.lockstep("validate", "machine.asl.json")
        self.assertEqual(result.status, 0, "it is right, elsewhere")
        self.assert_one_line(result.out, "machine.asl.json:1:", "warning: ", "Parquet", "NOT_IN_THIS_VERSION")
        self.write("jobs.json", {"jobs": [{"resource": "*", "builtin": "noop"}]})
        run = self.lockstep("run", "machine.asl.json", "--dry-run")
        self.assertEqual(run.status, 65, run.err)
        self.assertIn("Parquet", run.err)

    def test_validate_has_nothing_against_nested_executions_and_activities(self):
        for resource in ("arn:aws:states:::states:startExecution.sync:2", "arn:aws:states:us-east-1:123456789012:activity:paint"):
            self.write("machine.asl.json", self.machine(A=self.task(resource, Parameters={"StateMachineArn": "x"})))
            result = self.lockstep("validate", "machine.asl.json")
            self.assertEqual((result.status, result.out), (0, ""), resource)


class Programs(LockstepCase):
    """--dry-run says what would fail; slots."""

    def dry_run(self, *entries, machine=None, arguments=(), input="[1]"):
        self.write("machine.asl.json", machine or self.task("job:t"))
        self.write("jobs.json", {"jobs": [dict({"resource": "job:t"}, **entry) for entry in entries]})
        return self.lockstep("run", "machine.asl.json", "--dry-run", "--input", input, *arguments)

    def test_programs_that_could_not_be_started(self):
        self.write("plain.sh", "#!/bin/sh\necho 1\n")
        os.chmod(self.write("gone.sh", "#!/opt/no/python3\n"), 0o755)
        os.chmod(self.write("env.sh", "#!/usr/bin/env no-such-interpreter\n"), 0o755)
        os.chmod(self.write("text.sh", "echo 1\n"), 0o755)
        for argv, parts in ((["no-such-program"], ["no-such-program", "not found in PATH"]), (["./no.sh"], [self.path("no.sh"), "not found"]),
                            (["plain.sh"], ["the one beside jobs.json is called ./plain.sh"]), (["./plain.sh"], ["chmod +x " + self.path("plain.sh")]),
                            (["./gone.sh"], ["/opt/no/python3"]), (["./env.sh"], ["no-such-interpreter"]), (["./text.sh"], ["#!"]),
                            (["sh", "-c", "no-such-program | sort"], ["no-such-program"]), (["python3", "no.py"], [self.path("no.py")])):
            for kind in ("exec", "stream"):
                with self.subTest(argv=argv, kind=kind):
                    result = self.dry_run({kind: argv})
                    self.assertEqual(result.status, 65, result.out)
                    self.assert_one_line(result.err, "would fail: job:t: ", *parts)
                    self.assertIn("resource    job:t: ", result.out)
        # What is said is so.
        self.assertIn("not executable", self.lockstep("run", "machine.asl.json", "--quiet", "--jobs", self.write("j.json", {"jobs": [
            {"resource": "job:t", "exec": ["./plain.sh"]}]})).value["cause"])

    def test_those_that_could(self):
        os.chmod(self.write("good.sh", "#!/usr/bin/env sh\necho 1\n"), 0o755)
        for argv in (["true"], ["./good.sh"], [self.path("good.sh")], ["sh", "-c", "read x; no-such-program"], ["sh", "good.sh"]):
            result = self.dry_run({"exec": argv})
            self.assertEqual((result.status, result.err), (0, ""), argv)

    def test_what_a_tasks_input_decides(self):
        each = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "T", "States": {
            "T": {"Type": "Task", "Resource": "job:t", "End": True}}}}}}
        os.chmod(self.write("a.sh", "#!/bin/sh\n"), 0o755)
        items = json.dumps([{"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "b"}, {"nam": "a"}])
        result = self.dry_run({"exec": ["./${name}.sh"]}, machine=each, input=items)
        self.assertEqual(result.status, 65)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 2, result.err)
        self.assertIn("would fail: T[4]: %s: not found" % self.path("b.sh"), lines[0])
        self.assertIn("would fail: T[5]: Lockstep.BadArguments: ", lines[1])

    def test_a_run_that_fails_without_any_task(self):
        result = self.dry_run(machine={"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}})
        self.assertEqual(result.status, 65)
        self.assertIn('result      {"status":"FAILED","error":"No"}', result.out)
        self.assert_one_line(result.err, 'would fail: the execution, before any task runs: {"status":"FAILED","error":"No"}')

    def test_no_slots(self):
        for command in (["run", "machine.asl.json"], ["resume", "x"], ["redrive", "x"]):
            result = self.lockstep(*command, "--slots", "0")
            self.assertEqual((result.status, result.out), (2, ""))
            self.assert_one_line(result.err, "--slots is a number from 1", "a slot for each core")

    def test_all_ranks_of_one_machine_have_all_its_cores(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "PBS_", "LSB_"))}
        self.write("machine.asl.json", self.task("job:t"))
        self.write("jobs.json", {"jobs": [{"resource": "job:t", "builtin": "noop"}]})
        said = self.lockstep("run", "machine.asl.json", "--ranks", "all", "--dry-run", environment=environment)
        self.assertEqual(said.status, 0, said.err)
        line = next(line for line in said.out.splitlines() if line.startswith("workers"))
        self.assertIn("rank 0 coordinates, the others share the cores of their machine, a slot for each", line)
        self.assertTrue(line.endswith(": %d slot%s" % (CORES, "" if CORES == 1 else "s")), line)
        run = self.lockstep("run", "machine.asl.json", "--ranks", "all", environment=environment)
        self.assertEqual(run.status, 0, run.err)
        self.assertRegex(run.err, r"(?<!\d)%d slots? \(rank 0 coordinates, the others share the cores of their machine\)" % CORES)
        for arguments, end in ((["--ranks", "3"], "%d slots" % max(2, CORES)), (["--ranks", "3", "--slots", "4"], "each other has 4 slots: 8 slots"),
                               (["--ranks", "1", "--slots", "4"], "one rank, which coordinates as well: 4 slots")):
            line = self.lockstep("run", "machine.asl.json", "--dry-run", *arguments, environment=environment).out
            self.assertIn(end + "\n", line)
        two = self.lockstep("run", "machine.asl.json", "--ranks", "2")
        self.assertIn("1 worker rank on 1 host, %d slot" % CORES, two.err)


if __name__ == "__main__":
    unittest.main()
