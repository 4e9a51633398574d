"""How long the tests of the page wait for anything, so that a fault is no endless wait."""

LONGEST_SECONDS = 30
