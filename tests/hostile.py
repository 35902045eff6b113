"""Hostile files for tests: what someone may upload to crash, fill or fool the decoder.

`hostile_files(folder)` writes them; each says what it is and whether it must be rejected. Making
them is quick and takes little memory: bombs are headers, or highly compressible.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


@dataclass(frozen=True, kw_only=True)
class HostileFile:
    """One file; `must_reject` is False where reading it as a harmless photo is as good."""

    path: Path
    what: str
    must_reject: bool


Made = tuple[str, str, bytes, bool]
"""What it is, extension, bytes, whether it must be rejected."""


def hostile_files(folder: Path, n: int = 300, seed: int = 7) -> list[HostileFile]:
    """Write `n` hostile files to the folder, the same for the same seed."""
    rng = random.Random(seed)
    made = [*_fixed(), *_animated(), *_bombs(), *_tiffs(), *_odd_photos()]
    base = len(made)
    damaged = _damaged(rng)
    while len(made) < n:
        made.append(next(damaged))
    if n < base:
        made = rng.sample(made, n)
    files = []
    for number, (what, extension, data, must_reject) in enumerate(made):
        path = folder / f"{number:03}-{what.replace(' ', '-')}.{extension}"
        path.write_bytes(data)
        files.append(HostileFile(path=path, what=what, must_reject=must_reject))
    return files


def drawing(width: int = 320, height: int = 240, seed: int = 1) -> Image.Image:
    """Return a colourful drawing without a face."""
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), (200, 210, 220))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.randrange(width), rng.randrange(height)
        size = rng.randrange(5, 60)
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + size, y + size), fill=colour)
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the image in a format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic(name: str = "plain") -> bytes:
    """Return one of the kept HEIC files: nothing here can write that format."""
    return (Path(__file__).parent / "vectors" / "heic" / f"{name}.heic").read_bytes()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return one PNG chunk with its length and sum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, rows: bytes, *chunks: bytes, colour: int = 2) -> bytes:
    """Return a PNG that claims a size, whatever its compressed rows hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zeros(megabytes: int) -> bytes:
    """Return compressed zeros, a thousandth of their size."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


def _fixed() -> Iterator[Made]:
    """Yield what is no photo at all, and one thing under the name of another."""
    jpeg, picture = saved(drawing(), "JPEG"), saved(drawing(), "PNG")
    rng = random.Random(3)
    texts = {
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "pdf": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        "html": b"<html><script>alert(1)</script></html>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
        "zip": b"PK\x03\x04" + bytes(200),
        "elf": b"\x7fELF" + bytes(500),
        "python": b"import os; os.abort()\n",
        "json": b'{"photo": "none"}',
        "mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(300),
        "photoshop": b"8BPS\x00\x01" + bytes(40),
        "icon": b"\x00\x00\x01\x00\x01\x00" + bytes(40),
        "xbm": b"#define x_width 9\n#define x_height 9\nstatic char x_bits[] = {0};\n",
        "ppm": b"P6\n99999 99999\n255\n",
        "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60),
        "utf-16 text": "nothing".encode("utf-16") * 30,
    }
    yield "empty", "jpg", b"", True
    yield "one byte", "png", b"\x89", True
    for what, data in texts.items():
        yield f"{what} as jpg", "jpg", data, True
        yield f"{what} as png", "png", data, True
    for count in (10, 1000, 100_000):
        yield f"{count} zero bytes", "jpg", bytes(count), True
        yield f"{count} random bytes", "jpg", rng.randbytes(count), True
    for start in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00"):
        yield "start and random bytes", "jpg", start + rng.randbytes(4000), True
    for start in (b"RIFF\xff\xff\x00\x00WEBPVP8 ", b"RIFF\x10\x00\x00\x00WEBP", b"MM\x00*"):
        yield "start and random bytes", "webp", start + rng.randbytes(4000), True
    for brand in (b"heic", b"avif", b"mif1", b"msf1"):
        head = b"\x00\x00\x00\x1cftyp" + brand + bytes(4) + b"mif1heic" + brand
        yield f"{brand.decode()} head only", "heic", head, True
        yield f"{brand.decode()} head and random", "heic", head + rng.randbytes(3000), True
    yield "png under jpg", "jpg", picture, False
    yield "jpeg under png", "png", jpeg, False
    yield "jpeg under txt", "txt", jpeg, False
    yield "zip after jpeg", "jpg", jpeg + texts["zip"], False
    yield "html after jpeg", "jpg", jpeg + texts["html"], False
    yield "jpeg after html", "jpg", texts["html"] + jpeg, True
    yield "png after jpeg", "jpg", jpeg + picture, False
    yield "html in a jpeg comment", "jpg", _with_segment(jpeg, 0xFE, texts["html"]), False


def _with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _animated() -> Iterator[Made]:
    frames = [drawing(64, 48, seed) for seed in range(4)]
    many = [Image.new("P", (32, 32), number % 250) for number in range(1500)]
    yield (
        "gif of 1500 frames",
        "gif",
        saved(many[0], "GIF", save_all=True, append_images=many[1:], optimize=False),
        False,
    )
    for kind in ("PNG", "WEBP", "GIF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        yield f"animated {kind.lower()}", kind.lower(), data, False
        yield f"animated {kind.lower()} cut", kind.lower(), data[: len(data) // 8], True
    control = png_chunk(b"acTL", struct.pack(">II", 0xFFFFFF, 0))
    rows = zlib.compress((b"\x00" + bytes(64 * 3)) * 64)
    yield "apng that claims 16 million frames", "png", png(64, 64, rows, control), False
    yield (
        "gif of endless empty frames",
        "gif",
        (
            b"GIF89a\x20\x00\x20\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
            + b"!\xf9\x04\x00\x00\x00\x00\x00" * 50_000
            + b";"
        ),
        True,
    )


def _bombs() -> Iterator[Made]:
    """Yield files that claim, or unpack to, far more than they are."""
    for width, height in (
        (25_000, 25_000),
        (60_000, 60_000),
        (1, 2**31 - 1),
        (2**31 - 1, 2**31 - 1),
    ):
        yield f"png of {width} x {height}", "png", png(width, height, zeros(1)), True
    yield "png of no pixels", "png", png(0, 0, zlib.compress(b"")), True
    yield "png of 7000 x 7000 without rows", "png", png(7000, 7000, zlib.compress(b"\x00")), True
    yield "png with 40 times too many rows", "png", png(500, 500, zeros(40)), False
    text = png_chunk(b"zTXt", b"note\x00\x00" + zeros(300))
    yield "png with 300 MB of text", "png", png(64, 64, zeros(1), text), False
    profile = png_chunk(b"iCCP", b"p\x00\x00" + zeros(200))
    yield "png with 200 MB of profile", "png", png(64, 64, zeros(1), profile), False
    for width, height in ((65_000, 65_000), (65_500, 20), (40_000, 30_000)):
        yield f"jpeg of {width} x {height}", "jpg", jpeg_of_size(width, height), True
    yield "jpeg of 9000 x 9000 without data", "jpg", jpeg_of_size(9000, 9000), True
    yield "jpeg of no height", "jpg", jpeg_of_size(320, 0), True
    progressive = saved(drawing(), "JPEG", progressive=True)
    yield "progressive of 9500 x 9500", "jpg", _resized(progressive, b"\xff\xc2", 9500, 9500), True
    scan = progressive[progressive.index(b"\xff\xda") :]
    yield "jpeg of 20000 scans", "jpg", progressive[:-2] + (scan[:200] * 20_000) + b"\xff\xd9", True
    for width, height in ((65_535, 65_535), (20_000, 20_000)):
        screen = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + bytes(6)
        image = b"," + struct.pack("<HHHH", 0, 0, width, height) + b"\x00\x02\x02\x4c\x01\x00;"
        yield f"gif of {width} x {height}", "gif", screen + image, True
    small = b"GIF89a" + struct.pack("<HH", 32, 32) + b"\x80\x00\x00" + bytes(6)
    beyond = b"," + struct.pack("<HHHH", 60_000, 60_000, 5000, 5000) + b"\x00\x02\x02\x4c\x01\x00;"
    yield "gif frame outside its screen", "gif", small + beyond, True
    for width, height in ((16_384, 16_384), (12_000, 12_000)):
        canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
        yield f"webp of {width} x {height}", "webp", _riff(body), True
        size = (width - 1) | (height - 1) << 14
        body = b"WEBPVP8L" + struct.pack("<I", 9) + b"\x2f" + struct.pack("<I", size & 0xFFFFFFFF)
        yield f"lossless webp of {width} x {height}", "webp", _riff(body + bytes(40)), True
    for width, height in ((50_000, 50_000), (-5, -5), (2**31 - 1, 1)):
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        data = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head
        yield f"bmp of {width} x {height}", "bmp", data + bytes(300), True


def _riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG whose header claims another size."""
    return _resized(saved(drawing(), "JPEG"), b"\xff\xc0", width, height)


def _resized(jpeg: bytes, marker: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(marker) + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def tiff(entries: list[tuple[int, int, int, int]], follow: int = 0, tail: bytes = b"") -> bytes:
    """Return a little-endian TIFF with one directory of (tag, type, count, value)."""
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + directory + struct.pack("<I", follow) + tail


def _tiffs() -> Iterator[Made]:
    def grey(width: int, height: int, compression: int = 1) -> list[tuple[int, int, int, int]]:
        return [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 8),
            (259, 3, 1, compression),
            (262, 3, 1, 1),
            (273, 4, 1, 150),
            (277, 3, 1, 1),
            (278, 4, 1, height),
            (279, 4, 1, 100),
        ]

    yield "tiff of 60000 x 60000", "tif", tiff(grey(60_000, 60_000)), True
    yield "tiff of 4 billion px a side", "tif", tiff(grey(2**32 - 1, 2**32 - 1)), True
    yield "deflate tiff of 20000 x 20000", "tif", tiff(grey(20_000, 20_000, 8), 0, zeros(20)), True
    yield "deflate tiff without data", "tif", tiff(grey(5000, 5000, 8)), True
    yield "tiff whose directory follows itself", "tif", tiff(grey(64, 64), follow=8), True
    yield "tiff with a directory beyond the end", "tif", b"II*\x00" + struct.pack("<I", 2**31), True
    yield "tiff of 65535 entries", "tif", b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(900), True
    yield "tiff with huge counts", "tif", tiff([*grey(64, 64), (305, 2, 2**31, 8)]), True
    offsets = [(330, 4, 1, 8)] * 40
    yield "tiff of nested sub-directories", "tif", tiff([*grey(64, 64), *offsets], follow=8), True
    chain = b"".join(
        struct.pack("<HHHIII", 1, 254, 4, 1, 0, 8 + 18 * (number + 1)) for number in range(5000)
    )
    yield (
        "tiff of 5000 directories in a row",
        "tif",
        b"II*\x00" + struct.pack("<I", 8) + chain,
        True,
    )
    whole = saved(drawing(), "TIFF", compression="tiff_lzw")
    yield "tiff cut", "tif", whole[: len(whole) // 2], True


def _odd_photos() -> Iterator[Made]:
    """Yield odd but honest photos: reading them right is as good as refusing them."""
    photo = drawing()
    deep = (np.arange(320 * 240, dtype=np.uint16).reshape(240, 320) * 200) % 65_535
    yield "16-bit grey png", "png", saved(Image.fromarray(deep.astype(np.uint16)), "PNG"), False
    yield "16-bit grey tiff", "tif", saved(Image.fromarray(deep.astype(np.uint16)), "TIFF"), False
    yield "float tiff", "tif", saved(Image.fromarray(deep.astype(np.float32)), "TIFF"), True
    for mode in ("1", "L", "LA", "P", "RGBA"):
        yield f"png of mode {mode}", "png", saved(photo.convert(mode), "PNG"), False
    for kind, extension in (("JPEG", "jpg"), ("TIFF", "tif")):
        yield f"cmyk {kind.lower()}", extension, saved(photo.convert("CMYK"), kind), False
    for turn in (*range(9), 99, 65_535):
        exif = Image.Exif()
        exif[0x0112] = turn
        yield f"exif orientation {turn}", "jpg", saved(photo, "JPEG", exif=exif), False
    for kind, extension in (("HEIF", "heic"), ("AVIF", "avif"), ("WEBP", "webp"), ("BMP", "bmp")):
        data = heic() if kind == "HEIF" else saved(photo, kind)
        yield f"whole {extension}", extension, data, False
        yield f"{extension} cut", extension, data[: len(data) // 2], True
    yield (
        "jpeg with broken exif",
        "jpg",
        saved(photo, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff"),
        False,
    )
    yield "jpeg with broken profile", "jpg", saved(photo, "JPEG", icc_profile=b"\xff" * 900), False
    for size in ((1, 1), (3, 900), (15, 15)):
        yield f"{size[0]} x {size[1]} px", "png", saved(photo.resize(size), "PNG"), True
    yield "very long strip", "png", saved(photo.resize((20_000, 16)), "PNG"), False


def _damaged(rng: random.Random) -> Iterator[Made]:
    """Yield photos cut short, or with bytes changed, without end."""
    photo = drawing(400, 300, 5)
    whole = {
        "jpg": saved(photo, "JPEG", quality=90),
        "png": saved(photo, "PNG"),
        "webp": saved(photo, "WEBP"),
        "gif": saved(photo, "GIF"),
        "bmp": saved(photo, "BMP"),
        "tif": saved(photo, "TIFF", compression="tiff_adobe_deflate"),
    }
    progressive = saved(photo, "JPEG", progressive=True)

    def cut(extension: str) -> Made:
        data = whole[extension]
        return f"cut {extension}", extension, data[: rng.randrange(4, len(data) * 9 // 10)], True

    def cut_progressive(_: str) -> Made:
        return (
            "cut progressive",
            "jpg",
            progressive[: rng.randrange(4, len(progressive) - 400)],
            True,
        )

    def changed(extension: str) -> Made:
        data = bytearray(whole[extension])
        for _ in range(rng.choice((1, 12, 200))):
            data[rng.randrange(12, len(data))] = rng.randrange(256)
        return f"changed {extension}", extension, bytes(data), False

    def zeroed(extension: str) -> Made:
        data = bytearray(whole[extension])
        start = rng.randrange(2, len(data) // 2)
        data[start : start + 400] = bytes(len(data[start : start + 400]))
        return f"zeroed {extension}", extension, bytes(data), False

    def repeated(extension: str) -> Made:
        data = whole[extension]
        return f"repeated {extension}", extension, data[: len(data) // 2] + data, False

    ways: list[Callable[[str], Made]] = [cut, changed, zeroed, cut_progressive, repeated]
    while True:
        for extension in whole:
            for way in ways:
                yield way(extension)
