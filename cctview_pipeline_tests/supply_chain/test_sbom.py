"""The bill of materials is valid CycloneDX, and lists what a user may have installed, and nothing besides."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply_chain.lock import DELIVERED, PROJECT, grouped, read_lock
from supply_chain.policy import Policy
from supply_chain.sbom import FILE, bom, to_json


@pytest.fixture(scope="module")
def released() -> dict:
    return json.loads(FILE.read_text())


def test_it_is_valid_and_what_is_not_is_seen():
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(FILE.read_text()) is None
    assert validator.validate_str(FILE.read_text().replace('"scope": "optional"', '"scope": "perhaps"', 1)) is not None


def test_it_is_that_of_this_checkout():
    assert FILE.read_text() == to_json(bom())


def test_it_lists_what_is_delivered(released: dict):
    libraries = {(each["name"], each["version"]) for each in released["components"] if each["type"] == "library"}
    assert libraries == {(each.name, each.version) for each in grouped(read_lock(), DELIVERED)}
    models = {each["name"] for each in released["components"] if each["type"] == "machine-learning-model"}
    assert models == {"default-detector", "default-extractor", "fast-detector", "people-finder"}
    assert not {"pytest", "supervision", "keras-retinanet"} & ({name for name, _ in libraries} | models)


def test_everything_in_it_has_a_licence_that_was_let_in(released: dict):
    policy = Policy.load()
    for each in released["components"]:
        [licence] = [one.get("expression") or one["license"]["id"] for one in each["licenses"]]
        assert policy.accepts(licence) or policy.judgement(each["name"], licence), each["name"]


def test_everything_is_there_because_something_needs_it(released: dict):
    edges = {each["ref"]: each.get("dependsOn", []) for each in released["dependencies"]}
    reached, waiting = set(), [PROJECT]
    while waiting:
        if (ref := waiting.pop()) not in reached:
            reached.add(ref)
            waiting += edges[ref]
    assert reached == edges.keys() == {PROJECT} | {each["bom-ref"] for each in released["components"]}
