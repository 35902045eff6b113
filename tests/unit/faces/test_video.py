"""Looking through a video: who is gathered, which frames are offered, and what is refused."""

from __future__ import annotations

import dataclasses
import io
import struct
import wave

import numpy as np
import pytest
from clips import COLOURS, GREY, HEIGHT, RATE, SIDE, WIDTH, SquareEyes, clip, quality
from PIL import Image

from countenance.errors import VideoRejected
from countenance.faces import wire
from countenance.faces.grouping import chosen, closeness, gather, worth
from countenance.faces.looking import look_through
from countenance.faces.reel import (
    BEST,
    Place,
    Sighting,
    VideoLimits,
    check_bytes,
    clock_words,
    from_reel,
    to_reel,
)
from countenance.faces.types import Face, Gate
from countenance.faces.video import Video, digest, to_png

LIMITS = VideoLimits()


def still(_):
    return {"red": (20, 20)}


def two_people(at):
    """Red is there throughout; green comes, goes, and comes back elsewhere."""
    there = {"red": (10, 10 + int(2 * at))}
    if 1 <= at < 4:
        there["green"] = (100, 60)
    if 7 <= at < 9:
        there["green"] = (60, 80)
    return there


def looked(data, limits=LIMITS, tell=lambda _: None):
    return look_through(Video(data, limits), SquareEyes(), limits, tell)


def test_a_person_who_walks_out_and_comes_back_is_one_group(tmp_path):
    reel = looked(clip(tmp_path, 10, two_people))
    assert len(reel.groups) == 2
    red, green = reel.groups
    assert (red.first, round(red.last, 1)) == (0.0, 9.5)
    assert 1 <= green.first < 2
    assert 8 <= green.last < 9
    assert green.seen < red.seen
    assert reel.complete
    assert (reel.width, reel.height, round(reel.seconds)) == (WIDTH, HEIGHT, 10)


def test_the_frames_offered_of_a_group_are_some_time_apart(tmp_path):
    reel = looked(clip(tmp_path, 10, still))
    times = [one.place.seconds for one in reel.groups[0].best]
    assert len(times) == BEST
    assert min(abs(a - b) for a in times for b in times if a != b) >= 1


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("mp4v", "mp4"), ("mp4v", "mov"), ("MJPG", "avi"), ("VP80", "webm"), ("mp4v", "mkv")],
)
def test_usual_containers_and_codecs_are_read(tmp_path, codec, suffix):
    reel = looked(clip(tmp_path, 3, still, codec=codec, suffix=suffix))
    assert len(reel.groups) == 1
    assert 2.4 < reel.groups[0].last < 3


def test_the_frame_that_is_taken_is_pixel_by_pixel_the_one_that_was_looked_at(tmp_path):
    data = clip(tmp_path, 30, lambda at: {"blue": (int(4 * at), 40)})
    places = [one.place for one in looked(data).groups[0].best]
    assert max(place.seconds for place in places) > 6
    for place in places:
        frame = Video(data, LIMITS).find(place)
        assert digest(frame.pixels) == place.sha256
        with Image.open(io.BytesIO(to_png(frame.pixels))) as picture:
            assert np.array_equal(np.asarray(picture), frame.pixels)


def test_a_frame_that_a_video_does_not_have_is_refused(tmp_path):
    data = clip(tmp_path, 8, still)
    wrong = Place(number=60, seconds=6.0, stamp=60, sha256="0" * 64)
    with pytest.raises(VideoRejected, match="no such picture"):
        Video(data, LIMITS).find(wrong)


def test_progress_grows_to_the_end(tmp_path):
    told = []
    looked(clip(tmp_path, 5, still), tell=told.append)
    assert told == sorted(told)
    assert 0.8 < told[-1] <= 1


def test_one_template_is_made_for_each_face_that_was_followed(tmp_path):
    data = clip(tmp_path, 10, two_people)
    eyes = SquareEyes()
    look_through(Video(data, LIMITS), eyes, LIMITS, lambda _: None)
    assert eyes.embedded == 3  # red once, green twice, however often each was seen


def test_no_template_has_a_field_in_what_a_worker_answers(tmp_path):
    reel = looked(clip(tmp_path, 3, still))
    said = from_reel(reel)
    assert set(said["groups"][0]["best"][0]) == {
        *("place", "box", "landmarks", "score", "quality", "gate", "reason", "crop")
    }
    assert from_reel(to_reel(said, LIMITS)) == said


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("seconds",), float("nan")),
        (("groups", 0, "best"), []),
        (("groups", 0, "best", 0, "crop"), "text"),
        (("groups", 0, "best", 0, "box"), [1.0, 2.0]),
        (("groups", 0, "best", 0, "gate"), "splendid"),
        (("groups", 0, "best", 0, "place", "sha256"), "../../etc"),
        (("groups", 0, "best", 0, "place", "number"), -1),
        (("groups", 0, "best", 0, "reason"), "x" * 1000),
    ],
)
def test_what_a_worker_says_is_checked(tmp_path, where, value):
    said = from_reel(looked(clip(tmp_path, 3, still)))
    inner = said
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(wire.BadFrame):
        to_reel(said, LIMITS)


def test_more_groups_than_the_limit_are_counted_not_listed(tmp_path):
    limits = dataclasses.replace(LIMITS, groups=1)
    reel = looked(clip(tmp_path, 10, two_people), limits)
    assert (len(reel.groups), reel.left_out) == (1, 1)


def test_faces_beyond_what_is_followed_are_counted(tmp_path):
    limits = dataclasses.replace(LIMITS, tracks=1)
    reel = looked(clip(tmp_path, 10, two_people), limits)
    assert len(reel.groups) == 1
    assert reel.left_out >= 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0 a photo", "not a video"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "not a video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a video"),
        (b"\x00\x00\x00\x18ftypmp42 and nothing else", "No picture"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "No picture"),
    ],
)
def test_what_is_no_video_is_refused_in_words(data, words):
    with pytest.raises(VideoRejected, match=words):
        Video(data, LIMITS)


def test_a_video_that_was_cut_off_is_refused_or_called_incomplete(tmp_path):
    data = clip(tmp_path, 20, still, codec="MJPG", suffix="avi")
    reel = looked(data[: len(data) // 2])
    assert not reel.complete
    assert reel.seconds < 15
    with pytest.raises(VideoRejected, match="No picture"):
        Video(clip(tmp_path, 5, still)[:900], LIMITS)


def test_a_file_with_sound_only_is_refused():
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    with pytest.raises(VideoRejected):
        Video(sound.getvalue(), LIMITS)


def test_an_encrypted_video_is_called_that(tmp_path):
    data = bytearray(clip(tmp_path, 2, still))
    at = data.index(b"stsd") + 16
    assert data[at : at + 4] == b"mp4v"
    data[at : at + 4] = b"encv"
    with pytest.raises(VideoRejected, match="encrypted"):
        Video(bytes(data), LIMITS)


def test_a_container_that_calls_its_pictures_huge_is_not_believed(tmp_path):
    data = bytearray(clip(tmp_path, 2, still, codec="MJPG", suffix="avi"))
    at = data.index(b"strf") + 8
    assert struct.unpack("<ii", data[at + 4 : at + 12]) == (WIDTH, HEIGHT)
    data[at + 4 : at + 12] = struct.pack("<ii", 60_000, 60_000)
    reel = looked(bytes(data))
    assert (reel.width, reel.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"file_bytes": 1000}, "at most 0 MB"),
        ({"seconds": 3.0}, "longer than"),
        ({"side": 100}, "100 px a side"),
        ({"pixels": 1000}, "megapixels"),
    ],
)
def test_each_limit_is_kept_before_anything_is_decoded(tmp_path, limits, words):
    with pytest.raises(VideoRejected, match=words):
        Video(clip(tmp_path, 5, still), dataclasses.replace(LIMITS, **limits))


@pytest.mark.parametrize(
    ("limits", "words"),
    [({"frames": 20}, "more than 20"), ({"decoded": WIDTH * HEIGHT * 20}, "pixels in all")],
)
def test_a_video_that_goes_on_and_on_is_stopped(tmp_path, limits, words):
    with pytest.raises(VideoRejected, match=words):
        looked(clip(tmp_path, 5, still), dataclasses.replace(LIMITS, **limits))


def test_a_video_that_hides_its_length_is_stopped_at_the_limit(tmp_path):
    data = clip(tmp_path, 20, still, codec="VP80", suffix="webm")
    shorter = dataclasses.replace(LIMITS, seconds=5.0)
    hidden = data.replace(b"\x44\x89", b"\xec\x89", 1)  # the duration becomes an element to skip
    video = Video(data, LIMITS)
    assert video.said > 0
    with pytest.raises(VideoRejected, match="longer than"):
        looked(hidden, shorter)


def test_faces_seen_in_one_picture_are_never_gathered():
    same = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert sorted(map(sorted, gather(same, [{1}, {1}, {2}]))) in ([[0, 2], [1]], [[0], [1, 2]])
    assert gather(same, [{1}, {2}, {3}]) == [[0, 1, 2]]


def test_faces_that_do_not_look_alike_are_never_gathered():
    assert gather(np.eye(3), [{1}, {2}, {3}]) == [[0], [1], [2]]


def test_a_face_goes_on_where_one_was_a_moment_ago_and_nowhere_else():
    box = (10.0, 10.0, 20.0, 20.0)
    assert closeness(box, (14.0, 12.0, 21.0, 20.0)) > 0
    assert closeness(box, (60.0, 10.0, 20.0, 20.0)) == 0
    assert closeness(box, (10.0, 10.0, 80.0, 80.0)) == 0
    assert closeness(box, (11.0, 10.0, 20.0, 20.0)) > closeness(box, (18.0, 10.0, 20.0, 20.0))


def test_frames_that_compare_better_come_first():
    face = Face(box=(0.0, 0.0, 9.0, 9.0), landmarks=((0.0, 0.0),) * 5, score=0.9)

    def seen(seconds, **figures):
        place = Place(number=int(seconds * RATE), seconds=seconds, stamp=0, sha256="0" * 64)
        return Sighting(place=place, face=face, quality=quality(**figures), crop=b"")

    small = seen(1.0, eye_distance=10.0)
    turned = seen(3.0, yaw=60.0)
    limited = seen(5.0, gate=Gate.LIMITED, reason="The face is blurred.")
    good = seen(7.0)
    assert chosen([small, turned, limited, good])[0] is good
    assert worth(good.quality) > worth(limited.quality)


def test_a_scene_that_changes_ends_what_was_followed(tmp_path):
    """Another face in the same place after a cut is another face."""
    path = tmp_path / "cut.avi"
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, (WIDTH, HEIGHT))
    for number in range(60):
        before = number < 30
        frame = np.full((HEIGHT, WIDTH, 3), GREY if before else (200, 200, 200), np.uint8)
        frame[20 : 20 + SIDE, 20 : 20 + SIDE] = COLOURS["red" if before else "blue"][::-1]
        writer.write(frame)
    writer.release()
    reel = looked(path.read_bytes())
    assert sorted((group.first, group.last) for group in reel.groups) == [(0.0, 2.5), (3.0, 5.5)]


def test_how_a_file_begins_is_checked_without_decoding_it(tmp_path):
    check_bytes(clip(tmp_path, 1, still), LIMITS)
    with pytest.raises(VideoRejected):
        check_bytes(b"GIF89a and so on", LIMITS)


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (62.9, "1:02"), (754, "12:34")])
def test_times_are_said_as_minutes_and_seconds(seconds, words):
    assert clock_words(seconds) == words
