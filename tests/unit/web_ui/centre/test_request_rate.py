"""Too many requests of one address wait, others do not notice."""

from web_ui.centre.est.request_rate import MAX_ADDRESSES, RequestRate


def test_an_address_beyond_the_limit_waits_until_its_minute_is_over() -> None:
    now_s = [100.0]
    rate = RequestRate(3, lambda: now_s[0])
    assert [rate.wait_s("10.0.0.1") for _ in range(3)] == [0, 0, 0]
    now_s[0] += 20
    assert rate.wait_s("10.0.0.1") == 40
    assert rate.wait_s("10.0.0.2") == 0
    now_s[0] += 40
    assert rate.wait_s("10.0.0.1") == 0


def test_addresses_of_one_ipv6_network_count_together() -> None:
    rate = RequestRate(1, lambda: 0.0)
    assert rate.wait_s("2001:db8::1") == 0
    assert rate.wait_s("2001:db8::2") > 0
    assert rate.wait_s("2001:db8:0:1::1") == 0


def test_the_memory_is_bounded() -> None:
    rate = RequestRate(1, lambda: 0.0)
    for number in range(MAX_ADDRESSES + 10):
        rate.wait_s(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert rate.wait_s("10.0.0.0") == 0  # forgotten
    assert rate.wait_s(f"10.0.{(MAX_ADDRESSES + 9) >> 8}.{(MAX_ADDRESSES + 9) & 255}") > 0
