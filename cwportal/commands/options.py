"""Options that several commands share."""

from __future__ import annotations

import click

partner_option = click.option("--partner", required=True, metavar="P", help="The partner's id.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
