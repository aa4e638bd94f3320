"""Everything we write to ConnectWise. Only the apply step is ever given a Writer.

Each method is exactly one logical write: the transport repeats it only where it certainly was not done. Fields bear
ConnectWise's names; values are Decimal, date, str, int, bool, or nested dicts of these. Every error tells by
`certainty` whether the write may have happened; an answer that cannot be read is an error too, and then it may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cwportal.connectwise.errors import Malformed, OtherRecord
from cwportal.connectwise.fields import Fields
from cwportal.connectwise.multipart import Content
from cwportal.connectwise.reader import AGREEMENTS, CATALOG, COMPANIES, same_letters, same_text
from cwportal.connectwise.records import Addition, Agreement, Company, Document, NamedItem, Product
from cwportal.connectwise.session import Transport

Values = Mapping[str, object]


def _is_answer(path: str, what: str, asked: object, answered: object) -> None:
    if answered != asked:
        raise Malformed(
            f"ConnectWise answered the write to {path} with {what} {answered}, so nobody knows what it did."
        )


def _asked(fields: Values, name: str, otherwise: int | None) -> object:
    """The id that was sent as a reference; `otherwise` where none was, or ConnectWise does not tell what it has there."""
    sent = fields.get(name)
    return sent.get("id", otherwise) if isinstance(sent, Mapping) and otherwise is not None else otherwise


def _bears(path: str, what: str, *texts: tuple[object, str], same: Callable[[str, str], bool] = same_text) -> None:
    """Whether the record that was made is the one that was asked for, as far as ConnectWise tells. `texts`: what was sent, what is answered; a
    rule of the partner's may have changed one of them, not all.
    """
    told = [(asked, answered) for asked, answered in texts if isinstance(asked, str) and answered]
    if told and not any(same(asked, answered) for asked, answered in told):
        _is_answer(path, what, *told[0])


class Writer:
    """Writes through one Transport; safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_addition(self, agreement_id: int, fields: Values) -> Addition:
        """Add a line to an agreement; needs `product` ({"id": N}) and `billCustomer`."""
        path = f"{AGREEMENTS}/{agreement_id}/additions"
        made = Addition.from_json(self._transport.post(path, fields).data)
        _is_answer(path, "a line of agreement", agreement_id, made.agreement_id or agreement_id)
        product_id = _asked(fields, "product", made.product_id)
        if product_id != made.product_id:
            raise OtherRecord(
                f"ConnectWise answered a new line of product {product_id} with line {made.id} of product {made.product_id}, so nobody knows "
                "what it did.",
                made.id,
            )
        return made

    def patch_addition(self, agreement_id: int, addition_id: int, fields: Values) -> Addition:
        """Change fields of a line in one request."""
        path = f"{AGREEMENTS}/{agreement_id}/additions/{addition_id}"
        changed = Addition.from_json(self._transport.patch(path, fields).data)
        _is_answer(path, "line", addition_id, changed.id)
        _is_answer(path, "a line of agreement", agreement_id, changed.agreement_id or agreement_id)
        return changed

    def create_product(self, fields: Values) -> Product:
        """Create a catalog item; needs `identifier`, `description`, `customerDescription`, `type`, `subcategory`."""
        made = Product.from_json(self._transport.post(CATALOG, fields).data)
        _bears(
            CATALOG,
            "product",
            (fields.get("identifier"), made.identifier),
            (fields.get("description"), made.description),
        )
        return made

    def patch_product(self, product_id: int, fields: Values) -> Product:
        """Change fields of a catalog item in one request."""
        path = f"{CATALOG}/{product_id}"
        changed = Product.from_json(self._transport.patch(path, fields).data)
        _is_answer(path, "product", product_id, changed.id)
        return changed

    def create_company(self, fields: Values) -> Company:
        """Create a company; needs `identifier` and `name`. A taken identifier gives Invalid with ObjectExists."""
        made = Company.from_json(self._transport.post(COMPANIES, fields).data)
        _bears(COMPANIES, "company", (fields.get("identifier"), made.identifier), (fields.get("name"), made.name))
        return made

    def create_agreement(self, fields: Values) -> Agreement:
        """Create an agreement; needs `name`, `type`, `company`, and since 2025.1 `contact`."""
        made = Agreement.from_json(self._transport.post(AGREEMENTS, fields).data)
        _is_answer(AGREEMENTS, "an agreement of company", _asked(fields, "company", made.company_id), made.company_id)
        return made

    def create_contact(self, fields: Values) -> int:
        """Create a contact and return its id. Needs a right that the documented role does not hold."""
        return Fields(self._transport.post("/company/contacts", fields).data, "contact").identity()

    def create_category(self, fields: Values) -> NamedItem:
        """Create a product category; needs `name`."""
        return NamedItem.from_json(self._transport.post("/procurement/categories", fields).data)

    def create_subcategory(self, fields: Values) -> NamedItem:
        """Create a product subcategory; needs `name` and `category`."""
        return NamedItem.from_json(self._transport.post("/procurement/subcategories", fields).data)

    def create_product_type(self, fields: Values) -> NamedItem:
        """Create a product type; needs `name`."""
        return NamedItem.from_json(self._transport.post("/procurement/types", fields).data)

    def upload_document(
        self, agreement_id: int, *, title: str, file_name: str, content: Content, media_type: str = "text/csv"
    ) -> Document:
        """Attach a file to an agreement, hidden from the customer portal (`privateFlag`; contract section 8).

        An open file is streamed, and read from its start again where the request is repeated.
        """
        parts = {"recordType": "Agreement", "recordId": str(agreement_id), "title": title, "privateFlag": "true"}
        answer = self._transport.upload("/system/documents", parts, {"file": (file_name, content, media_type)})
        made = Document.from_json(answer.data)
        _bears("/system/documents", "file", (title, made.title), (file_name, made.file_name), same=same_letters)
        return made

    def delete_document(self, document_id: int) -> None:
        """Delete a document."""
        path = f"/system/documents/{document_id}"
        said = self._transport.delete(path).data
        if isinstance(said, Mapping) and said.keys() & {"code", "errors"}:
            raise Malformed(
                f"ConnectWise answered DELETE {path} with an error as if it were done, so nobody knows what it did."
            )
