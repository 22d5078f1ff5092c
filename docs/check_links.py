"""Look for broken links in the built documentation: ``python docs/check_links.py docs/_build``.

Links, images and scripts within the site must be there, anchors too, and every image must have a text for
those who do not see it, an empty one if it only adorns. Links to other sites are left alone.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, what it links to, and its images without a text."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.silent = {""}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Take an element down."""
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        if tag == "img" and "alt" not in attrs:
            self.silent.append(attrs.get("src"))


def broken(folder):
    """Return a line for each link that leads nowhere and each image without a text."""
    folder = Path(folder).resolve()
    paths = [
        path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts
    ]  # not the theme's
    pages = {path: Page(path) for path in paths}
    for path, page in pages.items():
        here = path.relative_to(folder)
        yield from (f"{here}: image {source} has no alt text" for source in page.silent)
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{here}: {link} is not there"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{here}: {link} has no such anchor"


if __name__ == "__main__":
    lines = list(broken(sys.argv[1]))
    sys.exit("\n".join(lines) if lines else None)
