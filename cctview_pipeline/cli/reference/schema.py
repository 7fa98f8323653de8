"""docs/reference/campaign.schema.json: campaign.toml as a JSON schema, from the data classes that read it.

An editor with taplo (Even Better TOML) completes and checks a file that begins with ``#:schema campaign.schema.json``.
"""

import json
from typing import Any

from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.cameras import NETWORKS
from cctview_pipeline.cameras.footage.settings import FootageSettings
from cctview_pipeline.cameras.live import LIVE_NETWORKS
from cctview_pipeline.cameras.pictures.settings import PictureSettings
from cctview_pipeline.campaign import Camera, Head
from cctview_pipeline.city import CitySettings
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.formats.sumo import Detector
from cctview_pipeline.formats.tmg import Station
from cctview_pipeline.links import Link
from cctview_pipeline.policy import Policy
from cctview_pipeline.resources.needs import NEEDS, Needs
from cctview_pipeline.resources.understood import NoSettings
from cctview_pipeline.settings import keys_of, schema_of


def campaign_schema() -> dict[str, Any]:
    """The whole file. What only the values together can say, such as an id given twice, is left to the reader."""
    head = schema_of(Head) | {"properties": keys_of(schema_of(Head))}
    head.pop("$defs", None)
    head["properties"]["network"] |= {"enum": list(NETWORKS)}
    head["properties"]["privacy"] |= schema_of(Policy)
    of_jobs = {job: schema_of(Needs) for job in NEEDS}
    head["properties"]["resources"] |= {"properties": of_jobs, "additionalProperties": False}
    head["allOf"] = [_settings(names, kind) for kind, names in _kinds().items()]
    cameras = {"type": "array", "minItems": 1, "items": schema_of(Camera), "description": "The cameras, one table each."}
    lists = {
        name: {"type": "array", "items": schema_of(kind), "description": description}
        for name, kind, description in (
            ("links", Link, "Where a camera's traffic comes next."),
            ("anomalies", Anomaly, "Times in which figures are not what they seem."),
            ("sumo", Detector, "Where carriageways lie in a SUMO network."),
            ("tmg", Station, "Which stations of FHWA's format cameras are."),
        )
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A campaign of CCTView Pipeline",
        "type": "object",
        "properties": {"campaign": head, "cameras": cameras} | lists,
        "required": ["campaign", "cameras"],
        "additionalProperties": False,
    }


def schema_page() -> str:
    """The file campaign.schema.json."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def _kinds() -> dict[type, list[str]]:
    """What reads ``[campaign.settings]`` -> of which networks."""
    named: dict[str, type] = {"city": CitySettings, "footage": FootageSettings, "pictures": PictureSettings}
    named |= dict.fromkeys(LIVE_NETWORKS, CollectSettings)
    kinds: dict[type, list[str]] = {}
    for network in NETWORKS:
        kinds.setdefault(named.get(network, NoSettings), []).append(network)
    return kinds


def _settings(networks: list[str], kind: type) -> dict[str, Any]:
    """What stands there depends on the network."""
    settings = schema_of(kind) | {"properties": keys_of(schema_of(kind))}
    settings.pop("$defs", None)
    return {
        "if": {"properties": {"network": {"enum": networks}}},
        "then": {"properties": {"settings": settings}},
    }
