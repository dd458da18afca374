"""``python -m holdfast`` is the same as ``holdfast``."""

import sys

from holdfast.cli.main import entry

sys.exit(entry())
