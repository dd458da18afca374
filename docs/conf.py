from importlib.metadata import version as _version

project = "holdfast"
author = "the holdfast authors"
copyright = "2026, the holdfast authors"  # noqa: A001 - Sphinx's name
release = _version("holdfast")

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"holdfast {release}"
nitpicky = True
