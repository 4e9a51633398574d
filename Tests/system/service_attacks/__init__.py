"""Attacks on a running service, by subject. `attack_service.py` runs them."""
