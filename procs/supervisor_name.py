"""The supervisor's name, apart from the supervisor, so that light tools need not import it."""

SUPERVISOR = "supervisor"
STARTED_AGAIN = "it is started again"
"""How the supervisor's sentence about a dead process ends."""
