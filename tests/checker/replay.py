"""Walks a history event by event, and says where it is not one that the language allows. Every event must have a place:
a strand (the top level, a branch or an iteration) that stands at its previousEventId, and in which it may come next."""
import collections
import datetime
import re

from machine import Failure
from values import NoMatch, UNKNOWN, agree, load

# History's times are cut to milliseconds.
TOLERANCE = 0.002
# AWS's limit, which ends a STANDARD execution wherever it is.
MOST_EVENTS = 25_000
FULL = "maximum number of history events (%d)" % MOST_EVENTS
TASK = re.compile(r"(?:Task|LambdaFunction|Activity)(Scheduled|Started|Submitted|Succeeded|Failed|TimedOut)")
FINISHED, FAILED, GIVEN_UP = "finished", "failed", "given up"


class Wrong(Exception):
    """What must not be in a history."""


class Strand:
    """`phase`: before a state; within one: entered, scheduled, started, submitted, children, joined (they are all done),
    done (its work is), decide (what becomes of a failure, out of `choices`); over: finished, failed, given up."""

    def __init__(self, parent, index, scope, value, tip, is_iteration=False):
        self.parent, self.index, self.scope, self.is_iteration = parent, index, scope, is_iteration
        self.phase, self.next, self.value, self.tip = "before", {scope.start}, value, tip
        self.state, self.children = None, []
        self.result = UNKNOWN

    def enter(self, event, name):
        self.state = self.scope.states[name]
        self.phase, self.entered_previous, self.began = "entered", event["previousEventId"], event["timestamp"]
        self.uses, self.retries, self.reported, self.failure = {}, 0, False, None
        self.drop_children()

    def drop_children(self):
        self.children, self.results, self.items, self.expected_aborts = [], {}, UNKNOWN, collections.Counter()
        self.may_follow, self.length = set(), 0

    def live_children(self):
        return [child for child in self.children if child.phase not in (FINISHED, FAILED, GIVEN_UP)]

    def is_open(self):
        """Whether history says so where its state is given up."""
        if self.phase in ("before", FINISHED):
            return False
        return self.state.type in ("Task", "Wait") or self.state.type in ("Map", "Parallel") and not self.reported

    def may_fail_quietly(self):
        """Where an expression is evaluated whose failure history does not show."""
        return self.phase in ("entered", "done", "children")

    def may(self, what):
        """Whether that may become of its failure."""
        return self.phase == "decide" and any(choice[0] == what for choice in self.choices)

    def is_in(self, type):
        return self.state is not None and self.state.type == type


def tell(evaluate, *arguments):
    try:
        return evaluate(*arguments)
    except NoMatch:
        return UNKNOWN


class Replay:
    """`tasks`: what it found of every dispatch, as export has it."""

    def __init__(self, machine):
        self.machine = machine
        self.top, self.status, self.tasks = None, None, []
        self.at = collections.defaultdict(list)      # strands by tip
        self.aborting = collections.defaultdict(list)  # strands that give up children, by the event that made them
        self.maps = collections.defaultdict(list)      # strands in a Map, by events that an iteration may follow on
        self.last_time = 0

    def take_all(self, events):
        for number, event in enumerate(events, 1):
            try:
                if event["id"] != number or not 0 <= event["previousEventId"] < number:
                    raise Wrong("its number should be %d, and what it follows on stand before it" % number)
                if event["timestamp"] < self.last_time:
                    raise Wrong("it is earlier than the event before it")
                self.last_time = event["timestamp"]
                self.take(event)
            except Wrong as wrong:
                raise Wrong("event %d, %s after %d: %s" % (event["id"], event["type"], event["previousEventId"], wrong)) from None

    # ---- where an event belongs

    def take(self, event):
        kind, details = event["type"], next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        if kind.startswith("Execution"):
            return self.take_execution(kind[len("Execution"):], event, details)
        if self.status != "RUNNING":
            raise Wrong("the execution is %s" % self.status)
        task = TASK.fullmatch(kind)
        if task:
            return getattr(self, "task_" + task[1])(event, details)
        if kind.startswith("MapIteration"):
            return getattr(self, "iteration_" + kind[len("MapIteration"):])(event, details)
        if kind == "EvaluationFailed":
            return self.take_evaluation(event, details)
        type, what = re.fullmatch(r"(\w+)State(\w+)", kind).groups()
        return getattr(self, "state_" + what)(type, event, details)

    def move(self, strand, tip):
        here = self.at[strand.tip]
        if strand in here:
            here.remove(strand)
        strand.tip = tip
        self.at[tip].append(strand)

    def find(self, event, fits, prefers=lambda strand: True):
        """The strand at the event's predecessor that it fits."""
        while True:
            found = [strand for strand in self.at[event["previousEventId"]] if fits(strand)]
            if found:
                return next(filter(prefers, found), found[0])
            if not self.fail_there(event["previousEventId"]):
                raise Wrong("nothing stands there that it may come from")

    def fail_there(self, tip):
        """Whether something there fails: what nothing handles, or what may have failed without an event. It has then."""
        for strand in list(self.at[tip]):
            if strand.may("fail") and (strand.failure.is_quiet or strand.reported or strand.state.type not in ("Map", "Parallel")):
                self.give_in(strand)
                return True
        for strand in list(self.at[tip]):
            if strand.may_fail_quietly():
                self.fail(strand, Failure(UNKNOWN, is_quiet=True))
                return True
        return False

    # ---- the execution

    def take_execution(self, what, event, details):
        if what == "Started":
            if self.top is not None:
                raise Wrong("it had started")
            self.status, self.input = "RUNNING", load(details["input"])
            self.top = Strand(None, 0, self.machine, self.input, 0)
            self.at[0].append(self.top)
            self.since = event["timestamp"]
        elif what == "Redriven":
            self.redrive(event)
        else:
            self.end(what, event, details)

    def end(self, what, event, details):
        if self.status != "RUNNING":
            raise Wrong("it was %s" % self.status)
        if what == "Succeeded":
            if self.top.phase != FINISHED or self.top.tip != event["previousEventId"]:
                raise Wrong("its top level is not at its end")
            self.compare("output", self.top.value, load(details["output"]))
        elif what == "Failed" and event["id"] == MOST_EVENTS and FULL in details.get("cause", ""):
            if not self.at[event["previousEventId"]]:
                raise Wrong("nothing stands there that found history full")
        elif what == "Failed":
            self.find(event, lambda strand: strand is self.top and strand.phase == FAILED)
            self.check_error(self.top.failure, details.get("error"), details.get("cause"))
        elif what == "TimedOut" and (self.machine.timeout is None or event["timestamp"] < self.since + self.machine.timeout - TOLERANCE):
            raise Wrong("TimeoutSeconds is %s" % self.machine.timeout)
        if what in ("TimedOut", "Aborted") and event["previousEventId"] != 0:
            raise Wrong("it follows on no event")
        self.status = what
        for task in self.tasks:
            if task["status"] == "RUNNING":
                task.update(status="ABORTED", ended=event["timestamp"])

    @staticmethod
    def check_error(failure, error, cause):
        if failure.is_quiet:
            if not (error or "").startswith("States."):
                raise Wrong("no event says where the error %r comes from" % error)
        elif error not in failure.perhaps and not agree(failure.error, error) or not agree(failure.cause, cause):
            raise Wrong("the error is %r: %r, but what failed was %r: %r" % (error, cause, failure.error, failure.cause))

    def redrive(self, event):
        if self.status not in ("Failed", "TimedOut", "Aborted") or event["previousEventId"] != event["id"] - 1:
            raise Wrong("it was %s, and is to follow on that" % self.status)
        self.status, self.since = "RUNNING", event["timestamp"]
        self.at.clear()
        self.revive(self.top, event["id"], event["timestamp"])

    def revive(self, strand, tip, time):
        """A strand that was given up goes on in the state where it was."""
        self.move(strand, tip)
        was, strand.began, strand.failure = strand.was if strand.phase == GIVEN_UP else strand.phase, time, None
        if was == "before":
            strand.phase = "before"
            return
        strand.uses, strand.retries, strand.reported = {}, 0, False
        if strand.state.type == "Fail":
            strand.phase, strand.next = "before", {strand.state.name}
        elif not strand.children:
            strand.phase = "entered"
        else:
            strand.phase = "children"
            strand.expected_aborts.clear()
            strand.may_follow = {tip}
            self.maps[tip].append(strand)
            for child in strand.children:
                if child.phase != GIVEN_UP:
                    child.was = child.phase
                if child.phase != FINISHED:
                    child.phase = GIVEN_UP
                    if not child.is_iteration:
                        self.revive(child, tip, time)

    # ---- states

    def state_Entered(self, type, event, details):
        name = details["name"]
        strand = self.find(event, lambda strand: strand.phase == "before" and name in strand.next)
        strand.enter(event, name)
        self.move(strand, event["id"])
        if strand.state.type != type:
            raise Wrong("%s is a %s" % (name, strand.state.type))
        self.compare("input", strand.value, load(details["input"]))
        strand.value = load(details["input"])
        if type == "Fail":
            self.fail(strand, strand.state.failure())

    def state_Exited(self, type, event, details):
        name, output = details["name"], load(details["output"])

        def may_leave(strand):
            return strand.is_in(type) and strand.state.name == name and (
                strand.phase in ("entered", "done") or
                strand.may("catch") and (strand.reported or strand.failure.is_quiet or type not in ("Map", "Parallel")))

        strand = self.find(event, may_leave)
        following = self.exit_caught(strand, output) if strand.phase == "decide" else self.exit_done(strand, output, event)
        strand.value = output
        strand.drop_children()
        self.move(strand, event["id"])
        if following:
            strand.phase, strand.next = "before", following
        else:
            strand.phase = FINISHED
            if strand.parent is not None and not strand.is_iteration:
                self.child_done(strand, strand.tip)

    def exit_caught(self, strand, output):
        self.all_given_up(strand)
        following = {choice[1]["Next"] for choice in strand.choices if choice[0] == "catch" and
                     agree(tell(strand.state.caught, choice[1], strand.value, strand.failure), output)}
        if not following:
            raise Wrong("no catcher of %s leaves with the output %.300r" % (strand.failure.error, output))
        return following

    def exit_done(self, strand, output, event):
        """The states that may come next; none: the strand is at its end."""
        state = strand.state
        if state.type == "Choice":
            options = tell(state.choices, strand.value)
            if options is UNKNOWN:
                raise Wrong("its input lacks what its paths name")
            following = {one for one, expected in options if agree(expected, output)}
            if not following:
                raise Wrong("no rule of the Choice leaves with the output %.300r" % output)
            return following
        if state.type in ("Task", "Map", "Parallel"):
            if strand.phase != "done":
                raise Wrong("its work is not done")
            expected = tell(state.output, strand.value, strand.result)
        elif state.type == "Pass":
            expected = tell(state.pass_output, strand.value)
        else:
            expected = tell(state.through, strand.value)
            if state.type == "Wait":
                self.check_wait(strand, event["timestamp"])
        self.compare("output", expected, output)
        return {state.next} if state.next else set()

    @staticmethod
    def check_wait(strand, time):
        seconds = tell(strand.state.number, "Seconds", strand.value)
        if isinstance(seconds, (int, float)) and time < strand.began + seconds - TOLERANCE:
            raise Wrong("it waited %.3f s, not %s" % (time - strand.began, seconds))
        until = tell(strand.state.number, "Timestamp", strand.value)
        try:
            moment = datetime.datetime.fromisoformat(until).timestamp() if isinstance(until, str) else 0
        except ValueError:
            return  # a spelling that only the language knows
        if time < moment - TOLERANCE:
            raise Wrong("it was to wait until %s" % until)

    def child_done(self, child, tip):
        parent = child.parent
        parent.results[child.index] = child.value
        self.move(parent, tip)
        if len(parent.results) == parent.length:
            parent.phase, parent.result = "joined", [parent.results[index] for index in range(parent.length)]

    # ---- tasks

    def task_Scheduled(self, event, details):
        def may_be(strand):
            return strand.is_in("Task") and (strand.phase == "entered" or strand.may("retry"))

        def is_alike(strand):
            return strand.state.fields["Resource"].endswith(details["resource"]) and \
                agree(tell(strand.state.arguments, strand.value), load(details.get("parameters", details.get("input"))))

        strand = self.find(event, may_be, is_alike)
        state = strand.state
        if not state.fields["Resource"].endswith(details["resource"]):
            raise Wrong("%s has the resource %s" % (state.name, state.fields["Resource"]))
        if strand.phase == "decide":
            self.retry(strand, event)
        self.compare("parameters", tell(state.arguments, strand.value), load(details.get("parameters", details.get("input"))))
        for field, name in (("TimeoutSeconds", "timeoutInSeconds"), ("HeartbeatSeconds", "heartbeatInSeconds")):
            self.compare(name, tell(state.number, field, strand.value), details.get(name))
        strand.phase, strand.timeouts = "scheduled", (details.get("timeoutInSeconds"), details.get("heartbeatInSeconds"))
        strand.task = {"state": state.name, "item": self.item_of(strand), "attempt": strand.retries, "status": "RUNNING",
                       "scheduled": event["timestamp"], "ended": None}
        self.tasks.append(strand.task)
        self.move(strand, event["id"])

    def retry(self, strand, event):
        """The decision has fallen: it is tried again."""
        self.all_given_up(strand)
        retries = [choice for choice in strand.choices if choice[0] == "retry"]
        chosen = [choice for choice in retries if event["timestamp"] >= strand.failed_at + choice[2] - TOLERANCE]
        if not chosen:
            raise Wrong("it is tried again after %.3f s, not %s" % (event["timestamp"] - strand.failed_at, retries[0][2]))
        number = chosen[0][1]
        strand.uses[number] = strand.uses.get(number, 0) + 1
        strand.retries += 1
        strand.failure, strand.reported = None, False

    @staticmethod
    def item_of(strand):
        while strand is not None:
            if strand.is_iteration:
                return strand.index
            strand = strand.parent
        return None

    def task_Started(self, event, details):
        strand = self.find(event, lambda strand: strand.phase == "scheduled")
        strand.phase, strand.began = "started", event["timestamp"]
        self.move(strand, event["id"])

    def task_Submitted(self, event, details):
        strand = self.find(event, lambda strand: strand.phase == "started")
        if not re.search(r"\.(sync(:2)?|waitForTaskToken)$", strand.state.fields["Resource"]):
            raise Wrong("nothing more is waited for")
        strand.phase = "submitted"
        self.move(strand, event["id"])

    def task_ended(self, event, status):
        strand = self.find(event, lambda strand: strand.phase in ("started", "submitted"))
        strand.task.update(status=status, ended=event["timestamp"])
        self.move(strand, event["id"])
        return strand

    def task_Succeeded(self, event, details):
        strand = self.task_ended(event, "SUCCEEDED")
        strand.phase, strand.result = "done", load(details["output"])

    def task_Failed(self, event, details):
        strand = self.task_ended(event, "FAILED")
        self.fail(strand, Failure(details.get("error"), details.get("cause")))

    def task_TimedOut(self, event, details):
        strand = self.task_ended(event, "TIMED_OUT")
        limits = [limit for limit in strand.timeouts if limit is not None]
        if not limits or event["timestamp"] < strand.task["scheduled"] + min(limits) - TOLERANCE:
            raise Wrong("its limits are %s" % (strand.timeouts,))
        perhaps = ("States.HeartbeatTimeout",) if strand.timeouts[1] is not None else ()
        self.fail(strand, Failure("States.Timeout", None, perhaps))

    # ---- Parallel and Map

    def state_Started(self, type, event, details):
        strand = self.find(event, lambda strand: strand.is_in(type) and (strand.phase == "entered" or strand.may("retry")))
        if strand.phase == "decide":
            self.retry(strand, event)
        strand.drop_children()
        state = strand.state
        strand.phase = "children"
        self.move(strand, event["id"])
        if type == "Parallel":
            value = tell(state.arguments, strand.value)
            strand.length = len(state.scopes)
            strand.children = [Strand(strand, index, scope, value, event["id"]) for index, scope in enumerate(state.scopes)]
            self.at[event["id"]] += strand.children
            return
        strand.items, strand.length = tell(state.items, strand.value), details["length"]
        if isinstance(strand.items, list) and len(strand.items) != strand.length:
            raise Wrong("there are %d items" % len(strand.items))
        strand.concurrency = tell(state.number, "MaxConcurrency", strand.value)
        strand.may_follow = {event["id"]}
        self.maps[event["id"]].append(strand)
        if strand.length == 0:
            strand.phase, strand.result = "joined", []

    def iteration_Started(self, event, details):
        index = details["index"]

        strand = next((strand for strand in self.maps[event["previousEventId"]] if strand.phase == "children" and
                       strand.state.name == details["name"] and event["previousEventId"] in strand.may_follow), None)
        if strand is None:
            raise Wrong("no Map may start an iteration after that")
        if isinstance(strand.concurrency, int) and 0 < strand.concurrency <= len(strand.live_children()):
            raise Wrong("MaxConcurrency is %d" % strand.concurrency)
        again = strand.children[index] if index < len(strand.children) else None
        if again is not None:
            if again.phase != GIVEN_UP:
                raise Wrong("iteration %d is %s" % (index, again.phase))
            strand.may_follow.clear()
            self.follow(strand, event["id"])
            self.revive(again, event["id"], event["timestamp"])
            return
        if index != len(strand.children) or index >= strand.length:
            raise Wrong("iteration %d of %d should be the next" % (len(strand.children), strand.length))
        value = tell(strand.state.item_input, strand.value, strand.items, index)
        child = Strand(strand, index, strand.state.scopes[0], value, event["id"], True)
        strand.children.append(child)
        self.at[event["id"]].append(child)

    def follow(self, strand, previous):
        strand.may_follow.add(previous)
        self.maps[previous].append(strand)

    def iteration_Succeeded(self, event, details):
        child = self.find(event, lambda strand: strand.is_iteration and strand.index == details["index"] and
                          strand.parent.state.name == details["name"] and strand.phase == FINISHED)
        self.follow(child.parent, event["previousEventId"])
        self.at[child.tip].remove(child)
        self.child_done(child, event["id"])

    def iteration_Failed(self, event, details):
        self.given_up(event, ("MapIterationFailed", details["name"], details["index"]))

    def iteration_Aborted(self, event, details):
        self.given_up(event, ("MapIterationAborted", details["name"], details["index"]))

    def state_Aborted(self, type, event, details):
        self.given_up(event, (event["type"],))

    def given_up(self, event, what):
        while True:
            for strand in self.aborting[event["previousEventId"]]:
                if strand.expected_aborts[what] > 0:
                    strand.expected_aborts[what] -= 1
                    return
            if not self.fail_there(event["previousEventId"]):
                raise Wrong("nothing is given up there")

    @staticmethod
    def all_given_up(strand):
        left = +strand.expected_aborts
        if left:
            raise Wrong("history does not say what became of %s" % (sorted(left),))

    def state_Succeeded(self, type, event, details):
        strand = self.find(event, lambda strand: strand.is_in(type) and strand.phase == "joined")
        strand.phase = "done"

    def state_Failed(self, type, event, details):
        strand = self.find(event, lambda strand: strand.is_in(type) and not strand.reported and (strand.may("catch") or strand.may("fail")))
        self.all_given_up(strand)
        strand.reported = True
        strand.choices = [choice for choice in strand.choices if choice[0] != "retry"]
        self.move(strand, event["id"])

    def take_evaluation(self, event, details):
        def fits(strand):
            return strand.state is not None and strand.state.name == details["state"] and \
                (strand.may_fail_quietly() or strand.may("retry")) and \
                event["previousEventId"] == (strand.tip if strand.state.type == "Wait" else strand.entered_previous)

        strand = next((strand for strands in list(self.at.values()) for strand in strands if fits(strand)), None)
        if strand is None:
            raise Wrong("no strand is in that state")
        if strand.phase == "decide":
            self.retry(strand, event)
        self.move(strand, event["id"])
        self.fail(strand, Failure(details["error"], details["cause"]))

    # ---- failures

    def fail(self, strand, failure):
        """The strand's state has failed. What becomes of that, the next event there shows: others may have theirs first."""
        strand.failure, strand.failed_at = failure, self.last_time
        self.give_up_children(strand, strand.tip)
        strand.choices, strand.phase = strand.state.decisions(failure, strand.uses), "decide"

    def give_in(self, strand):
        """Nothing handles it: the strand fails, and so does what it is in."""
        was_open = strand.is_open()
        self.all_given_up(strand)
        strand.phase = FAILED
        parent = strand.parent
        if parent is None:
            return
        self.move(parent, strand.tip)
        expected = parent.expected_aborts = collections.Counter()
        if strand.is_iteration:
            expected["MapIterationFailed", parent.state.name, strand.index] += 1
        if was_open:
            expected["%sStateAborted" % strand.state.type,] += 1
        self.fail(parent, strand.failure)

    def give_up_children(self, strand, tip):
        self.aborting[tip].append(strand)

        def give_up(child):
            if child.is_iteration:
                strand.expected_aborts["MapIterationAborted", child.parent.state.name, child.index] += 1
            if child.is_open():
                strand.expected_aborts["%sStateAborted" % child.state.type,] += 1
            if child.phase in ("scheduled", "started", "submitted"):
                child.task.update(status="ABORTED", ended=self.last_time)
            for one in child.live_children():
                give_up(one)
            child.was, child.phase = child.phase, GIVEN_UP
            if child in self.at[child.tip]:
                self.at[child.tip].remove(child)

        for child in strand.live_children():
            give_up(child)

    @staticmethod
    def compare(what, expected, found):
        if not agree(expected, found):
            raise Wrong("the %s is %.300r, not %.300r" % (what, found, expected))
