"""The example host, run as a person runs it."""
