"""What a fit answers when it cannot answer: an outcome that a desk can read."""


class NotEnoughData(ValueError):
    """Fewer usable rows than the estimator needs; nothing was estimated."""

    def __init__(self, *, need: int, got: int, what: str) -> None:
        super().__init__(
            f"{what} needs at least {need} complete rows, got {got}; "
            "lengthen the history or leave the asset out"
        )
        self.need = need
        self.got = got
