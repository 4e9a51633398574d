"""Chromium for the tests of the page."""
import base64
import os
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from limits import LONGEST_SECONDS, wait_until

# Selenium looks for no driver.
os.environ.setdefault("SE_OFFLINE", "true")


class Browser(webdriver.Chrome):
    # The beginning of each script of `run`.
    prelude = ""

    def __init__(self, downloads: str, *flags: str):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", *flags):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.downloads = Path(downloads)
        super().__init__(options=options, service=Service("/usr/bin/chromedriver"))
        # A script may take as long as it needs; the driver answers after it.
        self.command_executor.client_config.timeout = 2 * LONGEST_SECONDS
        self.set_script_timeout(LONGEST_SECONDS)
        self.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": downloads})
        self.size(1440, 900)

    def size(self, width: int, height: int) -> None:
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def dark(self, is_dark: bool) -> None:
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})

    def slow_down(self, times: float) -> None:
        """Lets the page's scripts take this many times as long as the machine needs."""
        self.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": times})

    def screenshot(self) -> bytes:
        return base64.b64decode(self.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])

    def run(self, body: str, *arguments):
        """Runs an asynchronous function's body with `args` and what `prelude` declares; returns its result."""
        reply = self.execute_async_script(
            """
            const done = arguments[arguments.length - 1];
            const args = [...arguments].slice(0, -1);
            (async () => {
              %s
              %s
            })().then((value) => done({ value }), (error) => done({ error: String(error && error.stack || error) }));
            """ % (self.prelude, body), *arguments)
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply.get("value")

    def run_module_tests(self, file: Path) -> list[str]:
        """Runs tests of pure modules in the page; returns the names of those that passed."""
        return self.run((Path(__file__).parent / "module_tests.js").read_text() + file.read_text())

    def wait(self, expression: str, *arguments):
        """Waits until a JavaScript expression is true; returns its value."""
        return wait_until(lambda: self.execute_script(f"const args = arguments; return {expression}", *arguments),
                          lambda: f"{expression} {arguments}\n{self._words()}")

    def wait_equal(self, expression: str, expected):
        """Waits until a JavaScript expression has a value."""
        value = lambda: self.execute_script(f"return {expression}")
        wait_until(lambda: value() == expected, lambda: f"{expression} is {value()}, not {expected}")

    def saved(self, pattern: str) -> bytes:
        """Waits for a download whose name matches, removes it and returns its bytes."""
        def whole() -> list[Path]:
            # The browser creates an empty file, writes beside it, and renames.
            return [file for file in self.downloads.glob(pattern) if file.suffix != ".crdownload" and file.stat().st_size]

        file = wait_until(whole, lambda: f"download {pattern}; there are {list(self.downloads.iterdir())}\n{self._words()}")[0]
        data = file.read_bytes()
        file.unlink()
        return data

    def _words(self) -> str:
        return f"the page says:\n{self.execute_script('return document.body.innerText')}"

    def serious_messages(self) -> list[str]:
        return [entry["message"] for entry in self.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
