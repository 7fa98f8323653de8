"""What the software does for the people in its pictures, and how each of it is set in a campaign. What it does not do stands
beside it: an assessment that leaves that out is worth nothing."""

import inspect
from dataclasses import dataclass

from cctview_pipeline.analytics.warehouse import ID_COLUMNS
from cctview_pipeline.policy import MOST_UNMASKED
from cctview_pipeline.privacy.compliance.facts import Facts, words
from cctview_pipeline.privacy.compliance.text import link, plain
from cctview_pipeline.privacy.publishing import SHORTEST_BIN, k_anonymous

K = inspect.signature(k_anonymous).parameters["k"].default
IDS = ", ".join(f"`{name}`" for name in sorted(ID_COLUMNS))


@dataclass(frozen=True)
class Measure:
    """does: in a sentence; where: modules and commands; setting: its value in this campaign; limit: what it does not do; on:
    whether this campaign has it."""

    name: str
    does: str
    where: str
    setting: str
    limit: str
    on: bool = True


def measures(facts: Facts) -> dict[str, Measure]:
    """Key -> measure, in the order of a picture's way through the lake."""
    policy, masked, zones = facts.policy, facts.policy.masks_people, facts.polygons("privacy_zones")
    purposes = ", ".join(f"'{plain(each)}'" for each in policy.purposes) or "none is declared"
    asked = f"purposes: {purposes}"
    asked += "; in the synthetic city a question needs none" if facts.synthetic else ""
    limited = f"{policy.queries_an_hour} questions an hour and user"
    limited += "; in the synthetic city no limit holds" if facts.synthetic else ""
    return {
        "masking": Measure(
            "Masking",
            "People, and the privacy zones of cameras, are painted over before a picture is stored for the first time.",
            "`cctview_pipeline/redaction/masking.py`, `[campaign.privacy] unmasked_for`",
            "not used: nobody walks in this city"
            if facts.synthetic and not facts.campaign.settings.get("people")
            else "on; nothing is stored when it cannot be done"
            if masked
            else f"**off for people**, who stay visible for the purpose '{plain(policy.unmasked_for)}', in "
            f"pictures that are kept for {words(MOST_UNMASKED)} at most",
            f"It misses people: {people_figure(facts)}. It paints over people and zones, not vehicles.",
            masked,
        ),
        "size": Measure(
            "Small pictures",
            "A picture is stored with no more than so many pixels a side.",
            "`cctview_pipeline/redaction/masking.py`, `[campaign.privacy] largest_side`",
            f"{policy.largest_side} px",
            "Vehicles are detected, embedded and matched in pictures of this size.",
        ),
        "metadata": Measure(
            "Metadata removed",
            "Comments and application segments, such as the camera's hardware address and EXIF, are taken out.",
            "`cctview_pipeline/images/jpeg.py`, `cctview_pipeline/collect/pictures.py`",
            "always",
            "Camera and time stay: they are the frame's id.",
        ),
        "zones": Measure(
            "Places where nothing is detected",
            "A box is dropped when its centre lies in a mask, or when it touches a privacy zone at all.",
            "`cctview_pipeline/zones.py`, `masks` and `privacy_zones` of a camera",
            f"{facts.polygons('masks')} masks and {zones} privacy zones, at {len(facts.campaign.cameras)} cameras",
            "A mask is not painted over: the stored frame keeps what the camera saw there.",
            bool(zones or facts.polygons("masks")),
        ),
        "vehicles": Measure(
            "No pictures of people cut out",
            "Crops and embeddings are made of vehicles only; people and bicycles have a box in `detections` and nothing else.",
            "`cctview_pipeline/detect/tables.py`",
            "always",
            "The box tells where somebody was in the picture, and when. Whom the detector takes for a vehicle has a crop.",
        ),
        "lifetimes": Measure(
            "Lifetimes",
            "What is older than the campaign allows is deleted, and no run makes it again.",
            "`cctview_pipeline/privacy/retention.py`, `hourly_retention` in Dagster, `cctview purge`, "
            "`[campaign.privacy.lifetimes]`",
            f"**for ever: {', '.join(f'`{name}`' for name in facts.kept_for_ever)}**"
            if facts.kept_for_ever
            else "everything that tells of single vehicles ends",
            "It deletes when it is run, by Dagster's schedule or by hand. It reaches the lake, the spool, the keys and what "
            "Dagster keeps; not exports, copies, backups, or the archive that a lake was filled from.",
            len(facts.kept_for_ever) < len(facts.about_vehicles) + len(facts.beside),
        ),
        "pseudonyms": Measure(
            "Pseudonyms",
            f"Answers have keyed pseudonyms for {IDS}; when the key of a day is destroyed they are null.",
            "`cctview_pipeline/privacy/keys.py`, `cctview_pipeline/privacy/access.py`, `CCTVIEW_KEYS`",
            _keys(facts),
            "Whoever has the key can undo them while it exists. The ids in the lake's files are no pseudonyms. `detection_ids` "
            "stay as they are, and tell where and when a vehicle was seen.",
        ),
        "rotation": Measure(
            "Embeddings turned",
            "Embeddings are multiplied by a secret matrix of their UTC day: those of two days can be compared only while the "
            "keys of both exist.",
            "`cctview_pipeline/privacy/rotation.py`",
            _keys(facts),
            "Within a day they can be compared by anybody who can read them. Whoever knows enough pairs, embeddings of the same "
            "things in both periods, can work out the turn from one to the other; how many that takes is measured in "
            f"{link(facts, 'benchmarks/results/rotation.json')}.",
        ),
        "purpose": Measure(
            "Purposes",
            "A question about single vehicles, and an export, states one of the campaign's purposes or is refused; so is one too "
            "many in an hour.",
            "`cctview_pipeline/privacy/access.py`, `cctview query --purpose`, `cctview export --purpose`",
            f"{asked}; {limited}",
            "It is a statement that nobody checks. Whoever may read the lake's files needs none.",
            bool(policy.purposes) and not facts.synthetic,
        ),
        "audit": Measure(
            "Audit log",
            "Who asks about vehicles, exports or erases stands in an append-only log first, each line with the hash of the line "
            "before.",
            "`cctview_pipeline/privacy/audit.py`, `cctview audit show`, `cctview audit verify`, `CCTVIEW_AUDIT`",
            "always",
            "It is no authentication: the user is whom the operating system names. Whoever may write the log and its head file "
            "can forge both whole, and reading the lake's files leaves no line.",
        ),
        "publishing": Measure(
            "k-anonymous tables",
            "Counts are published without groups below k, and without what would give one away by subtraction.",
            "`cctview_pipeline/privacy/publishing.py`",
            f"k = {K} unless the caller says otherwise; bins of {SHORTEST_BIN.total_seconds() / 60:g} minutes and more",
            "It is done by whoever publishes: the lake's tables, and answers about them, hold groups of any size. It holds for "
            "one publication; another of the same vehicles can be subtracted. Who was there knows of k - 1 others.",
        ),
        "erasure": Measure(
            "Erasure",
            "A span of cameras' time, or one vehicle, goes from every table, and no run brings it back.",
            "`cctview_pipeline/privacy/erasures.py`, `cctview_pipeline/privacy/forgetting.py`, `cctview erase`",
            "whenever it is asked for",
            "A vehicle is found by camera and time, or by its journey; there is no table to find it by plate or name. What was "
            "exported, copied or backed up, and the archive that a lake was filled from, stay.",
        ),
    }


def people_figure(facts: Facts) -> str:
    """How many it finds, as far as that was measured."""
    if not facts.people:
        return "how many was not measured (`benchmarks/results/people.json` has no figure)"
    told = "; ".join(f"{name} {value:.3g}" for name, value in facts.people.items())
    return f"{told} ({link(facts, 'benchmarks/results/people.json')})"


def _keys(facts: Facts) -> str:
    lifetime = facts.policy.lifetime("keys")
    return f"a day's key is destroyed {facts.lifetime('keys')} after its day" if lifetime else "**keys are kept for ever**"
