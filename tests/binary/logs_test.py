"""`lockstep logs`: what tasks have written to stderr, and which of them failed."""
import unittest

from lockstep_case import LockstepCase


class Logs(LockstepCase):
    def test_what_tasks_wrote_is_found_by_state_item_and_failure(self):
        job = "read x; echo \"item $x speaks\" >&2; echo '--- not a header ---' >&2; test $x != 2 && test $x != 5"
        result = self.run_machine(
            {"StartAt": "M", "States": {"M": {"Type": "Map", "Next": "T", "ItemProcessor": {"StartAt": "Each", "States": {
                "Each": {"Type": "Task", "Resource": "job:j", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]},
                "Caught": {"Type": "Pass", "End": True}}}}, "T": {"Type": "Task", "Resource": "job:last", "End": True}}},
            jobs=[{"resource": "job:j", "exec": ["sh", "-c", job], "stdout": "log"}, {"resource": "job:last", "exec": ["sh", "-c", "echo the end >&2"]}],
            input=list(range(8)), mode="ranks")
        self.assertEqual(result.status, 0, result.err)

        def logs(*arguments):
            shown = self.lockstep("logs", "--dir", "run-1", *arguments)
            self.assertEqual((shown.status, shown.err), (0, ""))
            lines = shown.out.splitlines()
            return sorted(int(line.split()[1]) for line in lines if line.startswith("item ")), lines

        items, lines = logs()
        self.assertEqual(items, list(range(8)))
        self.assertEqual((lines.count("--- not a header ---"), lines.count("the end")), (8, 1))
        items, lines = logs("--state", "Each")
        self.assertEqual((items, lines.count("the end")), (list(range(8)), 0))
        self.assertEqual(logs("--item", "3")[0], [3])
        items, lines = logs("--failed")
        self.assertEqual(items, [2, 5])
        self.assertEqual(sum("failed States.TaskFailed" in line for line in lines), 2)
        self.assertEqual(logs("--failed", "--item", "3"), ([], []))

    def test_what_a_failed_job_said_on_stdout_is_in_its_cause_once_and_whole_in_the_logs(self):
        script = "for i in range(100): print('step', i)\nprint('ERROR: no such plate')\nimport sys\nsys.exit(%d)"
        for status, error in ((2, "States.TaskFailed"), (0, "Lockstep.BadOutput")):
            for mode in ("alone", "ranks"):
                result = self.run_machine(self.task("job:j"), mode=mode,
                                          jobs=[{"resource": "job:j", "exec": ["python3", "-c", script % status]}])
                self.assertEqual(result.value["error"], error)
                self.assertTrue(result.value["cause"].endswith("\nstep 99\nERROR: no such plate"), result.value["cause"])
                self.assertNotIn("step 50", result.value["cause"])
                self.assertEqual(result.err.count("no such plate"), 1, result.err)
                run = "run-%d" % self.runs
                shown = self.lockstep("logs", "--dir", run, "--failed").out.splitlines()
                self.assertEqual([line for line in shown if line.startswith("step ")], ["step %d" % i for i in range(100)])
                self.assertEqual(shown.count("ERROR: no such plate"), 1)
                status_text = self.lockstep("status", "--dir", run).out
                self.assertEqual(status_text.count("no such plate"), 1, status_text)

    def test_what_could_not_be_started_is_in_the_logs(self):
        self.run_machine(self.task("job:j"), jobs=[{"resource": "job:j", "exec": ["./not-there"]}])
        shown = self.lockstep("logs", "--dir", "run-1", "--failed").out
        self.assertIn("not-there", shown)
        self.assertIn("States.TaskFailed", shown)

    def test_a_folder_without_logs_shows_none(self):
        result = self.run_machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
        self.assertEqual(result.status, 0)
        shown = self.lockstep("logs", "--dir", "run-1")
        self.assertEqual((shown.status, shown.out, shown.err), (0, "", ""))

    def test_a_state_or_an_item_that_there_is_not(self):
        self.run_machine({"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "Model", "States": {"Model": {"Type": "Task", "Resource": "job:model", "End": True}}}}}},
            [{"resource": "job:model", "exec": ["cat"]}], [1, 2, 3])
        for arguments, said in ((["--state", "Modl"], ["'Modl'", "did you mean 'Model'?", "there are: Model"]),
                                (["--state", "Each"], ["'Each'", "there are: Model"]),
                                (["--item", "99"], ["no item 99", "from 0 to 2"])):
            with self.subTest(arguments):
                shown = self.lockstep("logs", "--dir", "run-1", *arguments)
                self.assertEqual((shown.status, shown.out), (2, ""))
                self.assert_one_line(shown.err, *said)

    def test_errors_are_one_line_with_their_status(self):
        for arguments, status, text in ((["--dir", "nowhere"], 65, "nowhere is no run folder"), ([], 2, "which run?"),
                                        (["--dir", ".", "--item", "x"], 2, "item")):
            with self.subTest(arguments=arguments):
                shown = self.lockstep("logs", *arguments)
                self.assertEqual((shown.status, shown.out), (status, ""))
                self.assert_one_line(shown.err, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
