"""Use cases: each function is one thing a person or a schedule asks for.

Lives here: transactions, translation between rows, ConnectWise's records and the core's values; `apply/` alone is given a writer.
May import: runtime, billing, matching, connectwise, models, mail, config, db, portal, errors, vocabulary.
Must never: know HTTP requests of the portal, Flask's current_app, or the queue; decide about money, quantity, date or ownership.
"""
