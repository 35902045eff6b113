"""The vague-reason gate: does a reason for a search say something that can be checked later?

It cannot judge whether a reason is true or good. It refuses what says nothing: no words, too few of
them, a mash of keys, one word over and over, stock phrases, a bare number. Anything with enough words
that are none of these is accepted, in any language. More words never make an accepted reason vague:
every test looks for something that is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LEAST_TELLING, LEAST_LETTERS = 2, 10
"""So many words that would not fit any search, with so many letters, are enough."""

LEAST_WORDS = 5
"""Of so many different words, one that tells something is enough."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019\u02bc][^\W_]+)*")
# Scripts without spaces between words, and how many of their letters make about one word.
_UNSPACED = (
    (re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[\U00020000-\U0003ffff]"), 2),
    (re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"), 4),
)
_LETTERS_OF_A_WORD = 5

_LATIN = re.compile("[a-z]+")
_ONE_OR_TWO_LETTERS = re.compile(r"(.)\1*(.)(?:\1|\2)+|(.)\3+")
_REPEATED = re.compile(r"(.{2,6})\1+")
_NO_VOWEL = re.compile("[bcdfghjklmnpqrstvwxz]{5,}")
_MANY_CONSONANTS = re.compile("[bcdfghjklmnpqrstvwxz]{6}")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop")
_KEYS = tuple(keys for row in _ROWS for keys in (row, row[::-1]))
_FEW_KEYS, _MANY_KEYS = 3, 5

_STOCK = frozenset(
    """
    a about again all already also an and another any are as ask asked at
    be because been being boss by
    case chase check checked checking checks cid
    colleague confidential continue continued continuing crime criminal current
    daily demo discussed do does doing done duty
    enquiries enquiry etc examination
    file find finding follow for forces foo bar baz from
    general get give given going
    had has have he her him his
    id identification identify important in info information inquiries inquiry instructed intelligence
    interest interests internal into investigate investigating investigation investigations is it its
    job just
    know law lead leads legal legit line look looking lookup
    made make match matter me more my
    n na necessary need needed new no none normal not nothing number
    of official offence ok okay on one ongoing open operation operational or order ordered other our
    per person photo picture please police policing procedure proceedings process purpose purposes
    query quick random reason reasons ref reference regular related request requested required requires
    result results routine run
    same search searched searching secret see she some something standard still stuff subject
    suspect suspected suspicion suspicious
    tbc tbd test tested testing tests that the their them there these they thing this those to trial try trying
    up urgent use used using
    verification verify
    want wanted was we were what who whom why will with work working
    x xx xxx y yes you your
    dienstlich ermittlung ermittlungen fahndung polizei prufung
    affaire enquete verification
    caso investigacion prueba
    тест расследование
    调查 测试 侦查 搜査 テスト
    """.split()  # noqa: SIM905 # in quotes each, they would fill pages
)
"""Words that say nothing without another one beside them."""


def what_is_vague(reason: str) -> str:
    """Return in one sentence what a reason lacks; empty if it says something."""
    words = _words(reason)
    if not words:
        return "Say in words why this person is searched for."
    telling = {word for word in words if word not in _STOCK and not _is_mash(word)}
    if not telling:
        if not words - _STOCK:
            return "These words would fit any search. Say what happened, and when or where."
        return "This cannot be read as words. Say what happened, and when or where."
    if _count(telling) >= LEAST_TELLING and _letters(telling) >= LEAST_LETTERS:
        return ""
    if _count(words) >= LEAST_WORDS:
        return ""
    return "The reason is too short. Say what happened, and when or where, in a few words."


def _words(text: str) -> frozenset[str]:
    """Return the different words of letters, without accents; numbers and references are none."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(sign for sign in plain if not unicodedata.category(sign).startswith("M"))
    return frozenset(word for word in _WORD.findall(letters) if word.isalpha() or "'" in word)


def _is_mash(word: str) -> bool:
    """Say whether this is one letter, the same letters over and over, or keys side by side."""
    if len(word) == 1 and _unspaced(word) is None:
        return True
    if not _LATIN.fullmatch(word):
        return False
    return (
        bool(_ONE_OR_TWO_LETTERS.fullmatch(word) or _REPEATED.fullmatch(word))
        or bool(_NO_VOWEL.fullmatch(word) or _MANY_CONSONANTS.search(word))
        or _are_keys(word)
    )


def _are_keys(word: str) -> bool:
    """Say whether the keys of the word lie side by side: all of a few, or many among others."""
    if len(word) >= _FEW_KEYS and any(word in keys for keys in _KEYS):
        return True
    runs = (word[at : at + _MANY_KEYS] for at in range(len(word) - _MANY_KEYS + 1))
    return any(run in keys for run in runs for keys in _KEYS)


def _unspaced(word: str) -> float | None:
    """Return how many words a run of a script without spaces is about; None for other scripts."""
    found = [
        len(set(letters.findall(word))) / of_a_word
        for letters, of_a_word in _UNSPACED
        if letters.search(word)
    ]
    return sum(found) if found else None


def _count(words: Iterable[str]) -> float:
    return sum(1 if (run := _unspaced(word)) is None else run for word in words)


def _letters(words: Iterable[str]) -> float:
    return sum(
        len(word) if (run := _unspaced(word)) is None else run * _LETTERS_OF_A_WORD
        for word in words
    )
