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

    def test_a_folder_without_logs_shows_none(self):
        result = self.run_machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
        self.assertEqual(result.status, 0)
        shown = self.lockstep("logs", "--dir", "run-1")
        self.assertEqual((shown.status, shown.out, shown.err), (0, "", ""))

    def test_errors_are_one_line_with_their_status(self):
        for arguments, status, text in ((["--dir", "nowhere"], 65, "nowhere is no run folder"), ([], 2, "--dir"),
                                        (["--dir", ".", "--item", "x"], 2, "item")):
            with self.subTest(arguments=arguments):
                shown = self.lockstep("logs", *arguments)
                self.assertEqual((shown.status, shown.out), (status, ""))
                self.assert_one_line(shown.err, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
