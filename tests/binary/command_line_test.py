"""What every command has in common: help in its forms, which run is meant, names that are slips, the list of runs."""
import json
import os
import subprocess
import unittest

from lockstep_case import LOCKSTEP, LockstepCase

COMMANDS = ["run", "resume", "redrive", "stop", "send-task-success", "send-task-failure", "send-task-heartbeat",
            "activity-worker", "create-activity", "delete-activity", "list-activities", "describe-activity",
            "validate", "test", "query", "status", "runs", "history", "export", "logs", "fsck", "clean", "help"]
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Wrong", "Cause": "as it was meant"}}}


class Help(LockstepCase):
    def test_help_of_a_command_is_its_help_option_and_ends_with_two_examples(self):
        for command in COMMANDS:
            with self.subTest(command):
                by_option = self.lockstep(command, "--help")
                by_command = self.lockstep("help", command)
                self.assertEqual((by_option.status, by_option.err), (0, ""))
                self.assertEqual(by_option.out, by_command.out)
                self.assertIn("usage: lockstep " + command, by_option.out)
                examples = by_option.out.split("examples:\n")[1].splitlines()
                self.assertEqual(len(examples), 4)
                self.assertTrue(all(line.startswith("  lockstep ") for line in examples[::2]), examples)

    def test_the_list_of_commands_holds_each(self):
        text = self.lockstep("help").out
        for command in COMMANDS:
            self.assertIn("\n  %s " % command, text)

    def test_every_option_is_in_the_manual_page_and_in_the_completion(self):
        bash = self.write("completion.bash", self.lockstep("help", "--completion", "bash").out)
        for command in COMMANDS:
            options = [word for word in self.lockstep(command, "--help").out.split("examples:")[0].split()
                       if word.startswith("--") and word[2:].replace("-", "").isalpha()]
            page = self.lockstep("help", "--man", command).out
            offered = self.complete(bash, ["lockstep", command, "--"])
            for option in options:
                with self.subTest(command=command, option=option):
                    self.assertIn(option.replace("-", "\\-"), page)
                    self.assertIn(option, offered)

    def complete(self, script, words):
        code = "source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _lockstep; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
            script, " ".join("'%s'" % word for word in words), len(words) - 1)
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()

    def test_bash_completes_commands(self):
        bash = self.write("completion.bash", self.lockstep("help", "--completion", "bash").out)
        self.assertEqual(self.complete(bash, ["lockstep", "re"]), ["resume", "redrive"])

    def test_a_shell_that_there_is_none_of(self):
        result = self.lockstep("help", "--completion", "fish")
        self.assertEqual(result.status, 2)
        self.assert_one_line(result.err, "bash or zsh", "fish")


class Slips(LockstepCase):
    def test_commands_and_options(self):
        for arguments, meant in [(["stauts"], "status"), (["help", "rnu"], "run"), (["run", "x", "--imput", "1"], "--input"),
                                 (["export", "--jsnol"], "--jsonl")]:
            with self.subTest(arguments):
                result = self.lockstep(*arguments)
                self.assertEqual(result.status, 2)
                self.assert_one_line(result.err, "did you mean '%s'?" % meant)

    def test_what_is_no_slip_gets_no_advice(self):
        result = self.lockstep("frobnicate")
        self.assertEqual(result.status, 2)
        self.assertNotIn("did you mean", result.err)


class WhichRun(LockstepCase):
    def start(self, definition, *arguments):
        self.write("machine.asl.json", definition)
        return self.lockstep("run", "machine.asl.json", *arguments)

    def test_a_folder_with_the_option_or_without_and_else_the_last_one(self):
        self.start(PASS, "--input", "[1]")
        self.start(PASS, "--input", "[2]")
        for arguments, output in [(["machine-1.lockstep"], "[1]\n"), (["--dir", "machine-1.lockstep"], "[1]\n"),
                                  ([], "[2]\n")]:
            with self.subTest(arguments):
                result = self.lockstep("resume", *arguments)
                self.assertEqual((result.status, result.out), (0, output))
        self.assertIn("machine-2.lockstep, the last one here", self.lockstep("status").err)
        self.assertIn("machine-1: SUCCEEDED", self.lockstep("status", "machine-1.lockstep").out)

    def test_within_the_run_folder_it_is_that_one(self):
        self.start(PASS)
        inside = subprocess.run([LOCKSTEP, "status"], capture_output=True, text=True,
                                cwd=self.path("machine-1.lockstep"))
        self.assertEqual(inside.returncode, 0, inside.stderr)
        self.assertIn("SUCCEEDED", inside.stdout)

    def test_none_named_and_none_there(self):
        for command in ["status", "resume", "redrive", "stop", "history", "export", "logs", "fsck"]:
            with self.subTest(command):
                result = self.lockstep(command)
                self.assertEqual(result.status, 2)
                self.assert_one_line(result.err, "which run?")

    def test_two_are_one_too_many(self):
        result = self.lockstep("status", "a", "--dir", "b")
        self.assertEqual(result.status, 2)
        self.assert_one_line(result.err, "'a' and 'b'")

    def test_names(self):
        self.assertIn("execution machine-1 on", self.start(PASS).err)
        named = self.start(PASS, "--name", "tuesday")
        self.assertIn("execution tuesday on", named.err)
        self.assertTrue(os.path.isdir(self.path("tuesday.lockstep")))
        # A name that was used is that run: it goes on, or says again how it ended.
        self.assertEqual(self.start(PASS, "--name", "tuesday").out, "{}\n")
        self.assertEqual(self.start(PASS, "--name", "tuesday", "--input", "[]").status, 73)

    def test_runs_that_start_together_get_a_folder_each(self):
        self.write("machine.asl.json", PASS)
        started = [self.begin("run", "machine.asl.json", "--quiet", stdout=subprocess.DEVNULL) for _ in range(6)]
        for one in started:
            self.assertEqual((one.wait(), one.stderr.read()), (0, ""))
            one.stderr.close()
        self.assertEqual(len([name for name in os.listdir(self.folder) if name.endswith(".lockstep")]), 6)


class ListOfRuns(LockstepCase):
    def start(self, definition, *arguments):
        self.write("machine.asl.json", definition)
        return self.lockstep("run", "machine.asl.json", *arguments)

    def test_newest_first_with_state_and_progress(self):
        self.start(FAIL)
        self.start(PASS)
        lines = self.lockstep("runs").out.splitlines()
        self.assertEqual(lines[0].split(), ["RUN", "STATE", "AGE", "PROGRESS"])
        self.assertEqual([line.split()[:2] for line in lines[1:]],
                         [["machine-2.lockstep", "SUCCEEDED"], ["machine-1.lockstep", "FAILED"]])

    def test_one_that_cannot_be_read_does_not_hide_the_others(self):
        self.start(PASS)
        self.write("broken.lockstep/run.json", "{")
        listed = self.lockstep("runs").out
        self.assertIn("broken.lockstep", listed)
        self.assertIn("UNREADABLE", listed)
        self.assertIn("SUCCEEDED", listed)

    def test_clean_removes_what_succeeded_and_nothing_else(self):
        self.start(PASS)
        self.start(FAIL)
        self.write("mine.txt", "a file of the user's")
        said = self.lockstep("clean", "--dry-run")
        self.assertEqual(said.out, "would remove machine-1.lockstep\n")
        self.assertTrue(os.path.isdir(self.path("machine-1.lockstep")))
        self.assertEqual(self.lockstep("clean").out, "removed machine-1.lockstep\n")
        self.assertEqual(sorted(os.listdir(self.folder)), ["machine-2.lockstep", "machine.asl.json", "mine.txt"])
        self.assertEqual(self.lockstep("clean", "machine-2.lockstep").status, 73)
        self.assertEqual(self.lockstep("clean", "--all", "machine-2.lockstep").status, 0)
        self.assertEqual(sorted(os.listdir(self.folder)), ["machine.asl.json", "mine.txt"])

    def test_clean_leaves_one_with_work_left(self):
        self.write("machine.asl.json", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}})
        run = self.begin("run", "machine.asl.json", "--quiet")
        try:
            self.until(lambda: "RUNNING" in self.lockstep("runs").out, process=run)
            running = self.lockstep("clean", "--all", "machine-1.lockstep")
            self.assertEqual(running.status, 73)
            self.assertIn("kept", running.err)
        finally:
            run.kill()
            run.wait()
        self.assertIn("INTERRUPTED", self.lockstep("runs").out)
        self.assertEqual(self.lockstep("clean", "--all", "machine-1.lockstep").status, 73)
        self.assertTrue(os.path.isdir(self.path("machine-1.lockstep")))


class RunsThatAreOver(LockstepCase):
    def test_there_is_nothing_to_stop_or_to_watch(self):
        self.write("machine.asl.json", PASS)
        self.lockstep("run", "machine.asl.json")
        stopped = self.lockstep("stop", "machine-1.lockstep")
        self.assertEqual((stopped.status, stopped.out), (0, ""))
        self.assert_one_line(stopped.err, "machine-1.lockstep is over")
        watched = self.lockstep("status", "machine-1.lockstep", "--watch")
        self.assertEqual(watched.status, 0)
        self.assertEqual(watched.out.count("machine-1: SUCCEEDED"), 1)

    def test_watching_ends_with_the_run(self):
        self.write("machine.asl.json", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "End": True}}})
        run = self.begin("run", "machine.asl.json", "--quiet")
        self.until(lambda: os.path.exists(self.path("machine-1.lockstep/run.json")), process=run)
        watched = self.lockstep("status", "machine-1.lockstep", "--watch", "--json")
        self.assertEqual((run.wait(), watched.status), (0, 0))
        lines = [json.loads(line)["status"] for line in watched.out.splitlines()]
        self.assertGreater(len(lines), 1)
        self.assertEqual(lines[-1], "SUCCEEDED")


class Documents(LockstepCase):
    def test_a_document_may_be_text_a_file_or_standard_input(self):
        self.write("order.json", {"a": 4})
        for data, stdin in [('{"a":4}', ""), ("order.json", ""), ("-", '{"a":4}')]:
            with self.subTest(data):
                result = self.lockstep("query", "--jsonata", "a + 1", "--data", data, stdin=stdin)
                self.assertEqual((result.status, result.value), (0, 5))

    def test_standard_input_cannot_be_both(self):
        result = self.lockstep("query", "--jsonata", "--data", "-")
        self.assertEqual(result.status, 2)
        self.assert_one_line(result.err, "standard input")

    def test_what_is_neither(self):
        result = self.lockstep("query", "--jsonata", "a", "--data", "nothing.json")
        self.assertEqual(result.status, 65)
        self.assert_one_line(result.err, "nothing.json", "neither a file nor JSON")


if __name__ == "__main__":
    unittest.main()
