"""Commands for a gallery: create it, enroll photos, identify and verify, and embed anew."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import vicp
from vicp.cli.gallery.opening import (
    AuthorOption,
    CategoryOption,
    ChangeOptions,
    GalleryArgument,
    PromptsOption,
    ReasonOption,
    embedding,
    load_prompts,
)
from vicp.cli.render.answers import report_lines, verification_lines
from vicp.cli.render.gallery import enroll_lines, new_identity_lines, reindex_lines
from vicp.cli.shared.answer_files import IdentificationFiles, VerificationFiles
from vicp.cli.shared.opening import open_model
from vicp.cli.shared.options import (
    AnyModelOption,
    BackboneOption,
    CacheOption,
    EngineOption,
    JsonOption,
    PairPriorOption,
    PriorOption,
    SideOption,
    SidesOption,
    SkipBadOption,
    TargetOptions,
)
from vicp.cli.shared.output import going_on, print_result
from vicp.cli.shared.sources import BoxOptions, SourceOptions, open_pair, open_queries
from vicp.errors import ConfigError

if TYPE_CHECKING:
    from vicp.gallery.enrollment.workers import EmbedChunks

RayOption = Annotated[bool, typer.Option("--ray", help="Embed on a Ray cluster instead of in this process.")]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Processes that embed, with --ray.", show_default="2")]
PhotosArgument = Annotated[list[Path], typer.Argument(help="Photos, folders or tables.")]
UnknownOption = Annotated[bool, typer.Option("--unknown/--no-unknown", help="Say so of a photo that fits no category.")]
ExactOption = Annotated[
    bool, typer.Option("--exact", help="Compare every photo, even where a large category has an index.")
]


def create(
    gallery: GalleryArgument,
    prompt: PromptsOption = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    keep_photos: Annotated[
        bool, typer.Option("--keep-photos/--keep-thumbnails", help="Keep the photo files, or thumbnails alone.")
    ] = True,
    author: AuthorOption = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make an empty gallery for one model.

    Its categories may get their prompts here or later.
    """
    from vicp.gallery.store.database import check_place

    prompts = load_prompts(prompt)
    check_place(gallery)
    with open_model(model, backbone, prompts=prompts, skip_bad=False, cache=False, task="Opening") as opened:
        created = vicp.Gallery.create(gallery, opened, prompts, keep_photos=keep_photos, author=author, reason=reason)
    names = list(created.categories())
    lines = [f"Made {gallery}{' with ' + ', '.join(names) if names else ''}."]
    print_result({"gallery": gallery, "categories": names, "model": opened.encoder.fingerprint}, lines, as_json)


def enroll(
    gallery: GalleryArgument,
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or a table (CSV, TSV, XLSX, Parquet).")],
    *,
    category: CategoryOption = None,
    prompt: PromptsOption = None,
    route: Annotated[bool, typer.Option("--route", help="Let the prompts decide each photo's category.")] = False,
    engine: EngineOption = "auto",
    ray: RayOption = False,
    workers: WorkersOption = None,
    source: SourceOptions,
    skip_bad: SkipBadOption = False,
    cache: CacheOption = True,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Add photos.

    Each enters once, however often it is given. Stopped at any moment, the same command goes on.
    """
    if route and category is not None:
        raise ConfigError("--category says what the photos show, and --route lets prompts decide: give one of the two")
    prompts, embed = load_prompts(prompt), _workers(ray, workers)
    table = source.open(photos, need_identity=False, skip_bad=skip_bad, category=category)
    with (
        going_on(),
        embedding(gallery, "Enrolling", skip_bad=skip_bad, cache=cache, change=change, engine=engine) as opened,
    ):
        result = opened.enroll(
            table, category=category, prompts=prompts, route=route, reason=change.reason, embed=embed
        )
    print_result(asdict(result), enroll_lines(result), as_json)


def identify(
    gallery: GalleryArgument,
    photo: PhotosArgument,
    *,
    category: CategoryOption = None,
    top: Annotated[int, typer.Option(min=1, help="How many identities to name.")] = 5,
    prior_new: PriorOption = 0.5,
    targets: TargetOptions,
    unknown: UnknownOption = True,
    exact: ExactOption = False,
    boxes: BoxOptions,
    skip_bad: SkipBadOption = False,
    engine: EngineOption = "auto",
    cache: CacheOption = True,
    files: IdentificationFiles,
    viewpoint: SideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whom each photo shows.

    The answer names the likeliest of the gallery, the next and somebody new, each with its probability.
    """
    from vicp.gallery.report.answer_page import photos_of_gallery

    if category is not None and not unknown:
        raise ConfigError("--no-unknown has no effect with --category, which no photo is asked to fit: leave it out")
    files.check()
    rates = targets.checked()
    queries = open_queries(photo, viewpoint, skip_bad=skip_bad, boxes=boxes)
    with embedding(gallery, "Embedding", skip_bad=skip_bad, cache=cache, engine=engine) as opened:
        found = opened.identify(
            queries,
            category=category,
            targets=rates,
            prior_new=prior_new,
            top=top,
            allow_unknown=unknown,
            exact=exact,
        )
        written = files.write(found, queries, opened.encoder, lambda: photos_of_gallery(opened.snapshot))
    print_result(asdict(found), [*report_lines(found), *written], as_json)


def verify(
    gallery: GalleryArgument,
    a: Annotated[Path, typer.Argument(help="A photo.")],
    b: Annotated[Path, typer.Argument(help="Another photo.")],
    *,
    category: CategoryOption = None,
    prior_new: PairPriorOption = 0.5,
    targets: TargetOptions,
    engine: EngineOption = "auto",
    files: VerificationFiles,
    viewpoint: SidesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether two photos show one individual.

    It goes by the gallery's prompt for their category.
    """
    files.check()
    rates = targets.checked()
    pair = open_pair(a, b, viewpoint)
    with embedding(gallery, "Embedding", engine=engine) as opened:
        verification = opened.verify(*pair, category=category, targets=rates, prior_new=prior_new)
        written = files.write(verification, a, b, opened.encoder)
    print_result(asdict(verification), [*verification_lines(verification), *written], as_json)


def new(
    gallery: GalleryArgument,
    photo: PhotosArgument,
    *,
    name: Annotated[str | None, typer.Option(help="Its name.", show_default="CATEGORY-NUMBER")] = None,
    category: CategoryOption = None,
    targets: TargetOptions,
    force: Annotated[bool, typer.Option("--force", help="Even where a photo is recognised as somebody.")] = False,
    boxes: BoxOptions,
    skip_bad: SkipBadOption = False,
    engine: EngineOption = "auto",
    cache: CacheOption = True,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Enroll photos of a new individual.

    They are of one individual. It is refused where the gallery recognises it.
    """
    rates = targets.checked()
    queries = open_queries(photo, skip_bad=skip_bad, boxes=boxes)
    with (
        going_on(),
        embedding(gallery, "Embedding", skip_bad=skip_bad, cache=cache, change=change, engine=engine) as opened,
    ):
        result = opened.new(queries, name=name, category=category, targets=rates, force=force, reason=change.reason)
    print_result(asdict(result), new_identity_lines(result), as_json)


def reindex(
    gallery: GalleryArgument,
    *,
    prompt: PromptsOption = None,
    no_prompt: Annotated[
        list[str] | None, typer.Option("--no-prompt", help="A category to embed with the plain backbone from now on.")
    ] = None,
    model: AnyModelOption = None,
    backbone: BackboneOption = None,
    engine: EngineOption = "auto",
    ray: RayOption = False,
    workers: WorkersOption = None,
    cache: CacheOption = True,
    change: ChangeOptions,
    as_json: JsonOption = False,
) -> None:
    """Embed photos anew.

    It takes those that another prompt or model has made stale. Stopped at any moment, the same command goes on.
    """
    prompts, embed = load_prompts(prompt), _workers(ray, workers)
    with (
        going_on(),
        embedding(
            gallery,
            "Embedding",
            cache=cache,
            change=change,
            model=model,
            backbone=backbone,
            engine=engine,
        ) as opened,
    ):
        result = opened.reindex(prompts, without_prompt=no_prompt or [], reason=change.reason, embed=embed)
    print_result(asdict(result), reindex_lines(result), as_json)


def _workers(ray: bool, workers: int | None) -> "EmbedChunks":
    """Return the function that embeds chunks of photos."""
    from vicp.gallery.enrollment.workers import find_workers

    if workers is not None and not ray:
        raise ConfigError(f"--workers {workers} is of --ray, and this process embeds photos: leave it out")
    return find_workers(on_ray=ray, workers=workers or 2)
