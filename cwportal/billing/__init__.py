"""The pure core: what should be billed, what is billed, and the writes that lead from one to the other.

Lives here: charges + settings + actual additions + ledger -> plan, findings, limits; money; order of writes; next run.
May import: portal, vocabulary, errors and the standard library.
Must never: read a clock, a database, a network or a framework; `now` and the partner's local date are arguments.
"""
