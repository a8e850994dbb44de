"""Commands for a gallery that lives: what goes in, who is who, what it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vicp.cli.shared import (
    AnyModelOption,
    BackboneOption,
    CacheOption,
    JsonOption,
    SkipBadOption,
    going_on,
    load_adaptation,
    open_embedder,
    print_result,
)

if TYPE_CHECKING:
    from vicp.adapt.embedder import Embedder
    from vicp.decisions.rule import ErrorTargets
    from vicp.gallery.store.snapshot import Snapshot

GalleryArgument = Annotated[str, typer.Argument(help="The gallery: a folder, or a URI such as s3://bucket/gallery.")]
CategoryOption = Annotated[str | None, typer.Option(help="The category of the photos.")]
ByOption = Annotated[str | None, typer.Option(help="Who does this, for the log.", show_default="your login")]
WhyOption = Annotated[str, typer.Option(help="A note for the log.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for another writer instead of giving up.")]
PromptsOption = Annotated[
    list[Path] | None, typer.Option("--prompt", help="A category's prompt, from `vicp teach`; may be given again.")
]
EngineOption = Annotated[
    Literal["local", "ray"], typer.Option(help="Where photos are embedded: here, or on a Ray cluster.")
]
RateOption = Annotated[float, typer.Option(min=1e-6, max=0.5, help="How often a search for a stranger may say 'same'.")]
ConfidenceOption = Annotated[float, typer.Option(min=0.5, max=0.999, help="How sure that bound is to hold.")]
PhotosArgument = Annotated[list[Path], typer.Argument(help="Photos, folders or tables.")]
UnknownOption = Annotated[bool, typer.Option("--unknown/--no-unknown", help="Say so of a photo that fits no category.")]


def create(
    gallery: GalleryArgument,
    prompt: PromptsOption = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    keep_photos: Annotated[
        bool, typer.Option("--keep-photos/--keep-thumbnails", help="Keep the photo files, or thumbnails alone.")
    ] = True,
    by: ByOption = None,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make an empty gallery for one model; its categories may get their prompts here or later."""
    from vicp.gallery.create import create_with_prompts

    adaptations = [one for path in prompt or [] if (one := load_adaptation(path)) is not None]
    with open_embedder(model, backbone, skip_bad=False, cache=False, task="Opening") as embedder:
        names = create_with_prompts(
            embedder,
            gallery,
            adaptations,
            model=None if backbone else (model or "mini"),
            backbone=backbone,
            keep_photos=keep_photos,
            by=who(by),
            why=why,
        )
    lines = [f"Made {gallery}{' with ' + ', '.join(names) if names else ''}."]
    print_result({"gallery": gallery, "categories": names, "model": embedder.fingerprint}, lines, as_json)


def enroll(
    gallery: GalleryArgument,
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a CSV or Parquet table.")],
    category: CategoryOption = None,
    prompt: PromptsOption = None,
    route: Annotated[bool, typer.Option("--route", help="Let the prompts decide each photo's category.")] = False,
    engine: EngineOption = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that embed, with --engine ray.")] = 2,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add photos, each once however often it is given; stopped at any moment, the same command goes on."""
    from vicp.gallery.engines import find_engine
    from vicp.gallery.enroll_source import enroll_source
    from vicp.gallery.store.database import open_gallery

    adaptations = [one for path in prompt or [] if (one := load_adaptation(path)) is not None]
    embed = find_engine(engine, workers=workers)
    with going_on(), gallery_embedder(open_gallery(gallery), skip_bad, cache, "Enrolling") as embedder:
        done = enroll_source(
            embedder,
            gallery,
            photos,
            category=category,
            prompts=adaptations,
            route=route,
            by=who(by),
            why=why,
            wait=wait,
            embed=embed,
        )
    print_result(done.summary(), done.lines(), as_json)


def identify(
    gallery: GalleryArgument,
    photo: PhotosArgument,
    category: CategoryOption = None,
    top: Annotated[int, typer.Option(min=1, help="How many identities to name.")] = 5,
    false_match_rate: RateOption = 0.05,
    confidence: ConfidenceOption = 0.9,
    unknown: UnknownOption = True,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    as_json: JsonOption = False,
) -> None:
    """Who is this: the individuals each photo looks most like, and whether it is one of them, new, or too close."""
    from vicp.gallery.ask import identify_in_gallery
    from vicp.gallery.store.database import open_gallery

    snapshot = open_gallery(gallery)
    with gallery_embedder(snapshot, skip_bad, cache, "Embedding") as embedder:
        found = identify_in_gallery(
            embedder,
            snapshot,
            photo,
            category=category,
            promise=promised(false_match_rate, confidence),
            top=top,
            allow_unknown=unknown,
        )
    print_result(found.summary(), found.lines(), as_json)


def verify(
    gallery: GalleryArgument,
    a: Annotated[Path, typer.Argument(help="A photo.")],
    b: Annotated[Path, typer.Argument(help="Another photo.")],
    category: CategoryOption = None,
    false_match_rate: RateOption = 0.05,
    confidence: ConfidenceOption = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Do two photos show the same individual, under the gallery's prompt for them?"""
    from vicp.gallery.compare import verify_in_gallery
    from vicp.gallery.store.database import open_gallery

    snapshot = open_gallery(gallery)
    with gallery_embedder(snapshot, False, False, "Embedding") as embedder:
        promise = promised(false_match_rate, confidence)
        found = verify_in_gallery(embedder, snapshot, a, b, category=category, promise=promise)
    print_result(found.summary(), found.lines(), as_json)


def new(
    gallery: GalleryArgument,
    photo: PhotosArgument,
    name: Annotated[str | None, typer.Option(help="Its name.", show_default="CATEGORY-NUMBER")] = None,
    category: CategoryOption = None,
    false_match_rate: RateOption = 0.05,
    confidence: ConfidenceOption = 0.9,
    force: Annotated[bool, typer.Option("--force", help="Even where a photo is recognised as somebody.")] = False,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Enroll photos of one individual that is not in the gallery; refused where the gallery recognises it."""
    from vicp.gallery.enroll_new import enroll_new
    from vicp.gallery.store.database import open_gallery

    with going_on(), gallery_embedder(open_gallery(gallery), skip_bad, cache, "Embedding") as embedder:
        done = enroll_new(
            embedder,
            gallery,
            photo,
            name=name,
            category=category,
            promise=promised(false_match_rate, confidence),
            force=force,
            by=who(by),
            why=why,
            wait=wait,
        )
    print_result(done.summary(), done.lines(), as_json)


def reindex(
    gallery: GalleryArgument,
    prompt: PromptsOption = None,
    no_prompt: Annotated[
        list[str] | None, typer.Option("--no-prompt", help="A category to embed with the plain backbone from now on.")
    ] = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that embed, with --engine ray.")] = 2,
    cache: CacheOption = True,
    by: ByOption = None,
    why: WhyOption = "",
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Embed anew what another prompt or model has made stale; stopped at any moment, the same command goes on."""
    from vicp.gallery.engines import find_engine
    from vicp.gallery.reindex import reindex as run
    from vicp.gallery.store.database import open_gallery

    wanted = {one.category: one for path in prompt or [] if (one := load_adaptation(path)) is not None}
    snapshot = open_gallery(gallery)
    embed = find_engine(engine, workers=workers)
    with going_on(), gallery_embedder(snapshot, False, cache, "Embedding", model, backbone) as embedder:
        done = run(
            embedder,
            gallery,
            {**wanted, **dict.fromkeys(no_prompt or [])},
            model=model_settings(snapshot, model, backbone),
            by=who(by),
            why=why,
            wait=wait,
            embed=embed,
        )
    print_result(done.summary(), done.lines(), as_json)


@contextmanager
def gallery_embedder(
    snapshot: "Snapshot",
    skip_bad: bool,
    cache: bool,
    task: str,
    model: str | None = None,
    backbone: str | None = None,
) -> Iterator["Embedder"]:
    """The gallery's model or, where one is named, another, ready for photos."""
    names = model_settings(snapshot, model, backbone)
    with open_embedder(names["model"], names["backbone"], skip_bad=skip_bad, cache=cache, task=task) as embedder:
        yield embedder


def model_settings(snapshot: "Snapshot", model: str | None, backbone: str | None) -> dict[str, str | None]:
    """How the model is opened: as named here or, where nothing is named, as the gallery says."""
    if model is not None or backbone is not None:
        return {"model": model, "backbone": backbone}
    return {name: snapshot.settings.get(name) for name in ("model", "backbone")}


def promised(false_match_rate: float, confidence: float) -> "ErrorTargets":
    """The error rates that answers keep."""
    from vicp.decisions.rule import ErrorTargets

    return ErrorTargets(false_match_rate=false_match_rate, confidence=confidence)


def who(by: str | None) -> str:
    """The name for the log."""
    import getpass

    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
