"""How long the tests of the page wait for anything: a loaded machine is slow, and that is no failure."""

LONGEST_SECONDS = 600
