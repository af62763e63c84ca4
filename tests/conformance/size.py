"""At which size the suite runs: whole by `make conformance` (MEXOMS_CONFORMANCE=full), small in
`make test`, where it has seconds for each market."""

import os

FULL = os.environ.get("MEXOMS_CONFORMANCE") == "full"
