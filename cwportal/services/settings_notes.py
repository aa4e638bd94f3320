"""What chosen settings mean for the next export, where that may surprise."""

from __future__ import annotations

from cwportal.services.settings import Chosen
from cwportal.vocabulary import Data, Ended


def notes(chosen: Chosen) -> list[str]:
    """What a choice means that may surprise: true sentences for a person, none for the usual one."""
    data, found = set(chosen.data), []
    if data == {Data.USERS}:
        return ["Only the lists of users are attached: no line of an agreement is written."]
    lines = data & {Data.QUANTITY, Data.COST, Data.PRICE}
    if Data.PRODUCTS not in data:
        found.append("Without Products nothing new is created: only lines that are there already are updated.")
    if Data.PRODUCTS in data and Data.QUANTITY not in data:
        found.append("Without Product quantity new lines get the quantity 0, and bill nothing until somebody sets it.")
    if Data.QUANTITY not in data and chosen.ended is Ended.ZERO:
        found.append(
            "Without Product quantity a line whose SKU is no longer used keeps billing: setting its quantity to 0 is not exported. "
            "Cancelling it at the end of the month is."
        )
    if Data.PRODUCTS in data and not {Data.COST, Data.PRICE} <= data:
        missing = " and ".join(word for word, kind in (("price", Data.PRICE), ("cost", Data.COST)) if kind not in data)
        found.append(f"New lines take the {missing} of ConnectWise's catalog, because {missing} is not exported.")
    if lines and not {Data.COST, Data.PRICE} <= data:
        found.append(
            "If one SKU is billed at several prices or costs, its lines cannot be told apart, and that account waits."
        )
    return found
