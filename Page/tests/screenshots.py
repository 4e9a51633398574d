"""Pictures of the page: those of the documentation, and one of every state in each view."""
import resource
from pathlib import Path
from typing import NamedTuple

from browser import Browser
from many_songs import copy_song
from page_test import ServicePageUser
from songs import Songs
from subject import GatedSubject


class View(NamedTuple):
    name: str
    width: int
    height: int
    is_dark: bool


LIGHT = View("light", 1440, 900, False)
DARK = View("dark", 1440, 900, True)
PHONE = View("phone", 390, 844, False)
LANDSCAPE = View("landscape", 844, 390, True)

LONG_NAME = "A song whose name is much longer than the room that any list has for it, (live at the harbour)"


class Studio(ServicePageUser):
    """Takes pictures of the page of a service, which is a `gated-service`: a song that is seen running is held."""

    def __init__(self, browser: Browser, binary: str, folder: Path, songs: Songs):
        self.browser, self.binary, self.folder, self.song, self.notes = browser, binary, folder, songs.wav, songs.text
        folder.mkdir(parents=True, exist_ok=True)

    # Contents of the pictures

    def documentation(self) -> None:
        """service-light.png, service-dark.png and service-phone.png."""
        self.begin()
        self.upload(self.song("Harbour Lights.wav", 150))
        self.until_done("Harbour Lights")
        # The same sound would be known already.
        self.service.hold(30)
        self.upload(self.notes("notes.txt"), self.song("Second Thoughts.wav", 151), self.song("Paper Boats.wav", 30))
        self.wait("document.querySelectorAll('#jobs li').length === 3 && document.body.innerText.includes('58 %')")
        self.open_song("Harbour Lights")
        self.page("await stage.mixer.seek(42); stage.mixer.setLoop([30, 65]); stage.mixer.changeVolume(1, -3)")
        for view in (LIGHT, DARK, PHONE):
            self.shoot(f"service-{view.name}", view)
        self.end()

    def states(self) -> None:
        self.begin()
        self.states_before_a_song()
        self.states_of_the_queue()
        self.states_of_a_song()
        self.states_of_the_list()
        self.states_without_the_service()
        self.end()
        self.states_of_other_services()

    def states_before_a_song(self) -> None:
        self.wait("!document.querySelector('#example').hidden")
        self.shoot("empty")
        self.script("document.querySelector('.drop details').open = true")
        self.shoot("options")
        self.script("document.querySelector('.drop details').open = false; document.body.classList.add('dragging')")
        self.shoot("dragging")
        self.script("document.body.classList.remove('dragging'); document.querySelector('#help').click()")
        self.shoot("help")
        self.script("document.querySelector('#help-dialog').close()")
        self.upload(self.notes("notes.txt"))
        self.wait("document.querySelector('#queue li[data-state=failed]')")
        self.shoot("refused upload")
        self.script("document.querySelector('#queue li button:last-of-type').click()")
        self.browser.get(self.service.url + "#song=000000000000000000000000")
        self.wait("document.body.innerText.includes('no longer here')")
        self.shoot("gone")
        self.browser.get("about:blank")
        self.browser.get(self.service.url)

    def states_of_the_queue(self) -> None:
        self.service.hold(10)
        self.upload(self.song(f"{LONG_NAME}.wav", 90),
                    self.song("Second Thoughts.wav", 90), self.song("Paper Boats.wav", 30), self.song("Undone.wav", 30))
        self.wait("document.querySelectorAll('#jobs li').length === 4 && document.querySelector('.mixer .play')")
        self.shoot("playing while it computes", prepare="if (!stage.mixer.isPlaying) await stage.mixer.toggle(); await stage.mixer.seek(1)")
        self.page("await stage.mixer.seek(80)")
        self.shoot("waiting for a part")
        self.select_song("Undone")
        self.shoot("in line")
        self.script("document.querySelector('.mixer .actions .plain').click()")
        self.wait("document.querySelector('.message:not(#empty)')")
        self.shoot("cancelled")
        self.select_song(LONG_NAME)
        self.wait("document.querySelector('.mixer .actions .plain')")
        self.script("document.querySelector('.mixer .actions .plain').click()")
        self.wait("document.querySelector('.song .facts').textContent.includes('cancelled here')")
        self.shoot("part of a cancelled song")

    def states_of_a_song(self) -> None:
        self.service.open()
        self.until_done("Second Thoughts")
        self.until_done("Paper Boats")
        self.open_song("Second Thoughts")
        self.wait("document.querySelector('.rehearsal .facts').textContent !== ''")
        self.shoot("done")
        self.page("await stage.mixer.seek(42); stage.mixer.setLoop([30, 65]); stage.mixer.toggleStrip(3, 'isMuted'); stage.mixer.toggleStrip(1, 'isSolo'); stage.mixer.toggleStrip(0, 'isSolo'); stage.mixer.changeVolume(1, -30)")
        self.shoot("mixed", prepare="if (!stage.mixer.isPlaying) await stage.mixer.toggle()")
        self.page("await stage.mixer.toggle(); stage.mixer.resetMix()")
        self.set_slider("Speed", 80)
        self.set_slider("Pitch", -3)
        self.script("""
            const rehearsal = document.querySelector('.rehearsal');
            rehearsal.querySelector('.more').open = true;
            rehearsal.querySelectorAll('.check input').forEach((box) => box.click());
            rehearsal.querySelector('.section').click();""")
        self.shoot("rehearsal")
        self.script("document.querySelector('.rehearsal .more').open = false")
        self.page("stage.mixer.setLoop(null); await stage.mixer.seek(40); stage.mixer.zoom(16)")
        self.shoot("bars")
        self.page("stage.mixer.zoom(2000)")
        self.shoot("samples")
        self.page("stage.mixer.zoom(1e-6); await stage.mixer.toggleSpectrogram()")
        self.shoot("spectrogram", prepare="await drawn(); await until(() => stage.mixer.board.spectrograms.isComplete)")
        self.page("await stage.mixer.toggleSpectrogram()")
        self.script("document.querySelector('.menu').open = true")
        self.shoot("downloads")
        self.script("document.querySelector('.menu').open = false")
        self.shoot("original", prepare="if (stage.mixer.mix.original !== null) await stage.mixer.compare(); await stage.mixer.compare()")
        self.shoot("share", prepare="[...document.querySelectorAll('.actions .plain')].find(({ textContent }) => textContent === 'Share').click()")

    def states_of_the_list(self) -> None:
        self.script("document.querySelector('#select').click()")
        self.script("[...document.querySelectorAll('#queue .pick')].slice(0, 2).forEach((box) => box.click())")
        self.shoot("selecting", prepare="document.querySelector('#queue-region').scrollIntoView()")
        press = "[...document.querySelectorAll('#library button')].find(({ textContent }) => textContent.startsWith('Delete'))?.click();"
        self.shoot("asking again", prepare=press + "document.querySelector('#queue-region').scrollIntoView()")
        self.script("document.querySelector('#select').click()")
        search = "const search = document.querySelector('#search'); search.value = '%s'; search.dispatchEvent(new Event('input'));"
        self.script(search % "gamma")
        self.shoot("found nothing", prepare="document.querySelector('#queue-region').scrollIntoView()")
        self.script(search % "")

    def states_without_the_service(self) -> None:
        self.service.reply_not_ready()
        self.browser.refresh()
        self.wait("!document.querySelector('#banner').hidden")
        self.shoot("getting ready")
        self.service.proxy.reply_no_more("/readyz")
        self.service.hold(10)
        self.upload(self.song("Running.wav", 80))
        self.wait("document.querySelector('.song h1')?.textContent === 'Running' && document.querySelector('.mixer .play')")
        self.service.proxy.cut()
        self.wait("document.body.innerText.includes('No connection to the service')")
        self.shoot("no connection")
        self.service.proxy.join()

    def states_of_other_services(self) -> None:
        self.begin("-n", "hdemucs_mmi", "--offline", is_ready=False)
        self.wait("!document.querySelector('#banner').hidden")
        self.shoot("no model")
        self.end()

        self.begin("--token-file", self.notes("tokens", "open-sesame-open-sesame\n"))
        self.wait("document.querySelector('#token-dialog').open")
        self.shoot("token")
        self.end()

        self.begin()
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (8_000_000, resource.RLIM_INFINITY))
        self.upload(self.song("Paper Boats.wav", 30))
        self.wait("document.querySelector('#jobs li[data-state=failed]')")
        self.shoot("failed")
        self.end()

        self.begin()
        self.upload(self.song("Song.wav", 5))
        self.until_done("Song")
        source = self.service
        self.end()
        self.begin(prepare=lambda data: copy_song(source.data, data, 3000))
        self.wait("document.querySelector('.mixer .play')")
        self.shoot("many songs")
        self.end()

    # How they are made

    def begin(self, *options: str, is_ready: bool = True, prepare=lambda data: None) -> None:
        self.service = GatedSubject(self.binary, *options)
        prepare(self.service.data)
        self.service.start(is_ready)
        self.browser.size(LIGHT.width, LIGHT.height)
        self.browser.get(self.service.url)
        self.wait("document.querySelector('#engine').textContent !== '' || document.querySelector('dialog[open]')")

    def end(self) -> None:
        self.browser.get("about:blank")
        self.service.close()

    def shoot(self, name: str, *views: View, prepare: str = "") -> None:
        """A picture in each view, by default in all, after a script."""
        for view in views or (LIGHT, DARK, PHONE, LANDSCAPE):
            self.browser.size(view.width, view.height)
            self.browser.dark(view.is_dark)
            self.script("scrollTo(0, 0)")
            # Parts are loaded for the new size, and fade in.
            self.page(prepare + "; await new Promise((resolve) => setTimeout(resolve, 700))")
            file = name if views else f"{name}, {view.name}"
            (self.folder / f"{file}.png").write_bytes(self.browser.screenshot())

    def until_done(self, title: str) -> None:
        self.wait("[...document.querySelectorAll('#jobs li[data-state=done] .name')].some(({ textContent }) => textContent === args[0])", title)
