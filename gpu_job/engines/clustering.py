"""Which voice prints are one person: agglomerative clustering by cosine distance.

Then each window's local speakers are matched with the people, one to one, since two who are told
apart within ten seconds are not one person. (Constrained assignment: Bredin, "pyannote.audio 2.1
speaker diarization pipeline", Interspeech 2023.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

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
#: A group smaller than this share of the largest is taken for a part of another, if none is forced.
_SMALL_SHARE = 0.05
_SMALL_COUNT = 2

Centroids = NDArray[np.float32]


def find_speakers(prints: Sequence[VoicePrint], args: DiarizationArgs) -> Centroids:
    """Return one unit vector per speaker, shape (speakers, 192).

    Args:
        prints: of all windows.
        args: fixed, least and most numbers of speakers; honoured as far as there are prints.
    """
    chosen = _reliable(prints, args)
    if not chosen:
        return np.zeros((0, 0), dtype=np.float32)
    vectors = np.stack([item.vector for item in chosen])
    labels = _cluster(vectors, args)
    return np.stack([_centroid(vectors[labels == label]) for label in np.unique(labels)])


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


def _cluster(vectors: NDArray[np.float32], args: DiarizationArgs) -> NDArray[np.int64]:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(vectors) == 1:
        return np.zeros(1, dtype=np.int64)
    tree = linkage(vectors, method="average", metric="cosine")
    forced = args.num_speakers
    if forced is None:
        labels = _merge_small(vectors, fcluster(tree, THRESHOLD, criterion="distance"))
        found = len(np.unique(labels))
        least = args.min_speakers or 1
        most = args.max_speakers or max(found, least)
        if least <= found <= most:
            return labels
        forced = min(max(found, least), most)
    return np.asarray(fcluster(tree, forced, criterion="maxclust"), dtype=np.int64)


def _merge_small(vectors: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give groups of stray prints to the nearest large group."""
    names, counts = np.unique(labels, return_counts=True)
    least = min(_SMALL_COUNT, counts.max(initial=1))
    large = names[counts >= max(least, _SMALL_SHARE * counts.max())]
    centroids = np.stack([_centroid(vectors[labels == name]) for name in large])
    merged = np.asarray(labels, dtype=np.int64).copy()
    for position in np.flatnonzero(~np.isin(labels, large)):
        merged[position] = large[nearest(vectors[position], centroids)]
    return merged


def _centroid(vectors: NDArray[np.float32]) -> Vector:
    mean = vectors.mean(axis=0)
    unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit
