"""Measures each step and the whole against its floor and against peers, in one run (`make bench`)."""
