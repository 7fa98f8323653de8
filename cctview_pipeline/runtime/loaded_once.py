"""Models that are loaded once a process: reading, checking and compiling one takes longer than a camera-hour of a quiet night."""

import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Model = TypeVar("Model")


def loaded_once(most: int) -> Callable[[Callable[Arguments, Model]], Callable[Arguments, Model]]:
    """Keep the last ``most`` results of a function that loads, by its arguments. Threads that ask at a time wait for one load."""

    def decorate(load: Callable[Arguments, Model]) -> Callable[Arguments, Model]:
        remembered, turn = lru_cache(most)(load), threading.Lock()

        @wraps(load)
        def loaded(*arguments: Arguments.args, **named: Arguments.kwargs) -> Model:
            with turn:
                return remembered(*arguments, **named)  # type: ignore[arg-type]  # no ParamSpec can say "hashable"

        return loaded

    return decorate
