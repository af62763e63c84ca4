"""Floor 1, meaning: pure, without clock, socket, file, environment, thread or randomness."""
