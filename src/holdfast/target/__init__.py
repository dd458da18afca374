"""Room 2: the target environment: locate, probe, policy, installed. Reads only."""
