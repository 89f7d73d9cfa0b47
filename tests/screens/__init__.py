"""The real window on a virtual screen, with real models: drives the app's main jobs and saves pictures of each step.

    python -m tests.screens OUT --hub HUB --toolchain PYTHON [--scale 1]

HUB is a hub cache with the tests' real models, PYTHON an export toolchain's (``packaging/bootstrap.py test --prepare``
makes both below ``.workbench``, which are the defaults). Needs Xvfb, and PulseAudio for the virtual microphone. Ends
with an error where a step does not come to its end. Pictures are named ``STEP-LANGUAGE-THEME.png``.
"""
