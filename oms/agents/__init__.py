"""Every stage of the system as a pure agent; hosts give it time, bytes and rings."""
