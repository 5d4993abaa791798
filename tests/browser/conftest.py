"""Real JupyterLab in Debian's Chromium, offline: every request that leaves this machine is refused and fails the test."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests.browser.space_bench import bench  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts"
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on the PATH: apt-get install chromium"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Lab:
    """A JupyterLab server with folders of its own."""

    def __init__(self, home):
        self.port, self.token, self.dir, self.log = free_port(), secrets.token_hex(8), home / "work", home / "server.log"
        self.url = f"http://127.0.0.1:{self.port}"
        for d in ("work", "cfg/labconfig", "data", "rt", "ipy", "set", "ws"):
            (home / d).mkdir(parents=True)
        (home / "cfg/labconfig/default_setting_overrides.json").write_text(json.dumps({
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
            "@jupyterlab/docmanager-extension:plugin": {"autosave": False}}))
        env = dict(os.environ, JUPYTER_CONFIG_DIR=f"{home}/cfg", JUPYTER_DATA_DIR=f"{home}/data",
                   JUPYTER_RUNTIME_DIR=f"{home}/rt", JUPYTERLAB_SETTINGS_DIR=f"{home}/set",
                   JUPYTERLAB_WORKSPACES_DIR=f"{home}/ws", IPYTHONDIR=f"{home}/ipy")
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
                   f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
                   f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.dir}",
                   "--LabApp.expose_app_in_browser=True"]
        self._out = self.log.open("w")
        self.process = subprocess.Popen(command, env=env, stdout=self._out, stderr=self._out, start_new_session=True)
        end = time.time() + 90
        while True:
            try:
                self.get("status")
                return
            except OSError:
                if self.process.poll() is not None or time.time() > end:
                    pytest.fail(self.log.read_text())
                time.sleep(0.1)

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method,
                                         headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._out.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # shared machines are slow now and then

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield made
        made.close()


READY = """() => { const s = globalThis.jupyterapp?.shell.currentWidget?.sessionContext, k = s?.session?.kernel;
    return s?.isReady && k?.connectionStatus === 'connected' && k.status === 'idle'; }"""


class Notebooks:
    """Opens notebooks; keeps a screenshot of each page in light and dark at the end of the test."""

    def __init__(self, lab, browser, name):
        self.lab, self.name, self.left, self.errors = lab, name, [], []
        self.context = browser.new_context(viewport={"width": 1280, "height": 1000})
        self.context.set_default_timeout(60_000)
        self.context.route("**/*", self._guard)

    def _guard(self, route):
        if route.request.url.startswith((self.lab.url, "data:", "blob:")):
            route.continue_()
        else:
            self.left.append(route.request.url)
            route.abort()

    def __call__(self, cells, *, run=True):
        """Open a notebook with these cells (or an existing file) and run all of it; returns the page."""
        name = f"{self.name}-{secrets.token_hex(3)}.ipynb"
        if isinstance(cells, Path):
            shutil.copy(cells, self.lab.dir / name)
        else:
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
            book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(book, self.lab.dir / name)
        page = self.context.new_page()
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.file = self.lab.dir / name
        page.goto(f"{self.lab.url}/lab/tree/{name}?token={self.lab.token}&reset")
        page.wait_for_function(READY)
        page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        if run:
            page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")  # do not await the cells
        return page

    def path(self, name=""):
        """Say where a screenshot of this name is kept."""
        ARTIFACTS.mkdir(exist_ok=True)
        return ARTIFACTS / f"{self.name}{name}.png"

    def shot(self, page, name=""):
        """Keep a screenshot."""
        page.screenshot(path=self.path(name))

    def save(self, page):
        """Save the notebook: a page that is loaded anew shows the outputs of the file."""
        page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")

    def dark(self, page):
        """Switch the page to the dark theme."""
        page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
        page.wait_for_timeout(600)

    def light(self, page):
        """Switch the page to the light theme."""
        if page.evaluate("document.body.dataset.jpThemeLight === 'true'"):
            return
        page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")
        page.wait_for_timeout(600)  # JupyterLab still takes the other theme's style sheets out of the page

    def both(self, page, name=""):
        """Keep a screenshot in light and one in dark."""
        self.shot(page, f"{name}-light")
        self.dark(page)
        self.shot(page, f"{name}-dark")
        self.light(page)

    def close(self):
        for i, page in enumerate(self.context.pages):
            self.shot(page, f"-end{i}")
        self.context.close()
        for kernel in self.lab.get("kernels"):
            self.lab.get(f"kernels/{kernel['id']}", "DELETE")


@pytest.fixture
def notebook(lab, browser, request):
    books = Notebooks(lab, browser, request.node.name)
    yield books
    books.close()
    assert not books.left, f"the page asked for the network: {books.left}"
    assert not books.errors, books.errors
