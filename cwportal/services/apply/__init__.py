"""The only room that writes to ConnectWise.

Lives here: intents before writes, outcome and ledger in one commit, look-up of what was never confirmed, the order of a run's writes.
May import: what services may, and `connectwise.writer`.
Must never: decide what to write (it applies stored changes of a plan that was let through), or repeat a write that may have happened.
"""
