"""Pictures of the page and of the explainer for the documentation."""
import re
from pathlib import Path

from browser import Browser
from page_test import SongPageUser
from songs import Songs
from subject import GatedSubject

#: Width, height, and whether it is dark.
VIEWS = {"light": (1440, 900, False), "dark": (1440, 900, True), "phone": (390, 844, False)}


class Studio(SongPageUser):
    """Takes pictures of the page of a service, which is a `gated-service`: a song that is seen running is held."""

    def __init__(self, browser: Browser):
        self.browser = browser

    def documentation(self, binary: str, folder: Path, songs: Songs) -> None:
        """service-light.png, service-dark.png and service-phone.png."""
        folder.mkdir(parents=True, exist_ok=True)
        service = GatedSubject(binary)
        service.start()
        self.browser.size(1440, 900)
        self.browser.get(service.url)
        self.wait("document.querySelector('#engine').textContent !== ''")
        self.upload(songs.wav("Harbour Lights.wav", 150))
        self.wait("[...document.querySelectorAll('#jobs li[data-state=done] .name')].some(({ textContent }) => textContent === args[0])", "Harbour Lights")
        # The same sound would be known already.
        service.hold(30)
        self.upload(songs.text("notes.txt"), songs.wav("Second Thoughts.wav", 151), songs.wav("Paper Boats.wav", 30))
        self.wait("document.querySelectorAll('#jobs li').length === 3 && document.body.innerText.includes('58 %')")
        self.open_song("Harbour Lights")
        self.page("await stage.mixer.seek(42); stage.mixer.setLoop([30, 65]); stage.mixer.changeVolume(1, -3)")
        for name, (width, height, is_dark) in VIEWS.items():
            self.browser.size(width, height)
            self.browser.dark(is_dark)
            self.script("scrollTo(0, 0)")
            # Parts are loaded for the new size, and fade in.
            self.page("await new Promise((resolve) => setTimeout(resolve, 700))")
            (folder / f"service-{name}.png").write_bytes(self.browser.screenshot())
        self.browser.get("about:blank")
        service.close()

    def explainer(self, url: str, page: Path) -> None:
        """The pictures of docs/howto/inside.md, each of the view that the link below it opens."""
        for picture, fragment in re.findall(r"\((\S+\.png)\)\n\[Alive\]\(\S+?#(\S+)\)", page.read_text()):
            is_block = "&block=" in fragment
            width = 600 if is_block else 1400
            self.browser.size(width, 900)
            self.browser.get("about:blank")
            self.browser.get(f"{url}explain/#{fragment}{'&embed' * is_block}")
            self.wait("document.body.dataset.runs && document.querySelector('.stem .facts').textContent.includes('SDR')")
            if "block=crosstransformer" in fragment:
                self.wait("document.querySelector('.heads canvas')")
            # Without controls and times; the notice comes late.
            self.script("document.querySelectorAll('.top, #song, #status, .panels > :not(#block), .panels .buttons, .panels .head button, .heads button, #block > :has(.follower), #block > .follower, #play, #versions, .block .facts').forEach((each) => each.remove())")
            self.script("const words = document.querySelector('#block p'); if (words) words.textContent = words.textContent.replace(/ [0-9.]+.% of the time,/, '')")
            self.browser.size(width, self.value("Math.ceil(document.querySelector(arguments[0]).getBoundingClientRect().bottom) + 8", "#block" if is_block else "#player"))
            (page.parent / picture).write_bytes(self.browser.screenshot())
