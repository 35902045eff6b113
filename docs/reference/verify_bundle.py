"""Verify a disclosure bundle of Countenance without Countenance, and without a network.

    python verify_bundle.py BUNDLE.zip [KEY]

KEY is the deployment's public key, 64 hexadecimal digits. Needs Python 3.11 and its package `cryptography`
(for Ed25519). It shares no code with the program and was written from the page "Disclosure bundle". Exit
code 0: the bundle verifies; 1: it does not.
"""

import hashlib
import hmac
import json
import re
import struct
import sys
import zlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FIXED = ["README.txt", "edits.json", "error-rates.json", "ledger/checkpoint.json"]
FIXED += ["ledger/entries.jsonl", "manifest.json", "manifest.sig", "requests.json"]
NAME = "|".join([*map(re.escape, FIXED), rf"(?:examinations|searches)/{ID}\.json"])
NAME += rf"|(?:authority|leads|probes)/{ID}\.(?:json|[a-z0-9]{{1,5}})"
NAME += r"|model-cards/[a-z0-9][a-z0-9.-]{0,79}\.json"
ENTRY = rf'{{"about":(?:null|"({ID})"),"action":"([a-z_.]+)","at":"([-\dT:.]{{26}}Z)"'
ENTRY += r',"commitment":"([0-9a-f]{64})","v":1}'
# The actions whose entry is about a new record; what else is said of records begins with these words.
MADE = {"probe.added": "probes", "probe.derived": "probes", "search.asked": "requests"}
MADE |= {"search.intended": "searches", "examination.begun": "examinations"}
MADE |= {"lead.released": "leads"}
OF_RECORDS = ("candidates.", "conclusion.", "examination.", "lead.", "probe.", "search.")


class Wrong(Exception):
    """The bundle does not verify."""


def need(condition, problem):
    if not condition:
        raise Wrong(problem)


def sha256(data):
    return hashlib.sha256(data).digest()


def unpack(data):
    """Return the members of the archive, of which every byte is as the format wants it."""
    found, directory, at = {}, b"", 0
    while data[at : at + 4] == b"PK\x03\x04":
        size, length = struct.unpack_from("<LH", data, at + 22)
        start = at + 30 + length
        name, body = data[at + 30 : start].decode("ascii"), data[start : start + size]
        need(re.fullmatch(NAME, name) and name > max(found, default=""), "a member's name or place")
        fields = (0, 0, 0, 33, zlib.crc32(body), len(body), len(body), len(name), 0)
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *fields)
        need(data[at:start] == local + name.encode(), "a member's header")
        directory += struct.pack("<4s6H3L2H", b"PK\x01\x02", 20 | 3 << 8, 20, *fields)
        directory += struct.pack("<3H2L", 0, 0, 0, 0o100600 << 16, at) + name.encode()
        found[name], at = body, start + len(body)
    count = len(found)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), at, 0)
    need(data[at:] == directory + end, "the archive's directory")
    return found


def read(data):
    """Return the object that canonical JSON spells (RFC 8785, without fractions)."""

    def ordered(pairs):
        names = [name.encode("utf-16-be") for name, _ in pairs]
        need(names == sorted(set(names)), "the order of names")
        return dict(pairs)

    value = json.loads(data.decode(), object_pairs_hook=ordered, parse_float=int)
    need(isinstance(value, dict) and spelled(value) == data, "canonical JSON")
    return value


def spelled(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def root_of(leaf, index, size, path):
    """Return the root that a path leads to, by the definition of the tree (RFC 9162, 2.1)."""
    need(0 <= index < size and bool(path) == (size > 1), "the length of a proof")
    if size == 1:
        return leaf
    half, (*lower, last) = 1 << ((size - 1).bit_length() - 1), path
    if index < half:
        return sha256(b"\x01" + root_of(leaf, index, half, lower) + last)
    return sha256(b"\x01" + last + root_of(leaf, index - half, size - half, lower))


def entries_of(data, head):
    """Yield (about, action, facts) of each entry that is proved; no facts if the body was erased."""
    before = (-1, "")
    *lines, rest = data.split(b"\n")
    need(not rest, "the last line")
    for line in lines:
        one = read(line)
        about, action, at, commitment = re.fullmatch(ENTRY, one["entry"]).groups()
        need(one["index"] > before[0] and at >= before[1], "the order of entries")
        before = (one["index"], at)
        leaf, path = sha256(b"\x00" + one["entry"].encode()), map(bytes.fromhex, one["path"])
        root = root_of(leaf, one["index"], head["size"], list(path)).hex()
        need(root == head["root"], f"the proof of entry {one['index']}")
        if one.get("erased") is not True:
            body, salt = one["body"].encode(), bytes.fromhex(one["salt"])
            said = hmac.new(salt, body, "sha256").hexdigest()
            need(len(salt) == 32 and said == commitment, f"the body of entry {one['index']}")
        yield about, action, read(body)["facts"] if "body" in one else None


def agrees(action, one, facts, case):
    """Say whether an entry's body says of a record what the record says."""
    if facts.get("case", case) != case:
        return False
    if action in ("probe.added", "probe.derived"):
        return not one["sha256"] or facts.get("sha256", one["sha256"]) == one["sha256"]
    if action == "search.intended":
        probes = [facts["probe"], *(row["probe"] for row in facts.get("more", []))]
        return "case" in facts and probes == one["probes"]
    if action == "search.concluded" and one["state"] != "purged":
        found = [
            [each["subject"], *(f"{face['face']}:{face['similarity']}" for face in each["faces"])]
            for each in one["candidates"]
        ]
        searched = {each["id"]: each["version"] for each in one["galleries"]}
        known = dict.fromkeys(searched) | facts["versions"]
        return (facts["answer"], facts["candidates"], known) == (one["answer"], found, searched)
    if action == "probe.analysed":
        return facts["said"] == sha256(spelled(one["analysis"])).hex()
    if action in ("conclusion.recorded", "conclusion.followed"):
        said = (sha256(spelled(one["said"])).hex(), one["said"]["conclusion"])
        return (
            said == (facts["said"], facts["conclusion"]) and facts.get("follows") == one["follows"]
        )
    return True


def check_entries(of, entries, case):
    """Check that entries and records bear each other out: each names what is there, and all of it."""
    acts, gone = {}, set()
    known = {one: record for kind in of for one, record in of[kind].items()}
    for about, action, facts in entries:
        acts.setdefault(about, set()).add(action)
        if action.startswith(OF_RECORDS):
            need(about in known, f"{action} is about what is missing")
            need(facts is None or agrees(action, known[about], facts, case), f"{action} differs")
        if action == "evidence.purged" and facts is not None:
            gone |= {row["photo"] for row in facts["photos"]}
    for kind in set(MADE.values()):
        for one in of[kind]:
            made = {action for action in acts.get(one, ()) if MADE.get(action) == kind}
            need(made, f"no entry made {kind}/{one}")
    intended = [about for about, action, _ in entries if action == "search.intended"]
    need(sorted(intended) == sorted(of["searches"]), "the number of searches")
    for one, search in of["searches"].items():
        ended = "aborted" if acts[one] & {"search.aborted", "search.held"} else "intended"
        ended = "concluded" if "search.concluded" in acts[one] else ended
        ended = "frozen" if ended == "concluded" and "search.frozen" in acts[one] else ended
        ended = "purged" if "search.purged" in acts[one] else ended
        outcome = {search["answer"] is not None, search["candidates"] is not None}
        need(search["state"] == ended and outcome == {ended == "concluded"}, "how a search ended")
        listed = (search["answer"] == "candidates") == bool(search["candidates"])
        need(listed, "an answer that its list contradicts")
    for one, said in of["examinations"].items():
        need(said["analysis"] is None or "probe.analysed" in acts[one], "an analysis")
    for one, said in of["comparisons"].items():
        how = "conclusion.followed" if said["follows"] else "conclusion.recorded"
        need(said["said"] is None or how in acts.get(one, ()), "a conclusion")
    for one, probe in of["probes"].items():
        need(probe["file"] or one in gone, "a photo is missing")


def check_members(of, files, edits):
    """Check that what records name is there, and that no file is there that no record names."""
    with_file = [
        (kind, one) for kind in ("probes", "leads", "authority") for one in of[kind].values()
    ]
    named = {one["file"]: f"{kind}/{one['id']}." for kind, one in with_file if one["file"]}
    need(set(named) == set(files), "a file that a record names, or that none does")
    need(all(name.startswith(start) for name, start in named.items()), "a file of another record")
    for one in of["probes"].values():
        photo = sha256(files[one["file"]]).hex() if one["file"] else None
        need(photo == one["sha256"], "a photo")
    copies = [(i, one["derived_from"]) for i, one in of["probes"].items() if one["derived_from"]]
    need(sorted((edit["probe"], edit["of"]) for edit in edits) == sorted(copies), "the edits")
    models = {card["id"] for card in of["model-cards"].values()} | {None}
    named = [("probes", original) for _, original in copies]
    named += [("probes", one["probe"]) for one in of["requests"].values()]
    for one in of["searches"].values():
        named += [("probes", probe) for probe in one["probes"]]
        named += [("requests", request) for request in one["requests"]]
        need(one["model"] in models, "a model card")
    for examination in of["examinations"].values():
        for one in examination["comparisons"]:
            named += [("comparisons", one["follows"])] if one["follows"] else []
    need(all(one in of[kind] for kind, one in named), "a record that another one names")
    for one in [*of["examinations"].values(), *of["leads"].values()]:
        search = of["searches"][one["search"]]
        subjects = {each["subject"] for each in search["candidates"] or ()}
        about = {each["subject"] for each in one.get("comparisons", [one])}
        need(
            search["state"] in ("frozen", "purged") or about <= subjects,
            "a subject of no candidate list",
        )


def verify(data, key=None):
    """Return the manifest of a bundle that verifies; raise an error for anything else."""
    members = unpack(data)
    need(set(FIXED) <= set(members), "a member is missing")
    manifest = read(members["manifest.json"])
    need((manifest["format"], manifest["version"]) == ("countenance-bundle", 1), "the format")
    need(key in (None, manifest["public_key"]), "another key than expected")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest["public_key"]))
    public.verify(members["manifest.sig"], b"countenance/bundle/1\0" + members["manifest.json"])
    signed = {name: body for name, body in members.items() if not name.startswith("manifest.")}
    listed = [
        {"name": name, "sha256": sha256(body).hex(), "size": len(body)}
        for name, body in signed.items()
    ]
    need(manifest["members"] == listed, "a member was changed")
    json_of = {name: read(body) for name, body in signed.items() if name.endswith(".json")}
    of = {}
    for folder in ("authority", "examinations", "leads", "probes", "searches"):
        named = {name: one for name, one in json_of.items() if name.startswith(folder)}
        of[folder] = records = {one["id"]: one for one in named.values()}
        need(list(named) == [f"{folder}/{one}.json" for one in records], "a record's name")
    cards = [one for name, one in json_of.items() if name.startswith("model-cards/")]
    compared = [one for each in of["examinations"].values() for one in each["comparisons"]]
    requests = json_of["requests.json"]["requests"]
    for kind, some in (("model-cards", cards), ("comparisons", compared), ("requests", requests)):
        of[kind] = {one["id"]: one for one in some}
        need(len(of[kind]) == len(some), "two records of one id")
    head = manifest["ledger"]
    origin = {"deployment": manifest["deployment"], "made_at": manifest["made_at"]}
    need(json_of["ledger/checkpoint.json"] == head | origin, "the checkpoint")
    entries = list(entries_of(members["ledger/entries.jsonl"], head))
    files = {name: body for name, body in signed.items() if name.split("/")[0] in of}
    edits = json_of["edits.json"]["edits"]
    check_members(of, {name: files[name] for name in files if name not in json_of}, edits)
    check_entries(of, entries, manifest["case"]["id"])
    counts = {kind.replace("-", "_"): len(some) for kind, some in of.items()}
    counts |= {"authorities": counts.pop("authority"), "edits": len(edits), "entries": len(entries)}
    answers = [one["answer"] for one in of["searches"].values()]
    counts["negative_searches"] = sum(one not in (None, "candidates") for one in answers)
    need(counts.pop("comparisons") + 1 and counts == manifest["counts"], "the counts")
    return manifest


def main(file, key=None):
    try:
        found = verify(
            Path(file).read_bytes(), re.sub("[^0-9a-f]", "", key.lower()) if key else None
        )
    except Exception as error:  # whatever a broken file leads to
        sys.exit(f"The bundle does NOT verify: {error or type(error).__name__}")
    print(f"The bundle verifies: case {found['case']['reference']}, {found['counts']}")
    print(f"Ledger: {found['ledger']['size']} entries, root {found['ledger']['root']}")
    print(
        f"Key: {found['public_key']}" + ("" if key else "; ask the agency whether that is its own")
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
