"""The people of the partner who sign in."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from cwportal.errors import UsageError
from cwportal.standalone import staff
from cwportal.standalone.access import me, needs
from cwportal.standalone.forms import DUTIES, ROLES, NewStaff, Press, RoleOf, SomebodysPassword
from cwportal.standalone.staff import Staff
from cwportal.vocabulary import Role


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the pages on the blueprint."""

    def somebody(staff_id: int) -> Staff:
        found = staff.one(engine, me().partner_id, staff_id) if staff_id < 1 << 31 else None
        if found is None:
            abort(404)
        return found

    @portal.get("/staff")
    @needs(Role.ADMIN)
    def staff_list() -> ResponseReturnValue:
        people = staff.of_partner(engine, me().partner_id)
        return render_template("portal/staff/list.html", people=people, me=me(), roles=ROLES, duties=DUTIES)

    @portal.route("/staff/add", methods=["GET", "POST"])
    @needs(Role.ADMIN)
    def staff_add() -> ResponseReturnValue:
        form = NewStaff()
        if form.validate_on_submit():
            try:
                made = staff.add_staff(
                    engine, form.email.data, me().partner_id, form.role.data, form.password.data, must_change=True
                )
            except UsageError as error:
                form.email.errors = [str(error)]
            else:
                flash(
                    f"{made.email} can sign in now. Give them the password; they choose their own when they sign in.",
                    "ok",
                )
                return redirect(url_for(".staff_list"), 303)
        code = 400 if form.errors else 200
        return render_template("portal/staff/add.html", form=form, roles=ROLES, duties=DUTIES), code

    @portal.get("/staff/<int:staff_id>")
    @needs(Role.ADMIN)
    def staff_one(staff_id: int) -> ResponseReturnValue:
        return _one(somebody(staff_id), SomebodysPassword(formdata=None))

    @portal.post("/staff/<int:staff_id>/role")
    @needs(Role.ADMIN)
    def staff_role(staff_id: int) -> ResponseReturnValue:
        person, form = somebody(staff_id), RoleOf()
        if not form.validate():
            abort(400)
        try:
            staff.set_role(engine, me().partner_id, person.id, form.role.data)
        except UsageError as error:
            flash(str(error), "bad")
            return redirect(url_for(".staff_one", staff_id=staff_id), 303)
        flash(f"{person.email} has the role {ROLES[Role(form.role.data)]} from now on.", "ok")
        return redirect(url_for(".home" if person.id == me().id else ".staff_list"), 303)

    @portal.post("/staff/<int:staff_id>/password")
    @needs(Role.ADMIN)
    def staff_password(staff_id: int) -> ResponseReturnValue:
        person, form = somebody(staff_id), SomebodysPassword()
        if person.id == me().id:
            return redirect(url_for(".password"), 303)
        if not form.validate():
            return _one(person, form, 400)
        staff.set_password(engine, me().partner_id, person.id, form.password.data, must_change=True)
        flash(f"{person.email} has a new password and is signed out everywhere. They choose their own next.", "ok")
        return redirect(url_for(".staff_list"), 303)

    @portal.post("/staff/<int:staff_id>/remove")
    @needs(Role.ADMIN)
    def staff_remove(staff_id: int) -> ResponseReturnValue:
        person = somebody(staff_id)
        if request.form.get("sure") != "yes":
            flash(f"Nothing was changed. Tick “Remove {person.email}” to confirm, then press the button again.", "bad")
            return redirect(url_for(".staff_one", staff_id=staff_id), 303)
        try:
            staff.remove(engine, me().partner_id, person.id)
        except UsageError as error:
            flash(str(error), "bad")
            return redirect(url_for(".staff_one", staff_id=staff_id), 303)
        flash(f"{person.email} is removed and cannot sign in any more.", "ok")
        return redirect(url_for(".staff_list"), 303)


def _one(person: Staff, form: Press, code: int = 200) -> ResponseReturnValue:
    return render_template(
        "portal/staff/one.html", person=person, form=form, roles=ROLES, duties=DUTIES, is_me=person.id == me().id
    ), code
