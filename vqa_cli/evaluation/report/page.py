"""The page, put together: the template, its style and script, and the sections."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from string import Template

from vqa_cli import __version__
from vqa_cli.evaluation.report.charts import style
from vqa_cli.evaluation.report.markup import Html, joined, tag

GENERATOR = "vqa evaluate --report"
"""The name by which a page says that it is one of ours."""


def section(name: str, title: str, *content: str | None) -> tuple[str, str, Html]:
    """A section with a heading, by the name that links lead to: (name, title, HTML)."""
    heading = tag("h2", title, id=f"{name}-title")
    whole = tag("section", heading, *content, id=name, aria_labelledby=f"{name}-title")
    return name, title, whole


def page(
    title: str,
    facts: Sequence[str],
    sections: Sequence[tuple[str, str, Html]],
    data: Sequence[Html],
) -> str:
    """The whole HTML text.

    facts: what stands below the title. sections: see `section`; the gallery, which the template
    holds, comes after them. data: script elements that hold the gallery's data.
    """
    script = _part("gallery.js")
    links = [tag("a", name, href=f"#{place}") for place, name, _ in sections]
    return Template(_part("page.html")).substitute(
        title=tag("title", title),
        heading=tag("h1", title),
        generator=tag("meta", name="generator", content=f"{GENERATOR} {__version__}"),
        policy=_policy(script),
        style=style() + _part("page.css"),
        facts=tag("p", *(tag("span", fact) for fact in facts), class_="about"),
        links=joined(*links),
        sections=joined(*(html for _, _, html in sections)),
        data="\n".join(data),
        script=script,
    )


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(script: str) -> Html:
    """Forbids the browser any request, and every script but the one of this page."""
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    rules = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    content = "; ".join(f"{name} {value}" for name, value in rules.items())
    return tag("meta", http_equiv="Content-Security-Policy", content=content)
