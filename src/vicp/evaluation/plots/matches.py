"""A plot of the patches of two photos that the optimal-transport plan of L_align matches."""

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_SCALE = 3  # drawn so much larger, then shrunk: PIL's lines have no antialiasing of their own
_GAP = 24


def plot_matches(
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    plan: NDArray[np.floating],
    grid: tuple[int, int],
    *,
    num: int = 14,
    foreground: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
    photo_size: int = 320,
) -> Image.Image:
    """Return two photos side by side, with a line between the centres of each of the strongest matches.

    Args:
        left: (S, S, 3) uint8.
        right: (S, S, 3) uint8.
        plan: (N, N) transport plan, patches of `left` in rows, of `right` in columns, both in row order.
        grid: Rows and columns of patches; their product is N.
        num: How many lines at most.
        foreground: (N,) bool for each photo, the patches that may be joined; None for all.
        photo_size: Height and width of each photo in the picture, in pixels.

    Returns:
        RGBA, photo_size high and 2 * photo_size + 24 wide; clear between the photos.

    Raises:
        ValueError: Photos, plan, grid or foreground that do not fit together.
    """
    for photo in (left, right):
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise ValueError(f"a photo is {photo.dtype} {photo.shape}; expected uint8 (S, S, 3)")
    matches = strongest_matches(plan, grid, num=num, foreground=foreground)
    size, offset = photo_size * _SCALE, (photo_size + _GAP) * _SCALE
    canvas = Image.new("RGBA", (offset + size, size))
    for photo, x in ((left, 0), (right, offset)):
        canvas.paste(Image.fromarray(photo).resize((size, size), Image.Resampling.BICUBIC), (x, 0))
    ends = [(_centre(i, grid, size), _centre(j, grid, size, offset)) for i, j in matches]
    _draw_lines(ImageDraw.Draw(canvas), ends)
    return canvas.reduce(_SCALE)


def strongest_matches(
    plan: NDArray[np.floating],
    grid: tuple[int, int],
    *,
    num: int,
    foreground: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> list[tuple[int, int]]:
    """Return pairs (patch of the left photo, patch of the right one), mutual ones first, then by weight in the plan.

    Each left patch offers its strongest partner. Pairs are taken greedily if both their patches lie more
    than `spacing` patches (Chebyshev) from those already taken; spacing starts at a quarter of the grid and
    shrinks to 0 until there are `num`, so that lines spread over the photo and no patch has two.

    Args:
        plan: (N, N), as in `plot_matches`.
        grid: Rows and columns of patches.
        num: How many pairs at most.
        foreground: As in `plot_matches`.

    Returns:
        At most `num` pairs.

    Raises:
        ValueError: Plan, grid or foreground that do not fit together.
    """
    patches = grid[0] * grid[1]
    if plan.shape != (patches, patches) or not np.isfinite(plan).all():
        raise ValueError(f"plan is {plan.shape}; expected finite ({patches}, {patches}) for grid {grid}")
    if foreground is not None:
        if any(mask.shape != (patches,) for mask in foreground):
            raise ValueError(f"foreground masks are {[m.shape for m in foreground]}; expected ({patches},)")
        plan = np.where(np.outer(*foreground), plan, 0)
    partner = plan.argmax(axis=1)  # (N,)
    weight = plan.max(axis=1)  # (N,)
    mutual = plan.argmax(axis=0)[partner] == np.arange(patches)
    order = [int(i) for i in np.lexsort((-weight, ~mutual)) if weight[i] > 0]
    taken: list[tuple[int, int]] = []
    for wanted in (True, False):
        offers = [(i, int(partner[i])) for i in order if mutual[i] == wanted]
        for spacing in range(max(grid) // 4, -1, -1):
            for offer in offers:
                if len(taken) < num and all(_apart(offer, other, grid[1], spacing) for other in taken):
                    taken.append(offer)
    return taken


def _apart(one: tuple[int, int], other: tuple[int, int], columns: int, spacing: int) -> bool:
    """Return whether the patches of two pairs lie more than `spacing` apart in both photos."""
    return all(
        max(abs(a // columns - b // columns), abs(a % columns - b % columns)) > spacing
        for a, b in zip(one, other, strict=True)
    )


def _centre(patch: int, grid: tuple[int, int], size: int, offset: int = 0) -> tuple[float, float]:
    """Return the centre (x, y) of a patch in a photo of `size` pixels that starts at x = `offset`."""
    row, column = divmod(patch, grid[1])
    return offset + (column + 0.5) * size / grid[1], (row + 0.5) * size / grid[0]


def _draw_lines(pen: ImageDraw.ImageDraw, ends: list[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    """Draw lines, then a circle at each end, both with a dark rim that keeps them visible on any photo."""
    rim = (20, 22, 26)
    strokes = [(line, _colour(index, len(ends))) for index, line in enumerate(ends)]
    for line, colour in reversed(strokes):  # the strongest on top
        pen.line(line, fill=rim, width=4 * _SCALE - 1)
        pen.line(line, fill=colour, width=2 * _SCALE + 1)
    for line, colour in reversed(strokes):
        for x, y in line:
            for radius, fill in ((5 * _SCALE + 1, rim), (4 * _SCALE, colour)):
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _colour(index: int, count: int) -> tuple[int, int, int]:
    """Return a colour: hues are spread evenly and are visible on photos and on a light or a dark page."""
    red, green, blue = colorsys.hsv_to_rgb(index / max(count, 1), 0.75, 0.97)
    return round(255 * red), round(255 * green), round(255 * blue)
