"""Runs whose files have changed on disk since, and results that are printed again: never without a word, always with a command."""
import os
import re
import shlex
import unittest

from lockstep_case import LockstepCase

MACHINE = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}


class Changes(LockstepCase):
    def jobs(self, program, name="jobs.json"):
        return self.write(name, {"jobs": [{"resource": "job:t", "exec": ["sh", "-c", program]}]})

    def fail_first(self, *arguments):
        """A run that failed for its jobs.json, which was corrected since."""
        self.write("machine.asl.json", MACHINE)
        self.jobs("exit 3")
        result = self.lockstep("run", "machine.asl.json", "--dir", "run", *arguments)
        self.assertEqual(result.status, 1, result.err)
        self.jobs("echo 12345")

    def pasted(self, text, command):
        """The command that the text tells, pasted into a shell."""
        line = re.search(r"lockstep %s [^;\n]*" % command, text)
        self.assertIsNotNone(line, text)
        words = shlex.split(line.group(0))
        return self.lockstep(*words[1:])

    def test_redrive_takes_the_corrected_jobs_file_by_the_command_that_is_told(self):
        for first in (["status", "run"], ["run", "machine.asl.json", "--dir", "run"], ["resume", "run"], ["redrive", "run"]):
            with self.subTest(first):
                self.begin_afresh()
                self.fail_first("--fresh")
                told = self.lockstep(*first)
                text = told.err if first[0] != "status" else told.out
                self.assertIn(self.path("jobs.json") + " has changed", text)
                self.assertIn("line 1: there `", text)
                again = self.pasted(text[text.index("has changed"):], "redrive")
                self.assertEqual((again.status, again.out), (0, "12345\n"), again.err)
                self.assertIn("from here on the run takes its jobs from " + self.path("jobs.json"), again.err)
                self.assertNotIn("has changed", self.lockstep("status", "run").out, "the run has taken it in")

    def test_the_new_jobs_are_kept(self):
        self.fail_first()
        self.jobs("exit 4", "other/jobs.json")
        self.assertEqual(self.lockstep("redrive", "run", "--jobs", "other/jobs.json").value["cause"].split(":")[0], "exit status 4")
        os.remove(self.path("other/jobs.json"))
        result = self.lockstep("redrive", "run")
        self.assertIn("exit status 4", result.value["cause"])
        self.assertNotIn("has changed", result.err, "a file that is gone says nothing")
        refused = self.lockstep("redrive", "run", "--jobs", self.write("broken.json", '{"jobs":[]}'))
        self.assertEqual((refused.status, refused.out), (65, ""))
        self.assert_one_line(refused.err, "nothing in %s maps job:t (state 'T')" % self.path("broken.json"))
        self.assertIn("exit status 4", self.lockstep("redrive", "run").value["cause"])

    def test_resume_takes_other_jobs(self):
        self.write("machine.asl.json", MACHINE)
        self.jobs("touch ran; sleep 300")
        process = self.begin("run", "machine.asl.json", "--dir", "run", "--quiet", "--grace", "0")
        self.until(lambda: os.path.exists(self.path("ran")))
        self.jobs("echo 7")
        running = self.lockstep("status", "run").out
        self.assertIn("has changed", running)
        self.assertIn("stop the run", running)
        process.terminate()
        self.assertEqual(process.wait(), 75)
        result = self.pasted(self.lockstep("status", "run").out, "resume --dir %s --jobs" % self.path("run"))
        self.assertEqual((result.status, result.out), (0, "7\n"), result.err)

    def test_run_says_that_it_goes_on_with_what_is_there_now(self):
        self.write("machine.asl.json", MACHINE)
        self.jobs("touch ran; sleep 300")
        process = self.begin("run", "machine.asl.json", "--dir", "run", "--quiet", "--grace", "0")
        self.until(lambda: os.path.exists(self.path("ran")))
        process.terminate()
        self.assertEqual(process.wait(), 75)
        self.jobs("echo 8")
        result = self.lockstep("run", "machine.asl.json", "--dir", "run")
        self.assertEqual((result.status, result.out), (0, "8\n"))
        self.assertIn("jobs.json has changed since the run took it in (line 1: there `", result.err)
        self.assertIn("it goes on with what is there now", result.err)

    def test_an_old_result_is_told_to_be_one(self):
        self.fail_first()
        self.jobs("exit 3")
        result = self.lockstep("run", "machine.asl.json", "--dir", "run")
        self.assertEqual((result.status, result.value["status"]), (1, "FAILED"))
        self.assert_one_line(result.err, "has ended (FAILED): this is its result, and nothing was run", "lockstep redrive --dir " + self.path("run"))
        self.write("good.asl.json", {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
        self.lockstep("run", "good.asl.json", "--dir", "good")
        for command in (["run", "good.asl.json", "--dir", "good"], ["resume", "good"]):
            result = self.lockstep(*command)
            self.assertEqual((result.status, result.out), (0, "{}\n"))
            self.assert_one_line(result.err, "has ended (SUCCEEDED)", "to begin anew: lockstep run " + self.path("good.asl.json"))
            self.assertNotIn("redrive", result.err)
            self.assertEqual(self.lockstep(*command, "--quiet").err, "")

    def test_a_changed_definition_and_input_are_told_with_the_command_for_a_new_run(self):
        yaml = "StartAt: P\nStates:\n  P:\n    Type: Pass\n    Next: T\n  T: {Type: Task, Resource: 'job:t', End: true}\n"
        self.write("m.asl.yaml", yaml)
        self.write("data.json", [1])
        self.jobs("exit 3")
        self.assertEqual(self.lockstep("run", "m.asl.yaml", "--input", "data.json", "--dir", "run").status, 1)
        self.write("m.asl.yaml", yaml)  # touched, but the same
        self.assertNotIn("has changed", self.lockstep("status", "run").out)
        self.write("m.asl.yaml", yaml.replace("    Next: T\n", "    Result: 5\n    End: true\n").split("  T:")[0])
        self.write("data.json", [2])
        for command in (["status", "run"], ["resume", "run"], ["redrive", "run"]):
            result = self.lockstep(*command)
            text = result.out + result.err
            self.assertIn(self.path("m.asl.yaml") + " has changed", text, command)
            self.assertIn(self.path("data.json") + " has changed since the run took it in (line 1: there `[1]`, here `[2]`)", text, command)
        new = self.pasted(text, "run")
        self.assertEqual((new.status, new.out), (0, "5\n"), new.err)
        refused = self.lockstep("run", "m.asl.yaml", "--input", "data.json", "--dir", "run")
        self.assertEqual(refused.status, 73)
        self.assert_one_line(refused.err, "another definition", "lockstep resume --dir run", "--fresh")

    def test_no_redrive_is_offered_where_it_could_not_help(self):
        self.write("machine.asl.json", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}})
        self.jobs("true")
        self.assertEqual(self.lockstep("run", "machine.asl.json", "--dir", "run").status, 1)
        self.jobs("false")
        for command in (["run", "machine.asl.json", "--dir", "run"], ["resume", "run"]):
            result = self.lockstep(*command)
            self.assertIn("has ended (FAILED)", result.err)
            self.assertIn("to begin anew: lockstep run ", result.err)
            self.assertNotIn("redrive", result.err)

    def test_json_status_stays_json(self):
        self.fail_first()
        result = self.lockstep("status", "run", "--json")
        self.assertEqual(result.value["status"], "FAILED")
        self.assert_one_line(result.err, "has changed", "lockstep redrive --dir %s --jobs %s" % (self.path("run"), self.path("jobs.json")))

    def test_an_empty_option(self):
        self.fail_first()
        for command in ("resume", "redrive"):
            result = self.lockstep(command, "run", "--jobs", "")
            self.assertEqual(result.status, 2)
            self.assert_one_line(result.err, "--jobs is given, but empty")


if __name__ == "__main__":
    unittest.main()
