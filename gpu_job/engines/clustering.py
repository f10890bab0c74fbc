"""Which voice prints are one person: agglomerative clustering by cosine distance.

Then each window's local speakers are matched with the people, one to one, since two who are told
apart within ten seconds are not one person. (Constrained assignment: Bredin, "pyannote.audio 2.1
speaker diarization pipeline", Interspeech 2023.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import Vector, VoicePrint
from shared.domain.options import DiarizationArgs

#: Average cosine distance above which two groups are two people.
THRESHOLD = 0.65
#: Prints with less speech than this join a group later, and don't shape it.
RELIABLE_SECONDS = 1.5
#: Pairwise distances cost memory by the square: beyond this many, an even sample is clustered.
MOST_CLUSTERED = 4_000
#: A group smaller than this share of the largest is taken for a part of another. In short audio one
#: print is enough: it stands for 1.5 seconds of one voice alone, and a voice in it has few.
_SMALL_SHARE = 0.05
#: The windows around a single print mostly outvote it: it is not a speaker that was asked for. (Of
#: neighbouring windows the prints may be one embedding, so a stray one can pass as two.)
_FORCED_COUNT = 2
#: For a forced number of groups the tree is cut into at most so many times as many.
_DEEPEST_CUT = 20

Centroids = NDArray[np.float32]
_Labels = NDArray[np.int64]


def find_speakers(prints: Sequence[VoicePrint], args: DiarizationArgs) -> Iterator[Centroids]:
    """Yield groupings, the likeliest first: one unit vector per speaker, shape (speakers, 192).

    Each honours the numbers as far as there are prints, but a voice with few prints may have no
    turn in the end; then a later grouping, which shares the prints out more evenly, helps.

    Args:
        prints: of all windows; without any, nothing is yielded.
        args: fixed, least and most numbers of speakers.
    """
    chosen = _reliable(prints, args)
    if not chosen:
        return
    vectors = np.stack([item.vector for item in chosen])
    for labels in _groupings(vectors, args):
        yield np.stack([_centroid(vectors[labels == label]) for label in np.unique(labels)])


def nearest(vector: Vector, centroids: Centroids) -> int:
    """Return the number of the speaker whose voice is most alike."""
    return int(np.argmax(centroids @ vector))


def assign(prints: Sequence[VoicePrint], centroids: Centroids) -> list[int]:
    """Return the number of the speaker of each print, in order.

    Prints of one window get different speakers, those that are most alike over all of them; where
    a window has more prints than there are speakers, each gets the one most like it.
    """
    from scipy.optimize import linear_sum_assignment

    windows: dict[int, list[int]] = defaultdict(list)
    for position, item in enumerate(prints):
        windows[item.window].append(position)
    speakers = [0] * len(prints)
    for positions in windows.values():
        likeness = np.stack([prints[position].vector for position in positions]) @ centroids.T
        if len(positions) > len(centroids):
            rows, columns = np.arange(len(positions)), likeness.argmax(axis=1)
        else:
            rows, columns = linear_sum_assignment(likeness, maximize=True)
        for row, column in zip(rows, columns, strict=True):
            speakers[positions[row]] = int(column)
    return speakers


def _reliable(prints: Sequence[VoicePrint], args: DiarizationArgs) -> list[VoicePrint]:
    """Prefer prints with enough speech; take all when too few are left to tell speakers apart."""
    least = args.num_speakers or args.min_speakers or 1
    good = [item for item in prints if item.seconds >= RELIABLE_SECONDS]
    chosen = good if len(good) >= least else list(prints)
    step = -(-len(chosen) // MOST_CLUSTERED)
    return chosen[:: max(step, 1)]


def _groupings(vectors: NDArray[np.float32], args: DiarizationArgs) -> Iterator[_Labels]:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) == 1:
        yield np.zeros(1, dtype=np.int64)
        return
    tree = linkage(vectors, method="average", metric="cosine")
    free = _merge_small(vectors, fcluster(tree, THRESHOLD, criterion="distance"))
    found = len(np.unique(free))
    number = min(_wanted(found, args), len(vectors))
    yield free if number == found else _cut(vectors, tree, number)
    ward = linkage(vectors, method="ward")  # prefers groups of like size, and has no strays
    yield np.asarray(fcluster(ward, number, criterion="maxclust"), dtype=np.int64)


def _wanted(found: int, args: DiarizationArgs) -> int:
    """Return the number of speakers allowed that is nearest to the number found."""
    if args.num_speakers is not None:
        return args.num_speakers
    least = args.min_speakers or 1
    return min(max(found, least), args.max_speakers or max(found, least))


def _cut(vectors: NDArray[np.float32], tree: NDArray[np.float64], number: int) -> _Labels:
    """Cut the tree where it first has so many groups that are not small.

    Where it first has so many groups of any size, the last ones are mostly single stray prints.
    """
    from scipy.cluster.hierarchy import fcluster

    for groups in range(number, min(_DEEPEST_CUT * number, len(vectors)) + 1):
        labels = fcluster(tree, groups, criterion="maxclust")
        if len(_large(labels, _FORCED_COUNT)) == number:
            return _merge_small(vectors, labels, _FORCED_COUNT)
    return np.asarray(fcluster(tree, number, criterion="maxclust"), dtype=np.int64)


def _large(labels: NDArray[np.int32], fewest: int) -> NDArray[np.int32]:
    """Return the names of the groups that are no strays: at least `fewest`, if any has as many."""
    names, counts = np.unique(labels, return_counts=True)
    least = min(fewest, counts.max(initial=1))
    large: NDArray[np.int32] = names[counts >= max(least, _SMALL_SHARE * counts.max())]
    return large


def _merge_small(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], fewest: int = 1
) -> _Labels:
    """Give groups of stray prints to the nearest large group."""
    large = _large(labels, fewest)
    centroids = np.stack([_centroid(vectors[labels == name]) for name in large])
    merged = np.asarray(labels, dtype=np.int64).copy()
    for position in np.flatnonzero(~np.isin(labels, large)):
        merged[position] = large[nearest(vectors[position], centroids)]
    return merged


def _centroid(vectors: NDArray[np.float32]) -> Vector:
    mean = vectors.mean(axis=0)
    unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit
