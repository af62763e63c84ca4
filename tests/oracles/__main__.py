"""`python -m tests.oracles DIR`: see `run`."""

from __future__ import annotations

import sys

from tests.oracles.run import main

sys.exit(main())
