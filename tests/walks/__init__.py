"""The whole product in front of a real browser: portal, worker, queue and simulator as they run for partners."""
