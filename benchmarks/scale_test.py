"""The scale test alone: ``python -m benchmarks --only P1,P2,P3,P4,P5``.

python -m benchmarks.scale_test [--quick] [--runs N] [--json FILE]
"""

import sys

from benchmarks.__main__ import main
from benchmarks.workloads import barrier_spec, layers_spec

__all__ = ["barrier_spec", "layers_spec"]


if __name__ == "__main__":
    main(["--only", "P1,P2,P3,P4,P5", *sys.argv[1:]])
