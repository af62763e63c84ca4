"""From an exchange's module to the readers of folders: the same five ways in for each of them.

A module gives `judge_request`, `judge_reply`, `judge_push`, `judge_sent`, `judge_code` and
`signed_again`; a folder's reader gives lines. Each line counts as one item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from oms.venues.reports import Ask, Item, Judgement, Want
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import CcxtExchange, JkorfExchange, Json, Quirks


class Module(Protocol):
    """What an exchange's module gives."""

    QUIRKS: Quirks
    judge_request: Callable[[str, str, str, Mapping[str, Any], Divergences, Outcome], None]
    judge_reply: Callable[[str, str, str, int, str, Outcome], None]
    judge_push: Callable[[str, str, Outcome], None]
    judge_sent: Callable[[str, str, Divergences, Outcome], None]
    judge_code: Callable[[Json, Outcome], None]
    signed_again: Callable[[Json, Json], tuple[str, str] | None]
    params_of: Callable[[str, str | None], dict[str, Any]]
    judge: Callable[[Ask, Item], Judgement]
    listed_code: Callable[[Json], int | None]


class Hooks:
    """One exchange under one library's name."""

    def __init__(self, name: str, module: Any, divergences: str = "") -> None:
        """`name` in `where`; `divergences`: name of the committed list, `name` where not given."""
        self.name = name
        self.module: Module = module
        listed = divergences or name
        self._ccxt_rules = Divergences(listed)
        self._page_rules = Divergences(f"{listed}_documents")

    # ccxt-generated

    def ccxt(self) -> CcxtExchange:
        """Requests, replies and error words of the client library."""
        return CcxtExchange(self._case, self._response, self._error, self._finish)

    def _case(self, head: Json, case: Json, outcome: Outcome) -> None:
        with m.one(outcome) as found:
            for request in case["requests"]:
                where = f"{self.name} {case['call']} {json.dumps(case['args'])}"
                again = self.module.signed_again(head, request)
                if again is not None:
                    found.compare(f"{where}, signature", *again)
                params = self.module.params_of(request["url"], request["body"])
                path = urlsplit(request["url"]).path
                method = request["http_method"]
                self.module.judge_request(where, method, path, params, self._ccxt_rules, found)

    def _response(self, line: Json, outcome: Outcome) -> None:
        with m.one(outcome) as found:
            where = f"{self.name} {line['source']}"
            self.module.judge_reply(where, "GET", line["path"], 200, line["httpResponse"], found)

    def _error(self, row: Json, classes: frozenset[str], outcome: Outcome) -> None:
        where = f"{self.name} error {row['match']} {row['exception']}"
        with m.one(outcome) as found:
            code = self.module.listed_code(row)
            if code is None:
                self.module.QUIRKS.unsupported(found, m.OTHER_CODES)
                return
            judged = self.module.judge(Ask(Want.PLACE), Item(code, str(row["match"]), status=400))
            if m.judged_as(judged, classes):
                found.agreed += 1
                return
            said = {str(row["match"]): f"{judged.verdict.name} {judged.reason.name}"}
            theirs = {str(row["match"]): row["exception"]}
            self._ccxt_rules.compare(where, "error", said, theirs, found)

    def _finish(self, outcome: Outcome) -> None:
        self._ccxt_rules.finish(outcome)

    # jkorf

    def jkorf(self) -> JkorfExchange:
        """Replies and frames of the C# clients."""
        return JkorfExchange(self._rest, self._ws)

    def _rest(self, line: Json, outcome: Outcome) -> None:
        with m.one(outcome) as found:
            where = f"{self.name} {line['name']}"
            self.module.judge_reply(where, line["method"], line["path"], 200, line["body"], found)

    def _ws(self, line: Json, outcome: Outcome) -> None:
        """Its pushes count; what was sent and the answers are looked at besides."""
        with m.one(outcome) as found:
            for item in line["items"]:
                where = f"{self.name} {line['name']} {item['dir']}"
                if item["dir"] == "send":
                    continue
                before = dict(found.notes)
                self.module.judge_push(where, item["raw"], found)
                if item["dir"] == "reply" and not found.disagreed:
                    found.notes = before  # an answer of another product's socket is no reason

    # gocryptotrader

    def message(self, file: str, line: Json, outcome: Outcome) -> None:
        """A single message, or a line of REST traffic."""
        with m.one(outcome) as found:
            where = f"{self.name} {file} {line.get('name') or ''}"
            if "raw" in line:
                self.module.judge_push(where, line["raw"], found)
                return
            raw = json.dumps(line["data"])
            self.module.judge_reply(where, line["method"], line["path"], 200, raw, found)

    # futures-docs

    def document(self, line: Json, outcome: Outcome) -> None:
        """A line of the documents' samples."""
        kind, raw, path = line["kind"], line["raw"], line["path"] or ""
        with m.one(outcome) as found:
            where = f"{self.name} {kind} {line['method'] or ''} {path}"
            if kind == "rest-request":
                url = raw.partition(" ")[2] if line["method"] == "GET" else path
                body = None if line["method"] == "GET" else raw
                params = self.module.params_of(url, body)
                method = line["method"]
                self.module.judge_request(where, method, path, params, self._page_rules, found)
            elif kind in {"rest-reply", "rest-error"}:
                status = line["status"] or 200
                self.module.judge_reply(where, line["method"], path, status, raw, found)
            elif kind == "rest-fragment":
                self.module.QUIRKS.unsupported(found, "parts of exchangeInfo")
            elif kind == "ws-request":
                self.module.judge_sent(where, raw, self._page_rules, found)
            else:
                self.module.judge_push(where, raw, found)

    def finish_documents(self, outcome: Outcome) -> None:
        """Behind the last line."""
        self._page_rules.finish(outcome)
