"""What a segment may be flagged with: why its text is not to be trusted. Flagged text is kept."""

from __future__ import annotations

from enum import StrEnum


class Flag(StrEnum):
    """The reason, as it stands in a segment's `flags`."""

    #: The decoder was unsure of the text: mean log-probability of a token under -1.
    LOW_LOGPROB = "low_logprob"
    #: The text repeats itself: compressed more than 2.4 times.
    HIGH_COMPRESSION = "high_compression"
    #: The same words again and again, and more than the ear could have made of the sound.
    LOOP = "loop"
    #: A phrase that Whisper is known to invent, where little speaks for its having been said.
    PHANTOM_PHRASE = "phantom_phrase"
    #: Nobody seems to speak there.
    NO_SPEECH = "no_speech"
    #: Somebody else speaks at the same time, for half a second or more.
    OVERLAP = "overlap"
