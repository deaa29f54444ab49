"""What an HCERT states about vaccination, test and recovery, as far as it decides."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kiosk.credentials.formats import hcert
from tests.fakes.data.hcerts import IAT, certified, claimed


@pytest.mark.parametrize(
    ("certificate", "starts_at"),
    [
        ({"v": [{"ci": "X", "dt": "2026-12-01"}]}, datetime(2026, 11, 30, 10, tzinfo=UTC)),
        ({"t": [{"ci": "X", "sc": "2026-12-01T10:00:00Z"}]}, datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ({"t": [{"ci": "X", "sc": "2026-12-01T10:00:00+07:00"}]}, datetime(2026, 12, 1, 3, tzinfo=UTC)),
        ({"r": [{"ci": "X", "fr": " 2026-12-01 "}]}, datetime(2026, 11, 30, 10, tzinfo=UTC)),
        ({"v": [{"ci": "X", "dt": "2020-01-01"}]}, datetime.fromtimestamp(IAT, UTC)),
        ({"v": [{"ci": "X", "dt": "soon"}]}, datetime.fromtimestamp(IAT, UTC)),
        ({"v": [{"ci": "X", "dt": 20261201}]}, datetime.fromtimestamp(IAT, UTC)),
        ({"v": [{"ci": "X", "dt": "0001-01-01T00:00:00+14:00"}]}, datetime.fromtimestamp(IAT, UTC)),
    ],
)
def test_a_certificate_is_not_valid_before_what_it_states(certificate: dict[str, Any], starts_at: datetime) -> None:
    assert claimed(certified(certificate)).not_before_at == starts_at


@pytest.mark.parametrize(
    ("certificate", "complete"),
    [
        ({"v": [{"dn": 2, "sd": 2}]}, True),
        ({"v": [{"dn": 3, "sd": 2}]}, True),
        ({"v": [{"dn": 1, "sd": 1}]}, True),
        ({"v": [{"dn": 1, "sd": 2}]}, False),
        ({"v": [{"dn": 1, "sd": 2}, {"dn": 2, "sd": 2}]}, True),
        ({"v": [{"dn": 0, "sd": 0}]}, False),
        ({"v": [{"dn": True, "sd": True}]}, False),
        ({"v": [{"dn": "2", "sd": "2"}]}, False),
        ({"v": [{"sd": 2}]}, False),
        ({"t": [{"tr": "260415000"}]}, None),
        ({"v": [{"dn": 1, "sd": 2}], "r": [{"fr": "2026-10-01"}]}, None),
    ],
)
def test_the_doses_of_a_vaccination_are_read(certificate: dict[str, Any], complete: bool | None) -> None:
    assert claimed(certified(certificate)).vaccination_complete is complete


@pytest.mark.parametrize(
    ("certificate", "tested_at"),
    [
        ({"t": [{"sc": "2026-11-01T10:00:00Z"}]}, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ({"t": [{"sc": "2026-11-01T10:00:00Z"}, {"sc": "2026-11-02"}]}, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ({"t": [{"sc": "yesterday"}]}, hcert.UNKNOWN_TIME),
        ({"t": [{}]}, hcert.UNKNOWN_TIME),
        ({"t": ["nothing"]}, hcert.UNKNOWN_TIME),
        ({"v": [{"dn": 1, "sd": 2}]}, None),
        ({"t": [{"sc": "2020-01-01"}], "v": [{"dn": 2, "sd": 2}]}, None),
    ],
)
def test_the_time_of_a_sample_is_read_and_what_cannot_be_read_is_old(
    certificate: dict[str, Any], tested_at: datetime | None
) -> None:
    assert claimed(certified(certificate)).tested_at == tested_at
