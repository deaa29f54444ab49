"""The tree of areas on a day: merges, successors, sites and devices with dates, and the checks of rows that do not fit."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kiosk.core.rules import OpeningHours
from mqtt.centre.registry.checks import check_rows, merge_rows
from mqtt.centre.registry.csv_format import parse_file
from mqtt.centre.registry.model import Area, RegistryRows, Site, is_valid_on
from mqtt.centre.registry.tree import Registry, make_registry

REFORM = date(2025, 7, 1)
BEFORE, AFTER = REFORM - timedelta(days=1), REFORM
OLD = """code,parent,kind,name_vi,since
46,,city,Thành phố Huế,2025-01-01
d1,46,district,Quận,2025-01-01
1,d1,ward,Phường Một,2025-01-01
2,d1,ward,Phường Hai,2025-01-01
3,d1,ward,Phường Ba,2025-01-01
"""
MERGE = """code,parent,kind,name_vi,since,until,merged_into
1,d1,ward,Phường Một,2025-01-01,2025-07-01,1
2,d1,ward,Phường Hai,2025-01-01,2025-07-01,1
3,d1,ward,Phường Ba,2025-01-01,2025-07-01,9
d1,46,district,Quận,2025-01-01,2025-07-01,46
1,46,ward,Phường Mới,2025-07-01,,
9,46,ward,Phường Chín,2025-07-01,,
"""
SITES = """site,title,area,kind,since
one,Một,1,office,2025-02-01
two,Hai,2,market,2025-02-01
three,Ba,3,shop,2025-02-01
four,Bốn,9,shop,2025-09-01
"""


def rows_of(*texts: str) -> RegistryRows:
    rows = RegistryRows()
    for text in texts:
        file = parse_file("f.csv", text.encode(), OpeningHours.parse)
        assert file.mistakes == ()
        rows = merge_rows(rows, [file])
        assert check_rows(rows, [file]) == ()
    numbered = (replace(area, number=number) for number, area in enumerate(rows.areas, start=1))
    return RegistryRows(tuple(numbered), rows.sites, rows.devices)


def complaints(*texts: str) -> list[str]:
    files = [parse_file(f"{number}.csv", text.encode(), OpeningHours.parse) for number, text in enumerate(texts)]
    return [str(mistake) for mistake in check_rows(merge_rows(RegistryRows(), files), files)]


def names(registry: Registry, day: date) -> dict[str, str]:
    found = {}
    for site in registry.rows.sites:
        area = registry.area_of_site(site, day) if is_valid_on(site, day) else None
        if area:
            found[site.site] = area.name_vi
    return found


def test_after_a_merge_history_is_right_before_it_and_after_it() -> None:
    registry = make_registry(rows_of(OLD, SITES.replace("four,Bốn,9,shop,2025-09-01\n", ""), MERGE))
    assert names(registry, BEFORE) == {"one": "Phường Một", "two": "Phường Hai", "three": "Phường Ba"}
    assert names(registry, AFTER) == {"one": "Phường Mới", "two": "Phường Mới", "three": "Phường Chín"}


def test_a_site_opened_after_the_merge_is_in_the_new_area() -> None:
    registry = make_registry(rows_of(OLD, MERGE, SITES))
    day = date(2025, 10, 1)
    assert names(registry, day)["four"] == "Phường Chín"
    assert [site.site for site in registry.sites_by_area(BEFORE).get(0, [])] == []


def test_the_path_and_the_children_are_those_of_the_day() -> None:
    registry = make_registry(rows_of(OLD, MERGE))
    old, new = registry.area("1", BEFORE), registry.area("1", AFTER)
    assert old
    assert new
    assert old.number != new.number
    assert [area.code for area in registry.path(old, BEFORE)] == ["46", "d1", "1"]
    assert [area.code for area in registry.path(new, AFTER)] == ["46", "1"]
    root = registry.roots(AFTER)[0]
    assert [area.code for area in registry.subtree(root, AFTER)] == ["46", "1", "9"]


def test_a_later_row_of_a_site_ends_the_earlier_one() -> None:
    move = "site,title,area,kind,since\none,Một,9,office,2025-09-01\n"
    registry = make_registry(rows_of(OLD, MERGE, SITES, move))
    assert names(registry, date(2025, 8, 31))["one"] == "Phường Mới"
    site = registry.site("one", date(2025, 9, 1))
    assert site
    assert registry.area_of_site(site, date(2025, 9, 1)) == registry.area("9", date(2025, 9, 1))


def test_a_device_belongs_to_a_site_with_dates_and_keeps_its_name_on_the_wire() -> None:
    devices = "device,site,title,since\none/gate-1,one,Cổng 1,2025-02-01\none/gate-1,two,Cổng Bắc,2025-09-01\n"
    registry = make_registry(rows_of(OLD, MERGE, SITES, devices))
    assert registry.full_title("one/gate-1", date(2025, 3, 1)) == "Một · Cổng 1"
    assert registry.full_title("one/gate-1", date(2025, 9, 1)) == "Hai · Cổng Bắc"
    assert registry.full_title("new-site/gate-7", date(2025, 9, 1)) == "new-site · gate-7"


def test_rows_that_do_not_fit_are_named_at_their_line() -> None:
    wrong = """code,parent,kind,name_vi,since,until,merged_into
a,b,ward,A,2025-01-01,,
b,a,ward,B,2025-01-01,,
c,zz,ward,C,2025-01-01,,
d,,ward,D,2025-01-01,2025-02-01,nowhere
e,,ward,E,2025-01-01,2025-06-01,
e,,ward,E,2025-05-01,,
"""
    assert complaints(wrong, "site,title,area,kind,since\ns,S,nowhere,shop,2025-01-01\n") == [
        "0.csv: line 2: parent: the area lies below itself",
        "0.csv: line 3: parent: the area lies below itself",
        "0.csv: line 4: parent: the area above, zz, is not valid on 2025-01-01",
        "0.csv: line 5: merged_into: no area nowhere is valid on 2025-02-01",
        "0.csv: line 7: since: e is already valid then: since 2025-01-01, until 2025-06-01",
        "1.csv: line 2: area: no area nowhere is valid on 2025-01-01",
    ]


def test_an_area_above_must_be_valid_as_long_as_the_area_below() -> None:
    text = "code,parent,kind,name_vi,since,until\np,,city,P,2025-01-01,2025-03-01\nc,p,ward,C,2025-01-01,\n"
    assert complaints(text) == ["0.csv: line 3: parent: the area above, p, is not valid on 2025-03-01"]


def test_a_reference_to_a_row_with_a_mistake_is_not_a_second_mistake() -> None:
    areas = "code,kind,name_vi,since\n5,planet,X,2025-01-01\n"
    assert complaints(areas, "site,title,area,kind,since\ns,S,5,shop,2025-01-01\n") == []


@given(st.lists(st.integers(0, 39), min_size=40, max_size=133))
def test_no_site_is_lost_by_any_merge(targets: list[int]) -> None:
    since = date(2025, 1, 1)
    old = [Area(f"o{n}", "46", "ward", f"O{n}", "", since, REFORM, f"n{t}", n + 1) for n, t in enumerate(targets)]
    new = [Area(f"n{t}", "46", "ward", f"N{t}", "", REFORM, None, "", 1000 + t) for t in range(40)]
    sites = [Site(f"s{n}", "S", f"o{n}", "shop", (), None, "", since) for n in range(len(targets))]
    city = Area("46", "", "city", "C", "", since, number=5000)
    registry = make_registry(RegistryRows((city, *old, *new), tuple(sites)))
    for number, site in enumerate(sites):
        before, after = registry.area_of_site(site, BEFORE), registry.area_of_site(site, AFTER)
        assert before is old[number]
        assert after is new[targets[number]]
    assert sum(map(len, registry.sites_by_area(AFTER).values())) == len(sites)
