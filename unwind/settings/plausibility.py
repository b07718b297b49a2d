"""Section of the settings on prices that look right and are wrong."""

from typing import Self

from pydantic import Field, model_validator

from unwind.settings.shared import Section


class Plausibility(Section):
    """Limits beyond which a price is set aside until confirmed; moves are log changes."""

    window: int = Field(ge=20, le=2520)
    min_observations: int = Field(ge=10, le=2520)
    min_jump: float = Field(gt=0, le=1)
    large_jump: float = Field(gt=0, le=2)
    impossible_jump: float = Field(gt=0, le=10)
    min_sigmas: float = Field(ge=3, le=100)
    sigmas: float = Field(ge=5, le=1000)
    large_sigmas: float = Field(ge=3, le=1000)
    wide_bar: float = Field(gt=1, le=100)
    busy_bar: float = Field(gt=1, le=100)
    spanned_share: float = Field(gt=0, le=1)
    max_dividend: float = Field(gt=0, le=1)
    adjustment_tolerance: float = Field(gt=0, le=0.1)
    repeat_rows: int = Field(ge=10, le=252)
    repeat_share: float = Field(gt=0.5, le=1)
    lag_window: int = Field(ge=40, le=2520)
    lagged_correlation: float = Field(gt=0, le=1)
    same_day_correlation: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min_jump < self.large_jump < self.impossible_jump:
            raise ValueError("min_jump < large_jump < impossible_jump must hold")
        if self.same_day_correlation >= self.lagged_correlation:
            raise ValueError("same_day_correlation must lie below lagged_correlation")
        if self.min_observations > self.window:
            raise ValueError(
                f"min_observations must not exceed window {self.window}, "
                f"got {self.min_observations}"
            )
        return self
