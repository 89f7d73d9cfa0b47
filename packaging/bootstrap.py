#!/usr/bin/env python3
"""The two commands of a checkout; they need nothing but Python 3.11, 3.12 or 3.13 and a package index.

    python3 packaging/bootstrap.py demo             install the app here and do its main job on a real model
    python3 packaging/bootstrap.py test [-- ARGS]   install the test tools as well, and run the tests

Both can be run again at any time: what is there already is kept, and what was interrupted goes on.
"""

# Read by every Python, also one that is too old for the rest: this file uses no newer syntax.
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "This needs Python 3.11, 3.12 or 3.13; you ran it with {}.{}. Try for instance: python3.13 {}".format(
            sys.version_info[0], sys.version_info[1], " ".join(sys.argv)
        )
    )

from steps.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], __doc__))
