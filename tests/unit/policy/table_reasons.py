"""Reasons that say something, in many languages, and reasons that say nothing."""

NO_WORDS = "Say in words why this person is searched for."
STOCK = "These words would fit any search. Say what happened, and when or where."
MASH = "This cannot be read as words. Say what happened, and when or where."
SHORT = "The reason is too short. Say what happened, and when or where, in a few words."

CONCRETE = (
    "Seen at the station on 3 May",
    "Trying out how a search works",
    "a test reason in words",
    "a reason in enough words",
    "Reported missing on 3 May",
    "Reported missing",
    "found after a restart",
    "reported by her sister",
    "Burglary in Mill Lane, filmed at the back door",
    "Stolen car; the driver was filmed at the toll gate",
    "Woman found unconscious near the harbour, no papers",
    # Exactly enough: two telling words of five letters, and five words of which one tells something.
    "stabbing harbour",
    "stabb harbo",
    "车站 stabb",
    "property stolen",
    "Agreed with the archive",
    "er stabbing",
    "人 火 车 站",
    "search for the suspect Schmidt",
    "Anna's bruise",
    "Am 3. Mai am Bahnhof gesehen",
    "vermisst seit Montag",
    "Disparue depuis mardi à Lyon",
    "Vista en la estación el martes",
    "widziany na dworcu",
    "нашли на вокзале без документов",
    "είδαν στον σταθμό",
    "شوهد في المحطة يوم الثلاثاء",
    "נעדר מאז יום שלישי",
    "स्टेशन पर देखा गया",
    "5월 3일 역에서 목격됨",
    "五月三日在火车站被人看到",
    "火车站看",
    "駅で目撃された男性の身元確認",
    "เห็นที่สถานีรถไฟเมื่อวันจันทร์",
    "เมื่อวานซจ",
)

VAGUE = {
    "": NO_WORDS,
    " \n\t": NO_WORDS,
    "123": NO_WORDS,
    "26-0417": NO_WORDS,
    "--- ... ---": NO_WORDS,
    "🔥🔥🔥": NO_WORDS,
    "\u0301\u0301": NO_WORDS,
    "investigation": STOCK,
    "Investigation.": STOCK,
    "INVESTIGATION!!": STOCK,
    "police work": STOCK,
    "test": STOCK,
    "checking": STOCK,
    "n/a": STOCK,
    "as discussed": STOCK,
    "ongoing enquiry": STOCK,
    "Ongoing enquiries into the case": STOCK,
    "routine check of a person of interest": STOCK,
    "police investigation into the suspect": STOCK,
    "boss asked me to do this search": STOCK,
    "case 26-0417": STOCK,
    "the the the the the the": STOCK,
    "Ermittlung": STOCK,
    "Prüfung": STOCK,
    "Enquête": STOCK,
    "расследование": STOCK,
    "调查": STOCK,
    "asdf": MASH,
    "fdsa": MASH,
    "lkjh": MASH,
    "asd qwe zxc": MASH,
    "asdfasdf jkl": MASH,
    "qwerty qwertz uiop": MASH,
    "qwertyasa asdfgeee": MASH,
    "aaaa bbbb cccc": MASH,
    "abab baba": MASH,
    "aaa ababa": MASH,
    "werty": MASH,
    "rtz": MASH,
    "yxc": MASH,
    "aze": MASH,
    "xqwert": MASH,
    "hahaha blabla": MASH,
    "sdfgh bcdfg": MASH,
    "hjfdkslahe wrtpsdfgo": MASH,
    "k q z": MASH,
    "test asdf": MASH,
    "missing missing missing": SHORT,
    "Missing MISSING missing": SHORT,
    "MP-17": SHORT,
    "measured": SHORT,
    "kidnapping": SHORT,
    "murder investigation": SHORT,
    "seen ago": SHORT,
    "stab harbo": SHORT,
    "stabbb ha": SHORT,
    "for the suspect Schmidt": SHORT,
    "调查调查": SHORT,
    "车站 stab": SHORT,
    "火车站": SHORT,
    "เมื่อ": SHORT,
}


def concrete_reasons_are_accepted(p):
    """Find nothing vague about them."""
    for reason in CONCRETE:
        assert p.reasons.what_is_vague(reason) == "", reason


def vague_reasons_are_refused_in_one_sentence(p):
    """Find in each what it lacks."""
    for reason, sentence in VAGUE.items():
        assert p.reasons.what_is_vague(reason) == sentence, reason


TABLES = (concrete_reasons_are_accepted, vague_reasons_are_refused_in_one_sentence)
