"""An explicit model of a kill's interleavings: what may be said, and which rule each word rests on.

A sender (alive, standing without a turn, dead) has two requests to make. A person sets the latch;
the watchdog looks at the exchange, cancels what it finds, and says PROVED (nothing is open and
nothing of ours can still become an order) or EMPTY (two looks show nothing, and these may still
arrive). `check` walks every reachable state, breadth first, over every order of latch, check, send,
connecting, network, gateway, engine, answer, word, look, stop and death; it finds the shortest way
to a state in which what was said is false.

Time counts in steps and stands in the state as ages that stop growing where no rule asks further,
so the states are finite and no horizon is needed. Rules are data: `check` takes those in force.
Simplified: the watchdog's own requests are answered at once, an order ends by being cancelled or
refused and not by fills, a process that is killed is reaped at once.
"""

from collections import deque
from enum import Enum
from itertools import combinations
from typing import NamedTuple


class Rule(Enum):
    """What PROVED and EMPTY rest on; its value says it."""

    WORD_CARRIES_COUNT = "the sender's word holds for the latch count that it was written under"
    LOOK_AFTER_WORD = "the first look of a pair comes after the sender's word, or its death"
    TIMED_OUT_IS_UNDER_WAY = "a question that timed out is under way"
    CONNECTING_IS_UNDER_WAY = "what waits for its connection is under way"
    RECEIPT_IS_NO_ANSWER = "a gateway's receipt is no answer: the engine has not spoken"
    STANDING_IS_KILLED = "a sender that stands is killed before anything is said without its word"
    ABSENCE_BY_EXCHANGE = "absence counts by the exchange's own rule, not because it was seen twice"
    CLOCK_BOUND = "a request is dead after its lifetime and the bound of the clocks"
    SETTLE = "and when what the gateway took has had the time to reach the engine"
    TWO_LOOKS = "two looks, as far apart as an order may be open and not listed"
    CHANGE_IS_NEW = "AMEND, REPLACE and a batch are new orders under a latch"
    SILENT_WHEN_SWEPT = "nothing is sent again to an account that is being swept"


class Absence(Enum):
    """How an exchange proves that a request will not become an order."""

    AFTER_LIFETIME = 1
    BY_FENCE = 2
    NEVER = 3


class Kind(Enum):
    """The second request; the first is NEW."""

    NONE = 1
    REPLACE = 2
    """Of the first, once that is known to be open; it makes an order of its own."""
    AGAIN = 3
    """The first request once more, under the same id, when it had no answer in time."""


ALL = frozenset(Rule)
LIFETIME = CLOCK = SETTLE = VISIBLE = ANSWER = 1
WISH, CLEARED, CONNECTING, WIRE, GATEWAY, OPEN, GONE = range(7)
ALIVE, STANDING, DEAD = range(3)
BOTH = (0, 1)
NOTHING: frozenset[int] = frozenset()


class Item(NamedTuple):
    """One request. `age` since it was signed, `within` since the gateway or the engine took it,
    `spent` since its identifier was fenced (-1 = was not)."""

    stage: int = WISH
    age: int = 0
    within: int = 0
    answered: bool = False
    spent: int = -1


class State(NamedTuple):
    """`quiet`: since the sender is dead. `word`: what it said to be under way.
    `looks`: empty ones of the present pair; `apart`: since the first of them; `left`: what could
    still arrive as that one found it (None = nobody had given a word), `dead` what could not.
    `said`: None = nothing, no items = PROVED, else EMPTY with what may still arrive.
    """

    sender: int = ALIVE
    quiet: int = 0
    latched: bool = False
    items: tuple[Item, Item] = (Item(), Item())
    word: frozenset[int] | None = None
    looks: int = 0
    apart: int = 0
    left: frozenset[int] | None = None
    dead: frozenset[int] = NOTHING
    said: frozenset[int] | None = None


def put(s: State, k: int, **values) -> State:
    """The state with one item changed; what has ended and was answered has no age."""
    item = s.items[k]._replace(**values)
    if item.stage == GONE and item.answered:
        item = Item(GONE, answered=True)
    return s._replace(items=(item, s.items[1]) if k == 0 else (s.items[0], item))


class Model:
    """One exchange and one second request, under some rules."""

    def __init__(self, absence: Absence, kind: Kind, rules: frozenset[Rule] = ALL):
        self.absence, self.kind, self.rules = absence, kind, rules
        self.dies = absence is Absence.AFTER_LIFETIME
        self.old = LIFETIME + CLOCK + SETTLE if self.dies else ANSWER + 1

    def begin(self) -> State:
        """Both requests are wishes of ours, or the first alone."""
        return put(State(), 1, stage=GONE, answered=True) if self.kind is Kind.NONE else State()

    def copied(self, k: int) -> bool:
        return k == 1 and self.kind is Kind.AGAIN

    def is_false(self, s: State) -> bool:
        """Is there an open order that what was said excludes? A copy has the first one's id."""
        said = None if s.said is None else {0 if self.copied(k) else k for k in s.said}
        return said is not None and any(
            s.items[k].stage == OPEN and (0 if self.copied(k) else k) not in said for k in BOTH
        )

    def next(self, s: State):
        """(what happens, the state after it), every possibility."""
        yield from self.time(s)
        yield from self.exchange(s)
        if s.sender == ALIVE:
            yield from self.turn(s)
            yield "the sender stands still", s._replace(sender=STANDING)
        elif s.sender == STANDING:
            yield "the sender goes on", s._replace(sender=ALIVE, quiet=0)
        if s.sender != DEAD:
            yield "the sender dies", self.died(s)
        if not s.latched:
            yield "a person sets the latch", s._replace(latched=True)
        elif s.said is None:
            yield from self.watchdog(s)

    def died(self, s: State) -> State:
        """What it had not given to the system is lost; what is on the wire may still arrive."""
        for k in BOTH:
            if s.items[k].stage in (WISH, CLEARED, CONNECTING):
                s = put(s, k, stage=GONE, age=self.old)
        return s._replace(sender=DEAD, quiet=0, word=None)

    def time(self, s: State):
        if any(item.stage == GATEWAY and item.within >= SETTLE for item in s.items):
            return  # the engine has its order by then
        items = tuple(
            item._replace(
                age=min(item.age + 1, self.old) * (item.stage > CLEARED and not item.answered),
                within=min(item.within + 1, VISIBLE) if item.stage in (GATEWAY, OPEN) else 0,
                spent=min(item.spent + 1, SETTLE) if item.spent >= 0 else -1,
            )
            for item in s.items
        )
        counts = self.dies and self.is_silent(s) and s.said is None
        quiet = min(s.quiet + 1, self.old) if counts else 0
        apart = min(s.apart + 1, VISIBLE) if s.looks else 0
        yield "time passes", s._replace(items=items, quiet=quiet, apart=apart)

    def exchange(self, s: State):
        for k in BOTH:
            item, name = s.items[k], f"request {k}"
            if item.stage == WIRE:
                # Its clock may be behind ours by the bound; a spent identifier is refused.
                if item.age <= LIFETIME + CLOCK if self.dies else item.spent < 0:
                    yield f"{name} reaches the gateway", put(s, k, stage=GATEWAY, within=0)
                yield f"{name} is refused, or lost", put(s, k, stage=GONE, within=0)
            elif item.stage == GATEWAY:
                yield f"{name} becomes an open order", put(s, k, stage=OPEN, within=0)
                yield f"{name} is refused by the engine", put(s, k, stage=GONE, within=0)

    def turn(self, s: State):
        """What the sender does; one that has passed the latch's check is given away first."""
        for k in (cleared := [k for k in BOTH if s.items[k].stage == CLEARED]):
            yield f"request {k} leaves", put(s, k, stage=WIRE, age=0)
            yield f"request {k} waits for its connection", put(s, k, stage=CONNECTING, age=0)
        for k in BOTH if not cleared else ():
            item = s.items[k]
            if item.stage == CONNECTING:
                yield f"request {k} leaves on its new connection", put(s, k, stage=WIRE)
            elif item.stage == WISH and self.may_begin(s, k):
                if s.latched and self.refuses(k):
                    yield f"request {k} meets the latch", put(s, k, stage=GONE, answered=True)
                else:
                    yield f"request {k} passes the check", put(s, k, stage=CLEARED)
            receipt = item.stage == GATEWAY and Rule.RECEIPT_IS_NO_ANSWER not in self.rules
            if (item.stage in (OPEN, GONE) or receipt) and not item.answered:
                yield f"request {k} is answered", put(s, k, answered=True)
        # A word of before the latch is none, where it carries the count.
        counts = s.latched or Rule.WORD_CARRIES_COUNT not in self.rules
        if counts and not cleared and s.said is None:
            word = frozenset(k for k in BOTH if self.under_way(s.items[k]))
            yield f"the sender's word: {sorted(word)} under way", s._replace(word=word)

    def may_begin(self, s: State, k: int) -> bool:
        first = s.items[0]
        if k == 1 and self.kind is Kind.REPLACE:
            return first.stage == OPEN and first.answered
        return k == 0 or (first.stage >= WIRE and not first.answered and first.age >= ANSWER)

    def refuses(self, k: int) -> bool:
        """Does the latch hold this request back?"""
        rule = Rule.CHANGE_IS_NEW if self.kind is Kind.REPLACE else Rule.SILENT_WHEN_SWEPT
        return k == 0 or rule in self.rules

    def under_way(self, item: Item) -> bool:
        if item.stage <= CLEARED or item.answered:
            return False
        if item.stage == CONNECTING:
            return Rule.CONNECTING_IS_UNDER_WAY in self.rules
        return item.age <= ANSWER or Rule.TIMED_OUT_IS_UNDER_WAY in self.rules

    def watchdog(self, s: State):
        if s.sender == STANDING:
            yield "the watchdog kills the sender", self.died(s)
        for k in BOTH if self.absence is Absence.BY_FENCE else ():
            item = s.items[k]
            if item.stage > CLEARED and item.spent < 0 and not item.answered and not self.copied(k):
                fenced = put(s, 1, spent=0) if self.kind is Kind.AGAIN else s
                yield f"the watchdog fences request {k}", put(fenced, k, spent=0)
        yield from self.look(s)
        if s.looks > 1 or (s.looks and Rule.TWO_LOOKS not in self.rules):
            early = Rule.LOOK_AFTER_WORD not in self.rules
            left = self.could_arrive(s, s.dead) if early else s.left
            if left is not None:
                # Of all else, only what can still make an order is kept. Where the watchdog goes on
                # looking, that is the same as if it had not spoken yet.
                kept = State(s.sender, 0, True, s.items, said=left)
                what = f"EMPTY, {sorted(left)} may arrive" if left else "PROVED"
                yield f"the watchdog says {what}", kept

    def look(self, s: State):
        """What is open for long is listed, what is new may be; it is cancelled."""
        opened = [k for k in BOTH if s.items[k].stage == OPEN]
        sure = {k for k in opened if s.items[k].within >= VISIBLE}
        new = [k for k in opened if k not in sure]
        for some in (some for n in range(len(new) + 1) for some in combinations(new, n)):
            found = s
            for k in (listed := sorted(sure | set(some))):
                found = put(found, k, stage=GONE, answered=True)
            if listed:
                done = found._replace(looks=0, apart=0, left=None, dead=NOTHING)
                yield f"the watchdog lists and cancels {listed}", done
                continue
            dead = frozenset(k for k in BOTH if self.cannot_arrive(s, k))
            left = self.could_arrive(s, dead)
            kept = NOTHING if Rule.LOOK_AFTER_WORD in self.rules else dead
            if left is not None or Rule.LOOK_AFTER_WORD not in self.rules:
                first = s._replace(looks=1, apart=0, left=left, dead=kept)
                yield "a first look shows nothing", first
            if s.looks == 1 and s.apart >= VISIBLE:
                yield "a second look shows nothing", s._replace(looks=2)

    def cannot_arrive(self, s: State, k: int) -> bool:
        """By the exchange's rule, at this moment: no order will come of this request."""
        if Rule.ABSENCE_BY_EXCHANGE not in self.rules:
            return True
        settle = SETTLE * (Rule.SETTLE in self.rules)
        if not self.dies:
            return self.absence is Absence.BY_FENCE and s.items[k].spent >= settle
        since = s.quiet if self.is_silent(s) else s.items[k].age
        return since >= LIFETIME + CLOCK * (Rule.CLOCK_BOUND in self.rules) + settle

    def is_silent(self, s: State) -> bool:
        """Is the sender's end, or what is taken for it, its word?"""
        stands = s.sender == STANDING and Rule.STANDING_IS_KILLED not in self.rules
        return s.sender == DEAD or stands

    def could_arrive(self, s: State, dead: frozenset[int]) -> frozenset[int] | None:
        """What may still become an order; None = the sender has to speak, or to die, first."""
        asked = frozenset(BOTH) if self.is_silent(s) else s.word
        if asked is None:
            return None
        return frozenset(k for k in asked if not s.items[k].answered) - dead


class Found(NamedTuple):
    states: int
    said: set[str]
    trace: list[str] | None
    """The way to a falsehood; None = there is none."""


def check(absence: Absence, kind: Kind, rules: frozenset[Rule] = ALL) -> Found:
    """Walk every state; stop at the first in which what was said is false."""
    model = Model(absence, kind, rules)
    came: dict[State, tuple[State, str] | None] = {model.begin(): None}
    queue, said = deque(came), set()
    while queue:
        s = queue.popleft()
        if s.said is not None:
            said.add("EMPTY" if s.said else "PROVED")
        if model.is_false(s):
            trace: list[str] = []
            while (step := came[s]) is not None:
                s = step[0]
                trace.insert(0, step[1])
            return Found(len(came), said, trace)
        for name, after in model.next(s):
            if after not in came:
                came[after] = s, name
                queue.append(after)
    return Found(len(came), said, None)


def lets_through(rule: Rule) -> tuple[Absence, Kind, Found] | None:
    """The first order that lives on where this rule is not in force."""
    for absence in Absence:
        for kind in Kind:
            found = check(absence, kind, ALL - {rule})
            if found.trace is not None:
                return absence, kind, found
    return None
