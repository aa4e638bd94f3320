"""Every page of the url map, as addresses of a portal with data in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.walks.stage import PASSWORD

_FILES = {"static", "cwportal_static.file"}


def addresses(app: Flask, values: Mapping[str, Sequence[object]]) -> list[str]:
    """Every path that can be got, once for each of the values given for its parts. A part without values fails."""
    found = set()
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint in _FILES:
            continue
        names = sorted(rule.arguments)
        missing = [name for name in names if name not in values]
        assert not missing, f"{rule.rule}: which {missing} are there?"
        with app.test_request_context():
            for chosen in product(*(values[name] for name in names)):
                found.add(app.url_for(rule.endpoint, **dict(zip(names, chosen, strict=True))))
    return sorted(found)


def signed_in(app: Flask, email: str) -> FlaskClient:
    """A client in which this person of the standalone portal is signed in."""
    client = app.test_client()
    form = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get("/sign-in").text)
    assert form is not None
    answer = client.post("/sign-in", data={"email": email, "password": PASSWORD, "csrf_token": form[1]})
    assert answer.status_code == 303, answer.text
    return client


def answers(app: Flask, email: str, paths: Sequence[str]) -> Iterator[tuple[str, TestResponse]]:
    """What each path answers this person."""
    client = signed_in(app, email)
    for path in paths:
        with client.get(path) as answer:
            yield path, answer


def pages(app: Flask, email: str, paths: Sequence[str]) -> list[str]:
    """Those that are whole pages for this person. A path that fails is told."""
    found = []
    for path, answer in answers(app, email, paths):
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        if answer.status_code == 200 and answer.mimetype == "text/html" and "<html" in answer.text:
            found.append(path)
    return found
