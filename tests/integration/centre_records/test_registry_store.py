"""The registry in a real database: all files or nothing, no row twice, and the merge of 133 wards by one file."""

import threading
from datetime import date, timedelta
from importlib.resources import files

import pytest

from kiosk.core.rules import OpeningHours
from kiosk.system.csv_output import csv_text
from mqtt.centre.ingest.database import open_query
from mqtt.centre.registry.csv_format import file_rows
from mqtt.centre.registry.store import ImportResult, RegistryFileError, import_files, read_rows, read_version
from mqtt.centre.registry.tree import Registry, make_registry

REFORM = date(2025, 7, 1)
SAMPLE = files("mqtt.centre.registry").joinpath("data/hue-areas-2025.csv").read_bytes()
AREA_HEADER = "code,parent,kind,name_vi,name_en,since,until,merged_into\r\n"


def import_texts(database: str, *contents: bytes) -> ImportResult:
    with open_query(database) as query:
        named = [(f"{number}.csv", content) for number, content in enumerate(contents)]
        return import_files(query, named, OpeningHours.parse)


def registry_of(database: str) -> Registry:
    with open_query(database) as query:
        return make_registry(read_rows(query))


def test_the_sample_is_the_city_with_21_wards_and_19_communes(database: str) -> None:
    assert import_texts(database, SAMPLE) == ImportResult(41, 0, 0)
    registry = registry_of(database)
    (root,) = registry.roots(REFORM)
    kinds = [area.kind for area in registry.children(root, REFORM)]
    assert (kinds.count("ward"), kinds.count("commune")) == (21, 19)
    assert root.name("vi") == "Thành phố Huế"


def test_the_same_file_again_changes_nothing(database: str) -> None:
    import_texts(database, SAMPLE)
    assert import_texts(database, SAMPLE) == ImportResult(0, 0, 41)


def test_an_export_can_be_imported_elsewhere(database: str) -> None:
    sites = (
        "site,title,area,kind,opening_hours,contact,since\na,=Chợ,19753,market,mon-sun 06:00-18:00,+84 1,2025-08-01\n"
    )
    import_texts(database, SAMPLE, sites.encode())
    rows = registry_of(database).rows
    exported = [csv_text(file_rows(kind, rows)).encode() for kind in ("areas", "sites")]
    assert import_texts(database, *exported) == ImportResult(0, 0, 42)


def test_one_mistake_in_one_of_two_files_leaves_everything_as_it_was(database: str) -> None:
    with open_query(database) as query:
        version = read_version(query)
    bad = b"site,title,area,kind,since\nx,X,99999,shop,2025-08-01\nY,Y,19753,shop,2025-08-01\n"
    with pytest.raises(RegistryFileError) as caught:
        import_texts(database, SAMPLE, bad)
    assert sorted(mistake.line for mistake in caught.value.mistakes) == [2, 3]
    assert list(registry_of(database).rows) == []
    with open_query(database) as query:
        assert read_version(query) == version


def test_the_same_row_in_two_files_is_a_mistake(database: str) -> None:
    with pytest.raises(RegistryFileError, match="the same row stands in 0"):
        import_texts(database, SAMPLE, SAMPLE)


def old_wards() -> tuple[str, str]:
    """133 wards of before the reform with made-up names, and the file that merges them into the 40 of the sample."""
    codes = [line.split(",")[0] for line in SAMPLE.decode().splitlines()[2:]]
    before = [f"old-{n},46,ward,Đơn vị {n},,2025-01-01,," for n in range(133)]
    merge = [f"old-{n},46,ward,Đơn vị {n},,2025-01-01,2025-07-01,{codes[n % 40]}" for n in range(133)]
    root = "46,,city,Thành phố Huế,Hue City,2025-01-01,,"
    new = SAMPLE.decode().splitlines()[2:]
    return "\r\n".join([AREA_HEADER.strip(), root, *before]), "\r\n".join([AREA_HEADER.strip(), *merge, *new])


def test_one_file_merges_133_wards_into_40_and_no_device_changes(database: str) -> None:
    before, merge = old_wards()
    sites = "site,title,area,kind,since\n" + "".join(f"site-{n},Site {n},old-{n},shop,2025-01-01\n" for n in range(133))
    devices = "device,site,title,since\n" + "".join(f"site-{n}/gate-1,site-{n},Cổng 1,2025-01-01\n" for n in range(133))
    import_texts(database, before.encode(), sites.encode(), devices.encode())
    devices_before = registry_of(database).rows.devices
    assert import_texts(database, merge.encode()) == ImportResult(40, 133, 267)
    registry = registry_of(database)
    assert registry.rows.devices == devices_before
    last_day = REFORM - timedelta(days=1)
    for number, site in enumerate(sorted(registry.rows.sites, key=lambda site: int(site.site[5:]))):
        old, new = registry.area_of_site(site, last_day), registry.area_of_site(site, REFORM)
        assert old
        assert old.code == f"old-{number}"
        assert new
        assert new.since == REFORM
        assert new.code == old.merged_into
    assert len(registry.children(registry.roots(last_day)[0], last_day)) == 133
    assert len(registry.children(registry.roots(REFORM)[0], REFORM)) == 40


def test_two_imports_at_the_same_time_run_one_after_the_other(database: str) -> None:
    import_texts(database, SAMPLE)
    failures: list[Exception] = []

    def import_site(name: str) -> None:
        try:
            import_texts(database, f"site,title,area,kind,since\n{name},X,19753,shop,2025-08-01\n".encode())
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=import_site, args=[f"site-{n}"]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(registry_of(database).rows.sites) == 8
