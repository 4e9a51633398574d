"""Builds the engine with the Swift toolchain, and puts it into the wheel.

In a checkout the engine is the folder above; in an sdist it is `engine/`. The wheel runs on this
machine only, until auditwheel has added the libraries that it needs (`tools/package wheel` does).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The layout of an installation, in which library and program find the models.
MODELS = "swift_demucs/share/swift-demucs/models"
LICENCES = "swift_demucs/licenses"


class EngineBuild(BuildHookInterface):
    """Adds the library, the program, two models and licences to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the engine before hatchling collects the files."""
        if self.target_name == "sdist":
            # The tests that Package.swift names; the data of tests would double the size.
            root = Path(self.root).parent
            names = re.findall(r'\w+(?=")', (root / "Package.swift").read_text())
            for folder in sorted(path for path in (root / "Tests").iterdir() if path.is_dir()):
                if folder.name in names:
                    build_data["force_include"][str(folder)] = f"engine/Tests/{folder.name}"
            return
        packed = Path(self.root) / "engine"
        engine = packed if packed.is_dir() else Path(self.root).parent
        self.out = Path(tempfile.mkdtemp())
        subprocess.run([engine / "packaging" / "build_static", "--wheel", self.out], check=True)
        library = next(self.out.glob("libswiftdemucs.so.*"))
        files = {
            library: "swift_demucs/lib/libswiftdemucs.so.1",
            self.out / "swift-demucs": "swift_demucs/bin/swift-demucs",
            engine / "packaging" / "THIRD_PARTY.md": f"{LICENCES}/THIRD_PARTY.md",
        }
        for name in ("demo.safetensors", "selftest.safetensors"):
            files[engine / "Models" / name] = f"{MODELS}/{name}"
        files.update(_licences(library))
        build_data["force_include"].update({str(path): place for path, place in files.items()})
        build_data["pure_python"] = False
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes the build folder."""
        if self.target_name == "wheel":
            shutil.rmtree(self.out)


def _licences(library: Path) -> dict[Path, str]:
    """The licences of the Swift toolchain, whose runtime is linked in, and of the Debian packages
    of the libraries that auditwheel will add."""
    swiftc = shutil.which("swiftc")
    toolchain = Path(swiftc or "/usr/bin/swiftc").resolve().parents[1]
    found = {toolchain / "share" / "swift" / "LICENSE.txt": f"{LICENCES}/Swift-LICENSE.txt"}
    if shutil.which("dpkg"):
        needed = subprocess.run(["ldd", library], check=True, capture_output=True, text=True)
        for path in re.findall(r"=> (/\S+)", needed.stdout):
            owner = subprocess.run(
                ["dpkg", "-S", Path(path).resolve()], check=False, capture_output=True, text=True
            )
            package = owner.stdout.split(":")[0]
            text = Path("/usr/share/doc") / package / "copyright"
            if package and not package.startswith(("libc6", "libgcc")) and text.is_file():
                found[text] = f"{LICENCES}/{package}.txt"
    return {path: place for path, place in found.items() if path.is_file()}
