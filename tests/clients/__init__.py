"""Public clients, unchanged, against the simulated exchange over real sockets."""
