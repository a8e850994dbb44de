"""The evaluation protocols: what each asks of photos, and what its numbers mean."""

from dataclasses import dataclass

from vicp.data.records import nearest
from vicp.errors import ConfigError


@dataclass(frozen=True)
class Protocol:
    """An evaluation protocol; numbers of two protocols are not to be compared.

    Attributes:
        name: Its name on the command line.
        sentence: What its numbers mean, printed under every table.
        mirror: Embeddings are f(photo) + f(mirrored photo).
        open_set: Some queries show identities that are not in the gallery.
        columns: What the photo table must have.
        shares_support: The share of the identities that may be taught is chosen, not given by the splits.
    """

    name: str
    sentence: str
    mirror: bool = False
    open_set: bool = False
    columns: tuple[str, ...] = ()
    shares_support: bool = True


_ALL = (
    Protocol(
        "vicp-retrieval",
        "Every test photo is looked up among all other test photos of its category, by features of photo and mirror "
        "image added up; no identity looked up was in the support, and means are over categories.",
        mirror=True,
    ),
    Protocol(
        "disjoint",
        "Every test photo is looked up among all other test photos of its category (WildlifeDatasets' disjoint set): "
        "no identity looked up was in the support.",
    ),
    Protocol(
        "closed-set",
        "Photos are looked up among other photos of the same identities: each query's identity is in the gallery, "
        "and none was in the support.",
    ),
    Protocol(
        "open-set",
        "As closed-set, but about a fifth of the identities have no photo in the gallery: their photos should be "
        "called new, and retrieval counts only the others.",
        open_set=True,
    ),
    Protocol(
        "time-aware",
        "Later photos are looked up among earlier ones, cut between two days at about half of a category's photos; "
        "identities without an earlier photo are not looked up, and none was in the support.",
        columns=("date",),
    ),
    Protocol(
        "cross-domain",
        "Photos of one domain are looked up among those of another, by features of photo and mirror image added up; "
        "no identity looked up was in the support.",
        mirror=True,
        columns=("domain",),
    ),
    Protocol(
        "market",
        "Photos of the split query are looked up in the split gallery (Market-1501); no same-camera photo of the "
        "query's own identity counts, and the support is of the split train.",
        columns=("split",),
        shares_support=False,
    ),
    Protocol(
        "petface",
        "As vicp-retrieval, and same or different is decided for those of the data set's own list of pairs that show "
        "photos looked up: AUC, accuracy, mAP and Rank-1 (which the VICP paper calls Top-1) of one set of embeddings.",
        mirror=True,
        columns=("split",),
        shares_support=False,
    ),
    Protocol(
        "petface-verification",
        "Same or different is decided for the data set's own list of pairs; retrieval is among the photos of that "
        "list, and the support is of the split train without their identities.",
        columns=("split",),
        shares_support=False,
    ),
    Protocol(
        "petface-closed-set",
        "New photos of the trained identities are looked up among the training photos, and the nearest photo decides; "
        "PetFace's own Top-1 comes from a classifier over the trained identities, so it is not this number.",
        columns=("split",),
        shares_support=False,
    ),
    Protocol(
        "shopid10k-folds",
        "As vicp-retrieval, each category in the fold that was kept from training (ShopID10K); means are over the "
        "categories of a fold and over all.",
        mirror=True,
        columns=("fold",),
    ),
)
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}
"""Every protocol by its name, in the order they are listed in."""

NEEDS_LIST = ("petface", "petface-verification")
"""Protocols that need the data set's own list of pairs."""


def find_protocol(name: str) -> Protocol:
    """Return the protocol of this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"no protocol {name!r}{nearest(name, list(PROTOCOLS))}")
    return PROTOCOLS[name]
