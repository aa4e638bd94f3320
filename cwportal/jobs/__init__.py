"""The edge to the queue: RQ carries run ids from those who ask for an export to the processes that do it.

Lives here: enqueueing, tasks, the worker, and putting runs without a job back into the queue.
May import: cwportal.services and everything below it, rq and redis.
Must never: decide what is exported, keep anything in Redis that is not in the database, or pass more than our own ids.
"""
