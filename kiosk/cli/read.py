"""`kiosk read`: read the codes in image files. A development tool, and the only program that shows the text of a code."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from kiosk.core.model import DecodedCode
from kiosk.credentials import is_known_format
from kiosk.decoding.preview.image_files import ImageFileError, list_image_files, load_luma
from kiosk.decoding.still_image import decode_image
from kiosk.system.terminal import has_all_letters


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line per picture: file, codes (text, stage), ms.")
def read(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Read the QR codes in pictures: files, or folders with all that is in them.

    ms is the CPU time of reading, without opening the file. Exit status 1 when a picture could not be opened.
    """
    errors = 0
    for path in _image_paths(paths):
        try:
            luma = load_luma(path)
        except ImageFileError as error:
            errors += 1
            _print_error(path, error, as_json=as_json)
            continue
        started_s = time.process_time()
        codes = decode_image(luma, is_known_format=is_known_format)
        _print_result(path, codes, (time.process_time() - started_s) * 1000, as_json=as_json)
    sys.exit(1 if errors else 0)


def _image_paths(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from list_image_files(path)
        else:
            yield path


def _print_result(path: Path, codes_found: tuple[DecodedCode, ...], ms: float, *, as_json: bool) -> None:
    codes = [{"text": text_of_code(reading.data), "stage": reading.stage} for reading in codes_found]
    if as_json:
        click.echo(
            json.dumps({"file": str(path), "codes": codes, "ms": round(ms, 3)}, ensure_ascii=not has_all_letters())
        )
        return
    click.echo(f"{path}: {len(codes) or 'no'} code{'s' if len(codes) != 1 else ''}, {ms:.1f} ms")
    for code in codes:
        click.echo(f"    {code['stage']}: {code['text']}")


def _print_error(path: Path, error: ImageFileError, *, as_json: bool) -> None:
    if as_json:
        line = {"file": str(path), "codes": [], "ms": 0.0, "error": str(error)}
        click.echo(json.dumps(line, ensure_ascii=not has_all_letters()))
    else:
        click.echo(f"{error}", err=True)


def text_of_code(data: bytes) -> str:
    """The bytes of a code as text: UTF-8, else Shift-JIS (Kanji mode), else Latin-1."""
    for charset in ("utf-8", "shift_jis"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
