"""A definition as the checker sees it: its states, what they make of values, and what becomes of an error. Written from
the language's own rules; shares nothing with the engine."""
from values import UNKNOWN, fill, has_expression, holds, look_up, place

FOREVER = 100.0 * 366 * 86400  # seconds: no delay is longer


class Unsupported(Exception):
    """What this checker cannot judge."""


class Failure:
    """`error`: UNKNOWN where history does not say which, None where it has no name. `perhaps`: names that it may answer
    to, too. A quiet one has no event of its own: an expression could not be evaluated."""

    def __init__(self, error, cause=UNKNOWN, perhaps=(), is_quiet=False):
        self.error, self.cause, self.perhaps, self.is_quiet = error, cause, perhaps, is_quiet

    def answers_to(self, names):
        """True, False or UNKNOWN."""
        if self.error is UNKNOWN:
            return UNKNOWN  # it may be one that nothing catches
        if "States.ALL" in names or self.error in names:
            return True
        if any(name in self.perhaps for name in names):
            return UNKNOWN
        return "States.TaskFailed" in names and self.error not in ("States.Timeout", "States.HeartbeatTimeout")

    def output(self):
        """What a catcher works on."""
        error = UNKNOWN if self.perhaps else "" if self.error is None else self.error
        return {"Error": error, "Cause": "" if self.cause is None else self.cause}


class State:
    def __init__(self, name, fields, jsonata):
        self.name, self.fields, self.type = name, fields, fields["Type"]
        self.jsonata = fields.get("QueryLanguage", "JSONata" if jsonata else "JSONPath") == "JSONata"
        self.next = fields.get("Next")
        self.scopes = []
        if self.type == "Parallel":
            self.scopes = [Scope(branch, self.jsonata) for branch in fields["Branches"]]
        elif self.type == "Map":
            processor = fields.get("ItemProcessor") or fields["Iterator"]
            if processor.get("ProcessorConfig", {}).get("Mode", "INLINE") != "INLINE":
                raise Unsupported("%s is a distributed Map" % name)
            self.scopes = [Scope(processor, self.jsonata)]

    def number(self, name, value):
        """A field that is a number or leads to one; None where there is none."""
        if name in self.fields:
            return UNKNOWN if has_expression(self.fields[name]) else self.fields[name]
        if name + "Path" in self.fields:
            return look_up(self.fields[name + "Path"], self.effective(value))
        return None

    def effective(self, value):
        """After InputPath."""
        if self.jsonata or "InputPath" not in self.fields:
            return value
        path = self.fields["InputPath"]
        return {} if path is None else look_up(path, value)

    def arguments(self, value, context=UNKNOWN):
        """What a Task, a Parallel's branches or a Pass work on."""
        if self.jsonata:
            arguments = self.fields.get("Arguments", value if self.type == "Parallel" else {})
            return UNKNOWN if has_expression(arguments) or self.type == "Task" and "Arguments" not in self.fields else arguments
        effective = self.effective(value)
        return fill(self.fields["Parameters"], effective, context) if "Parameters" in self.fields else effective

    def items(self, value):
        """Of a Map."""
        if self.jsonata:
            items = self.fields.get("Items", value)
            return UNKNOWN if has_expression(items) else items
        effective = self.effective(value)
        return look_up(self.fields["ItemsPath"], effective) if "ItemsPath" in self.fields else effective

    def item_input(self, value, items, index):
        item = items[index] if isinstance(items, list) and index < len(items) else UNKNOWN
        selector = self.fields.get("ItemSelector", self.fields.get("Parameters"))
        if selector is None:
            return item
        if self.jsonata:
            return UNKNOWN if has_expression(selector) else selector
        return fill(selector, self.effective(value), {"Map": {"Item": {"Index": index, "Value": item}}})

    def output(self, value, result):
        """What the state's work on `value` that came to `result` leaves it with."""
        if self.jsonata:
            output = self.fields.get("Output", result)
            return UNKNOWN if has_expression(output) else output
        if "ResultSelector" in self.fields:
            result = fill(self.fields["ResultSelector"], result)
        return self.out(self.put(self.fields, value, result))

    def pass_output(self, value):
        if self.jsonata:
            return self.output(value, value)
        result = self.fields["Result"] if "Result" in self.fields else self.arguments(value)
        return self.out(self.put(self.fields, value, result))

    def through(self, value, fields=None):
        """Of a state without a result: Choice, Wait, Succeed."""
        if self.jsonata:
            output = (fields or self.fields).get("Output", value)
            return UNKNOWN if has_expression(output) else output
        return self.out(self.effective(value))

    @staticmethod
    def put(fields, value, result):
        path = fields.get("ResultPath", "$")
        return value if path is None else place(path, result, value)

    def out(self, value):
        path = self.fields.get("OutputPath", "$")
        return {} if path is None else look_up(path, value)

    def caught(self, catcher, value, failure):
        if self.jsonata:
            output = catcher.get("Output", failure.output())
            return UNKNOWN if has_expression(output) else output
        return self.put(catcher, value, failure.output())

    def failure(self):
        """Of a Fail state."""
        error, cause = self.fields.get("Error"), self.fields.get("Cause")
        return Failure(UNKNOWN if "ErrorPath" in self.fields or has_expression(error) else error,
                       UNKNOWN if "CausePath" in self.fields or has_expression(cause) else cause)

    def choices(self, value):
        """[(next, output)] of a Choice: one, unless it cannot be told which."""
        found = []
        for rule in self.fields["Choices"]:
            held = UNKNOWN if self.jsonata else holds(rule, self.effective(value))
            if held is not False:
                found.append((rule["Next"], self.through(value, rule)))
            if held is True:
                return found
        if "Default" in self.fields:
            found.append((self.fields["Default"], self.through(value)))
        return found

    def decisions(self, failure, uses):
        """What may become of a failure, after so many uses of each retrier: ("retry", number, shortest delay),
        ("catch", catcher), ("fail",). One, where history says which error it is."""
        found = []
        if failure.error == "States.Runtime":
            return [("fail",)]
        for number, retrier in enumerate(self.fields.get("Retry", ())):
            answers = failure.answers_to(retrier["ErrorEquals"])
            if answers is False:
                continue
            used = uses.get(number, 0)
            is_left = used < retrier.get("MaxAttempts", 3)
            if is_left:
                delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** used
                delay = min(delay, retrier.get("MaxDelaySeconds", FOREVER))
                found.append(("retry", number, 0 if retrier.get("JitterStrategy") == "FULL" else delay))
            if answers is True:  # the first that matches decides, also when it is used up
                if is_left:
                    return found
                break
        for catcher in self.fields.get("Catch", ()):
            answers = failure.answers_to(catcher["ErrorEquals"])
            if answers is not False:
                found.append(("catch", catcher))
            if answers is True:
                return found
        return found + [("fail",)]


class Scope:
    """States that follow each other: the machine's, a branch's, an iteration's."""

    def __init__(self, fields, jsonata=False):
        jsonata = fields.get("QueryLanguage", "JSONata" if jsonata else "JSONPath") == "JSONata"
        self.start = fields["StartAt"]
        self.states = {name: State(name, state, jsonata) for name, state in fields["States"].items()}


class Machine(Scope):
    def __init__(self, definition):
        super().__init__(definition)
        self.timeout = definition.get("TimeoutSeconds")

    def all_states(self):
        left = [self]
        while left:
            for state in left.pop().states.values():
                yield state
                left += state.scopes
