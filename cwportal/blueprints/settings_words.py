"""The settings in the words of the page."""

from __future__ import annotations

from cwportal.vocabulary import Adopt, Data, Drift, Ended, Frequency, Taxable

WORDS: dict[str, str] = {
    "export": "Type of export",
    "time": "Time",
    "day": "Day of the month",
    "timezone": "Time zone",
    "data": "Data for export",
    "notifications": "Allow notifications",
    "notify": "Contacts",
    "ended": "When a SKU is no longer used",
    "drift": "Changed in ConnectWise by hand",
    "adopt": "Existing lines of the same product",
    "taxable": "Taxable",
    "agreement_type_id": "Agreement type for new agreements",
    "product_type_id": "Product type",
    "product_category_id": "Product category",
    "product_subcategory_id": "Product category and subcategory",
    "limit_ended": "Lines ended in one account",
    "limit_ended_all": "Lines ended in all accounts together",
    "limit_change": "Change of the monthly total",
    "limit_growth": "Growth of one quantity",
}
"""Field -> its label."""

CHOICES: dict[str, dict[str, str]] = {
    "export": {Frequency.MANUAL: "By hand", Frequency.DAILY: "Every day", Frequency.MONTHLY: "Every month"},
    "data": {
        Data.PRODUCTS: "Products (SKUs)",
        Data.QUANTITY: "Product quantity",
        Data.COST: "Product cost",
        Data.PRICE: "Product price (retail)",
        Data.USERS: "List of users",
    },
    "ended": {Ended.ZERO: "Set the quantity to 0", Ended.CANCEL: "Cancel at the end of the month"},
    "drift": {
        Drift.OVERWRITE: "Write the portal’s value, and say so",
        Drift.KEEP: "Keep ConnectWise’s value, and warn",
    },
    "adopt": {
        Adopt.ASK: "Ask me",
        Adopt.YES: "Use them if exactly one fits",
        Adopt.NO: "Leave them and create ours",
    },
    "taxable": {
        Taxable.DEFAULT: "As ConnectWise does it",
        Taxable.YES: "Taxable",
        Taxable.NO: "Not taxable",
    },
}
"""Field -> value -> its words."""

FREQUENCY_HELP = {
    Frequency.MANUAL: "Only when somebody presses Start export now.",
    Frequency.DAILY: "Recommended: invoices are right on whichever day you make them.",
    Frequency.MONTHLY: "One export a month, on a day before you make invoices.",
}
DATA_HELP = {
    Data.PRODUCTS: "Each resold SKU becomes a ConnectWise product, and the additions of the agreements follow the accounts’ usage.",
    Data.QUANTITY: "Quantities of resold SKUs are updated in the additions.",
    Data.COST: "Costs of products and additions are updated. Cost is what you pay us.",
    Data.PRICE: (
        "Prices of additions are updated. Retail price is what your customer pays you, taken from Products & Pricing › Retail pricing."
    ),
    Data.USERS: "A CSV file of the account’s users and their enabled services is attached to the agreement.",
}
REASONS = {
    Data.PRODUCTS: "Until then what needs it is not created: it is reported, and the rest is exported.",
    Data.QUANTITY: "Until then quantities of existing additions stay as they are.",
    Data.COST: "Until then costs that need it stay as they are.",
    Data.PRICE: "Until then prices of existing additions stay as they are.",
    Data.USERS: "Until then the list of users cannot be attached or replaced.",
}
"""What happens while a right is missing."""


def told(field: str, text: str) -> str:
    """A value of the history as people read it."""
    if not text:
        return "nobody" if field == "notify" else "the default" if "limit" in field else "nothing chosen"
    choices = CHOICES.get(field, {})
    if field in {"data", "notify"}:
        return ", ".join(choices.get(word, word) for word in text.split(","))
    if field == "day" and text == "last":
        return "the last day"
    unit = " times" if field == "limit_growth" else " %" if "limit" in field else ""
    return choices.get(text, text) + unit
