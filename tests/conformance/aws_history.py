"""Compares histories modulo the interleaving of concurrent branches.

Each event belongs to a strand: the top level, a Parallel's branch or a Map's iteration. Strands are compared one by one,
in their own order; an event's previousEventId is compared as the place of that event in its strand.
"""

import re

AT_EVENT = re.compile(r"\(entered at the event id #(\d+)\)")


class Strand:
    def __init__(self, label, parent):
        self.label = label
        self.parent = parent
        self.events = []
        self.owner = None  # the Map or Parallel that it is in, if it is in one

    def may_take(self, kind, what):
        """Whether `kind`State`what` can be of this strand, from how far its Map or Parallel is."""
        if self.owner is None or self.owner.kind != kind:
            return False
        return what == "Exited" or self.owner.phase in ("Entered", "Started")


class Owner:
    def __init__(self, kind, place, phase):
        self.kind = kind
        self.place = place
        self.phase = phase


def _index(event):
    return next((details.get("index") for key, details in event.items() if key.startswith("mapIteration")), None)


def strands_of(events):
    """Strands by label, and (strand, place in it) by event id. Bare …StateAborted events get a strand of their own."""
    top = Strand("top", None)
    strands = {top.label: top}
    place = {0: (top, -1)}
    types = {event["id"]: event["type"] for event in events}

    def child(parent, name):
        label = f"{parent.label}/{parent.owner.place if parent.owner else '?'}:{name}"
        if label not in strands:
            strands[label] = Strand(label, parent)
        return strands[label]

    def strand_of(event, before, previous_type):
        kind = event["type"]
        if kind.startswith("Execution"):
            return top
        if kind == "MapIterationStarted":
            return child(before if previous_type == "MapStateStarted" else before.parent or top, _index(event))
        if kind.startswith("MapIteration"):
            at = before
            while at is not None and not (at.owner and f"{at.label}/{at.owner.place}:{_index(event)}" in strands):
                at = at.parent
            return before if at is None else child(at, _index(event))
        if kind.endswith("StateEntered") and previous_type == "ParallelStateStarted":
            return child(before, event.get("stateEnteredEventDetails", {}).get("name"))
        if kind.endswith("StateAborted"):
            return strands.setdefault("aborted", Strand("aborted", top))
        if found := re.fullmatch(r"(Map|Parallel)State(Started|Succeeded|Failed|Exited)", kind):
            at = before
            while at is not None and not at.may_take(*found.groups()):
                at = at.parent
            return at or top
        return before

    for event in sorted(events, key=lambda e: e["id"]):
        before = place.get(event["previousEventId"], (top, -1))[0]
        strand = strand_of(event, before, types.get(event["previousEventId"], ""))
        if found := re.fullmatch(r"(Map|Parallel)State(Entered|Started|Succeeded|Failed|Exited)", event["type"]):
            kind, what = found.groups()
            if what in ("Entered", "Started"):
                strand.owner = Owner(kind, len(strand.events), what)
            elif what == "Exited":
                strand.owner = None
            elif strand.owner:
                strand.owner.phase = what
        place[event["id"]] = (strand, len(strand.events))
        strand.events.append(event)
    return strands, place


def _previous(event, strand, place, types):
    """previousEventId in words that do not depend on the interleaving."""
    number = event["previousEventId"]
    if number not in place:
        return f"unknown event {number}"
    other, at = place[number]
    if number == 0:
        return "none"
    if other is strand or _is_above(other, strand):
        return f"{other.label}[{at}]"
    return f"the last {types[number]} of a strand"


def _is_above(other, strand):
    while strand is not None:
        if strand is other:
            return True
        strand = strand.parent
    return False


def _details(event, place):
    def rename(match):
        strand, at = place.get(int(match.group(1)), (None, match.group(1)))
        return f"(entered at the event {strand.label if strand else '?'}[{at}])"

    def walk(value):
        if isinstance(value, str):
            return AT_EVENT.sub(rename, value)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return {key: walk(item) for key, item in event.items()
            if key not in ("id", "previousEventId", "timestamp", "type")}


# Which of these a recording with masked ids lost is left to chance.
LOST = {"ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateExited"}


def _masked_difference(matcher, expected, actual):
    """For recordings in which the ids of concurrent events are masked: the same events in any order."""
    rest = list(actual)
    for event in expected:
        kind, details = event["type"], _details(event, {})
        found = next((other for other in rest if other["type"] == kind
                      and matcher.difference(details, _details(other, {})) is None), None)
        if found is None:
            return f"no {kind} like event {event['id']}"
        rest.remove(found)
    rest = [event["type"] for event in rest if event["type"] not in LOST]
    return f"too many: {' '.join(rest)}" if rest else None


def difference(matcher, expected, actual):
    """None if the histories match, else the first difference in words."""
    if any(not isinstance(event["id"], int) for event in expected):
        return _masked_difference(matcher, expected, actual)
    if sorted(e["id"] for e in actual) != list(range(1, len(actual) + 1)):
        return "the ids are not 1, 2, 3, …"
    one, one_place = strands_of(expected)
    other, other_place = strands_of(actual)
    one_types = {e["id"]: e["type"] for e in expected}
    other_types = {e["id"]: e["type"] for e in actual}
    if set(one) != set(other):
        return f"strands missing {sorted(set(one) - set(other))}, too many {sorted(set(other) - set(one))}"
    for label, strand in one.items():
        mine = other[label]
        types, my_types = [e["type"] for e in strand.events], [e["type"] for e in mine.events]
        if label == "aborted":
            types, my_types = sorted(types), sorted(my_types)
        if types != my_types:
            return f"{label}: expected {' '.join(types)}, got {' '.join(my_types)}"
        for a, b in zip(strand.events, mine.events):
            where = f"{label}, {a['type']} (event {a['id']}, here {b['id']})"
            if found := matcher.difference(_details(a, one_place), _details(b, other_place), where):
                return found
            before = _previous(a, strand, one_place, one_types)
            my_before = _previous(b, mine, other_place, other_types)
            if before != my_before:
                return f"{where}: previousEventId should be {before} ({a['previousEventId']}), is {my_before} " \
                       f"({b['previousEventId']})"
    return None
