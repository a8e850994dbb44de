"""The tags and the text of a page, as a browser would find them."""

import re
from html.parser import HTMLParser


class HtmlPage(HTMLParser):
    """Every tag of a page, its attributes, and its text; a tag that is not closed in turn is noted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.astray: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.astray += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.astray.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words)).replace("\xa0", " ")
