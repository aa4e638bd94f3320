"""What a fresh company holds: the tables every ConnectWise has, and two API members with fixed demonstration keys."""

from __future__ import annotations

from typing import Any

COMPANY_ID = "training"
COMPANY_NAME = "Training Managed Services"

ADMIN_KEYS = ("AdminPublicKey01", "AdminPrivateKey1")
"""Public and private key of the member `portaladmin` with the Admin role. Simulator keys: they open nothing else."""
EXPORT_KEYS = ("ExportPublicKey1", "ExportPrivateKey")
"""Public and private key of the member `portalexport` with exactly the role that the wizard describes."""

EXPORT_ROLE = {
    "Companies > Company Maintenance": ["add", "edit", "inquire"],
    "Companies > Manage Attachments": ["add", "inquire", "delete"],
    "Finance > Agreements": ["add", "edit", "inquire"],
    "System > Table Setup": ["add", "edit", "inquire"],
    "System > API Reports": ["inquire"],
    "Procurement > Product Catalog": ["add", "edit", "inquire"],
}

_STATES = (
    "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|"
    "DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|"
    "KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|"
    "MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|"
    "NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|"
    "SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|"
    "WV West Virginia|WI Wisconsin|WY Wyoming"
)
_PROVINCES = "AB Alberta|BC British Columbia|MB Manitoba|ON Ontario|QC Quebec"


def _agreement_type(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "employeeCompRate": "Hourly",
        "employeeCompNotExceed": "Billing",
        "invoicingCycle": "CalendarYear",
        "billTime": "Billable",
        "billExpenses": "Billable",
        "billProducts": "Billable",
        "applicationUnits": "Amount",
        "billingCycle": "Monthly",
        "billingTerms": "Net 30 days",
        **more,
    }


def _currency(code: str, name: str, symbol: str) -> dict[str, Any]:
    return {
        "currencyIdentifier": code,
        "name": name,
        "symbol": symbol,
        "displayIdFlag": False,
        "displaySymbolFlag": True,
        "thousandsSeparator": ",",
        "decimalSeparator": ".",
        "numberOfDecimals": 2,
    }


def _cycle(identifier: str, name: str, options: str, **more: Any) -> dict[str, Any]:
    return {"identifier": identifier, "name": name, "billingOptions": options, **more}


def _states(text: str, country: str) -> list[dict[str, Any]]:
    pairs = (entry.split(" ", 1) for entry in text.split("|"))
    return [{"identifier": short, "name": name, "country": country} for short, name in pairs]


def members() -> list[dict[str, Any]]:
    """The two members of a fresh company."""
    return [
        {
            "public_key": ADMIN_KEYS[0],
            "private_key": ADMIN_KEYS[1],
            "identifier": "portaladmin",
            "rights": "admin",
        },
        {
            "public_key": EXPORT_KEYS[0],
            "private_key": EXPORT_KEYS[1],
            "identifier": "portalexport",
            "rights": EXPORT_ROLE,
        },
    ]


def tables() -> dict[str, list[dict[str, Any]]]:
    """Rows of the default tables, by kind, in an order in which references exist before they are used."""
    return {
        "currency": [
            _currency("USD", "US Dollars", "$"),
            _currency("EUR", "Euro", "€"),
            _currency("GBP", "British Pounds", "£"),
            _currency("CAD", "Canadian Dollars", "$"),
            _currency("AUD", "Australian Dollars", "$"),
        ],
        "country": [
            {"name": "United States", "currency": "USD", "defaultFlag": True, "countryCode": "US"},
            {"name": "Canada", "currency": "CAD", "countryCode": "CA"},
            {"name": "United Kingdom", "currency": "GBP", "countryCode": "GB"},
            {"name": "Germany", "currency": "EUR", "countryCode": "DE"},
            {"name": "Australia", "currency": "AUD", "countryCode": "AU"},
        ],
        "state": [*_states(_STATES, "United States"), *_states(_PROVINCES, "Canada")],
        "location": [{"name": "Main Office"}, {"name": "Branch Office"}],
        "department": [
            {"name": "Professional Services"},
            {"name": "Managed Services"},
        ],
        "companyStatus": [
            {"name": "Active", "defaultFlag": True},
            {"name": "Inactive", "inactiveFlag": True},
            {"name": "Not Approved", "inactiveFlag": False},
            {"name": "Former Client", "inactiveFlag": True},
        ],
        "companyType": [
            {"name": "Client", "defaultFlag": True},
            {"name": "Prospect"},
            {"name": "Vendor", "vendorFlag": True},
        ],
        "communicationType": [
            {"description": "Email", "emailFlag": True, "defaultFlag": True},
            {"description": "Direct", "phoneFlag": True, "defaultFlag": True},
            {"description": "Mobile", "phoneFlag": True},
            {"description": "Fax", "faxFlag": True},
        ],
        "billingCycle": [
            _cycle("MONTH", "Monthly", "Monthly", defaultFlag=True),
            _cycle("YEAR", "Yearly", "Yearly"),
            _cycle("QUART", "Quarterly", "Quarterly"),
            _cycle("ONCE", "One Time", "NotRecurring"),
            _cycle("SEMI", "Semi-Annually", "SemiAnnual"),
            _cycle("BIMON", "Every two months", "BiMonthly"),
            _cycle("WEEK", "Weekly", "Weekly"),
            _cycle("BIWEE", "Every two weeks", "BiWeekly"),
        ],
        "billingStatus": [
            {"name": "New", "sortOrder": 1, "defaultFlag": True, "closedFlag": False, "sentFlag": False},
            {"name": "Sent", "sortOrder": 2, "closedFlag": False, "sentFlag": True},
            {"name": "Paid", "sortOrder": 3, "closedFlag": True, "sentFlag": True},
        ],
        "billingTerm": [
            {"name": "Net 30 days", "dueDays": 30, "defaultFlag": True},
            {"name": "Due on receipt", "dueDays": 0},
        ],
        "taxCode": [
            {
                "identifier": "FL",
                "description": "Florida sales tax",
                "invoiceCaption": "Sales tax",
                "effectiveDate": "2020-01-01",
                "levelOneRate": "0.06",
                "levelOneRateType": "Percent",
            },
        ],
        "agreementType": [
            _agreement_type("Managed Services", defaultFlag=True),
            _agreement_type("Cloud Services"),
            _agreement_type("Block Time", applicationUnits="Hours", billingCycle="One Time"),
            _agreement_type("Legacy Hosting", inactiveFlag=True),
        ],
        "category": [{"name": "Managed Services", "defaultFlag": True}, {"name": "Hardware"}],
        "subcategory": [
            {"name": "Cloud Subscriptions", "category": "Managed Services", "defaultFlag": True},
            {"name": "Support Plans", "category": "Managed Services"},
            {"name": "Network", "category": "Hardware"},
        ],
        "productType": [
            {"name": "Service", "typeXref": "Service", "defaultFlag": True},
            {"name": "Agreement", "typeXref": "OtherCharge"},
            {"name": "Hardware", "typeXref": "InventoryPart"},
        ],
        "uom": [{"name": "Each", "defaultFlag": True}, {"name": "Hour"}],
        "documentType": [
            {"description": "CSV file", "fileExtension": "csv", "mimeType": "text/csv"},
            {"description": "Text file", "fileExtension": "txt", "mimeType": "text/plain"},
            {"description": "PDF document", "fileExtension": "pdf", "mimeType": "application/pdf"},
            {"description": "Word document", "fileExtension": "docx", "mimeType": "application/msword"},
        ],
    }
