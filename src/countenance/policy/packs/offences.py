"""One vocabulary of offences, so that the lists of two packs can be compared.

The words are ours; each list of a pack names the section that it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OFFENCES: Mapping[str, str] = MappingProxyType(
    {
        "homicide": "Murder or manslaughter",
        "rape": "Rape or another sexual offence",
        "robbery": "Robbery or carjacking",
        "assault": "Aggravated assault or grievous bodily harm",
        "kidnapping": "Kidnapping, abduction or hostage-taking",
        "home-invasion": "Home invasion",
        "arson": "Arson of a dwelling or with danger to life",
        "violence": "Another crime of violence",
        "trafficking": "Trafficking in human beings",
        "child-abuse": "Abuse of a child",
        "child-material": "Sexual abuse material of children",
        "hate-crime": "Hate crime",
        "weapon": "Weapon offence on the list",
        "stalking": "Stalking",
        "animal-cruelty": "Aggravated cruelty to animals",
        "fentanyl": "Importation of fentanyl",
        "public-threat": "Substantial and ongoing threat to public safety or national security",
        "fugitive": "Fugitive charged elsewhere with an equivalent offence",
        "other": "Another criminal offence, named in the purpose",
    }
)

NONE = frozenset({""})
"""No offence is named."""

ANY_NAMED = frozenset(OFFENCES)
"""Some offence is named, whichever."""

MARYLAND = frozenset(
    {
        "homicide",
        "rape",
        "robbery",
        "assault",
        "kidnapping",
        "home-invasion",
        "arson",
        "violence",
        "trafficking",
        "child-abuse",
        "child-material",
        "hate-crime",
        "weapon",
        "stalking",
        "animal-cruelty",
        "fentanyl",
        "public-threat",
        "fugitive",
    }
)
"""Crimes of violence (Criminal Law § 14-101) and the others that Criminal Procedure § 2-503(a)(1)(i) names."""

DETROIT = frozenset({"homicide", "rape", "robbery", "assault", "home-invasion"})
"""Part 1 violent crimes, and home invasion in the first degree."""
