"""The documentation's screenshots, made from the mock."""
from pathlib import Path

from browser import Browser
from mock_service import Mock


def make(browser: Browser, folder: Path) -> None:
    """Writes service-light.png, service-dark.png and service-phone.png."""
    mock = Mock(seconds=60)
    mock.start()
    try:
        mock.add("Harbour Lights.flac", {}, "done", 150)
        mock.add("notes.txt", {}, "failed")
        mock.add("Second Thoughts.mp3", {})
        mock.add("Paper Boats.wav", {})
        for name, width, height, is_dark in [("light", 1440, 900, False), ("dark", 1440, 900, True), ("phone", 390, 844, False)]:
            browser.size(width, height)
            browser.dark(is_dark)
            browser.get(mock.url)
            # The mix of the picture before is not remembered.
            browser.execute_script("localStorage.clear()")
            browser.refresh()
            browser.wait("document.querySelectorAll('#queue li').length === 4")
            browser.execute_script("document.querySelector('#queue li[data-state=done] .open').click()")
            browser.wait("document.querySelector('.mixer .play')")
            browser.run("for (let i = 0; i < 200 && !stage.mixer?.board.waveforms.scale; i += 1) await new Promise((resolve) => setTimeout(resolve, 25))")
            browser.run("await stage.mixer.seek(42); stage.mixer.setLoop([30, 65]); stage.mixer.changeVolume(1, -3); await new Promise((resolve) => setTimeout(resolve, 500))")
            (folder / f"service-{name}.png").write_bytes(browser.screenshot())
    finally:
        mock.stop()
