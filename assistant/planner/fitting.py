"""Whether a meaning is possible where it stands: one guard a kind of meaning."""

from __future__ import annotations

from collections.abc import Callable

from .anatomy import ROMAN
from .files import data
from .meaning import NOMINAL
from .place import Place, means
from .trie import Entry

_COUNTED = frozenset({"two", "three", "four"})  # "the three biggest": no pronoun
# "Which segment?" asks for a place only where nothing follows: "which segment is larger" does not.
_BARE_PLACE = frozenset({"slice", "segment", "lobe", "side", "region", "part", "level", "quadrant"})
# "Is my liver big?": words that ask for a measure only at the end of a question.
_PREDICATES = frozenset(
    {"big", "large", "small", "tiny", "huge", "ok", "okay", "fine", "alright", "good", "full"}
)
_BOUNDS_OR_HU = ("min", "minimum", "minimal", "max", "maximum", "maximal", "threshold", "cutoff")
_BESIDE_LOBE = ("lobe", "one", ",", "and", "or", "left", "right", "lung")
_ROUGHLY = ("a", "an", "the", "about", "approximately", "or", "roughly")
_ARTICLES = ("the", "a", "an", "this", "it")
_ADJECTIVES = frozenset({"wide", "broad", "long", "tall", "thick", "dense"})  # "and wide?"
_ATTRIBUTES = frozenset({"hypodense", "hyperdense", "hypoattenuating", "hyperattenuating"})
_STATES = frozenset({"open", "closed", "#", "compression"})  # findings only at the end: "portal vein open?"
_ASKING = frozenset({"is", "be", "are", "was", "were"})


def fits(entry: Entry, place: Place) -> bool:
    """Whether a meaning is possible here."""
    if entry.caps and not all(token.text.isupper() for token in place.span):
        return False
    guard = _GUARDS.get(entry.kind)
    return guard is None or guard(entry, place)


def _struct(entry: Entry, at: Place) -> bool:
    word = at.span[-1]
    before_article = at.following is not None and at.following.key in _ARTICLES
    return not (word.key == "segment" and not word.plural and before_article)  # "liver segment the spleen"


def _numbered(entry: Entry, at: Place) -> bool:
    """Whether "segment" is the noun: a number follows, or an organ or "which" stands before it."""
    if not _struct(entry, at) or not at.single:
        return _struct(entry, at)
    token, following = at.span[0], at.following
    after = at.tokens[at.stop + 1 : at.stop + 2]
    if token.plural:
        return True
    if following is not None and following.key[:1] == "s" and following.key[1:].isdigit():
        return following.key not in at.known.levels
    if following is not None and (following.kind == "number" or following.key in ROMAN):
        if following.key == "i" and following.text == "I" and after and after[0].kind == "word":
            return False
        if at.after("struct", "adj"):
            return True
        roomy = following.kind != "number" or 1 <= float(following.key) <= 8
        return roomy and not (
            after and after[0].key in ("largest", "biggest", "mm", "cm", "lesion", "kidney")
        )
    return at.after("struct", "adj", "all") and token.key == "segment"


def _adj(entry: Entry, at: Place) -> bool:
    """ "The chest" and "the abdomen" only say where lesions are: "in the chest or abdomen"."""
    if at.span[0].key not in data("parts")["rooms"]:
        return True
    lesion = max((n for n, tag in enumerate(at.sentence) if tag.kind == "lesion"), default=None)
    said = at.sentence[lesion + 1 :] if lesion is not None else []
    return at.after("prep", "conj") and any(tag.kind == "prep" for tag in said)


def _part(entry: Entry, at: Place) -> bool:
    if at.span[-1].key not in ("upper", "lower", "middle"):
        return True
    beside = at.following is not None and at.following.key in _BESIDE_LOBE
    return beside or at.alone or at.after("side", "conj")


def _finding(entry: Entry, at: Place) -> bool:
    return at.ends or at.span[-1].key not in _STATES


def _measure(entry: Entry, at: Place) -> bool:
    word = at.span[0].key
    if at.words in (["3", "d"], ["three", "d"]):
        return at.alone or (at.after("conj", "measure") and at.following is None)
    if entry.value == "count" and at.words[-1] == "one" and at.leads_to("prep"):
        return any(t.keys[0] in _ASKING for t in at.sentence)  # "only the ones in the right lung"
    if not at.single:
        return True
    if word in _ADJECTIVES:
        return at.alone
    if entry.value in ("min_hu", "max_hu"):
        return not _is_size(at)
    if word not in _PREDICATES:
        return True
    bare = all(t.kind in NOMINAL or t.kind in ("filler", "side", "conj") for t in at.sentence)
    asked = any(t.keys[0] in ("is", "be", "are") for t in at.before)
    after = at.tokens[at.stop + 1 : at.stop + 2]
    asked = asked or bool(after and after[0].key in _ASKING and at.ends)  # "it seems big, is it?"
    asked = asked or (bare and at.following is not None and at.following.text == "?")
    return at.ends and at.after(*NOMINAL) and (asked or word == "full")


def _compar(entry: Entry, at: Place) -> bool:
    attribute = at.single and at.span[0].key in _ATTRIBUTES
    return not (attribute and at.leads_to("lesion", "adj", "struct"))  # "hypodense liver lesion"


def _op(entry: Entry, at: Place) -> bool:
    if at.span[-1].key in _BOUNDS_OR_HU and not _is_size(at):
        return bool(entry.value.startswith("after")) and at.after("unit")
    if entry.value in ("after_min", "after_max"):
        goes_on = at.following is not None and (at.following.key == "than" or _starts_number(at))
        return at.after("unit", "number") and not goes_on  # "over 3 cm and smaller than 5 cm"
    return at.following is not None and _starts_number(at)


def _again(entry: Entry, at: Place) -> bool:
    opens = at.span[0].key in ("and", "on", "now", "next") and not at.single
    return not opens or at.last is None or at.after("seq", "correction", "yes", "only", "conj")


def _filler(entry: Entry, at: Place) -> bool:
    if not at.single and any(
        means(at.known, at.keys, at.stop - 1, kind, longer_than=1) for kind in ("struct", "part")
    ):
        return False  # "in the middle lobe"
    verb = at.words[0] == "you" and not at.single
    return not verb or not at.before or at.before[-1].keys[-1] not in ("can", "could", "will", "would")


def _number(entry: Entry, at: Place) -> bool:
    """Number words count only where a unit or another number sign follows: "one cm", not "the left one"."""
    listed = len(at.before) > 1 and at.before[-1].kind == "conj" and at.before[-2].kind == "number"
    plural = at.last is not None and at.last.kind == "struct" and at.last.plural
    if plural or listed or at.after("numbered"):
        return True
    if at.following is None:
        return False
    return at.words[0] not in ("one", "single", "half") or at.leads_to("unit")


def _prep(entry: Entry, at: Place) -> bool:
    return at.words != ["and", "to"] or not at.leads_to("verb")  # "to see and to measure"


def _onscan(entry: Entry, at: Place) -> bool:
    said = at.sentence
    asked = bool(said) and said[0].keys[0] in _ASKING and not any(t.kind == "verb" for t in said)
    return at.ends and asked and at.last is not None and (at.after(*NOMINAL) or at.all_of_it)


def _unit(entry: Entry, at: Place) -> bool:
    return at.after("number", "prep", "unit") or at.span[0].key != "in"


def _side(entry: Entry, at: Place) -> bool:
    if not at.single or at.span[0].key not in ("l", "r", "lt", "rt"):
        return True
    if at.following is not None and at.following.key in _ARTICLES:
        return False  # "how big r the kidneys"
    return (at.following is not None and at.following.kind == "word") or at.after(*NOMINAL, "number", "range")


def _pronoun(entry: Entry, at: Place) -> bool:
    if at.span[-1].key == "left" and (
        at.leads_to(*NOMINAL, "measure", "prep") or (at.ends and not at.after("verb"))
    ):
        return False  # "what is left": the side, unless it stands for things
    if at.following is None:
        return True
    if at.span[-1].key in _COUNTED:
        counted = at.leads_to("superl", "lesion", "ordinal", "struct")
        return not counted and not means(at.known, at.keys, at.stop - 1, "measure", longer_than=1)
    if len(at.words) == 2 and at.words[0] == "the":
        return not means(at.known, at.keys, at.start + 1, "measure", longer_than=1)
    return True


def _verb(entry: Entry, at: Place) -> bool:
    if at.words == ["please", "exclude"]:
        near = range(at.stop, min(at.stop + 4, len(at.keys)))
        return any(means(at.known, at.keys, n, "lesion") for n in near)
    if at.words == ["from", "scratch"] and any(tag.kind == "verb" for tag in at.sentence):
        return False  # "segment the liver from scratch"
    if at.words == ["correct"] and at.following is not None:
        return at.following.text != "?"  # "..., correct?"
    if at.words == ["where"] and at.following is not None:
        return not at.leads_to("measure")  # "where diameter > 8 mm"
    if entry.value == "locate" and at.span[0].key in ("which", "what"):
        it_is = at.following is not None and at.following.key in _ASKING
        it_is = it_is and means(at.known, at.keys, at.stop + 1, "pronoun")  # "which part is it in"
        return at.span[-1].key not in _BARE_PLACE or at.ends or it_is or at.leads_to("pronoun")
    return True


def _lesion(entry: Entry, at: Place) -> bool:
    if at.words == ["target"]:
        return at.span[0].plural and at.after("struct", "adj")
    if at.single and at.span[0].key in ("disease", "thing"):
        beside = ("in", "within", "burden", "load", "inside", "on")
        return at.following is not None and at.following.key in beside
    return True


def _seq(entry: Entry, at: Place) -> bool:
    """ "And next, ..." goes on; "and the next one" is a thing."""
    counts = at.following is not None and at.following.key == "one"
    return at.words[-1] != "next" or not (counts or at.leads_to("number"))


def _superl(entry: Entry, at: Place) -> bool:
    return not at.single or at.span[0].key not in ("main", "index", "least") or at.leads_to("lesion")


def _unsupported(entry: Entry, at: Place) -> bool:
    return at.span[0].text.lower() != "len"  # short for length, and no lens


_GUARDS: dict[str, Callable[[Entry, Place], bool]] = {
    "struct": _struct,
    "numbered": _numbered,
    "part": _part,
    "adj": _adj,
    "total": lambda entry, at: at.alone,
    "finding": _finding,
    "measure": _measure,
    "compar": _compar,
    "neighbor": lambda entry, at: not at.single or at.leads_to("number"),  # "the next two"
    "op": _op,
    "again": _again,
    "filler": _filler,
    "number": _number,
    "prep": _prep,
    "onscan": _onscan,
    "unit": _unit,
    "side": _side,
    "pronoun": _pronoun,
    "verb": _verb,
    "lesion": _lesion,
    "superl": _superl,
    "seq": _seq,
    "unsupported": _unsupported,
}


def _starts_number(at: Place) -> bool:
    place = at.stop
    while place < len(at.keys) and at.keys[place] in _ROUGHLY:
        place += 1
    if place >= len(at.keys):
        return False
    return at.keys[place].replace(".", "", 1).isdigit() or means(at.known, at.keys, place, "number")


def _is_size(at: Place) -> bool:
    """A number with a unit of length follows: "min 5 mm"."""
    keys, place = at.keys, at.stop
    digits = place + 1 < len(keys) and keys[place].replace(".", "", 1).isdigit()
    return digits and keys[place + 1] in ("mm", "cm", "millimeter", "centimeter", "inch")
