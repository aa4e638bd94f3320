"""The portal's pages: Flask-Admin with the reseller's customers and subscriptions, and the integration in its menu."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import Admin, AdminIndexView, BaseView, expose, helpers
from flask_admin.contrib.sqla import ModelView
from flask_admin.theme import Bootstrap4Theme
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import Select

from admin_host import login
from admin_host.tables import Customer, Subscription, db


class _SignedIn:
    """Pages are for those who signed in; others are asked to."""

    def is_accessible(self) -> bool:
        return bool(current_user.is_authenticated)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> ResponseReturnValue:  # noqa: ARG002
        return ("Not open to you.", 403) if current_user.is_authenticated else login.manager.unauthorized()


class _Home(_SignedIn, AdminIndexView):
    @expose()
    def index(self) -> str:
        return self.render("home.html")


class _Rows(_SignedIn, ModelView):
    """Rows of the person's reseller; our own people see all."""

    form_base_class = FlaskForm  # its token is the one that CSRFProtect wants
    can_create = can_delete = False

    def get_query(self) -> Select[Any]:
        return self._mine(super().get_query())

    def get_count_query(self) -> Select[Any]:
        return self._mine(super().get_count_query())

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        found = super().get_one(id)
        return found if found is not None and self._is_mine(found) else None

    def _mine(self, query: Any) -> Any:
        if current_user.reseller_id is None:
            return query
        return self._narrow(query).filter(Customer.reseller_id == current_user.reseller_id)

    def _narrow(self, query: Any) -> Any:
        return query

    def _is_mine(self, row: Any) -> bool:
        customer = getattr(row, "customer", row)
        return current_user.reseller_id in {None, customer.reseller_id}


class _Customers(_Rows):
    can_edit = False
    column_list = ("name", "left", "reseller")
    column_searchable_list = ("name",)


class _Subscriptions(_Rows):
    """Resellers say at which price they sell."""

    column_list = ("customer", "service", "seats", "price")
    form_columns = ("price",)

    @property
    def can_edit(self) -> bool:  # type: ignore[override]
        return login.may("billing")

    def _narrow(self, query: Any) -> Any:
        return query.join(Customer)


class _Integration(_SignedIn, BaseView):
    """The menu entry, for those who may look at the integration. Its pages are the plugin's own, and stand where the plugin puts them."""

    def is_accessible(self) -> bool:
        return login.reseller() is not None and login.may("viewer")

    def get_url(self, endpoint: str, **kwargs: Any) -> str:
        return (
            url_for("cwportal.exports.status") if endpoint == f"{self.endpoint}.index" else url_for(endpoint, **kwargs)
        )

    @expose()
    def index(self) -> ResponseReturnValue:
        return redirect(url_for("cwportal.exports.status"))


def init_app(app: Flask) -> None:
    """Register the pages, and tell the templates of others what Flask-Admin's layout wants to know."""
    home = _Home(name="Home", url="/admin")
    admin = Admin(
        app, name="Cloud portal", index_view=home, theme=Bootstrap4Theme(base_template="frame.html", fluid=True)
    )
    admin.add_view(_Customers(Customer, db, name="Customers"))
    admin.add_view(_Subscriptions(Subscription, db, name="Subscriptions"))
    integration = _Integration(name="ConnectWise", category="Integration", endpoint="connectwise")
    admin.add_view(integration)

    @app.context_processor
    def layout() -> dict[str, Any]:
        """For pages that are not views of Flask-Admin: signing in, and the integration. Its own views say these things themselves."""
        ours = (request.blueprint or "").partition(".")[0] == "cwportal"
        return {
            "admin_view": integration if ours else home,
            "admin_base_template": admin.theme.base_template,
            "admin_csp_nonce_attribute": "",
            "theme": admin.theme,
            "h": helpers,
            "get_url": url_for,
        }

    @app.after_request
    def fonts(response: Response) -> Response:
        """The integration's policy for its pages allows no fonts; our layout has some. What comes later may widen it."""
        policy = response.headers.get("Content-Security-Policy")
        if policy is not None:
            response.headers["Content-Security-Policy"] = f"{policy}; font-src 'self'"
        return response

    @app.get("/")
    def start() -> ResponseReturnValue:
        return redirect(url_for("admin.index"))
