"""What flows between states, as far as it can be told without the engine: simple reference paths, payload templates,
the commonest intrinsic functions and Choice rules. What is beyond that is UNKNOWN, which agrees with anything."""
import json
import re


class Unknown:
    """May stand for a whole value or anywhere within one."""

    def __repr__(self):
        return "?"


UNKNOWN = Unknown()


class NoMatch(Exception):
    """A path that leads nowhere: the state fails."""


def load(text):
    """A payload of a history: JSON as text. (Recordings of AWS show some of them parsed.)"""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return UNKNOWN


def agree(expected, found):
    """Whether `found` may be what `expected` says; true is not 1."""
    if expected is UNKNOWN or found is UNKNOWN:
        return True
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(agree(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(agree, expected, found))
    return expected == found


STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\['([^'\\]*)'\]|\[(\d+)\]")


def steps_of(path):
    """["a", 0] of $.a[0]; None where the path is more than that."""
    steps, at = [], 1
    while at < len(path):
        step = STEP.match(path, at)
        if step is None:
            return None
        steps.append(int(step[3]) if step[3] else step[1] or step[2])
        at = step.end()
    return steps


def look_up(path, value, context=UNKNOWN):
    if path.startswith("$$"):
        path, value = path[1:], context
    elif not re.match(r"\$(?![A-Za-z_])", path):
        return UNKNOWN  # a variable
    steps = steps_of(path)
    if steps is None:
        return UNKNOWN
    for step in steps:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                raise NoMatch(path)
            value = value[step]
        else:
            if not isinstance(value, dict) or step not in value:
                # The context object says more than is told here.
                if value is context:
                    return UNKNOWN
                raise NoMatch(path)
            value = value[step]
    return value


def place(path, value, into):
    """`into` with `value` at a ResultPath."""
    steps = steps_of(path)
    if not steps:
        return value if steps == [] else UNKNOWN
    if into is UNKNOWN or any(isinstance(step, int) for step in steps):
        return UNKNOWN
    if not isinstance(into, dict):
        raise NoMatch(path)
    whole = at = dict(into)
    for step in steps[:-1]:
        below = at.get(step)
        if below is UNKNOWN:
            return UNKNOWN
        at[step] = at = dict(below) if isinstance(below, dict) else {}
    at[steps[-1]] = value
    return whole


ARGUMENT = re.compile(r"\s*('(?:[^'\\]|\\.)*'|[^',()\s]+)\s*(,|$)")


def intrinsic(call, value, context):
    """States.Format and States.MathAdd on plain arguments."""
    head = re.fullmatch(r"States\.(Format|MathAdd)\((.*)\)", call)
    if head is None:
        return UNKNOWN
    arguments, at = [], 0
    while at < len(head[2]):
        one = ARGUMENT.match(head[2], at)
        if one is None:
            return UNKNOWN
        at = one.end()
        word = one[1]
        if word.startswith("'"):
            arguments.append(word[1:-1] if "\\" not in word else UNKNOWN)
        elif word.startswith("$"):
            arguments.append(look_up(word, value, context))
        else:
            arguments.append(load(word))
    if any(argument is UNKNOWN for argument in arguments):
        return UNKNOWN
    if head[1] == "MathAdd":
        return sum(arguments) if all(type(argument) is int for argument in arguments) else UNKNOWN
    if not all(type(argument) in (str, int) for argument in arguments) or arguments[0].count("{}") != len(arguments) - 1:
        return UNKNOWN
    words = arguments[0].split("{}")
    return words[0] + "".join(str(argument) + word for argument, word in zip(arguments[1:], words[1:]))


def fill(template, value, context=UNKNOWN):
    """A JSONPath payload template."""
    if isinstance(template, list):
        return [fill(item, value, context) for item in template]
    if not isinstance(template, dict):
        return template
    filled = {}
    for key, field in template.items():
        if not key.endswith(".$"):
            filled[key] = fill(field, value, context)
        elif field.startswith("$"):
            filled[key[:-2]] = look_up(field, value, context)
        else:
            filled[key[:-2]] = intrinsic(field, value, context)
    return filled


def has_expression(value):
    """Whether a JSONata state's field needs evaluation."""
    if isinstance(value, dict):
        return any(has_expression(field) for field in value.values())
    if isinstance(value, list):
        return any(has_expression(item) for item in value)
    return isinstance(value, str) and value.startswith("{%")


COMPARISONS = {"Equals": lambda a, b: a == b, "LessThan": lambda a, b: a < b, "GreaterThan": lambda a, b: a > b,
               "LessThanEquals": lambda a, b: a <= b, "GreaterThanEquals": lambda a, b: a >= b}
KINDS = {"Numeric": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "String": lambda v: isinstance(v, str),
         "Boolean": lambda v: isinstance(v, bool)}
COMPARISON = re.compile("(%s)(%s)(Path)?" % ("|".join(KINDS), "|".join(COMPARISONS)))
TESTS = {"IsNull": lambda v: v is None, "IsNumeric": KINDS["Numeric"], "IsString": KINDS["String"], "IsBoolean": KINDS["Boolean"]}


def holds(rule, value):
    """Whether a Choice rule does: True, False or UNKNOWN."""
    if "Not" in rule:
        found = holds(rule["Not"], value)
        return UNKNOWN if found is UNKNOWN else not found
    for word, decides in (("And", False), ("Or", True)):
        if word in rule:
            found = [holds(one, value) for one in rule[word]]
            return decides if decides in found else UNKNOWN if UNKNOWN in found else not decides
    operator = next((key for key in rule if key not in ("Variable", "Next", "Comment", "Assign", "Output")), "")
    if "Variable" not in rule or isinstance(rule[operator], str) and rule[operator].startswith("{%"):
        return UNKNOWN
    if operator == "IsPresent":
        try:
            return UNKNOWN if look_up(rule["Variable"], value) is UNKNOWN else rule[operator]
        except NoMatch:
            return not rule[operator]
    found = look_up(rule["Variable"], value)
    if found is UNKNOWN:
        return UNKNOWN
    if operator in TESTS:
        return TESTS[operator](found) == rule[operator]
    parts = COMPARISON.fullmatch(operator)
    if parts is None:
        return UNKNOWN
    other = look_up(rule[operator], value) if parts[3] else rule[operator]
    if other is UNKNOWN:
        return UNKNOWN
    is_kind = KINDS[parts[1]]
    return is_kind(found) and is_kind(other) and COMPARISONS[parts[2]](found, other)
