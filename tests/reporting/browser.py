"""Headless Chromium, driven by the Chrome DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIRED = os.environ.get("MMVAE_REQUIRE_BROWSER") == "1"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PATIENCE = 30.0  # seconds until a page or the browser is there
LOUD = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


class Tab:
    """A page in the browser, and what it said and fetched since it was opened."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.n_calls = socket, 0
        self.said: list[str] = []
        self.fetched: list[str] = []
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and note what happens until it answers."""
        self.n_calls += 1
        self.socket.send(json.dumps({"id": self.n_calls, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.n_calls:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            if message.get("method") in LOUD:
                self.said.append(json.dumps(message["params"]))
            elif message.get("method") == "Network.requestWillBeSent":
                self.fetched.append(message["params"]["request"]["url"])
            elif message.get("method") == "Page.javascriptDialogOpening":
                self.said.append(f"dialog: {message['params']['message']}")

    def ask(self, expression: str) -> Any:
        """Value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, selector: str) -> str:
        """Text of the first element that a selector finds."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)}).textContent"))

    def texts(self, selector: str) -> list[str]:
        """Texts of all elements that a selector finds."""
        found: list[str] = self.ask(f"[...document.querySelectorAll({json.dumps(selector)})].map(x => x.textContent)")
        return found

    def click(self, selector: str, place: int = 0) -> None:
        """Click an element."""
        self.ask(f"document.querySelectorAll({json.dumps(selector)})[{place}].click()")

    def press(self, key: str) -> None:
        """Press a key, for the element that has the focus."""
        text = {"Enter": "\r"}.get(key, "")
        codes = {"Enter": 13, "ArrowRight": 39}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text,
                windowsVirtualKeyCode=codes[key],
            )  # fmt: skip

    def choose(self, selector: str, value: str) -> None:
        """Give a field or a choice a value, as a user does."""
        found, event = json.dumps(selector), "new Event('input'), new Event('change')"
        self.ask(
            f"const field = document.querySelector({found}); field.value = {json.dumps(value)}; "
            f"[{event}].forEach((event) => field.dispatchEvent(event)); true".join(("{ ", " }"))
        )

    def open(self, path: Path) -> None:
        """Open a file, and wait until its script has done its work."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        wait_until(lambda: self.ask("document.documentElement?.dataset.ready") == "true", "the page's script")


def wait_until(done: Any, what: str) -> None:
    """Wait until a function gives True."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"{what} is not there after {PATIENCE:.0f} s"
        time.sleep(0.05)


def missing() -> str:
    """What lacks for a browser; empty where all is there."""
    if shutil.which("chromium") is None:
        return "chromium is not installed (Debian: apt-get install chromium)"
    try:
        import websocket  # noqa: F401
    except ImportError:
        return "websocket-client is not installed (pip install 'mmvae-cli[test]')"
    return ""


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """Start a browser with a new profile in a folder; skips where there is none, unless MMVAE_REQUIRE_BROWSER is 1."""
    if missing():
        (pytest.fail if REQUIRED else pytest.skip)(missing())
    import websocket

    command = ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    port = folder / "profile" / "DevToolsActivePort"
    try:
        wait_until(lambda: port.exists() and port.read_text().count("\n"), "chromium")
        address = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
        with urllib.request.urlopen(address) as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=PATIENCE, suppress_origin=True)
        try:
            yield Tab(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait()
