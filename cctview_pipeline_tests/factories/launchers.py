"""A launcher whose runs live elsewhere, as those of a cluster do."""

from collections.abc import Mapping
from typing import Any

from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._serdes import ConfigurableClass, ConfigurableClassData


class ElsewhereLauncher(RunLauncher, ConfigurableClass):
    """It launches nothing."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> "ElsewhereLauncher":
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        pass

    def terminate(self, run_id: str) -> bool:
        return False
