"""Room 8: changes, journal, execute, recover: the only mutators of a target."""
