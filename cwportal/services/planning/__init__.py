"""Reading everything a plan needs and handing it to the core.

Lives here: portal data, ConnectWise records and ledger rows gathered and translated into `billing.values`; the stream of plans.
May import: what services may, but never `services.apply`.
Must never: write to ConnectWise, decide about money, or turn a failed read into "nothing there".
"""
