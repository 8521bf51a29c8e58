"""An activity's worker that does what a recorded case says, through a run's mailbox."""

import json
import os
import time
import uuid


class Mailbox:
    def __init__(self, run_folder, deadline):
        self.folder = os.path.join(run_folder, "mailbox")
        self.deadline = deadline

    def ask(self, **request):
        """What the run answers; None where it does not in time."""
        name = os.path.join(self.folder, f"{time.time_ns():021}-{uuid.uuid4().hex}")
        while not os.path.isdir(self.folder):
            if not self.has_time():
                return None
        with open(name + ".tmp", "w") as file:
            json.dump(request, file)
        os.rename(name + ".tmp", name + ".request")
        while not os.path.exists(name + ".answer"):
            if not self.has_time():
                return None
        with open(name + ".answer") as file:
            answer = file.read()
        os.remove(name + ".answer")
        return answer

    def has_time(self):
        time.sleep(0.02)
        return time.monotonic() < self.deadline


def work(run_folder, params, seconds):
    """Takes one task and carries out params["actions"]: wait, heartbeat, success (with the input, unless there is an
    output), failure (error, cause, whether the input is the cause). What went wrong; None: nothing."""
    mailbox = Mailbox(run_folder, time.monotonic() + seconds)
    answer = mailbox.ask(action="get-activity-task", activity=params["activityArn"], worker=params.get("workerName", ""))
    if answer is None:
        return "no task came"
    task = json.loads(answer) if answer.startswith("{") else {}
    if not task.get("taskToken"):
        return f"no task was given: {answer}"
    for kind, *details in params["actions"]:
        if kind == "wait":
            time.sleep(details[0])
            continue
        message = {"action": f"send-task-{kind}", "token": task["taskToken"]}
        details += [None] * (3 - len(details))
        if kind == "success":
            message["output"] = task["input"] if details[0] is None else details[0]
        elif kind == "failure":
            cause = task["input"] if details[2] else details[1]
            message.update({key: text for key, text in (("error", details[0]), ("cause", cause)) if text is not None})
        answer = mailbox.ask(**message)
        if answer != "accepted":
            return f"{kind} was answered: {answer}"
    return None
