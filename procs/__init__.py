"""Floor 2, motion: the only code that sleeps, reads clocks, opens sockets and pins cores."""
