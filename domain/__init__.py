"""The contribution rules, the ledger's words and the deciders: pure functions over frozen values.

Nothing here reads a clock, draws a random number, opens a file or uses a float. Times and ids enter with the
command; money is integer minor units; whatever a rate multiplies stays an exact ratio until a rule rounds it.
"""
