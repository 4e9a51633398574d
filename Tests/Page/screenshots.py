"""The documentation's screenshots, made from the mock."""
import time

