"""``python -m torc_local``: the same as the command ``torc-local``."""

import sys

from torc_local.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
