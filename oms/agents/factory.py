"""Agents by role: the one place that knows every stage's class."""

from __future__ import annotations

from oms.agents.base import Agent
from oms.config import OPERATOR, DeskConfig


def make_agent(config: DeskConfig, role: str) -> Agent:
    """The agent of a role of `config.roles()`. Imports are here, so that a process loads what it
    hosts and no more."""
    kind, _, name = role.partition(".")
    if kind == "feed":
        from oms.agents.feed.agent import FeedAgent

        return FeedAgent(config, name)
    if kind == "aggregator":
        from oms.agents.aggregator import AggregatorAgent

        return AggregatorAgent(config)
    if role == f"strategy.{OPERATOR}":
        from oms.agents.strategy.operator import OperatorAgent

        return OperatorAgent(config)
    if kind == "watchdog":
        from oms.agents.watchdog.agent import WatchdogAgent

        return WatchdogAgent(config)
    if kind == "strategy":
        from oms.agents.strategy.agent import StrategyAgent

        return StrategyAgent(config, name)
    if kind == "risk":
        from oms.agents.risk import RiskAgent

        return RiskAgent(config)
    if kind == "executor":
        from oms.agents.executor.agent import ExecutorAgent

        return ExecutorAgent(config, name)
    if kind == "journaler":
        from oms.agents.journaler.agent import JournalerAgent

        return JournalerAgent(config)
    assert kind == "venue_sim", f"unknown role {role}"
    from oms.agents.venue_sim.agent import VenueSimAgent

    return VenueSimAgent(config, name)
