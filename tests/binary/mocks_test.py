"""`lockstep test`: test cases with mocked tasks: what they tell, what they refuse, what they cover, and how they are recorded."""
import json
import os
import re
import time
import unittest
import xml.etree.ElementTree

from lockstep_case import LockstepCase

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")

# Looks until it is ready, a day later at a time.
POLL = """{
  "StartAt": "Look",
  "States": {
    "Look": {
      "Type": "Task", "Resource": "job:look", "TimeoutSeconds": 60,
      "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3600}],
      "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Gone"}],
      "Next": "Ready?"
    },
    "Ready?": {
      "Type": "Choice",
      "Choices": [{"Variable": "$.ready", "BooleanEquals": true, "Next": "Done"}],
      "Default": "Pause"
    },
    "Pause": {"Type": "Wait", "Seconds": 86400, "Next": "Look"},
    "Done": {"Type": "Succeed"},
    "Gone": {"Type": "Fail", "Error": "Gone"}
  }
}
"""
YES, NO = {"Return": {"ready": True}}, {"Return": {"ready": False}}
BUSY = {"Throw": {"Error": "Busy", "Cause": "later"}}


def mocks(cases, responses, ours=None, machine="poll"):
    """`cases`: what answers Look in each."""
    return {"StateMachines": {machine: {"TestCases": {name: {"Look": answer} for name, answer in cases.items()},
                                        **({"Lockstep": ours} if ours else {})}},
            "MockedResponses": responses}


class Mocks(LockstepCase):
    def setUp(self):
        super().setUp()
        self.write("poll.asl.json", POLL)

    def go(self, content, *arguments, definition="poll.asl.json"):
        self.write("poll.mocks.json", content)
        return self.lockstep("test", definition, *arguments)

    def test_a_file_of_step_functions_local(self):
        file = {"StateMachines": {"poll": {"TestCases": {"Happy": {"Look": "Ready"}, "Later": {"Look": "ReadyLater"}}}},
                "MockedResponses": {"Ready": {"0": YES}, "ReadyLater": {"0": BUSY, "1-2": NO, "3": YES}}}
        result = self.go(file)
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertRegex(result.out, r"^PASS  Happy  \(\d+ events, 0.000 s of virtual time\)\n"
                                     r"PASS  Later  \(\d+ events, 2-01:00:00 of virtual time\)\n2 cases: 2 passed, 0 failed\n$")
        self.assertEqual(sorted(os.listdir(self.folder)), ["poll.asl.json", "poll.mocks.json"])
        one = self.go(file, "--case", "Later")
        self.assertTrue(one.out.startswith("PASS  Later") and one.out.endswith("1 case: 1 passed, 0 failed\n"), one.out)

    def test_a_year_takes_a_moment(self):
        begun = time.monotonic()
        result = self.go(mocks({"Year": "year"}, {"year": {"0-364": NO, "365": YES}}))
        self.assertEqual(result.status, 0, result.out)
        self.assertIn("365-00:00:00 of virtual time", result.out)
        self.assertLess(time.monotonic() - begun, 30)

    def test_what_differs_is_shown_the_place_first(self):
        result = self.go(mocks({"C": "r"}, {"r": {"0": {"Return": {"ready": True, "at": [1, 2, 3]}}}},
                               {"C": {"Expect": {"Output": {"ready": True, "at": [1, 5, 3]}, "History": ["ExecutionStarted", "Nothing"]}}}))
        self.assertEqual(result.status, 1)
        self.assertIn("\n      Output differs at /at/1: expected 5, was 2\n", result.out)
        self.assertIn("\n        -     5,\n        +     2,\n", result.out)
        self.assertIn("\n      History differs at event 2: expected Nothing, was TaskStateEntered\n", result.out)
        self.assertIn("\n        - Nothing\n        + TaskStateEntered\n", result.out)
        self.assertTrue(result.out.endswith("1 case: 0 passed, 1 failed\n"))

    def test_how_an_execution_ends(self):
        responses = {"late": {"0": {"Timeout": True}}, "slow": {"0": dict(YES, Delay=61)}, "intime": {"0": dict(YES, Delay=60)},
                     "busy": {"0-9": BUSY}, "few": {"0": BUSY}}
        ours = {"late": {"Expect": {"Error": "Gone"}}, "slow": {"Expect": {"Status": "FAILED"}}, "intime": {},
                "busy": {"Expect": {"Error": "Busy", "Cause": "later"}},
                "few": {"Expect": {"Error": "States.Runtime", "Cause": "'few' has no response for invocation 1 of the state 'Look'"}}}
        result = self.go(mocks({name: name for name in responses}, responses, ours))
        self.assertEqual(result.status, 0, result.out)
        wrong = self.go(mocks({"late": "late"}, responses, {"late": {"Expect": {"Error": "Lost"}}}))
        self.assertEqual(wrong.status, 1)
        self.assertIn("      Error: expected 'Lost', was 'Gone'\n", wrong.out)

    def test_a_state_that_is_not_mocked(self):
        file = {"StateMachines": {"poll": {"TestCases": {"C": {}}, "Lockstep": {"C": {"Input": {"ready": True}}}}}}
        bare = self.go(file)
        self.assertEqual(bare.status, 1)
        self.assertIn("the state 'Look' is not mocked in the case 'C': name a response for 'Look' in its TestCases, or map "
                      "job:look to a builtin job", bare.out)
        self.write("jobs.json", {"jobs": [{"resource": "job:look", "exec": ["./look"]}]})
        self.assertIn("needs a process", self.go(file, "--jobs", "jobs.json").out)
        self.write("jobs.json", {"jobs": [{"resource": "job:look", "builtin": "echo"}]})
        self.assertEqual(self.go(file, "--jobs", "jobs.json").status, 0)

    def test_every_mistake_of_a_file_is_told_with_its_place(self):
        result = self.go('{"StateMachines": {"poll": {"TestCases": {\n'
                         '  "C": {"Lok": "r", "Ready?": "r", "Look": "s"}},\n'
                         '  "Lockstep": {"D": {},\n'
                         '    "C": {"Expect": {"output": 1}}}}},\n'
                         ' "MockedResponses": {"r": {\n'
                         '   "0-2": {"Return": 1},\n'
                         '   "2": {"Return": 1, "Throw": {"Error": "E", "Cause": "C"}},\n'
                         '   "x": {}}}}')
        self.assertEqual((result.status, result.out), (65, ""))
        for line, said in [(2, "has no state 'Lok'; did you mean 'Look'?"), (2, "'Ready?' is a Choice state"), (2, "there is no 's' in MockedResponses"),
                           (3, "there is no case 'D'"), (4, "no member 'output' here; did you mean 'Output'?"),
                           (7, "needs exactly one of Return, Throw"), (7, 'invocation 2 is answered here and by "0-2"'),
                           (8, "'x' is no invocation"), (8, "but has none")]:
            self.assertTrue(any(re.match(r"lockstep: poll\.mocks\.json:%d:\d+: error: " % line, told) and said in told
                                for told in result.err.splitlines()), (line, said, result.err))
        self.assertEqual(len(result.err.splitlines()), 9)

    def test_files_that_are_none(self):
        self.assertEqual(self.go("{").status, 65)
        self.assert_one_line(self.go("{\n").err, "poll.mocks.json:2:")
        gone = self.lockstep("test", "poll.asl.json", "--mocks", "gone.json")
        self.assertEqual(gone.status, 65)
        self.assert_one_line(gone.err, "gone.json")
        self.assertEqual(self.lockstep("test", "gone.asl.json").status, 65)
        self.write("poll.asl.json", POLL.replace("Pause\"", "Pose\"", 1))
        bad = self.go(mocks({"C": "r"}, {"r": {"0": YES}}))
        self.assertEqual(bad.status, 65)
        self.assertIn("poll.asl.json:", bad.err)
        nothing = {"StateMachines": {"poll": {"TestCases": {}}}}
        self.write("poll.asl.json", POLL)
        self.assert_one_line(self.go(nothing).err, "there is no case: nothing would be tested")

    def test_usage(self):
        self.write("poll.mocks.json", mocks({"Happy": "r"}, {"r": {"0": YES}}))
        for arguments, said in [([], "test needs a definition"), (["a", "b"], "'a' and 'b'"), (["poll.asl.json", "--case", "Hapy"], "did you mean 'Happy'?"),
                                (["poll.asl.json", "--machine", "pol"], "did you mean 'poll'?"), (["poll.asl.json", "--type", "FAST"], "FAST"),
                                (["poll.asl.json", "--limits", "none"], "none"), (["poll.asl.json", "--execution", "x"], "--record"),
                                (["poll.asl.json", "--record", "run"], "name none"), (["--record", "r", "--case", "a", "--case", "b"], "once")]:
            result = self.lockstep("test", *arguments)
            self.assertEqual(result.status, 2, (arguments, result.err))
            self.assert_one_line(result.err, said)

    def test_which_machine(self):
        two = mocks({"C": "r"}, {"r": {"0": YES}})
        two["StateMachines"]["other"] = {"TestCases": {"Not of poll": {"Elsewhere": "r"}}}
        self.assertEqual(self.go(two).status, 0)
        del two["StateMachines"]["poll"]
        self.assertIn("has no state 'Elsewhere'", self.go(two).err, "the only one")
        two["StateMachines"]["third"] = {"TestCases": {"C": {"Look": "r"}}}
        unclear = self.go(two)
        self.assertEqual(unclear.status, 65)
        self.assert_one_line(unclear.err, "has no state machine 'poll'; it has 'other', 'third': name one with --machine")
        self.assertEqual(self.go(two, "--machine", "third").status, 0)

    def test_json_and_junit(self):
        file = mocks({"good": "r", "bad": "s<&>"}, {"r": {"0": YES}, "s<&>": {"0": dict(YES, Delay=61)}})
        result = self.go(file, "--json", "--junit", "junit.xml")
        self.assertEqual((result.status, result.err), (1, ""))
        good, bad = map(json.loads, result.out.splitlines())
        self.assertEqual((good["machine"], good["case"], good["passed"], good["status"], good["output"], good["mismatches"]),
                         ("poll", "good", True, "SUCCEEDED", {"ready": True}, []))
        self.assertEqual((bad["passed"], bad["status"], bad["error"], bad["virtualSeconds"]), (False, "FAILED", "Gone", 60))
        self.assertEqual([one["message"] for one in bad["mismatches"]], ["Status: expected SUCCEEDED, was FAILED: Gone"])
        suite = xml.etree.ElementTree.parse(self.path("junit.xml")).getroot().find("testsuite")
        self.assertEqual((suite.get("name"), suite.get("tests"), suite.get("failures")), ("poll", "2", "1"))
        self.assertEqual([(case.get("classname"), case.get("name"), case.find("failure") is None) for case in suite],
                         [("poll", "good", True), ("poll", "bad", False)])
        self.assertEqual(self.go(file, "--junit", "no/such/folder").status, 74)

    def test_verbose_shows_the_history(self):
        result = self.go(mocks({"C": "r"}, {"r": {"0": YES}}), "--verbose")
        self.assertRegex(result.out, r"\n +3  \S+ \S+  TaskScheduled +Look +\{\}\n")
        line = json.loads(self.go(mocks({"C": "r"}, {"r": {"0": YES}}), "--verbose", "--json").out)
        self.assertEqual(line["history"][:3], ["ExecutionStarted", "TaskStateEntered", "TaskScheduled"])

    def test_coverage(self):
        file = mocks({"C": "r"}, {"r": {"0": YES}})
        result = self.go(file, "--coverage", "--coverage-file", "poll.info")
        self.assertEqual(result.status, 0, result.err)
        self.assertTrue(result.out.endswith(
            "coverage: states 3 of 5 (60.0 %), choice rules 1 of 2 (50.0 %), retriers 0 of 1 (0.0 %), catchers 0 of 1 (0.0 %)\n"
            "poll.asl.json:6: never reached: retrier Look[0]\n"
            "poll.asl.json:7: never reached: catcher Look[0] to Gone\n"
            "poll.asl.json:13: never reached: choice Ready?, Default, to Pause\n"
            "poll.asl.json:15: never reached: state Pause\n"
            "poll.asl.json:17: never reached: state Gone\n"), result.out)
        with open(self.path("poll.info")) as info:
            self.assertEqual(info.read().splitlines(), [
                "TN:", "SF:" + os.path.join(os.path.realpath(self.folder), "poll.asl.json"), "DA:4,1", "DA:10,1", "DA:15,0", "DA:16,1", "DA:17,0",
                "BRDA:4,1,0,0", "BRDA:4,2,0,0", "BRDA:10,3,0,1", "BRDA:10,3,1,0", "BRF:4", "BRH:1", "LF:5", "LH:3", "end_of_record"])
        file["MockedResponses"]["r"] = {"0": BUSY, "1": NO, "2": YES}
        file["MockedResponses"]["late"] = {"0": {"Timeout": True}}
        file["StateMachines"]["poll"]["TestCases"]["D"] = {"Look": "late"}
        file["StateMachines"]["poll"]["Lockstep"] = {"D": {"Expect": {"Error": "Gone"}}}
        whole = self.go(file, "--coverage", "--json")
        self.assertEqual(whole.err, "coverage: states 5 of 5 (100.0 %), choice rules 2 of 2 (100.0 %), retriers 1 of 1 (100.0 %), "
                                    "catchers 1 of 1 (100.0 %)\n")

    def test_yaml(self):
        self.write("m.asl.yaml", "StartAt: A\nStates:\n  A:\n    Type: Task\n    Resource: job:a\n    Next: B\n  B:\n    Type: Wait\n    Seconds: 1\n    End: true\n")
        self.write("m.mocks.yaml", "StateMachines: {m: {TestCases: {C: {A: r}}}}\nMockedResponses:\n  r:\n    '0':\n      Throw: {Error: E}\n")
        result = self.lockstep("test", "m.asl.yaml", "--coverage")
        self.assertEqual(result.status, 1)
        self.assertIn("FAILED: E", result.out)
        self.assertRegex(result.out, r"m\.asl\.yaml:[78]: never reached: state B\n")
        self.write("m.mocks.yaml", "StateMachines: {m: {TestCases: {C: {A: r}}}}\nMockedResponses:\n  r:\n    '0':\n      Throw: E\n")
        self.assert_one_line(self.lockstep("test", "m.asl.yaml").err, "m.mocks.yaml:5:", "must be an object")

    def test_what_a_run_was_is_a_case(self):
        count = self.path("count")
        self.script("look.sh", 'echo x >> %s; case $(wc -l < %s) in 2) echo \'{"errorType":"Busy"}\'; exit 1;; 1) echo \'{"ready":false}\';; '
                               '*) echo \'{"ready":true,"at":1.50}\';; esac' % (count, count))
        self.write("poll.asl.json", POLL.replace("3600", "1").replace("86400", "1"))
        self.write("jobs.json", {"jobs": [{"resource": "job:look", "exec": ["./look.sh"]}]})
        run = self.lockstep("run", "poll.asl.json", "--dir", "run", "--input", '{"from":"here"}', "--name", "tuesday")
        self.assertEqual(run.status, 0, run.err)
        recorded = self.lockstep("test", "--record", "run", "--mocks", "poll.mocks.json")
        self.assertEqual((recorded.status, recorded.out, recorded.err), (0, "", ""))
        with open(self.path("poll.mocks.json")) as file:
            text = file.read()
        self.assertIn('"2": {"Return": {"ready":true,"at":1.50}}', text)
        self.assertEqual(json.loads(text)["StateMachines"]["poll"]["Lockstep"]["tuesday"]["Input"], {"from": "here"})
        again = self.lockstep("test", "poll.asl.json", "--coverage")
        self.assertEqual(again.status, 0, again.out)
        self.assertTrue(again.out.startswith("PASS  tuesday"), again.out)
        twice = self.lockstep("test", "--record", "run", "--mocks", "poll.mocks.json")
        self.assertEqual(twice.status, 73)
        self.assert_one_line(twice.err, "cannot make poll.mocks.json: File exists")
        named = self.lockstep("test", "--record", "run", "--case", "Looks")
        self.assertEqual(json.loads(named.out)["StateMachines"]["poll"]["Lockstep"]["Looks"]["Name"], "tuesday")

    def test_a_run_that_depends_on_more_than_its_tasks_is_recorded_and_told(self):
        self.write("poll.asl.json", {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": True}}})
        self.assertEqual(self.lockstep("run", "poll.asl.json", "--dir", "run").status, 0)
        recorded = self.lockstep("test", "--record", "run", "--mocks", "poll.mocks.json")
        self.assertEqual(recorded.status, 1)
        self.assertIn("Output differs at /id: expected ", recorded.err)
        self.assertTrue(os.path.exists(self.path("poll.mocks.json")))

    def test_the_example_of_the_readme(self):
        with open(README) as file:
            blocks = [re.sub("(?m)^    ", "", block) for block in re.findall(r"(?m)(?:^    .*\n)+", file.read())]
        self.write("squares.asl.json", next(block for block in blocks if "job:square" in block))
        self.write("squares.mocks.json", next(block for block in blocks if "MockedResponses" in block))
        command, _, told = next(block for block in blocks if block.startswith("$ lockstep test ")).partition("\n")
        result = self.lockstep(*command.replace("$ lockstep ", "").split())
        self.assertEqual((result.out, result.err), (told, ""))


if __name__ == "__main__":
    unittest.main()
