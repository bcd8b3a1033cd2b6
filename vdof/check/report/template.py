"""Pages from `templates/`: every value escaped, style and script inside, nothing loaded from anywhere.

jinja2 because it escapes what it fills in unless told otherwise; torch brings it along in any case.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")


def fill_template(name: str, values: Mapping[str, Any]) -> str:
    """A page of `templates/`; every value is escaped, and the page may load nothing but what is inside it."""
    style, script = (
        (TEMPLATES / file).read_text(encoding="utf-8") for file in ("style.css", f"{name.split('.')[0]}.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    page = open_templates().get_template(name)
    return page.render(values, style=Markup(style), script=Markup(script), policy=policy)


@cache
def open_templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
