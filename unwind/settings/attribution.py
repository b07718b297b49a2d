"""The section [attribution]: what each mechanism is expected to show, and what it takes to name."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from unwind.errors import did_you_mean
from unwind.hypotheses import AMPLIFIER, HYPOTHESES, MECHANISMS, ORDINARY
from unwind.settings.shared import Section


def _known(name: str) -> str:
    if name not in (names := (*MECHANISMS, AMPLIFIER)):
        raise ValueError(
            f"unknown hypothesis {name!r}; known: {', '.join(names)}" + did_you_mean(name, names)
        )
    return name


Hypothesis = Annotated[str, AfterValidator(_known)]
Expectation = Literal["--", "-", "0", "+", "++", "UNWIND", "CRUSH", "REBUILD", "FADE"]
CLASS_NAMES = ("UNWIND", "CRUSH", "REBUILD", "FADE")
# In scales of an indicator.
Location = Annotated[float, Field(ge=-100, le=100)]


class Reading(Section):
    """One indicator: its own ordinary centre and scale, and what each hypothesis expects.

    `expected` leaves out who expects what ordinary volatility does.
    """

    block: str = Field(min_length=1)
    weight: float = Field(ge=0, le=3)
    centre: float = Field(ge=-1e6, le=1e6)
    scale: float = Field(gt=0, le=1e6)
    expected: dict[Hypothesis, tuple[Expectation, ...]]
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        named = {level for levels in self.expected.values() for level in levels}
        if named & set(CLASS_NAMES) and named - set(CLASS_NAMES):
            raise ValueError(f"expected must hold levels or classes, got both: {sorted(named)}")
        return self

    @property
    def classes(self) -> bool:
        """The indicator is a class, not a number."""
        return any(level in CLASS_NAMES for levels in self.expected.values() for level in levels)


class Attribution(Section):
    """Priors, densities, caps, rules and expectations of the attribution."""

    priors: dict[str, Annotated[float, Field(gt=0, lt=1)]]
    amplifier_prior: float = Field(gt=0, lt=1)
    locations: tuple[Location, Location, Location, Location, Location]
    dof: float = Field(ge=2, le=100)
    expert: float = Field(gt=0, le=100)
    spread: float = Field(gt=0, le=100)
    indicator_cap: float = Field(gt=0, le=100)
    block_cap: float = Field(gt=0, le=100)
    conflicted_share: float = Field(ge=0, le=0.5)
    stale_share: float = Field(ge=0, le=1)
    posterior: float = Field(ge=0.5, lt=1)
    margin: float = Field(gt=0, lt=1)
    blocks: int = Field(ge=1, le=100)
    decisive: dict[Hypothesis, tuple[str, ...]]
    decisive_vote: float = Field(ge=0, le=100)
    coherence: float = Field(ge=0, le=1)
    toll: float = Field(ge=0, le=100)
    shock: float = Field(ge=0.5, le=20)
    amplifier_from: float = Field(gt=0, lt=1)
    slide_sessions: int = Field(ge=2, le=63)
    indicators: dict[str, Reading]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.locations) != sorted(set(self.locations)) or self.locations[2] != 0:
            raise ValueError(
                f"locations must rise through zero in the middle, got {list(self.locations)}"
            )
        if abs(sum(self.priors.values()) - 1) > 1e-9:
            raise ValueError(f"priors must add to 1, got {sum(self.priors.values())}")
        if set(self.priors) != set(HYPOTHESES):
            raise ValueError(
                f"priors must name {', '.join(HYPOTHESES)}, got {', '.join(self.priors)}"
            )
        # A likelier mechanism would lead without evidence, even against its decisive block.
        if max(self.priors.values()) > self.priors[ORDINARY]:
            raise ValueError(
                f"no prior may exceed that of {ORDINARY}, {self.priors[ORDINARY]}, got "
                f"{max(self.priors.values())}"
            )
        known = {reading.block for reading in self.indicators.values()}
        if unknown := sorted(
            {block for blocks in self.decisive.values() for block in blocks} - known
        ):
            raise ValueError(f"decisive names {unknown}, which no indicator is in")
        if without := sorted(set(MECHANISMS) - set(self.decisive)):
            raise ValueError(f"decisive must name blocks of {', '.join(without)}")
        if self.blocks > len(known):
            raise ValueError(
                f"blocks must not exceed the {len(known)} blocks of the indicators, "
                f"got {self.blocks}"
            )
        return self
