"""The engine's events in the words of the reference book."""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay

NAMES = lay.EVENT.names or ()
_CHANGES = {
    lay.EV_CANCEL_REJECTED: "cancel_rejected",
    lay.EV_AMEND_REJECTED: "amend_rejected",
}
_ENDS = {lay.EV_CANCELED: "canceled", lay.EV_EXPIRED: "expired", lay.EV_FILLED: "filled"}
_SHOWN = {
    lay.EV_L3_ADD: "l3 add",
    lay.EV_L3_CHANGE: "l3 change",
    lay.EV_L3_REMOVE: "l3 remove",
}


def word(event):
    """One event (a tuple in `EVENT`'s order)."""
    e = dict(zip(NAMES, event, strict=True))
    kind = e["kind"]
    if kind == lay.EV_ACCEPTED:
        told = ("order_id", "maker_order_id", "maker_slot", "reason", "qty", "px")
        return ("accepted", *(e[name] for name in told))
    if kind == lay.EV_TRADE:
        told = ("trade_id", "order_id", "maker_order_id", "px", "qty", "leaves", "maker_leaves",
                "quote", "fee", "fee_asset", "maker_fee", "maker_fee_asset")  # fmt: skip
        return ("trade", *(e[name] for name in told))
    if kind == lay.EV_PREVENTED:
        told = ("trade_id", "order_id", "maker_order_id", "px", "qty", "fee", "leaves",
                "maker_leaves", "quote", "reason")  # fmt: skip
        return ("prevented", *(e[name] for name in told))
    if kind == lay.EV_LEVEL:
        return ("level", e["symbol"], e["side"], e["px"], e["leaves"])
    if kind in _ENDS:
        return (_ENDS[kind], e["order_id"], e["qty"], e["leaves"], e["reason"])
    if kind in _CHANGES:
        return (_CHANGES[kind], e["order_id"], e["reason"])
    if kind in _SHOWN:
        return (_SHOWN[kind], e["order_id"], e["px"], e["qty"], e["leaves"])
    return _rarer(kind, e)


def _rarer(kind, e):
    if kind == lay.EV_REJECTED:
        return ("rejected", e["tag"], e["reason"])
    if kind == lay.EV_TRIGGERED:
        return ("triggered", e["order_id"], e["px"])
    if kind == lay.EV_PLACED:
        return ("placed", e["order_id"], e["reason"])
    if kind == lay.EV_AMENDED:
        return ("amended", e["order_id"], e["qty"], e["leaves"])
    if kind == lay.EV_LIST:
        return ("list", e["order_id"], e["reason"], e["leaves"])
    if kind == lay.EV_NOT_ATTEMPTED:
        return ("not_attempted", e["tag"])
    if kind == lay.EV_STATE:
        return ("state", e["symbol"], e["reason"])
    assert kind == lay.EV_BALANCE, f"event kind {kind} has no word"
    return ("balance", e["symbol"], e["account"], e["qty"])
