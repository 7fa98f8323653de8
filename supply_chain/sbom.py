"""docs/sbom.cdx.json: what a release is made of, as a CycloneDX bill of materials that scanners read.

It holds the packages that a user may have installed, those of `make install` as required and those of the extras as optional,
with their licences and what needs what, and the models' weights in this repository with their hashes. The same lock gives the
same file: no clock and no draw has a part in it.
"""

import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from supply_chain.document import MANIFEST
from supply_chain.licences import licence_of
from supply_chain.lock import DELIVERED, LOCK, PROJECT, ROOT, Package, grouped, installed, needs, read_lock, requirements_of
from supply_chain.policy import Policy

FILE = ROOT / "docs" / "sbom.cdx.json"


def bom(manifest: Path = MANIFEST) -> Bom:
    """The bill of materials of this checkout."""
    packages = {each: _package(each, Policy.load()) for each in grouped(read_lock(), DELIVERED)}
    by_name = {each.name: component for each, component in packages.items()}
    models = list(_models(manifest))
    project = _project()
    made = Bom(components=[*by_name.values(), *models], metadata=BomMetaData(component=project))
    made.metadata.timestamp = None
    library = "cyclonedx-python-lib"
    made.metadata.tools.components.add(Component(name=library, version=version(library)))
    made.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, LOCK.read_text() + manifest.read_text())
    direct = {canonicalize_name(each.name) for group in DELIVERED for each in requirements_of(group)}
    made.register_dependency(project, [*(by_name[name] for name in sorted(direct)), *models])
    for group in DELIVERED:
        for name, others in needs(group).items():
            made.register_dependency(by_name[name], [by_name[other] for other in sorted(others)])
    return made


def to_json(made: Bom) -> str:
    """In version 1.6 of the format, sorted, with a last line end."""
    return JsonV1Dot6(made).output_as_string(indent=1) + "\n"


def _project() -> Component:
    kind, licences = ComponentType.APPLICATION, [LicenseExpression("MIT")]
    return Component(name=PROJECT, version=version(PROJECT), type=kind, licenses=licences, bom_ref=PROJECT)


def _package(package: Package, policy: Policy) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        scope=ComponentScope.REQUIRED if package.group == "base" else ComponentScope.OPTIONAL,
        licenses=[LicenseExpression(licence_of(installed(package.name), package.name, policy))],
        purl=PackageURL("pypi", name=package.name, version=package.version),
        bom_ref=f"{package.name}@{package.version}",
    )


def _models(manifest: Path) -> Iterator[Component]:
    """Weights of this repository; what `cctview models pull` fetches is no part of a release."""
    for name, facts in sorted(tomllib.loads(manifest.read_text()).items()):
        if "url" not in facts:
            yield Component(
                name=name,
                version=facts["sha256"][:12],
                type=ComponentType.MACHINE_LEARNING_MODEL,
                scope=ComponentScope.REQUIRED,
                licenses=[DisjunctiveLicense(id=facts["licence"])],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=facts["sha256"])],
                bom_ref=f"models/{name}",
            )
