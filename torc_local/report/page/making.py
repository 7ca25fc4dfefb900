"""The whole page: its parts, its scripts and styles, and the packed table of jobs."""

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources

from torc_local.ground import clock
from torc_local.report.content import Content
from torc_local.report.content_text import outcome
from torc_local.report.page import data
from torc_local.report.page.html import text
from torc_local.report.page.parts import PARTS
from torc_local.report.text import local


def pieces(content: Content) -> Iterator[str]:
    """The file from its beginning to its end.

    The policy in its head forbids whatever the page does not need: no request to anywhere, and no script but ours, so
    that a name or a log line that got through as HTML would still do nothing.
    """
    script = "".join(["(() => {\n'use strict';\n", *_assets(".js"), "})();\n"])
    fingerprint = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{fingerprint}'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'"
    )
    name = text(content.status.workflow.name)
    yield f"""<!DOCTYPE html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name=viewport content="width=device-width, initial-scale=1">
<meta name=color-scheme content="light dark">
<meta name=generator content="torc-local">
<title>{name}: {text(outcome(content))}</title>
<style>
{"".join(_assets(".css"))}</style>
</head>
<body>
<a class=skip href="#verdict">to the report</a>
<header><h1>{name}</h1><p class=note>made {text(local(clock.now()))}</p></header>
<nav aria-label="parts"><ol>{"".join(f'<li><a href="#{part}">{title}</a></li>' for part, title, _ in PARTS)}</ol></nav>
<main>
"""
    for _, _, make in PARTS:
        yield make(content)
    yield '</main>\n<script type="text/plain" id=packed>'
    yield data.packed(content)
    yield f"</script>\n<script>{script}</script>\n</body>\n</html>\n"


def _assets(suffix: str) -> list[str]:
    """The files of one kind, in the order of their names."""
    place = resources.files("torc_local.report.page") / "assets"
    files = sorted((file for file in place.iterdir() if file.name.endswith(suffix)), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files]
