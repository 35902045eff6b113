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
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALWAYS = ["README.txt", "edits.json", "error-rates.json", "ledger/checkpoint.json"]
ALWAYS += ["ledger/entries.jsonl", "manifest.json", "manifest.sig", "requests.json"]
FOLDERS = ["authority", "examinations", "leads", "probes", "searches", "model-cards"]
NAME = rf"(?:{'|'.join(FOLDERS)})/[a-z0-9][a-z0-9.-]*\.[a-z0-9]{{1,5}}"
# The actions whose entry is about a new record; what else is said of records begins with these words.
MADE = {"probe.added": "probes", "probe.derived": "probes", "search.asked": "requests"}
MADE |= {"search.intended": "searches", "examination.begun": "examinations"}
MADE |= {"lead.released": "leads"}
RESTORED = "deployment.restored"  # what was done since the backup has no body before this
OF_RECORDS = ("candidates.", "conclusion.", "examination.", "lead.", "probe.", "search.")


def need(condition, problem):
    if not condition:
        raise ValueError(problem)


def sha256(data):
    return hashlib.sha256(data).digest()


def unpack(data):
    """Return the members of the archive; writing them once more must give every byte of it."""
    with ZipFile(BytesIO(data)) as archive:
        stored = sum(one.file_size for one in archive.infolist() if one.compress_type == 0)
        need(len(data) > stored == sum(one.file_size for one in archive.infolist()), "its members")
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    with ZipFile(again := BytesIO(), "w") as archive:
        for name, body in members.items():
            need(name in ALWAYS or re.fullmatch(NAME, name), "a member's name")
            member = ZipInfo(name)  # of 1 January 1980
            member.create_system, member.external_attr = 3, 0o100600 << 16
            archive.writestr(member, body)
    need(again.getvalue() == data and set(ALWAYS) <= set(members), "the archive's bytes")
    return members


def read(data):
    """Return the object that canonical JSON spells (RFC 8785, without fractions)."""

    def in_order(pairs):
        return dict(sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be")))

    no = {"parse_float": int, "parse_constant": int}  # neither 0.5 nor NaN is an integer
    value = json.loads(data.decode(), object_pairs_hook=in_order, **no)
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
    for one in map(read, lines):
        entry = read(one["entry"].encode())
        need([*entry] == ["about", "action", "at", "commitment", "v"], "the form of an entry")
        about, action, at, commitment, _ = entry.values()
        need(one["index"] > before[0] and at >= before[1], "the order of entries")
        before = (one["index"], at)
        leaf, path = sha256(b"\x00" + one["entry"].encode()), map(bytes.fromhex, one["path"])
        root = root_of(leaf, one["index"], head["size"], list(path)).hex()
        need(root == head["root"], f"the proof of entry {one['index']}")
        facts = None
        if one.get("erased") is not True:
            body, salt = one["body"].encode(), bytes.fromhex(one["salt"])
            said = hmac.new(salt, body, "sha256").hexdigest()
            need(len(salt) == 32 and said == commitment, f"the body of entry {one['index']}")
            facts = read(body)["facts"]
        yield about, action, facts


def agrees(action, one, facts, case):
    """Say whether an entry's body says of a record what the record says."""
    if facts.get("case", case) != case:
        return False
    if action in ("probe.added", "probe.derived"):
        return not one["sha256"] or facts.get("sha256", one["sha256"]) == one["sha256"]
    if action == "search.intended":
        probes = [facts["probe"], *(row["probe"] for row in facts.get("more", []))]
        noted = [facts.get(name) for name in ("threshold", "wanted_fpir", "subjects", "evaluation")]
        mode, point = facts.get("mode"), one.get("point")
        if point is None:
            listed = mode == "investigation" and one["mode"] != "operating point"
            return "case" in facts and probes == one["probes"] and (listed or mode is None)
        least = f"{float(point['threshold']):.6f}"
        frozen = [least, point["wanted_fpir"], point["subjects"], point["evaluation"]]
        said = [probes, mode, noted] == [one["probes"], "identification", frozen]
        return "case" in facts and said
    if action == "search.concluded" and one["state"] != "purged":
        found = [
            [each["subject"], *(f"{face['face']}:{face['similarity']}" for face in each["faces"])]
            for each in one["candidates"]
        ]
        searched = {each["id"]: each["version"] for each in one["galleries"]}
        known = dict.fromkeys(searched) | facts["versions"]
        several = [
            (each["subject"], each["fused"]) for each in one["candidates"] if "fused" in each
        ]
        fused = [[who, of["similarity"], of["photos"]] for who, of in several]
        said = (facts["answer"], facts["candidates"], facts.get("fused", []), known)
        return said == (one["answer"], found, fused, searched)
    if action == "probe.analysed":
        return facts["said"] == sha256(spelled(one["analysis"])).hex()
    if action in ("conclusion.recorded", "conclusion.followed"):
        said = [sha256(spelled(one["said"])).hex(), one["said"]["conclusion"], one["follows"]]
        return said == [facts["said"], facts["conclusion"], facts.get("follows")]
    return True


def state_of(acts):
    """Return how a search ended, by the actions of its entries."""
    if "search.purged" in acts:
        return "purged"
    if "search.concluded" in acts:
        return "frozen" if "search.frozen" in acts else "concluded"
    return "aborted" if acts & {"search.aborted", "search.held"} else "intended"


def check_entries(of, entries, case):
    """Check that entries and records bear each other out: each names what is there, and all of it.

    Return how many bodies may be lost by a restore, and how many searches came to another end since.
    """
    known = {one: record for kind in of.values() for one, record in kind.items()}
    acts, kept, gone = {one: set() for one in known}, {one: set() for one in known}, set()
    restored = max((at for at, one in enumerate(entries) if one[1] == RESTORED), default=-1)
    lost = others = 0
    for at, (about, action, facts) in enumerate(entries):
        acts.setdefault(about, set()).add(action)
        if facts is None and at < restored:
            lost += 1
        else:
            kept.setdefault(about, set()).add(action)
        if action.startswith(OF_RECORDS):
            need(about in known, f"{action} is about what is missing")
            need(facts is None or agrees(action, known[about], facts, case), f"{action} differs")
        if action == "evidence.purged" and facts is not None:
            gone |= {row["photo"] for row in facts["photos"]}
    for kind in set(MADE.values()):
        for one in of[kind]:
            need(kind in {MADE.get(act) for act in acts[one]}, f"no entry made {kind}/{one}")
    intended = sum(action == "search.intended" for _, action, _ in entries)
    need(intended == len(of["searches"]), "the number of searches")
    for one, search in of["searches"].items():
        ended, answer, found = search["state"], search["answer"], search["candidates"]
        outcome = {answer is not None, found is not None} == {ended == "concluded"}
        other = ended != state_of(acts[one])
        need(outcome and (not other or ended == state_of(kept[one])), "how a search ended")
        others += other
        need((answer == "candidates") == bool(found), "an answer that its list contradicts")
    for one, said in of["examinations"].items():
        need(said["analysis"] is None or "probe.analysed" in acts[one], "an analysis")
    for one, said in of["comparisons"].items():
        how = "conclusion.followed" if said["follows"] else "conclusion.recorded"
        need(said["said"] is None or how in acts[one], "a conclusion")
    need(all(one["file"] or i in gone for i, one in of["probes"].items()), "a photo is missing")
    return lost, others


def check_point(search):
    """Check the operating point of a search, and that nobody on its list is below it."""
    point, names = search.get("point"), "evaluated_on evaluated_subjects evaluation extrapolated"
    if "point" not in search:
        return  # a list, or of before the ledger said at which point a search was
    need(search["mode"] == "operating point", "a point of another mode")
    names += (
        " fnir fpir galleries mated_searches model non_mated_searches sample subjects threshold"
    )
    need([*point] == [*names.split(), "wanted_fpir"], "the form of an operating point")
    for one in (*point["fpir"], *point["fnir"], point["wanted_fpir"]):
        need(0 <= float(one) <= 1, "a share")
    least = round(float(point["threshold"]), 6)  # as similarities are
    ranked = [each.get("fused", each["faces"][0]) for each in search["candidates"] or ()]
    best = [float(each["similarity"]) for each in ranked]
    need(-1 <= least <= 1 and all(each >= least for each in best), "somebody below the point")
    need(search["model"] in (point["model"], None), "the model of an operating point")


def check_members(of, files, edits):
    """Check that what records name is there, and that no file is there that no record names."""
    named = {}
    for kind in ("probes", "leads", "authority"):
        named |= {one["file"]: f"{kind}/{i}." for i, one in of[kind].items() if one["file"]}
    need(set(named) == set(files), "a file that a record names, or that none does")
    need(all(name.startswith(start) for name, start in named.items()), "a file of another record")
    for one in of["probes"].values():
        photo = sha256(files[one["file"]]).hex() if one["file"] else None
        need(photo == one["sha256"], "a photo")
    copies = [(i, one["derived_from"]) for i, one in of["probes"].items() if one["derived_from"]]
    need(sorted((edit["probe"], edit["of"]) for edit in edits) == sorted(copies), "the edits")
    searches, compared = of["searches"].values(), of["comparisons"].values()
    for one in searches:
        check_point(one)
    probes = [original for _, original in copies]
    probes += [one["probe"] for one in of["requests"].values()]
    probes += [probe for one in searches for probe in one["probes"]]
    there = set(probes) <= set(of["probes"])
    there &= {each for one in searches for each in one["requests"]} <= set(of["requests"])
    there &= {one["model"] for one in searches} <= {*of["model-cards"], None}
    there &= {one["follows"] for one in compared} <= {*of["comparisons"], None}
    need(there, "a record that another one names")
    for one in [*of["examinations"].values(), *of["leads"].values()]:
        search = of["searches"][one["search"]]
        found = {each["subject"] for each in search["candidates"] or ()}
        about = {each["subject"] for each in one.get("comparisons", [one])}
        seen = search["state"] not in ("frozen", "purged")
        need(about <= found or not seen, "a subject of no candidate list")


def verify(data, key=None):
    """Return the manifest of a bundle that verifies, and what a restore took; raise an error for anything else."""
    members = unpack(data)
    manifest, signature = read(members.pop("manifest.json")), members.pop("manifest.sig")
    need((manifest["format"], manifest["version"]) == ("countenance-bundle", 1), "the format")
    need(key in (None, manifest["public_key"]), "another key than expected")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest["public_key"]))
    public.verify(signature, b"countenance/bundle/1\0" + spelled(manifest))
    sums = [
        {"name": name, "sha256": sha256(body).hex(), "size": len(body)}
        for name, body in members.items()
    ]
    need(manifest["members"] == sums, "a member was changed")
    records = {name: read(body) for name, body in members.items() if name.endswith(".json")}
    of = {folder: {} for folder in FOLDERS}
    for name, one in records.items():
        folder = name.split("/")[0]
        if folder in of:
            named = folder == "model-cards" or name == f"{folder}/{one['id']}.json"
            need(named and one["id"] not in of[folder], "a record's name")
            of[folder][one["id"]] = one
    compared = [each for one in of["examinations"].values() for each in one["comparisons"]]
    requests, edits = records["requests.json"]["requests"], records["edits.json"]["edits"]
    for kind, some in (("comparisons", compared), ("requests", requests)):
        of[kind] = {one["id"]: one for one in some}
        need(len(of[kind]) == len(some), "two records of one id")
    head = manifest["ledger"]
    origin = {name: manifest[name] for name in ("deployment", "made_at")}
    need(records["ledger/checkpoint.json"] == head | origin, "the checkpoint")
    entries = list(entries_of(members["ledger/entries.jsonl"], head))
    files = {name: members[name] for name in set(members) - set(records) - set(ALWAYS)}
    check_members(of, files, edits)
    lost, others = check_entries(of, entries, manifest["case"]["id"])
    counts = {kind.replace("-", "_"): len(some) for kind, some in of.items()}
    counts |= {"authorities": counts.pop("authority"), "edits": len(edits), "entries": len(entries)}
    answers = [one["answer"] for one in of["searches"].values()]
    counts["negative_searches"] = sum(one not in (None, "candidates") for one in answers)
    need(counts.pop("comparisons") + 1 and counts == manifest["counts"], "the counts")
    return manifest | {"lost": lost, "others": others}


def main(file, key=""):
    try:
        found = verify(Path(file).read_bytes(), re.sub("[^0-9a-f]", "", key.lower()) or None)
    except Exception as error:  # whatever a broken file leads to
        sys.exit(f"The bundle does NOT verify: {error or type(error).__name__}")
    print(f"The bundle verifies: case {found['case']['reference']}, {found['counts']}")
    print(f"Ledger: {found['ledger']['size']} entries, root {found['ledger']['root']}")
    if found["lost"]:
        print(
            f"The deployment was restored from a backup: {found['lost']} entries at most are lost"
        )
        print(
            f"in what they said, and {found['others']} of the searches ended in another way before that."
        )
    doubt = "" if key else "; ask the agency whether that is its own"
    print(f"Key: {found['public_key']}{doubt}")


if __name__ == "__main__":
    main(*sys.argv[1:])
