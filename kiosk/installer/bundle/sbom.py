"""Writes the software bill of materials of a bundle: every wheel and Debian package in it, as CycloneDX 1.6 JSON.

It describes the files that are shipped, not the wishes of uv.lock. Runs on the development machine.
"""

import hashlib
import json
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import unquote

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

SBOM_FILE = "sbom.cdx.json"
PRODUCT = "entrance-kiosk"
_NAMESPACE = uuid.UUID("6f1b4a52-6f0e-5d1c-9c4e-0d7f5b0c2a11")
"""Makes the serial number from the contents: two builds of the same files have the same bill."""


def write_sbom(folder: Path, version: str, wheels: Iterable[Path], debs: Iterable[tuple[str, Path]]) -> Path:
    """Write the bill of wheels and Debian packages (with their suite) into `folder`. The same files give the same bytes."""
    product = Component(name=PRODUCT, version=version, type=ComponentType.APPLICATION, bom_ref=PRODUCT)
    by_name = {path.name: path for path in sorted(wheels)}
    components = [*map(_wheel, by_name.values()), *(_debian_package(suite, path) for suite, path in sorted(debs))]
    hashes = {str(each.bom_ref.value): each.hashes[0].content for each in components}
    bom = Bom(
        components=components,
        metadata=BomMetaData(component=product),
        serial_number=uuid.uuid5(_NAMESPACE, _digest(hashes)),
    )
    bom.register_dependency(product, components)
    tree = json.loads(JsonV1Dot6(bom).output_as_string())
    del tree["metadata"]["timestamp"]  # it would make every build another release
    target = folder / SBOM_FILE
    target.write_text(json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=True) + "\n", encoding="ascii")
    return target


def _wheel(path: Path) -> Component:
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1)
        headers = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    purl = PackageURL(
        "pypi", None, headers["Name"].lower().replace("_", "-"), headers["Version"], {"file_name": path.name}
    )
    return Component(
        name=headers["Name"],
        version=headers["Version"],
        type=ComponentType.LIBRARY,
        bom_ref=path.name,
        purl=purl,
        description=headers["Summary"],
        hashes=[_sha256(path)],
        licenses=list(_licenses(headers["License-Expression"], headers["License"], headers.get_all("Classifier", []))),
    )


def _debian_package(suite: str, path: Path) -> Component:
    """`NAME_VERSION_ARCHITECTURE.deb`, as apt names it."""
    name, version, architecture = path.stem.split("_")
    purl = PackageURL("deb", "debian", name, unquote(version), {"arch": architecture, "distro": suite})
    return Component(
        name=name,
        version=unquote(version),
        type=ComponentType.LIBRARY,
        bom_ref=f"{suite}/{path.name}",
        purl=purl,
        hashes=[_sha256(path)],
    )


def _licenses(expression: str | None, text: str | None, classifiers: list[str]) -> Iterator[License]:
    """The SPDX expression. Without one: the short text of the field or, where that is the whole licence, the classifiers."""
    if expression:
        yield LicenseFactory().make_from_string(expression)
    elif text and "\n" not in text and len(text) <= 80:
        yield LicenseFactory().make_with_name(text)
    else:
        names = (each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: "))
        yield from map(LicenseFactory().make_with_name, names)


def _sha256(path: Path) -> HashType:
    with path.open("rb") as file:
        return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.file_digest(file, "sha256").hexdigest())


def _digest(hashes: dict[str, str]) -> str:
    """One digest over names and contents, independent of their order."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
