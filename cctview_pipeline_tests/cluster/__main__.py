"""A cluster on this machine, the synthetic city through it, and down again: ``python -m cctview_pipeline_tests.cluster``."""

import argparse
import subprocess
import sys

from cctview_pipeline_tests.cluster.namespace import run_inside, why_not


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=5, help="of the city")
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    if reason := why_not():
        print(f"There can be no cluster here: {reason}.", file=sys.stderr)
        return 1
    demo = run_inside("cctview_pipeline_tests.cluster.demo", str(arguments.minutes), str(arguments.seed))
    while True:
        try:
            return demo.wait()
        except KeyboardInterrupt:
            pass  # the demo has it too, and ends in order
        except subprocess.TimeoutExpired:
            pass


if __name__ == "__main__":
    sys.exit(main())
