"""Account mapping: which company and agreement each account is billed on. The tab and the wizard's third step are one page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, mapping_words, steps, trouble
from cwportal.blueprints.access import needs
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, Rejected
from cwportal.errors import NotConnected
from cwportal.forms.mapping import MappingForm, was, words_of
from cwportal.jobs.queue import request_refresh
from cwportal.services import (
    connection,
    draft,
    mapping_companies,
    mapping_draft,
    mapping_facts,
    mapping_options,
    mapping_page,
    mapping_save,
)
from cwportal.services.choices import Standing
from cwportal.services.directory_rows import storable
from cwportal.services.mapping_draft import Bulk
from cwportal.services.mapping_facts import Group, Place
from cwportal.services.mapping_page import UNSAVED, Query
from cwportal.vocabulary import Role

ENTRY = "cwportal.wizard.entry"
TAB, STEP = ".page", ".wizard"
_OF_KEYS = (Rejected, Forbidden)
FRESH = timedelta(hours=1)
"""Older companies are read again by themselves."""
AGAIN = timedelta(minutes=5)
"""But not sooner after the last time."""
EVERYTHING = "every"
"""As `show`: no filter, no search."""
_SHOWS = frozenset({*Group, UNSAVED})
_SORTS = frozenset({"name", "-name", "company", "-company"})


def blueprint() -> Blueprint:
    """The tab, the wizard's step, and what the search box asks."""
    pages = Blueprint("mapping", __name__)
    pages.route("/mapping", methods=["GET", "POST"])(page)
    pages.get("/mapping/companies")(companies)
    pages.route("/connect/mapping", methods=["GET", "POST"])(wizard)
    return pages


@needs(Role.VIEWER)
def page() -> ResponseReturnValue:
    """The tab: everybody looks, billing changes."""
    if request.method == "POST" and not access.may(Role.BILLING):
        abort(403)
    if not _is_active():
        steps.say_if_lost()
        return redirect(url_for(ENTRY), 303)
    where = _place_or_404()
    return _press(where, TAB) if request.method == "POST" else _show(where, TAB)


@needs(Role.ADMIN)
def wizard() -> ResponseReturnValue:
    """The wizard's third step."""
    kept = steps.opened(draft.MAPPING)
    where = _place_or_404()
    return _press(where, STEP) if request.method == "POST" else _show(where, STEP, step=draft.MAPPING, draft=kept)


@needs(Role.VIEWER)
def companies() -> ResponseReturnValue:
    """Companies that fit what is typed, with their agreements, and how far reading them is."""
    runtime, where = access.runtime(), _place_or_404()
    found = mapping_companies.offers(runtime, where.partner.id, request.args.get("q", ""))
    users = mapping_companies.users(runtime, where, found, account_id=storable(request.args.get("account", "")))
    tone, sentence = mapping_words.as_of(mapping_page.standing(runtime, where), runtime.clock(), where.zone)
    return {
        "companies": [
            {
                "id": str(offer.company.id),
                "name": offer.company.name,
                "label": mapping_options.company_label(offer.company),
                "disabled": bool(offer.company.reasons),
                "agreements": [
                    {"value": one.value, "label": one.label, "disabled": one.disabled, "used": one.used}
                    for one in mapping_options.agreement_options(offer.agreements, users)
                ],
            }
            for offer in found
        ],
        "reading": tone == mapping_words.READING,
        "told": sentence if tone else mapping_words.JUST_READ,
    }


def _show(where: Place, here: str, **more: Any) -> ResponseReturnValue:
    runtime, query = access.runtime(), _query()
    if request.args.get("confirm"):
        asked = mapping_save.questions(runtime, where, access.actor())
        if asked.questions:
            return render_template(
                "cwportal/mapping/confirm.html",
                asked=asked,
                query=query,
                here=here,
                words=mapping_words,
                then=request.args.get("then", ""),
                place=where.token,
                **more,
            )
    shown = mapping_page.page(runtime, where, access.actor(), query)
    return render_template(
        "cwportal/mapping/wizard.html" if here == STEP else "cwportal/mapping/page.html",
        shown=shown,
        here=here,
        was=was,
        words=mapping_words,
        now=runtime.clock(),
        stale=_is_old(shown.standing, runtime.clock()),
        may_change=access.may(Role.ADMIN if here == STEP else Role.BILLING),
        **more,
    )


def _press(where: Place, here: str) -> ResponseReturnValue:
    runtime, actor, form = access.runtime(), access.actor(), MappingForm()
    query = replace(_next(form), among=tuple(form.among()))
    do = form.do.data or ""
    if do != "refresh":
        _keep_fresh(where)
    if do == "fresh":  # the script, without the rows
        return "", 204
    if do == "discard":
        count = mapping_draft.discard(runtime, where, actor)
        flash(f"{_rows(count)} {_were(count)} discarded." if count else "There was nothing to discard.", "ok")
        return _back(here, query)
    if form.at_place.data != where.token:
        flash(
            "What you typed was not kept: the page was loaded before the connection was changed to another ConnectWise, where the same "
            "numbers mean other companies and agreements. Choose again below.",
            "bad",
        )
        return _back(here, query)
    everything = mapping_facts.known(runtime, where)
    saves = do in ("save", "finish")
    stale = mapping_draft.absorb(
        runtime, where, actor, form.rows(), everything, knowingly=saves, anew=saves or do in ("lookup", "go")
    )
    if do == "bulk":
        _bulk(where, form, query, stale)
    elif do == "forget":
        count = mapping_draft.forget_left(runtime, where, actor, everything)
        if count:
            flash(f"{_rows(count)} of accounts that are no longer in the portal {_were(count)} removed.", "ok")
    elif do == "refresh":
        _refresh(where)
    elif saves:
        return _save(where, here, query, form, finish=do == "finish" or form.then.data == "finish")
    return _back(here, query)


def _save(where: Place, here: str, query: Query, form: MappingForm, *, finish: bool) -> ResponseReturnValue:
    done = mapping_save.save(access.runtime(), where, access.actor(), answer=form.answer.data or "")
    if done.questions:
        return _back(here, query, confirm=1, then="finish" if finish else None)
    if done.saved:
        flash(f"{_rows(done.saved)} {_were(done.saved)} saved.", "ok")
    if done.unreachable:
        flash(f"Nothing was saved. {_why(where, done)} What you typed is kept: save again later.", "bad")
    elif done.kept:
        flash(f"{_rows(done.kept)} could not be saved. What you typed is kept, and each row says why.", "bad")
    elif finish and here == STEP:
        return redirect(url_for("cwportal.wizard.finish"), 307)
    elif not done.saved:
        flash("Nothing had been changed, so there was nothing to save.", "ok")
    return _back(here, query)


def _why(where: Place, done: mapping_save.Result) -> str:
    """Why nothing was saved, without the requests and configuration keys that an error names for operators."""
    if not isinstance(done.cause, ConnectWiseError):
        return done.unreachable
    told = trouble.of(done.cause, access.runtime().clock(), where.zone, kept=True)
    settings = " An administrator can correct that under Settings." if isinstance(done.cause, _OF_KEYS) else ""
    return f"{told.title}. {told.what}{settings}"


def _bulk(where: Place, form: MappingForm, query: Query, stale: Collection[str]) -> None:
    runtime, actor = access.runtime(), access.actor()
    try:
        action = Bulk(form.bulk.data or "")
    except ValueError:
        flash("Nothing was done: choose what to do with the selected rows first.", "warn")
        return
    everything = mapping_facts.known(runtime, where)
    chosen = form.selected()
    if form.everything.data:
        chosen = mapping_page.all_ids(runtime, where, actor, everything, query)
    if not chosen:
        flash("Nothing was done: tick the rows first.", "warn")
        return
    done, left = mapping_draft.bulk(runtime, where, actor, action, chosen, everything, stale)
    unfit = (
        f" {_rows(left)} {_were(left)} left alone: without company and agreement nothing can be exported."
        if left
        else ""
    )
    flash(f"{_rows(done)} {_were(done)} changed, not saved yet.{unfit}", "warn" if left else "ok")


def _refresh(where: Place) -> None:
    waits = request_refresh(access.runtime(), where.partner.id, everything=True)
    if waits is None:
        flash("Companies and agreements are being read from ConnectWise.", "ok")
    else:
        flash(
            "Nothing is read now: the portal cannot reach its queue at the moment. Try again in some minutes.", "warn"
        )


def _keep_fresh(where: Place) -> None:
    """Have companies read again when they are old."""
    runtime = access.runtime()
    if _is_old(mapping_page.standing(runtime, where), runtime.clock()):
        request_refresh(runtime, where.partner.id)


def _is_old(standing: Standing, now: datetime) -> bool:
    old = standing.refreshed_at is None or now - standing.refreshed_at > FRESH
    return old and (standing.asked_at is None or now - standing.asked_at > AGAIN)


def _query() -> Query:
    if request.args.get("show") == EVERYTHING:
        return Query()
    query = _clean(
        request.args.get("show", ""),
        request.args.get("q", ""),
        request.args.get("sort", ""),
        request.args.get("page", 1, int),
    )
    words = map(words_of, request.args.getlist("words"))
    return replace(query, among=tuple(zip(request.args.getlist("among"), words, strict=False)))


def _next(form: MappingForm) -> Query:
    """Where the pressed button leads; another filter begins at the first page."""
    if form.show.data == EVERYTHING:
        return Query()
    at = _clean(form.at_show.data or "", form.at_q.data or "", form.at_sort.data or "", _number(form.at_page.data))
    wanted = _clean(
        form.show.data if form.show.data is not None else at.show,
        form.q.data if form.q.data is not None else at.q,
        form.sort.data if form.sort.data is not None else at.sort,
        _number(form.page.data) if form.page.data else at.page,
    )
    return wanted if replace(wanted, page=at.page) == at else replace(wanted, page=1)


def _clean(show: str, q: str, sort: str, number: int) -> Query:
    return Query(
        show if show in _SHOWS else "", " ".join(q.split())[:200], sort if sort in _SORTS else "", max(1, number)
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1


def _back(here: str, query: Query, **more: Any) -> ResponseReturnValue:
    given: dict[str, Any] = {"show": query.show, "q": query.q, "sort": query.sort}
    given |= {"page": query.page if query.page > 1 else None}
    given |= {"among": [key for key, _ in query.among], "words": [words for _, words in query.among]}
    return redirect(url_for(here, **{name: value or None for name, value in (given | more).items()}), 303)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _is_active() -> bool:
    try:
        connection.get(access.runtime(), access.partner())
    except NotConnected:
        return False
    return True


def _place_or_404() -> Place:
    where = mapping_facts.place(access.runtime(), access.partner())
    if where is None:
        abort(404)
    return where
