"""What a ConnectWise says of itself, and of the rights of who asks."""

from __future__ import annotations

from dataclasses import dataclass

from cwportal.connectwise.fields import Fields


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """`/system/info`."""

    version: str
    is_cloud: bool
    cloud_region: str
    server_time_zone: str

    @classmethod
    def from_json(cls, data: object) -> SystemInfo:
        """From the API's JSON."""
        row = Fields(data, "system info")
        return cls(
            version=row.text("version"),
            is_cloud=row.flag("isCloud"),
            cloud_region=row.text("cloudRegion"),
            server_time_zone=row.text("serverTimeZone"),
        )


@dataclass(frozen=True, slots=True)
class SecurityRow:
    """One row of `/system/mySecurity`; levels are "None", "My" or "All", "" where not told."""

    module: str
    function: str
    add: str
    edit: str
    delete: str
    inquire: str

    @classmethod
    def from_json(cls, data: object) -> SecurityRow:
        """From the API's JSON."""
        row = Fields(data, "security row")
        return cls(
            module=row.text("moduleName"),
            function=row.text("moduleFunctionName"),
            add=row.text("addLevel"),
            edit=row.text("editLevel"),
            delete=row.text("deleteLevel"),
            inquire=row.text("inquireLevel"),
        )
