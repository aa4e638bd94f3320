"""Quick runs and slow ones: of several workers at least one takes no slow run, so that the quick ones are never held up.

Workers show signs of life here, by the clock of Redis; one that is silent is forgotten, and so is all of it when Redis is emptied: then it
fills again within seconds, and nothing depends on it but who waits for whom.
"""

from __future__ import annotations

from typing import Any

from redis import Redis

TURNS = 10
"""Quick runs that a worker takes in a row before it looks for a slow one first: those do not wait for ever."""

_WORKERS, _SLOW = "cwportal:workers", "cwportal:workers:slow"
_SHOW_LIFE = """
local time = redis.call('TIME')
local now, silent, name, wish = time[1] + time[2] / 1000000, tonumber(ARGV[2]), ARGV[1], ARGV[3]
for _, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - silent)
    redis.call('ZREMRANGEBYSCORE', key, now + silent, '+inf')
    redis.call('ZREM', key, name)
end
if wish == 'leave' then return 0 end
redis.call('ZADD', KEYS[1], now, name)
local free = math.max(redis.call('ZCARD', KEYS[1]) - 1, 1) - redis.call('ZCARD', KEYS[2])
if wish == 'slow' or (wish == 'either' and free > 0) then
    redis.call('ZADD', KEYS[2], now, name)
    return 1
end
return 0
"""
"""In one step: forget who is silent, and say whether this worker may take a slow run. A clock that was set back makes nobody immortal."""


class Lanes:
    """What one worker tells the others. Every method raises redis' errors.

    `silent`: seconds without a sign of life after which a worker does not count.
    """

    def __init__(self, redis: Redis, name: str, *, silent: float) -> None:
        self._script: Any = redis.register_script(_SHOW_LIFE)
        self._name, self._silent = name, silent

    def may_take_slow(self) -> bool:
        """Before waiting for a run: whether it may be a slow one. If so, the place is kept until this worker says something else."""
        return self._say("either")

    def work(self, *, slow: bool) -> None:
        """A run is in hand."""
        self._say("slow" if slow else "quick")

    def leave(self) -> None:
        """This worker ends."""
        self._say("leave")

    def _say(self, wish: str) -> bool:
        return bool(self._script(keys=[_WORKERS, _SLOW], args=[self._name, self._silent, wish]))
