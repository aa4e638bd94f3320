"""Measured runs with a printed table; never part of the tests.

Lives here: one module per thing worth measuring (`plan`, `export`) and what these need. `make bench` runs them all.
May import: everything.
Must never: be imported by the product, or assert a time.
"""
