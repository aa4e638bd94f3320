"""How a person works a page: with the mouse, or with nothing but keys."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

_MOST_TABS = 250


class Mouse:
    """Clicks."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, name: str | re.Pattern[str]) -> None:
        """A button."""
        self._act(self.page.get_by_role("button", name=name, exact=True).first)

    def follow(self, name: str | re.Pattern[str]) -> None:
        """A link."""
        self._act(self.page.get_by_role("link", name=name, exact=True).first)

    def fill(self, label: str, text: str) -> None:
        """A text field."""
        self.page.get_by_label(label, exact=True).fill(text)

    def tick(self, label: str | re.Pattern[str]) -> None:
        """A check box."""
        self.page.get_by_role("checkbox", name=label).check()

    def mark(self, label: str) -> None:
        """One of several radio buttons."""
        self.page.get_by_role("radio", name=label).check()

    def choose(self, label: str, option: str) -> None:
        """A line of a list."""
        self.page.get_by_label(label, exact=True).select_option(label=self._option(label, option))

    def offered(self, label: str, text: str) -> None:
        """Type into a search box and take the first that is offered."""
        self.page.get_by_label(label, exact=True).press_sequentially(text)
        self.page.get_by_role("option", name=text).first.click()

    def _option(self, label: str, option: str) -> str:
        """The whole text of the line that begins like this."""
        lines = self.page.get_by_label(label, exact=True).locator("option")
        expect(lines.filter(has_text=option)).not_to_have_count(0)
        return next(text for text in lines.all_inner_texts() if text.startswith(option))

    def _act(self, place: Locator) -> None:
        place.click()


class Keys(Mouse):
    """Tab, Space, Enter, arrows and letters; the mouse is never used."""

    def fill(self, label: str, text: str) -> None:
        self._reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self, label: str | re.Pattern[str]) -> None:
        box = self.page.get_by_role("checkbox", name=label)
        self._reach(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")

    def mark(self, label: str) -> None:
        wanted = self.page.get_by_role("radio", name=label)
        group = self.page.locator(f"input[name='{wanted.get_attribute('name')}']")
        self._reach(group.and_(self.page.locator(":checked")))
        for _ in range(group.count()):
            if wanted.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        expect(wanted).to_be_checked()

    def choose(self, label: str, option: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        wanted = self._option(label, option)
        self._reach(field)
        self.page.keyboard.type(wanted[:20], delay=5)
        assert field.evaluate("field => field.selectedOptions[0].text") == wanted

    def offered(self, label: str, text: str) -> None:
        self._reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text, delay=5)
        expect(self.page.get_by_role("option", name=text).first).to_be_visible()
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")

    def _act(self, place: Locator) -> None:
        self._reach(place)
        self.page.keyboard.press("Enter")

    def _reach(self, place: Locator) -> None:
        """Press Tab until the place has the focus."""
        expect(place).to_be_visible()
        expect(place).to_be_enabled()
        for _ in range(_MOST_TABS):
            if place.evaluate("place => place === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {place}")
