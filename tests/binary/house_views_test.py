"""What list and describe tell: of a run's folder, and of a house while it is served and after."""
import os
import signal
import subprocess
import unittest

from lockstep_case import TIMEOUT, LockstepCase

PASSES = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Boom", "Cause": "as it should"}}}


class Views(LockstepCase):
    def view(self, command, *arguments):
        return self.lockstep(command, "--dir", self.path("run"), *arguments)

    def test_a_run_is_a_house_of_one(self):
        definition = self.write("survey.asl.json", FAILS)
        self.lockstep("run", definition, "--dir", self.path("run"), "--name", "only", "--input", '{"n": 1}')
        listed = self.view("list", "--json").value["executions"]
        self.assertEqual([(one["name"], one["status"]) for one in listed], [("only", "FAILED")])
        described = self.view("describe").value
        self.assertEqual(self.view("describe", "--execution", listed[0]["executionArn"]).value, described)
        self.assertEqual(described["executionArn"], listed[0]["executionArn"])
        self.assertEqual((described["startDate"], described["stopDate"]), (listed[0]["startDate"], listed[0]["stopDate"]))
        self.assertEqual((described["error"], described["cause"]), ("Boom", "as it should"))
        self.assertEqual(described["input"], '{"n": 1}')
        self.assertEqual(described["redriveStatus"], "REDRIVABLE")
        lines = self.view("list").out.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "MACHINE", "STATUS", "STARTED", "STOPPED"])
        self.assertEqual(lines[1].split()[:3], ["only", "survey", "FAILED"])
        self.assertEqual(self.view("list", "--status", "SUCCEEDED").out, "")

    def test_mistakes_are_told(self):
        definition = self.write("survey.asl.json", FAILS)
        self.lockstep("run", definition, "--dir", self.path("run"))
        for arguments, part in ((("list", "--status", "DONE"), "--status is RUNNING"),
                                (("list", "--max", "0"), "--max is at least 1"),
                                (("list", "--machine", "nobody"), "holds no state machine 'nobody'"),
                                (("list", "--token", "x"), "Invalid Token"),
                                (("describe", "--execution", "nobody"), "holds no execution 'nobody'"),
                                (("describe", "--machine", "nobody"), "holds no state machine 'nobody'"),
                                (("describe", "--execution", "a", "--machine", "b"), "one thing")):
            result = self.view(*arguments)
            self.assertEqual((result.status, result.out), (2, ""), arguments)
            self.assert_one_line(result.err, part)

    def test_a_house_is_looked_at_while_it_is_open_and_after(self):
        house = self.path("run")
        quick = self.write("quick.asl.json", PASSES)
        slow = self.write("slow.asl.json", WAITS)
        server = self.begin("serve", "--dir", house, "--slots", "1", stderr=subprocess.DEVNULL)
        try:
            self.until(lambda: os.path.exists(os.path.join(house, "lease")))
            for name in ("a", "b", "c"):
                self.assertEqual(self.view("start", quick, "--name", name, "--input", '{"of":"%s"}' % name, "--wait").status, 0)
            self.assertEqual(self.view("start", slow, "--name", "nap").status, 0)
            self.until(lambda: len(self.view("list", "--json").value["executions"]) == 4)
            self.look()
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(TIMEOUT)
        self.look()

    def look(self):
        page = self.view("list", "--json", "--max", "3").value
        self.assertEqual([one["name"] for one in page["executions"]], ["nap", "c", "b"])
        rest = self.view("list", "--json", "--max", "3", "--token", page["nextToken"]).value
        self.assertEqual([one["name"] for one in rest["executions"]], ["a"])
        self.assertEqual(self.view("list", "--machine", "slow", "--json").value["executions"], page["executions"][:1])
        described = self.view("describe", "--execution", "b").value
        self.assertEqual((described["status"], described["output"]), ("SUCCEEDED", '{"of":"b"}'))
        self.assertEqual(self.view("describe", "--machine", "slow").value["type"], "STANDARD")
        events = self.view("history", "--execution", "b", "--json").value["events"]
        self.assertEqual([event["id"] for event in events], [1, 2, 3, 4])
        status = self.view("status", "--execution", "nap", "--json").value
        self.assertEqual(status["executions"], {"total": 4, "RUNNING": 1, "SUCCEEDED": 3})
        self.assertEqual(status["waits"]["count"], 1)


if __name__ == "__main__":
    unittest.main()
