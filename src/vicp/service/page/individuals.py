"""Individuals: who there is, and the photos of one, the oddest first, to move, split off or set aside."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response

from vicp.service.api.context import ServiceParameter, change
from vicp.service.chosen_photos import Chosen
from vicp.service.page.render import render, see
from vicp.service.problems import ProblemError

if TYPE_CHECKING:
    import pandas as pd

    from vicp.gallery.gallery import Gallery
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/g/{gallery}", include_in_schema=False)

_TILES, _PHOTOS = 120, 200  # on one page
Action = Literal["move", "new", "aside", "remove"]


@router.get("/individuals")
def individuals(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    chosen: Chosen,
    q: str = "",
    first: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show who there is."""
    served = service.gallery(gallery)
    snapshot = served.snapshot
    frame = served.frame(snapshot)
    named = frame[frame["identity"].notna() & chosen.fits(frame)]
    named = named[named["identity"].str.contains(q, case=False, regex=False)]
    grouped = named.groupby(["category", "identity"], sort=True)["key"].agg(["size", "first"]).reset_index()
    grouped.columns = ["category", "name", "photos", "key"]
    others = {
        "unnamed": int((frame["identity"].isna() & ~frame["aside"]).sum()),
        "aside": int(frame["aside"].sum()),
    }
    return render(
        request,
        "individuals.html",
        gallery=served,
        tiles=grouped.iloc[first : first + _TILES].to_dict("records"),
        total=len(grouped),
        following=first + _TILES if len(grouped) > first + _TILES else None,
        others=others,
        q=q,
        chosen=chosen,
        choices=served.choices(snapshot),
        last=last_change(served),
    )


@router.get("/individual")
def individual(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    chosen: Chosen,
    name: str = "",
    aside: bool = False,
    first: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show the photos of an individual, the one least like the others first; or those without a name, or set aside."""
    served = service.gallery(gallery)
    snapshot = served.snapshot
    frame, category = served.frame(snapshot), chosen.category
    if aside:
        rows = frame[frame["aside"]]
    elif name:
        rows = _oddest_first(served, frame[(frame["identity"] == name) & (frame["category"] == category)], category)
    else:
        rows = frame[frame["identity"].isna() & ~frame["aside"]]
    if name and not len(rows):
        raise ProblemError(404, f"nobody called {name[:60]!r} in {category[:60] or 'any category'}")
    rows = rows[chosen.fits(rows)]
    return render(
        request,
        "individual.html",
        gallery=served,
        name=name,
        category=category,
        chosen=replace(chosen, category=""),
        choices=served.choices(snapshot),
        aside=aside,
        photos=rows.iloc[first : first + _PHOTOS].to_dict("records"),
        total=len(rows),
        following=first + _PHOTOS if len(rows) > first + _PHOTOS else None,
        names=sorted(set(frame["identity"].dropna())),
        last=last_change(served),
    )


@router.post("/photos")
async def act(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    action: Annotated[Action, Form()],
    photo: Annotated[list[str] | None, Form()] = None,
    to: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    category: Annotated[str, Form()] = "",
) -> Response:
    """Move, split off, set aside or take out the photos that were chosen."""
    served = service.gallery(gallery)
    keys = photo or []
    if not keys:
        raise ProblemError(422, "choose one photo or more first")
    if action == "move" and not to.strip():
        raise ProblemError(422, "say whom these photos show")
    await change(service, served, None, lambda opened: _act(opened, served, action, keys, to.strip()))
    rest = served.frame(served.snapshot)
    is_left = ((rest["identity"] == name) & (rest["category"] == category)).any()
    return see(_address(gallery, name, category) if is_left else f"/g/{gallery}/individuals")


@router.post("/individual")
async def rename(
    service: ServiceParameter,
    gallery: str,
    name: Annotated[str, Form()],
    category: Annotated[str, Form()],
    to: Annotated[str, Form()] = "",
    action: Annotated[Literal["rename", "merge", "remove"], Form()] = "rename",
) -> Response:
    """Rename an individual, make it one with another, or take it out."""
    served = service.gallery(gallery)

    def edit(opened: "Gallery") -> Any:
        if action == "remove":
            return opened.remove(name, category=category)
        if action == "merge":
            return opened.merge(to.strip(), [name], category=category)
        return opened.rename(name, to.strip(), category=category)

    await change(service, served, None, edit)
    gone = action == "remove"
    return see(f"/g/{gallery}/individuals" if gone else _address(gallery, to.strip(), category))


@router.post("/merge")
async def merge(
    service: ServiceParameter,
    gallery: str,
    individual: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make the chosen individuals, each named by a photo, one, which keeps the name of the one with most photos."""
    served = service.gallery(gallery)
    snapshot = served.snapshot
    rows = [served.row(snapshot, key) for key in individual or []]
    chosen = {(str(row["category"]), str(row["identity"])) for row in rows if isinstance(row["identity"], str)}
    if len(chosen) < 2 or len({home for home, _ in chosen}) != 1:
        raise ProblemError(422, "choose two individuals or more, of one category")
    frame = served.frame(snapshot)
    home = next(home for home, _ in chosen)
    sizes = frame[frame["category"] == home]["identity"].value_counts()
    into, *others = sorted((name for _, name in chosen), key=lambda name: (-int(sizes.get(name, 0)), name))
    await change(service, served, None, lambda opened: opened.merge(into, others, category=home))
    return see(f"/g/{gallery}/individuals")


def last_change(served: "ServedGallery") -> dict[str, Any]:
    """Return the state that is shown, and the version to undo it from."""
    snapshot = served.snapshot
    entry = served.log(snapshot)[-1]
    return {"entry": entry, "version": snapshot.head.number, "can_undo": entry.operation > 1}


def _act(opened: "Gallery", served: "ServedGallery", action: Action, keys: list[str], to: str) -> Any:
    from vicp.service.review.answers import free_name

    if action == "aside":
        return opened.set_aside(keys)
    if action == "remove":
        return opened.remove_photos(keys)
    if action == "move":
        return opened.assign({to: keys})
    snapshot = served.snapshot
    category = str(served.row(snapshot, keys[0])["category"])
    return opened.assign({to or free_name(served.frame(snapshot), category): keys})


def _oddest_first(served: "ServedGallery", rows: "pd.DataFrame", category: str) -> "pd.DataFrame":
    """Return an individual's photos, the one least like the others first."""
    from vicp.gallery.categories import find_category
    from vicp.gallery.contents import embeddings_of

    snapshot = served.snapshot
    if len(rows) < 3 or category not in served.categories(snapshot):
        return rows
    embeddings = embeddings_of(snapshot, find_category(snapshot, category), rows["number"].to_numpy())
    similarity = embeddings @ embeddings.T  # (n, n)
    ordered: pd.DataFrame = rows.iloc[similarity.mean(axis=1).argsort(kind="stable")]
    return ordered


def _address(gallery: str, name: str, category: str) -> str:
    from urllib.parse import urlencode

    return f"/g/{gallery}/individual?{urlencode({'name': name, 'category': category})}"
