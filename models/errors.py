"""Exceptions raised by estimators."""


class NotEnoughData(ValueError):
    """Fewer usable rows than the estimator needs; nothing was estimated."""

    def __init__(self, *, need: int, got: int, what: str) -> None:
        super().__init__(
            f"{what} needs at least {need} complete rows, got {got}; "
            "lengthen the history or leave the asset out"
        )
        self.need = need
        self.got = got


class NoVariation(NotEnoughData):
    """Rows enough, but a series is constant or nearly so; nothing was estimated.

    A kind of `NotEnoughData`, so that whoever turns that into a row with a reason does so here too.
    """

    def __init__(self, *, what: str, fault: str, got: int) -> None:
        ValueError.__init__(self, f"cannot fit {what}: {fault}; exclude the asset")
        self.need = self.got = got
