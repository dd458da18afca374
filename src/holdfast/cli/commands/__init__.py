"""One thin file per command: its options, and which flow it calls."""
