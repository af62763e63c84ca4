"""Journal records as lines for a person: `oms journal cat`.

Takes what `oms.journal.text` shows of each record, remembers the registry as it goes by, and so can
say names and decimals. A record that it has no sentence for is listed field by field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oms import ids
from oms.units import NS_PER_DAY
from oms.venues.shared.decimal_text import to_fixed
from procs.files.logs import utc_text

Shown = dict[str, Any]
_TIMES = ("ts_ns", "now_ns", "ts_state_ns", "ts_recv_ns")
_LEFT_OUT = ("type", "seq", "flags", "epoch", "ts_ns", "ts_recv_ns", "now_ns")


class Teller:
    """One journal, told from its first record on."""

    def __init__(self) -> None:
        self._system_id = 0
        self._ts_ns = 0
        self._currencies: dict[int, tuple[str, int]] = {}
        self._instruments: dict[int, Shown] = {}
        self._accounts: dict[int, str] = {}
        self._strategies: dict[int, str] = {}
        self._tellers: dict[str, Callable[[Shown], str]] = {
            "OrderRow": self._order,
            "OrderUpdate": self._update,
            "Cycle": self._cycle,
            "InstrumentRow": self._instrument,
        }

    def learn(self, shown: Shown) -> None:
        """Take in what a record says of names, scales and time; once for each, in order."""
        kind = shown["type"]
        for name in _TIMES:
            if shown.get(name):
                self._ts_ns = int(shown[name])
                break
        if kind == "Start":
            self._system_id = int(shown["system_id"])
        elif kind == "CurrencyRow":
            self._currencies[shown["currency_id"]] = shown["code"], shown["scale"]
        elif kind == "InstrumentRow":
            self._instruments[shown["instrument_id"]] = shown
        elif kind == "AccountRow":
            self._accounts[shown["account_id"]] = shown["name"]
        elif kind == "StrategyRow":
            self._strategies[shown["strategy_id"]] = shown["name"]

    def is_about(self, shown: Shown, order: str) -> bool:
        """Is a record about that order: our id as the exchange sees it, as a number, or the
        exchange's own?
        """
        number = int(shown.get("client_order_id") or 0)
        names = {str(number), self._id(number)} if number else set()
        return order in names | {shown.get("venue_order_id") or ""}

    def line(self, shown: Shown) -> str:
        """`sequence time TYPE sentence`."""
        tell = self._tellers.get(shown["type"], _fields)
        # A time of the day is enough on a terminal; the day's files have the date.
        time = utc_text(self._ts_ns)[11:] if self._ts_ns > NS_PER_DAY else "-"
        return f"{shown['seq']:>9} {time:16} {shown['type']:14} {tell(shown)}"

    # Words

    def _id(self, number: int) -> str:
        return ids.to_text(self._system_id, number) if number > 0 else "-"

    def _scale(self, shown: Shown, name: str) -> int:
        row = self._instruments.get(shown["instrument_id"])
        if row is None:
            return 0
        if name == "quote":
            return self._currencies.get(row["quote_currency_id"], ("", 0))[1]
        return int(row[f"{name}_scale"])

    def _amount(self, shown: Shown, field: str, scale: str) -> str:
        value = shown.get(field)
        return "-" if value is None else to_fixed(int(value), self._scale(shown, scale))

    def _place(self, shown: Shown) -> str:
        strategy = self._strategies.get(shown["strategy_id"], f"strategy {shown['strategy_id']}")
        account = self._accounts.get(shown["account_id"], f"account {shown['account_id']}")
        row = self._instruments.get(shown["instrument_id"])
        return f"{strategy} {account} {row['name'] if row else '?'}"

    def _ordered(self, shown: Shown) -> str:
        if shown.get("qty") is None:
            return f"for {self._amount(shown, 'quote_qty', 'quote')}"
        return self._amount(shown, "qty", "qty")

    def _order(self, shown: Shown) -> str:
        return (
            f"{self._id(shown['client_order_id'])} {self._place(shown)} {shown['side']} "
            f"{self._ordered(shown)} @ {self._amount(shown, 'px', 'px')} {shown['order_type']} "
            f"{shown['time_in_force']} {shown['state']}"
        )

    def _update(self, shown: Shown) -> str:
        what = shown["kind"] if shown["kind"] != "UNSET" else f"{shown['action']} asked"
        said = (
            f"{self._id(shown['client_order_id'])} {self._place(shown)} {shown['side']} "
            f"{what} -> {shown['state']} {self._amount(shown, 'cum_qty', 'qty')} of "
            f"{self._ordered(shown)}"
        )
        if shown["last_qty"]:
            code, scale = self._currencies.get(shown["fee_currency_id"], ("", 0))
            fee = f" fee {to_fixed(shown['fee'], scale)} {code}" if code else ""
            if shown.get("fee_rate"):
                fee += f" = {self._amount(shown, 'fee_quote', 'quote')}"
            said += (
                f", {self._amount(shown, 'last_qty', 'qty')} @ "
                f"{self._amount(shown, 'last_px', 'px')}{fee}"
            )
        if shown["reason"] != "UNSET":
            said += f" ({shown['reason']})"
        return said

    @staticmethod
    def _cycle(shown: Shown) -> str:
        taken = shown["consumed"]
        while taken and not taken[-1]:
            taken = taken[:-1]
        return f"{shown['cycle']}: {shown['record_count']} records; taken {taken}"

    def _instrument(self, shown: Shown) -> str:
        return (
            f"{shown['instrument_id']} {shown['venue']} {shown['name']} "
            f"{'trading' if shown['trading'] else 'not trading'}, tick "
            f"{self._amount(shown, 'tick', 'px')}, lot {self._amount(shown, 'lot', 'qty')}, at "
            f"least {self._amount(shown, 'min_notional', 'quote')}"
        )


def _fields(shown: Shown) -> str:
    """What is not empty, by name."""
    said = []
    for name, value in shown.items():
        empty = value is None or value in (0, "", "UNSET") or name.startswith("reserved")
        if name not in _LEFT_OUT and not empty:
            said.append(f"{name}={value}")
    return " ".join(said)
