"""Writes the bill of materials of built binaries as SPDX 2.3 JSON to stdout.

    python3 packaging/sbom.py BINARIES --version 0.1.0 --created SECONDS > swift-demucs.spdx.json

BINARIES is a folder that packaging/build_static has filled. The bill lists the program and the library,
the archives that were linked into each (read from the linker's maps), the shared libraries that
each needs (read from its dynamic section) and those that are opened at run time if present. Equal
binaries give equal bytes; --created is the time stamp, in seconds since 1970. An archive without a
known licence is an error: add the licence here, and its text to the packages.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import re
import subprocess
from pathlib import Path

SWIFT = "Apache-2.0 WITH Swift-exception"
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"

# Component and licence of each archive. Archives of the Swift toolchain get its version.
LINKED_ARCHIVES = {
    r"libswift[A-Z_]\w*": ("swift-runtime", SWIFT),
    r"lib(dispatch|BlocksRuntime)": ("swift-corelibs-libdispatch", SWIFT),
    r"lib_?Foundation(Essentials|CShims)": ("swift-foundation", SWIFT),
    r"lib_FoundationCollections": ("swift-collections", SWIFT),
    r"libstdc\+\+": ("libstdc++", GCC),
    r"libgcc": ("libgcc", GCC),
    r"libc_nonshared": ("glibc-nonshared", "LGPL-2.1-or-later WITH GCC-exception-2.0"),
}
SHARED_LIBRARIES = {
    "libsndfile": "LGPL-2.1-or-later",
    "libmp3lame": "LGPL-2.0-or-later",
    "libcurl": "curl",
    "libopenblas": "BSD-3-Clause",
    "libmicrohttpd": "LGPL-2.1-or-later",
    "libarchive": "BSD-2-Clause",
    "libgcc_s": GCC,
    "libc": "LGPL-2.1-or-later",
    "libm": "LGPL-2.1-or-later",
    "ld-linux": "LGPL-2.1-or-later",
}
OPENED_AT_RUN_TIME = (
    "libcurl.so.4",
    "libopenblas.so.0",
    "libmicrohttpd.so.12",
    "libarchive.so.13",
)


def output(*words: str | Path) -> str:
    """Runs a command; returns its standard output."""
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


def swift_version() -> str:
    """The version of the toolchain, `6.3.1`."""
    information = json.loads(output("swift", "-print-target-info"))
    match = re.search(r"Swift version (\S+)", information["compilerVersion"])
    if match is None:
        raise SystemExit(f"error: no version in {information['compilerVersion']!r}")
    return match[1]


def linked_components(binary_map: Path) -> set[tuple[str, str]]:
    """Name and licence of each component whose archives the linker took members from."""
    components = set()
    text = binary_map.read_text(errors="replace")
    for archive in sorted(set(re.findall(r"([\w+]+)\.a\(", text))):
        for pattern, component in LINKED_ARCHIVES.items():
            if re.fullmatch(pattern, archive):
                components.add(component)
                break
        else:
            raise SystemExit(
                f"error: {binary_map.name}: {archive}.a is linked in, but packaging/sbom.py knows no licence for it"
            )
    return components


def needed_libraries(binary: Path) -> list[str]:
    """The shared libraries in the dynamic section."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", "-W", binary))


def shared_licence(soname: str) -> str:
    """The licence of a shared library."""
    name = re.sub(r"(-x86-64|-aarch64)?\.so(\.\d+)*$", "", soname)
    if name not in SHARED_LIBRARIES:
        raise SystemExit(f"error: packaging/sbom.py knows no licence for {soname}")
    return SHARED_LIBRARIES[name]


class Document:
    """SPDX document: packages, each of them once, and their relationships."""

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, object]] = {}
        self.relationships: list[dict[str, str]] = []

    def add(self, name: str, version: str | None, licence: str, **more: object) -> str:
        """Adds a package; returns its identifier."""
        identifier = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]", "-", name)
        package = {"SPDXID": identifier, "name": name, "downloadLocation": "NOASSERTION"}
        if version is not None:
            package["versionInfo"] = version
        package |= {
            "filesAnalyzed": False,
            "licenseConcluded": licence,
            "licenseDeclared": licence,
            "copyrightText": "NOASSERTION",
        }
        self.packages[identifier] = package | more
        return identifier

    def relate(self, element: str, kind: str, other: str) -> None:
        self.relationships.append(
            {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": other}
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("binaries", type=Path, help="the folder with the binaries and their maps")
    parser.add_argument("--version", required=True, help="the version of swift-demucs")
    parser.add_argument("--created", required=True, type=int, help="time stamp, seconds since 1970")
    arguments = parser.parse_args()

    (library,) = arguments.binaries.glob("libswiftdemucs.so.*")
    binaries = {arguments.binaries / "swift-demucs": "swift-demucs", library: "libswiftdemucs"}
    toolchain = swift_version()
    document = Document()
    digest = hashlib.sha256()
    for binary, name in binaries.items():
        content = binary.read_bytes()
        digest.update(content)
        checksum = {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}
        product = document.add(
            name, arguments.version, "MIT", packageFileName=binary.name, checksums=[checksum]
        )
        document.relate("SPDXRef-DOCUMENT", "DESCRIBES", product)
        for component, licence in sorted(linked_components(arguments.binaries / f"{name}.map")):
            version = toolchain if licence == SWIFT else None
            document.relate(product, "STATIC_LINK", document.add(component, version, licence))
        for soname in needed_libraries(binary):
            used = document.add(soname, None, shared_licence(soname))
            document.relate(product, "DYNAMIC_LINK", used)
        for soname in OPENED_AT_RUN_TIME:
            used = document.add(soname, None, shared_licence(soname))
            document.relate(used, "OPTIONAL_DEPENDENCY_OF", product)

    created = datetime.datetime.fromtimestamp(arguments.created, datetime.timezone.utc)
    name = f"swift-demucs-{arguments.version}"
    text = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest.hexdigest()[:32]}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: swift-demucs/packaging/sbom.py"],
        },
        "packages": list(document.packages.values()),
        "relationships": document.relationships,
    }
    print(json.dumps(text, indent=2))


if __name__ == "__main__":
    main()
