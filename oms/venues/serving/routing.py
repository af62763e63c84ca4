"""Endpoints of a simulated exchange as rows of data, and how a request finds its row.

An endpoint is one handler `(desk, call) -> JSON value`, which raises a RefusalError to refuse; what
a desk is, is the exchange's own. A path that is not in the table is not served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from oms.venues.serving.params import Params
from oms.venues.serving.refusal import RefusalError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of an exchange's table."""

    handler: Callable[[Any, Any], Any]
    weight: int | Callable[[Any], int]
    names: frozenset[str] = frozenset()
    """Of the parameters that it knows."""
    signed: bool = False
    counts_orders: bool = False
    """Its replies carry the account's order counts."""


def weight_of(endpoint: Endpoint, params: Params) -> int:
    """Request weight of a call; 1 where its parameters are too bad to tell."""
    if isinstance(endpoint.weight, int):
        return endpoint.weight
    try:
        return endpoint.weight(params)
    except RefusalError:
        return 1


class Missing(IntEnum):
    """Why a request finds no endpoint."""

    PATH = 1
    METHOD = 2
    """The path is served, and not by this HTTP method."""


def served_paths(
    paths: Mapping[str, Mapping[str, str]], endpoints: Mapping[str, Endpoint]
) -> dict[str, dict[str, str]]:
    """Path -> HTTP method -> endpoint's name, without rows whose endpoint is not served."""
    return {
        path: served
        for path, methods in paths.items()
        if (served := {verb: name for verb, name in methods.items() if name in endpoints})
    }


class Routes:
    """HTTP path and method -> endpoint; `paths` as `served_paths` gives them."""

    def __init__(
        self, paths: Mapping[str, Mapping[str, str]], endpoints: Mapping[str, Endpoint]
    ) -> None:
        self._paths = paths
        self._endpoints = endpoints

    def find(self, method: str, path: str) -> Endpoint | Missing:
        """The endpoint, or why there is none."""
        found = self._paths.get(path)
        if found is None:
            return Missing.PATH
        if method not in found:
            return Missing.METHOD
        return self._endpoints[found[method]]
