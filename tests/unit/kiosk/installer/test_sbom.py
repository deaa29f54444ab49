"""The bill of materials names every wheel and package of the bundle with its hash, and is valid CycloneDX."""

import hashlib
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from packageurl import PackageURL
from referencing import Registry, Resource

from kiosk.installer.bundle import sbom

SCHEMAS = ("bom-1.6", "spdx", "jsf-0.82", "cryptography-defs")
METADATA = {
    "numpy-2.4.6-cp311-cp311-manylinux_2_28_aarch64.whl": "Name: numpy\nVersion: 2.4.6\nLicense-Expression: BSD-3-Clause AND MIT\n",
    "numpy-2.4.6-cp313-cp313-manylinux_2_28_aarch64.whl": "Name: numpy\nVersion: 2.4.6\nLicense-Expression: BSD-3-Clause AND MIT\n",
    "opencv-5.0-py3-none-any.whl": "Name: opencv_python\nVersion: 5.0\nLicense: Apache 2.0\nSummary: Đọc ảnh\n",
    "old-1-py3-none-any.whl": "Name: old\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\n",
    "bare-1-py3-none-any.whl": "Name: bare\nVersion: 1\n",
    "entrance_kiosk-0.2.0-py3-none-any.whl": "Name: entrance-kiosk\nVersion: 0.2.0\nLicense-Expression: Apache-2.0\n",
}
PACKAGES = (
    "bookworm-arm64/libzbar0_0.23.92-7+deb12u1_arm64.deb",
    "trixie-arm64/libjpeg62-turbo_1%3a2.1.5-2_arm64.deb",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    for name, metadata in METADATA.items():
        with zipfile.ZipFile(tmp_path / "wheels" / name, "w") as archive:
            archive.writestr(f"{name.partition('-')[0]}.dist-info/METADATA", f"Metadata-Version: 2.4\n{metadata}")
            archive.writestr("vendored/other.dist-info/METADATA", "Name: other\n")
    for name in PACKAGES:
        path = tmp_path / "debs" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode())
    return tmp_path


def write(folder: Path) -> Path:
    """The bill of all that is below `folder`."""
    debs = [(path.parent.name.partition("-")[0], path) for path in (folder / "debs").rglob("*.deb")]
    return sbom.write_sbom(folder, "0.2.0", (folder / "wheels").iterdir(), debs)


def schema(name: str) -> Any:
    return json.loads((files("cyclonedx") / "schema/_res" / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))


def mistakes(tree: Any) -> list[str]:
    resources = [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", schema(name)) for name in SCHEMAS]
    registry: Registry[Any] = Registry().with_resources(
        (address, Resource.from_contents(content)) for address, content in resources
    )
    return [error.message for error in Draft7Validator(schema("bom-1.6"), registry=registry).iter_errors(tree)]


def test_the_bill_is_valid_cyclonedx(folder: Path) -> None:
    tree = json.loads(write(folder).read_text(encoding="ascii"))
    assert mistakes(tree) == []
    assert (tree["bomFormat"], tree["specVersion"]) == ("CycloneDX", "1.6")
    assert mistakes({**tree, "components": [{"name": "x"}]}), "the schema is applied"


def test_every_wheel_and_package_is_named_with_its_hash_and_licence(folder: Path) -> None:
    tree = json.loads(write(folder).read_text(encoding="ascii"))
    by_hash = {each["hashes"][0]["content"]: each for each in tree["components"]}
    paths = [*(folder / "wheels").iterdir(), *(folder / "debs").rglob("*.deb")]
    assert set(by_hash) == {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    (product,) = (each for each in tree["dependencies"] if each["ref"] == sbom.PRODUCT)
    assert len(product["dependsOn"]) == len(paths)
    licences = {each["name"]: each.get("licenses") for each in tree["components"]}
    assert licences["numpy"] == [{"expression": "BSD-3-Clause AND MIT"}]
    assert licences["opencv_python"] == [{"license": {"name": "Apache 2.0"}}]
    assert licences["old"] == [{"license": {"name": "MIT License"}}]
    turbo = next(each for each in tree["components"] if each["name"] == "libjpeg62-turbo")
    assert turbo["version"] == "1:2.1.5-2"
    purl = PackageURL.from_string(turbo["purl"])
    assert (purl.type, purl.version, purl.qualifiers) == ("deb", "1:2.1.5-2", {"arch": "arm64", "distro": "trixie"})


def test_the_same_files_give_the_same_bill(folder: Path) -> None:
    first = write(folder).read_bytes()
    assert write(folder).read_bytes() == first
