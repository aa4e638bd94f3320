"""Attachments: uploads as real clients send them, lists, downloads, deletes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .support import Api, Control

PATH = "system/documents"
CSV = 'account,user\r\nAcme,"Söhne"\r\n'.encode()


def upload(api: Api, content: bytes = CSV, name: str = "users.csv", **values: str) -> requests.Response:
    data = {"recordType": "Agreement", "recordId": "1", "title": "Users", **values}
    return api.call("POST", PATH, data=data, files={"file": (name, content, "text/csv")})


def test_upload_list_download_delete(api: Api) -> None:
    response = upload(api, privateFlag="true")
    assert response.status_code == 201
    made = response.json()
    assert (made["title"], made["fileName"], made["size"]) == ("Users", "users.csv", len(CSV))
    assert (made["publicFlag"], made["owner"], made["documentType"]["name"]) == (False, "portaladmin", "CSV file")
    found = api.get(PATH, recordType="Agreement", recordId=1)
    assert [item["id"] for item in found] == [made["id"]]
    assert api.get(f"{PATH}/count", recordType="Agreement", recordId=1) == {"count": 1}
    assert api.get(PATH, recordType="Agreement", recordId=2) == []
    assert api.get(PATH, recordType="Company", recordId=1) == []
    assert api.get(PATH, recordType="Agreement", recordId=1, conditions="title='users'") == found
    assert api.get(f"{PATH}/{made['id']}") == found[0]
    file = api.call("GET", f"{PATH}/{made['id']}/download")
    assert (file.content, file.headers["Content-Type"]) == (CSV, "application/octet-stream")
    assert file.headers["Content-Disposition"].startswith('attachment; filename="users.csv"')
    api.delete(f"{PATH}/{made['id']}")
    assert api.get(PATH, recordType="Agreement", recordId=1) == []
    assert api.call("GET", f"{PATH}/{made['id']}/download").status_code == 404
    assert api.call("DELETE", f"{PATH}/{made['id']}").status_code == 404


def test_part_names_ignore_case(api: Api) -> None:
    data = {"RECORDTYPE": "Agreement", "recordid": "1", "Title": "T", "PrivateFlag": "True", "ReadOnlyFlay": "True"}
    made = api.call("POST", PATH, data=data, files={"File": ("a.txt", b"x")}).json()
    assert (made["title"], made["publicFlag"], made["readOnlyFlag"]) == ("T", False, True)


def test_only_three_parts_are_needed(api: Api) -> None:
    data = {"recordType": "Company", "recordId": "2"}
    made = api.call("POST", PATH, data=data, files={"file": ("Überblick 1.csv", b"")}).json()
    assert (made["title"], made["size"]) == ("Überblick 1.csv", 0)
    disposition = api.call("GET", f"{PATH}/{made['id']}/download").headers["Content-Disposition"]
    assert disposition == "attachment; filename=\"_berblick 1.csv\"; filename*=UTF-8''%C3%9Cberblick%201.csv"


def test_encoded_and_escaped_file_names(api: Api) -> None:
    part = "--b\r\nContent-Disposition: form-data; name={}\r\n\r\n{}\r\n"
    head = part.format("recordType", "Agreement") + part.format('"recordId"', "1")
    for given, name in (
        ('filename="a \\"b\\".csv"', 'a "b".csv'),
        ("filename=plain.csv", "plain.csv"),
        ("filename=\"x.csv\"; filename*=UTF-8''S%C3%B6hne.csv", "Söhne.csv"),
    ):
        body = f'{head}--b\r\nContent-Disposition: form-data; name="file"; {given}\r\n\r\n\r\n--b--\r\n'
        headers = {"Content-Type": 'multipart/form-data; boundary="b"'}
        assert api.call("POST", PATH, data=body.encode(), headers=headers).json()["fileName"] == name


@pytest.mark.parametrize(
    ("values", "flaw"),
    [
        ({"recordType": None}, "MissingRequiredField recordType"),
        ({"recordId": None}, "MissingRequiredField recordId"),
        ({"recordType": "agreement"}, "InvalidField recordType"),
        ({"recordId": "99"}, "NotFound recordId"),
        ({"recordId": "one"}, "NotFound recordId"),
        ({"recordType": "Invoice"}, "NotFound recordId"),
    ],
)
def test_refused(api: Api, values: dict[str, Any], flaw: str) -> None:
    data = {"recordType": "Agreement", "recordId": "1", **values}
    response = api.call("POST", PATH, data=data, files={"file": ("a.csv", b"x")})
    assert (response.status_code, response.json()["code"]) == (400, "InvalidObject")
    assert [f"{e['code']} {e['field']}" for e in response.json()["errors"]] == [flaw]
    assert api.get(PATH) == []


def test_a_file_is_needed(api: Api) -> None:
    data = {"recordType": (None, "Agreement"), "recordId": (None, "1")}
    response = api.call("POST", PATH, files=data)
    assert [e["field"] for e in response.json()["errors"]] == ["file"]
    response = api.call("POST", PATH, files={**data, "file": (None, "x")})
    assert [e["field"] for e in response.json()["errors"]] == ["file"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\nv\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nv\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nnothing\r\n--b--\r\n"),
    ],
)
def test_broken_multipart(api: Api, content_type: str, body: bytes) -> None:
    response = api.call("POST", PATH, data=body, headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["code"]) == (400, "ConnectWiseApi")


def test_record_type_of_a_list_is_checked(api: Api) -> None:
    assert api.call("GET", f"{PATH}?recordType=Bogus").status_code == 400
    assert api.call("GET", f"{PATH}?recordId=x").status_code == 400


def test_a_streamed_upload_arrives_whole(api: Api, control: Control) -> None:
    boundary = "8f3a"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("recordType", "Agreement"), ("recordId", "1"))
    )
    line = b"Acme,user@example.com,active\r\n"

    def body() -> Iterator[bytes]:
        yield head.encode()
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="u.csv"\r\n\r\n'.encode()
        for _ in range(500):
            yield line * 100
        yield f"\r\n--{boundary}--\r\n".encode()

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    made = api.call("POST", PATH, data=body(), headers=headers).json()
    assert made["size"] == 50_000 * len(line)
    (seen,) = control.get("state")["documents"]
    assert seen["sha256"] == hashlib.sha256(line * 50_000).hexdigest()
    assert seen["text"].startswith(line.decode())
    assert (seen["recordType"], seen["recordId"]) == ("Agreement", 1)


def test_a_document_outlives_its_text_encoding(api: Api, control: Control) -> None:
    upload(api, b"\xff\xfe\x00")
    assert control.get("state")["documents"][0]["text"] is None
