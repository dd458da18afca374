"""What was done, in the user's state directory."""
