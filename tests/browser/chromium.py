"""A real browser without a screen, steered over two pipes in Chrome's DevTools protocol; it needs nothing else.

A page is loaded from its file. Requests to anything else, messages on its console and exceptions are collected.
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.support.waiting import wait_for

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PATIENCE_S = 60.0


def program() -> str | None:
    """The browser of this machine, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name)) is not None), None)


def missing() -> str | None:
    """Why there is none; None when there is one."""
    return None if program() else "no Chromium here (tests/components/install browser)"


class Browser:
    """One browser with one page at a time."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="torc-local-browser-")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        name = program()
        assert name is not None
        # The protocol is spoken on descriptors 3 and 4; a shell puts them there, whatever numbers the pipes have.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            [
                "bash", "-c", command, name, "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={self._profile}",
                "about:blank",
            ],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self._downloads = Path(self._profile) / "downloads"
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, path: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> None:
        """Load a file into a new page, and wait until it is loaded."""
        if self._session is not None:
            self.ask("Page.close")
            self._session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        self.size(width, 900)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.requests, self.complaints, self._loaded = [], [], False
        self.ask("Page.navigate", url=path.absolute().as_uri())
        deadline = time.monotonic() + _PATIENCE_S
        while not self._loaded:
            self._read(deadline)

    def size(self, width: int, height: int) -> None:
        """Give the page another size."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, script: str) -> Any:
        """The value of an expression in the page, which may be a promise."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is true; its value."""
        return wait_for(lambda: self.run(script), _PATIENCE_S, told=lambda: script)

    def press(self, key: str) -> None:
        """A key goes down and up again."""
        code = {"Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "0": 48, "+": 187}[key]
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def downloads(self) -> Path:
        """Let the page save files; the directory to which they go."""
        self._downloads.mkdir(exist_ok=True)
        session, self._session = self._session, None
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self._downloads))
        self._session = session
        return self._downloads

    def ask(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol; its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(about["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(about["entry"]["text"])
        elif method == "Page.loadEventFired":
            self._loaded = True
