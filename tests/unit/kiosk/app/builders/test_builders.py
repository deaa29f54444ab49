"""The builders pass each setting to its part as a plain argument."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk import config
from kiosk.app.builders import delivery, gate, hardware
from kiosk.delivery.device_reporter import ConnectionFactory
from kiosk.hardware.gpio.signal_output import OutputPins
from mqtt.connection import BrokerConnectionError, OutgoingMessage
from tests.fakes.parts.connection import FakeBroker, ManualClock

WILL = OutgoingMessage("entrance/market/gate-1/state", b"{}")


def test_the_output_pins_are_those_of_the_configuration() -> None:
    gpio = config.GpioSettings(green=13, buzzer=None, relay=23, active_high=False, buzzer_kind="passive")
    assert hardware.output_pins(gpio) == OutputPins(
        green=13, red=27, amber=22, buzzer=None, relay=23, passive_buzzer=True, active_high=False
    )


def test_the_default_pins_of_driver_and_configuration_are_equal() -> None:
    assert hardware.output_pins(config.GpioSettings()) == OutputPins()


@pytest.mark.parametrize("key", ["admit_button", "undo_button"])
def test_each_button_has_the_action_of_its_setting(key: str) -> None:
    done: list[str] = []
    actions: dict[str, Callable[[], None]] = {name: lambda name=name: done.append(name) for name in hardware.BUTTONS}  # type: ignore[misc]  # bound
    (button,) = hardware.build_buttons(
        config.GpioSettings.model_validate({"pin_factory": "mock", key: 5}),
        on_admit=actions["admit_button"],
        on_undo=actions["undo_button"],
    )
    button._on_hold()
    button.close()
    assert done == [key]


def test_the_limits_of_the_database_are_those_of_the_configuration(tmp_path: Path) -> None:
    store = gate.open_event_store(config.StorageSettings(path=tmp_path / "events.db", max_rows=12_345))
    assert store.limits.max_rows == 12_345
    store.close()


def test_the_broker_is_that_of_the_configuration(tmp_path: Path) -> None:
    endpoint, other = delivery.broker_endpoints(
        config.MqttSettings(
            brokers=("broker.example:1884", "[::1]:1885"), version="3.1.1", tls=False, ca=tmp_path / "ca.pem"
        )
    )
    assert (endpoint.host, endpoint.port) == ("broker.example", 1884)
    assert (other.host, other.port) == ("::1", 1885)
    assert (endpoint.mqtt_version, endpoint.tls) == ("3.1.1", False)
    assert endpoint.ca_path == tmp_path / "ca.pem"
    assert endpoint.key_path is None


def test_the_camera_has_the_size_of_the_configuration() -> None:
    camera = hardware.build_camera(config.CameraSettings(source="picamera2", width=640, height=480, rotation=180))
    assert camera.__dict__.items() >= {"_asked_size": (640, 480), "_upside_down": True}.items()


@pytest.mark.parametrize(
    "error", [OSError(errno.EMFILE, "Too many open files"), ImportError("no free file descriptor")]
)
def test_an_mqtt_client_that_cannot_be_loaded_is_tried_again_at_the_next_connection(error: Exception) -> None:
    broker = FakeBroker(ManualClock())
    attempts = iter([error, None])

    def load() -> ConnectionFactory:
        if (failure := next(attempts)) is not None:
            raise failure
        return broker.connect

    connect = delivery.connect_late(load)
    with pytest.raises(BrokerConnectionError, match="cannot be loaded"):
        connect(WILL)
    first, second = connect(WILL), connect(WILL)
    assert first is not None
    assert second is not None
    assert next(attempts, "loaded once") == "loaded once"
