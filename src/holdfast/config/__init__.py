"""Room 1: settings with provenance, and their sources."""
