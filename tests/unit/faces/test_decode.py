"""Every format of the list is read upright and in its colours; all else is refused in words."""

import numpy as np
import pytest
from hostile import drawing, heic, saved
from PIL import Image

from countenance.errors import ImageRejected
from countenance.faces.decode import decode
from countenance.faces.limits import Limits

LIMITS = Limits()
PHOTO = drawing(400, 300)
PIXELS = np.asarray(PHOTO).astype(int)


def difference(data: bytes, wanted=PIXELS) -> float:
    return float(np.abs(decode(data, LIMITS).pixels.astype(int) - wanted).mean())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_lossless_formats_keep_every_pixel(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode(saved(PHOTO, kind, **options), LIMITS)
    assert decoded.format == kind
    assert np.array_equal(decoded.pixels, PIXELS)


@pytest.mark.parametrize("kind", ["JPEG", "HEIF", "AVIF", "GIF", "WEBP"])
def test_lossy_formats_keep_the_picture(kind):
    assert difference(heic() if kind == "HEIF" else saved(PHOTO, kind)) < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_modes_keep_the_picture(mode):
    if mode == "I;16":
        deep = np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257
        data, grey = saved(Image.fromarray(deep), "PNG"), PHOTO.convert("L")
        assert difference(data, np.asarray(grey.convert("RGB")).astype(int)) < 1
        return
    image = PHOTO.convert(mode)
    wanted = np.asarray(image.convert("RGB")).astype(int)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert difference(saved(image, kind), wanted) < (8 if mode == "CMYK" else 0.01)


def test_progressive_grey_and_cmyk_jpegs_are_read():
    assert difference(saved(PHOTO, "JPEG", progressive=True)) < 8
    grey = PHOTO.convert("L")
    assert difference(saved(grey, "JPEG"), np.asarray(grey.convert("RGB")).astype(int)) < 8


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert (decode(saved(clear, "PNG"), LIMITS).pixels == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(kind, orientation):
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = PHOTO if stored is None else PHOTO.transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(image, kind, exif=exif), LIMITS)
    assert (decoded.width, decoded.height) == (400, 300)
    assert np.abs(decoded.pixels.astype(int) - PIXELS).mean() < 8


@pytest.mark.parametrize(("side", "factor"), [(2559, 1), (2560, 2), (5120, 4), (10_240, 8)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_photos_are_decoded_at_halves_only(side, factor, kind):
    decoded = decode(saved(Image.new("RGB", (side, 200), "teal"), kind), LIMITS)
    assert decoded.factor == factor
    assert decoded.pixels.shape[:2] == (-(-200 // factor), -(-side // factor))
    assert (decoded.width, decoded.height) == (side, 200)


def test_large_cmyk_jpeg_is_scaled_too():
    decoded = decode(saved(Image.new("CMYK", (2600, 200)), "JPEG"), LIMITS)
    assert decoded.pixels.shape == (100, 1300, 3)
    assert (decoded.width, decoded.height) == (2600, 200)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"plain text", "not a photo in a format"),
        (saved(PHOTO, "JPEG")[:-3000], "damaged or incomplete"),
        (saved(PHOTO, "PPM"), "not a photo in a format"),
        (saved(PHOTO.resize((9, 200)), "PNG"), "at least 16 px"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(data, words):
    with pytest.raises(ImageRejected, match=words):
        decode(data, LIMITS)


def test_each_limit_holds_and_is_named():
    data = saved(PHOTO, "PNG")
    cases = [
        (Limits(file_bytes=1000), "at most 0 MB"),
        (Limits(pixels=100_000), "megapixels"),
        (Limits(side=399), "at most 399 px a side"),
    ]
    for limits, words in cases:
        with pytest.raises(ImageRejected, match=words):
            decode(data, limits)
    with pytest.raises(ImageRejected, match="megapixels"):
        decode(saved(PHOTO, "JPEG"), Limits(jpeg_pixels=100_000))


def test_a_png_with_a_flipped_bit_is_refused_instead_of_read_as_garbage():
    data = bytearray(saved(PHOTO, "PNG"))
    data[len(data) // 2] ^= 4
    with pytest.raises(ImageRejected, match="check sum"):
        decode(bytes(data), LIMITS)


def test_bytes_after_a_jpeg_and_broken_exif_do_no_harm():
    assert difference(saved(PHOTO, "JPEG") + b"PK\x03\x04 anything") < 8
    assert difference(saved(PHOTO, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff")) < 8


def test_exif_orientation_of_a_heic_is_not_applied_a_second_time():
    decoded = decode(heic("exif-6"), LIMITS)
    assert (decoded.width, decoded.height) == (400, 300)
