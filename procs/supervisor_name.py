"""The supervisor's name, apart from the supervisor, so that light tools need not import it."""

SUPERVISOR = "supervisor"
