"""Holds a run's dispatches (the rows of `lockstep export`) against its history, and against what its jobs did: an effects
log, to which each job appends, in one write each, lines of fields separated by tabs:

    start  EXECUTION  STATE  ITEM  ATTEMPT  FOLDER  TIME     as the first thing that it does
    end    …                                                 when it has done all
    clash  …                                                 where it finds that another start of its task still runs

EXECUTION, STATE, ITEM and ATTEMPT are LOCKSTEP_EXECUTION, _STATE, _ITEM_INDEX (- where there is none) and _ATTEMPT, FOLDER
is the name of LOCKSTEP_TASK_DIR, TIME seconds since 1970 by the clock that Lockstep goes by, or - where a job cannot say.
More fields may follow."""
import collections
import datetime

FIELDS = 7
TOLERANCE = 0.002  # rows are cut to milliseconds
Effect = collections.namedtuple("Effect", "what execution task folder time")


class WrongEffects(Exception):
    """What must not have been done."""


def read_log(path):
    effects = []
    with open(path) as file:
        for line in file.read().splitlines():
            what, execution, state, item, attempt, folder, time = line.split("\t")[:FIELDS]
            task = state, None if item == "-" else int(item), int(attempt)
            effects.append(Effect(what, execution, task, folder, None if time == "-" else float(time)))
    return effects


def seconds(text):
    return None if text is None else datetime.datetime.fromisoformat(text).timestamp()


def task_of(row):
    return row["state"], row["item"], row["attempt"]


def is_past(row):
    """It was interrupted, and another dispatch has followed."""
    return row["status"] == "INTERRUPTED" and row["ended"] is not None


def status_of(row):
    """As history has it, which knows nothing of workers."""
    return row["status"] if row["ended"] is not None else "RUNNING"


def milliseconds(time):
    return None if time is None else round(time * 1000)


def check_rows(rows, tasks):
    """Every dispatch that history shows is a row with the same end; every other row was interrupted, and the same attempt
    dispatched again at that moment."""
    shown = collections.Counter((task_of(task), task["status"], milliseconds(task["ended"])) for task in tasks)
    found = collections.Counter((task_of(row), status_of(row), milliseconds(seconds(row["ended"]))) for row in rows if not is_past(row))
    if shown != found:
        raise WrongEffects("history and export differ: only history has %s, only export has %s" %
                           (list((shown - found).elements())[:2], list((found - shown).elements())[:2]))
    for row in rows:
        times = [seconds(row[name]) for name in ("scheduled", "started", "ended") if row[name] is not None]
        if times != sorted(times):
            raise WrongEffects("the times of a dispatch do not follow each other: %s" % row)
    begins = collections.Counter((task_of(row), milliseconds(seconds(row["scheduled"]))) for row in rows)
    explained = collections.Counter((task_of(task), milliseconds(task["scheduled"])) for task in tasks)
    explained.update((task_of(row), milliseconds(seconds(row["ended"]))) for row in rows if is_past(row))
    if begins != explained:
        raise WrongEffects("dispatches that nothing scheduled, or that do not follow an interruption: %s" %
                           (list((begins - explained).elements()) + list((explained - begins).elements()))[:2])


class Spans:
    """The dispatches of one task, as times from their row's begin to its end, and which of them have been begun."""

    def __init__(self, rows):
        self.rows = sorted((seconds(row["scheduled"]), seconds(row["ended"]) or float("inf"), row["status"]) for row in rows)
        self.begun = [0] * len(self.rows)

    def at(self, time):
        """Those that were out then; all, where nobody knows when."""
        return [index for index, (since, until, _) in enumerate(self.rows)
                if time is None or since - TOLERANCE <= time <= until + TOLERANCE]

    def begin(self, effect, may_be_more):
        """True: it is one more in a dispatch that has begun."""
        within = self.at(effect.time)
        if not within:
            raise WrongEffects("%s began at %.3f, when no dispatch of it was out: %s" % (effect.task, effect.time, self.rows))
        free = [index for index in within if not self.begun[index]]
        self.begun[(free or within)[0]] += 1
        if not free and not may_be_more:
            raise WrongEffects("%s began more often than it was dispatched: %s" % (effect.task, self.rows))
        return not free


def check_log(rows, effects, never_twice, losses=0, is_whole=True):
    """`never_twice`: states whose jobs must not start twice; `losses`: starts that may be one more in their dispatch, for
    ranks that were lost while rank 0 lived; `is_whole`: every job writes down its start and its end."""
    by_task, logged = collections.defaultdict(list), collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        by_task[task_of(row)].append(row)
    executions = {row["execution"] for row in rows}
    for effect in effects:
        if effect.execution in executions:  # else of another run at the same place
            logged[effect.task][effect.what].append(effect)
    for task, done in logged.items():
        if done["clash"]:
            raise WrongEffects("two starts of %s ran at the same time in %s" % (task, done["clash"][0].folder))
        spans = Spans(by_task[task])
        for effect in sorted(done["start"], key=lambda effect: effect.time or 0):
            losses -= spans.begin(effect, losses > 0)
        folders = collections.Counter(effect.folder for effect in done["start"])
        if task[0] in never_twice and max(folders.values()) > 1:
            raise WrongEffects("%s must never start twice, and did" % (task,))
        if len(done["end"]) > len(done["start"]):
            raise WrongEffects("%s ended more often than it began" % (task,))
        # Visits of a state side by side (nested Maps) cannot be told apart by their times.
        for index, (since, until, status) in enumerate(spans.rows if is_whole and len(folders) == 1 else ()):
            if status == "SUCCEEDED" and not any(index in spans.at(effect.time) for effect in done["end"]):
                raise WrongEffects("%s succeeded from %.3f to %.3f, but did not do its work then" % (task, since, until))
    for task, its_rows in by_task.items() if is_whole else ():
        successes = sum(row["status"] == "SUCCEEDED" for row in its_rows)
        if successes > len(logged[task]["end"]):
            raise WrongEffects("%s succeeded %d times, but did its work %d times" % (task, successes, len(logged[task]["end"])))
