"""Room 4: http and downloads."""
