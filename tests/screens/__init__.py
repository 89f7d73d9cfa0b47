"""The real window on a virtual screen, with real models: drives the app's main jobs and saves pictures of each step.

    python -m tests.screens OUT --hub HUB --toolchain PYTHON [--scale 1] [--data DIR] [--only STEP …]

HUB is a hub cache with the tests' real models, PYTHON an export toolchain's (``packaging/bootstrap.py test --prepare``
makes both below ``.workbench``, which are the defaults). Needs Xvfb, and PulseAudio for the virtual microphone. With
``--data`` what was exported stays, and is not exported again the next time; ``--only`` does some of the steps, whose
names are those of ``drive.STEPS``. Ends with an error where a step does not come to its end. Pictures are named
``STEP-LANGUAGE-THEME.png``, those of a window of 700×600 ``STEP-narrow-…``.

    python -m tests.screens packaging/screenshots --only readme

takes the pictures of the README anew, with real models alone; best with a ``--data`` folder where they are exported, on
a machine that does nothing else, since they show its times.
"""
