"""PRIMITIVES: the only code that renames, unlinks, links, makes directories, fsyncs or opens for writing."""
