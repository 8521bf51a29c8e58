"""Whether a value matches a recorded one: placeholders, wildcards, JSON text that is shown parsed."""

import json
import re

# `<uuid:1>`, `<ArnPart_0idx>`, … and the masked account and role.
PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9_:-]*>|1{12}")
ALWAYS_WILD = {"timestamp", "datetime", "date", "snf_role_arn", "sfn_role_arn"}
# What a service's client saw of its call; varies from call to call.
NOT_COMPARED = {"SdkHttpMetadata", "SdkResponseMetadata", "ResponseMetadata"}
# What the older recordings don't have yet.
YOUNGER = {"RedriveCount"}


def parse(text):
    """The JSON that a text is, or None; numbers that Python would respell stay as they are."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _blanks(text):
    """Blanks of a JSON text outside of its strings."""
    return len(re.sub(r'"(?:[^"\\]|\\.)*"', "", text)) - len(re.sub(r'\s', "", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)))


def _holds_object(value):
    return isinstance(value, dict) or isinstance(value, list) and any(_holds_object(item) for item in value)


class Matcher:
    """Compares against one case. `difference` says in words where the last comparison failed."""

    def __init__(self, wildcards):
        self.wild = ALWAYS_WILD | set(wildcards)
        # Words of the case that stand for a part of a text, as a function's name in its ARN.
        words = "|".join(re.escape(word) for word in sorted(self.wild) if re.search("[_-]", word))
        self.part = re.compile(f"{PLACEHOLDER.pattern}|{words}" if words else PLACEHOLDER.pattern)

    def difference(self, expected, actual, where="$"):
        """None if they match, else the first difference in words."""
        if isinstance(expected, dict):
            if isinstance(actual, str):
                parsed = parse(actual)
                if not isinstance(parsed, dict):
                    return f"{where}: expected {short(expected)}, got text {short(actual)}"
                actual = parsed
            if not isinstance(actual, dict):
                return f"{where}: expected {short(expected)}, got {short(actual)}"
            keys, other = set(expected) - NOT_COMPARED, set(actual) - NOT_COMPARED
            other -= YOUNGER - keys
            if keys != other:
                return f"{where}: fields missing {sorted(keys - other)}, too many {sorted(other - keys)}"
            for key in expected:
                if key in keys and (found := self.difference(expected[key], actual[key], f"{where}.{key}")):
                    return found
            return None
        if isinstance(expected, list):
            actual = parse(actual) if isinstance(actual, str) else actual
            if not isinstance(actual, list) or len(actual) != len(expected):
                return f"{where}: expected {short(expected)}, got {short(actual)}"
            for i, (one, other) in enumerate(zip(expected, actual)):
                if found := self.difference(one, other, f"{where}[{i}]"):
                    return found
            return None
        if isinstance(expected, str):
            return None if self.text_matches(expected, actual) else (
                f"{where}: expected {short(expected)}, got {short(actual)}")
        if type(expected) is not type(actual) or expected != actual:
            return f"{where}: expected {short(expected)}, got {short(actual)}"
        return None

    def text_matches(self, expected, actual):
        if expected in self.wild or PLACEHOLDER.fullmatch(expected):
            return True
        if not isinstance(actual, str):
            return False
        if expected == actual:
            return True
        bare = expected[1:-1] if len(expected) > 2 and expected[0] == expected[-1] == '"' else expected
        if bare in self.wild:
            return True
        pattern = "".join(
            "(?s:.*?)" if self.part.fullmatch(part) else re.escape(part)
            for part in re.split(f"({self.part.pattern})", expected))
        if re.fullmatch(pattern, actual):
            return True
        # AWS's order of the members of a computed object is its own; all else of the text counts.
        one, other = parse(expected), parse(actual)
        if not _holds_object(one) or not _holds_object(other):
            return False
        if not self.part.search(expected) and _blanks(expected) != _blanks(actual):
            return False
        return self.difference(one, other) is None


def short(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text) if len(text) <= 300 else repr(text[:297] + "...")
