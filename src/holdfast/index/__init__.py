"""Room 3: simple API, find-links, local files: what exists."""
