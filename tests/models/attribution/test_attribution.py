"""The ledger: hand-sized densities, sums that add up, and rules that keep silent."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student_t

from models.attribution import (
    ABSTAIN,
    AMBIGUOUS,
    AMPLIFIER,
    MIXED,
    NAMED,
    ORDINARY,
    ORDINARY_VERDICT,
    Indicator,
    Smoothing,
    Thresholds,
    apply_rules,
    block_contributions,
    build_ledger,
    incomplete_mechanisms,
)
from models.attribution.ledger import class_ratio, level_ratio
from tests import naive_attribution as naive

SMOOTHING = Smoothing(locations=(-3.0, -1.5, 0.0, 1.5, 3.0), dof=5.0, expert=4.0, spread=0.5)
MECHANISMS = ("multi_strategy", "crypto_native", "yen_carry", "fundamental_outflow")
HYPOTHESES = (ORDINARY, *MECHANISMS)
PRIORS = dict.fromkeys(MECHANISMS, 0.1) | {ORDINARY: 0.6}
BLOCKS = ("shock", "crowding", "yen", "hours", "flows", "offshore")
RULES = Thresholds(
    min_posterior=0.6, min_margin=0.25, min_blocks=4, min_required_evidence=0.3, block_cap=3.0,
    missing_block_penalty=0.5, min_net_agreement=0.6,
    required_blocks={
        "multi_strategy": ("crowding",), "crypto_native": ("offshore",), "yen_carry": ("yen",),
        "fundamental_outflow": ("flows",),
    },
)  # fmt: skip
YEN_STORY = {
    "shock": -3.0, "crowding": 0.0, "yen": -3.0, "hours": -3.0, "flows": 0.0, "offshore": 0.0
}  # fmt: skip
EXPECTED = {
    "shock": {
        "multi_strategy": ("--",), "crypto_native": ("--",), "yen_carry": ("--",),
        "fundamental_outflow": ("-",), AMPLIFIER: ("--",),
    },
    "crowding": {"multi_strategy": ("--",)},
    "yen": {"yen_carry": ("--",)},
    "hours": {"multi_strategy": ("++",), "crypto_native": ("--",), "yen_carry": ("--",)},
    "flows": {"multi_strategy": ("+",), "fundamental_outflow": ("--",)},
    "offshore": {"crypto_native": ("--",)},
}  # fmt: skip


def _indicators(weight: float = 1.3) -> dict[str, Indicator]:
    return {
        name: Indicator(block=name, weight=weight, expected=EXPECTED[name], classes=False)
        for name in BLOCKS
    }


def _account(readings, indicators=None, qualities=None, **changes):
    terms = {
        "priors": PRIORS, "amplifier_prior": 0.2, "smoothing": SMOOTHING, "indicator_cap": 3.0,
        "block_cap": 3.0,
    } | changes  # fmt: skip
    return build_ledger(readings, qualities or {}, indicators or _indicators(), **terms)


class TestDensities:
    def test_a_level_by_hand(self) -> None:
        """At −3, "--" against "0": shares 4.5 and 0.5 of 6.5, Student-t at distances 0…6."""
        kernel = student_t.pdf(np.array([0.0, 1.5, 3.0, 4.5, 6.0]), 5)
        under = (4.5 * kernel[0] + 0.5 * kernel[1:].sum()) / 6.5
        usual = (4.5 * kernel[2] + 0.5 * (kernel.sum() - kernel[2])) / 6.5
        assert level_ratio(-3.0, ("--",), SMOOTHING) == pytest.approx(math.log(under / usual))

    def test_a_class_by_hand(self) -> None:
        """κ = 4 on one of four classes, α = 0.5 on each: 4.5/6 against 1/4."""
        assert class_ratio("CRUSH", ("CRUSH",), SMOOTHING) == pytest.approx(math.log(3))
        assert class_ratio("FADE", ("CRUSH",), SMOOTHING) == pytest.approx(math.log(1 / 3))
        assert class_ratio("FADE", ("FADE", "CRUSH"), SMOOTHING) == pytest.approx(math.log(5 / 3))

    def test_the_density_integrates_to_one(self) -> None:
        """Inside the outer levels the twin is a density up to what lies beyond them."""
        grid = np.linspace(-3, 3, 6001)
        inside = np.trapezoid([naive.density(x, "0", SMOOTHING) for x in grid], grid)
        outside = sum(
            share * (student_t.sf(3 - at, 5) + student_t.cdf(-3 - at, 5))
            for share, at in zip(
                np.array([0.5, 0.5, 4.5, 0.5, 0.5]) / 6.5, SMOOTHING.locations, strict=True
            )
        )
        assert inside + outside == pytest.approx(1, abs=1e-6)

    def test_beyond_the_outer_level_nothing_changes(self) -> None:
        assert level_ratio(-30.0, ("--",), SMOOTHING) == level_ratio(-3.0, ("--",), SMOOTHING)

    def test_mirrored_readings_mirror(self) -> None:
        assert level_ratio(2.0, ("++",), SMOOTHING) == pytest.approx(
            level_ratio(-2.0, ("--",), SMOOTHING)
        )

    def test_what_is_expected_of_ordinary_volatility_says_nothing(self) -> None:
        assert level_ratio(1.7, ("0",), SMOOTHING) == 0


class TestDecisiveBlock:
    """Everything falls, as under a carry unwind, and the yen stands still or falls as well."""

    DECISIVE = {"yen_carry": ("yen",)}  # noqa: RUF012

    def test_against_it_a_mechanism_does_not_lead(self) -> None:
        story = YEN_STORY | {"yen": 1.0}
        plain = _account(story).contributions["yen_carry"]
        gated = _account(story, decisive_blocks=self.DECISIVE)
        assert plain["yen"] < -0.5
        assert gated.contributions["yen_carry"].max() == 0
        assert gated.posterior["yen_carry"] < PRIORS["yen_carry"]

    def test_little_support_takes_a_share(self) -> None:
        # By hand: the support of shock and hours, times d / 1.2.
        readings = YEN_STORY | {"yen": -1.7}
        plain = _account(readings).contributions["yen_carry"]
        assert 0 < plain["yen"] < 1.2
        gated = _account(
            readings, decisive_blocks=self.DECISIVE, min_required_evidence=1.2
        ).contributions["yen_carry"]
        share = plain["yen"] / 1.2
        assert gated["shock"] == pytest.approx(share * plain["shock"])
        assert gated["hours"] == pytest.approx(share * plain["hours"])
        assert gated["yen"] == plain["yen"]

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(
        readings=st.fixed_dictionaries({name: st.none() | st.floats(-9, 9) for name in BLOCKS}),
        weight=st.floats(0.1, 3),
        required=st.floats(0, 3),
    )
    def test_no_reading_makes_a_mechanism_lead_against_it(self, readings, weight, required) -> None:
        """Neither the posterior, nor the leader of the sentence."""
        indicators = _indicators(weight)
        ledger = _account(
            readings, indicators, decisive_blocks=RULES.required_blocks,
            min_required_evidence=required,
        )  # fmt: skip
        votes = block_contributions(ledger, indicators)
        leader = apply_rules(ledger, indicators, rules=RULES).leader
        for mechanism, blocks in RULES.required_blocks.items():
            if any(
                readings[block] is not None and votes.loc[block, mechanism] <= 0 for block in blocks
            ):
                assert ledger.posterior[mechanism] < ledger.posterior[ORDINARY]
                assert leader != mechanism

    def test_one_missing_decisive_block_is_passed_over(self) -> None:
        both = {"yen_carry": ("yen", "hours")}
        readings = YEN_STORY | {"hours": None}
        gated = _account(readings, decisive_blocks=both).contributions["yen_carry"]
        assert gated.equals(_account(readings).contributions["yen_carry"])
        against = _account(readings | {"yen": 1.0}, decisive_blocks=both)
        assert against.contributions["yen_carry"].max() == 0

    def test_with_it_or_without_a_word_nothing_changes(self) -> None:
        for readings in (YEN_STORY, {**YEN_STORY, "yen": None}):
            plain = _account(readings).contributions
            gated = _account(readings, decisive_blocks=self.DECISIVE).contributions
            pd.testing.assert_frame_equal(plain, gated)

    def test_contributions_still_add_up(self) -> None:
        ledger = _account(YEN_STORY | {"yen": 1.0}, decisive_blocks=self.DECISIVE)
        total = ledger.contributions["yen_carry"].sum()
        prior = math.log(PRIORS["yen_carry"] / PRIORS["ordinary"])
        assert ledger.log_odds["yen_carry"] == pytest.approx(prior + total)


class TestLedger:
    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_plain_loops(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        readings = {name: float(draw.normal(0, 2)) for name in BLOCKS}
        held = _account(readings, indicator_cap=1.2, block_cap=1.0)
        for name in MECHANISMS:
            assert held.log_odds[name] == pytest.approx(
                naive.log_odds(
                    readings, _indicators(), name, priors=PRIORS, smoothing=SMOOTHING,
                    indicator_cap=1.2, block_cap=1.0,
                )
            )  # fmt: skip

    def test_contributions_add_up(self) -> None:
        held = _account(YEN_STORY)
        prior = np.log(0.1 / 0.6)
        for name in MECHANISMS:
            assert held.log_odds[name] == pytest.approx(prior + held.contributions[name].sum())
        odds = np.exp(held.log_odds[list(HYPOTHESES)])
        np.testing.assert_allclose(held.posterior, odds / odds.sum())
        assert held.posterior.sum() == pytest.approx(1)

    def test_nothing_read_leaves_the_prior(self) -> None:
        held = _account(dict.fromkeys(BLOCKS))
        assert held.posterior.to_dict() == pytest.approx(PRIORS)
        assert held.amplifier == pytest.approx(0.2)
        assert held.observed == ()

    def test_a_missing_reading_adds_nothing(self) -> None:
        whole, part = _account(YEN_STORY), _account(YEN_STORY | {"yen": float("nan")})
        assert (part.contributions.loc["yen"] == 0).all()
        kept = [name for name in BLOCKS if name != "yen"]
        assert part.contributions.loc[kept].equals(whole.contributions.loc[kept])

    def test_a_conflicted_reading_counts_by_its_share(self) -> None:
        whole, half = _account(YEN_STORY), _account(YEN_STORY, qualities={"yen": 0.5})
        np.testing.assert_allclose(
            half.contributions.loc["yen"], whole.contributions.loc["yen"] / 2
        )

    def test_a_block_has_one_vote(self) -> None:
        """Ten copies of one indicator in a block weigh no more than the block's cap."""
        copies = {
            f"yen {number}": Indicator(
                block="yen", weight=1.0, expected={"yen_carry": ("--",)}, classes=False
            )
            for number in range(10)
        }
        held = _account(dict.fromkeys(copies, -3.0), copies, block_cap=2.0)
        assert held.contributions["yen_carry"].sum() == pytest.approx(2.0)
        assert held.observed == ("yen",)

    def test_order_does_not_matter(self) -> None:
        turned = dict(reversed(YEN_STORY.items()))
        assert _account(turned).posterior.equals(_account(YEN_STORY).posterior)

    def test_the_amplifier_stands_beside(self) -> None:
        """What dealers do neither takes from nor gives to the mechanisms."""
        silent = {
            name: Indicator(
                block=name, weight=1.3, classes=False,
                expected={k: v for k, v in EXPECTED[name].items() if k != AMPLIFIER},
            )
            for name in BLOCKS
        }  # fmt: skip
        whole, without = _account(YEN_STORY), _account(YEN_STORY, silent)
        assert whole.posterior.equals(without.posterior)
        assert whole.amplifier > without.amplifier == pytest.approx(0.2)

    @pytest.mark.parametrize(
        ("readings", "changes", "told"),
        [
            ({"nobody": 1.0}, {}, "indicator each"),
            ({"yen": -1.0}, {"qualities": {"yen": 1.5}}, "between 0 and 1"),
            ({"yen": -1.0}, {"priors": PRIORS | {ORDINARY: 0.5}}, "add to 1"),
            ({"yen": -1.0}, {"priors": {ORDINARY: 1.0}}, "priors must cover"),
        ],
    )
    def test_a_fault_is_said(self, readings, changes, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            _account(readings, **changes)

    def test_an_unknown_class_is_refused(self) -> None:
        kinds = {
            "type": Indicator(
                block="cme", weight=1.0, expected={"multi_strategy": ("UNWIND",)}, classes=True
            )
        }
        assert _account({"type": "UNWIND"}, kinds).contributions.loc["type", "multi_strategy"] > 0
        with pytest.raises(ValueError, match="must be one of UNWIND"):
            _account({"type": "WOBBLE"}, kinds)


class TestNaming:
    def test_a_clear_story_is_named(self) -> None:
        found = apply_rules(_account(YEN_STORY), _indicators(), rules=RULES, alarmed=False)
        assert (found.verdict, found.named) == (NAMED, "yen_carry")

    def test_ordinary_is_not_said_while_a_story_is_open(self) -> None:
        """Redemptions not known yet, and the rest as an outflow would have it."""
        readings = dict.fromkeys(BLOCKS, 0.0) | {"shock": -1.5, "flows": None}
        found = apply_rules(_account(readings), _indicators(), rules=RULES, alarmed=False)
        assert (found.verdict, found.leader) == (ABSTAIN, ORDINARY)
        assert "fundamental_outflow cannot be excluded without flows" in found.reason

    def test_a_contradicted_leader_is_mixed(self) -> None:
        """The yen, and every other block of the story against it."""
        readings = YEN_STORY | {"shock": 0.0, "hours": 3.0, "yen": -3.0}
        priors = dict.fromkeys(MECHANISMS, 0.02) | {ORDINARY: 0.04, "yen_carry": 0.9}
        found = apply_rules(
            _account(readings, priors=priors), _indicators(), rules=RULES, alarmed=False
        )
        assert (found.verdict, found.named, found.leader) == (MIXED, None, "yen_carry")
        assert "contradict it" in found.reason

    def test_what_is_missing_makes_no_name_easier(self) -> None:
        """Flows that spoke against the story, taken away: it leads by more, and is not named."""
        against = {"shock": -3.0, "crowding": -2.0, "yen": 0.0, "hours": 1.2, "flows": -2.0}
        verdicts = []
        for readings in (against, against | {"flows": None}):
            held = _account(readings | {"offshore": 0.0})
            verdicts.append((held, apply_rules(held, _indicators(), rules=RULES, alarmed=False)))
        (whole, first), (part, second) = verdicts
        assert part.log_odds["multi_strategy"] > whole.log_odds["multi_strategy"]
        assert first.named is None
        assert second.named is None

    def test_a_quiet_day_is_ordinary(self) -> None:
        found = apply_rules(
            _account(dict.fromkeys(BLOCKS, 0.0)), _indicators(), rules=RULES, alarmed=False
        )
        assert (found.verdict, found.named) == (ORDINARY_VERDICT, ORDINARY)

    def test_a_shock_is_not_ordinary_without_the_data_that_could_tell(self) -> None:
        """One of three offshore readings: the block has data, and cannot exclude a liquidation."""
        indicators = _indicators() | {
            name: Indicator(
                block="offshore", weight=1.0, expected=EXPECTED["offshore"], classes=False
            )
            for name in ("open_interest", "divergence")
        }
        partial = dict.fromkeys(indicators, 0.0) | {"open_interest": None, "divergence": None}
        assert incomplete_mechanisms(partial, indicators, RULES) == ("crypto_native",)
        assert incomplete_mechanisms(dict.fromkeys(indicators, 0.0), indicators, RULES) == ()
        ledger = _account(partial, indicators)
        quiet = apply_rules(ledger, indicators, rules=RULES)
        shock = apply_rules(ledger, indicators, rules=RULES, not_measured=("crypto_native",))
        assert quiet.verdict == ORDINARY_VERDICT
        assert (shock.verdict, shock.named, shock.leader) == (ABSTAIN, None, ORDINARY)
        assert "data are missing for crypto_native" in shock.reason

    def test_without_its_decisive_block_it_is_not_named(self) -> None:
        """Even where everything else speaks as loudly as it may."""
        loud = _indicators(weight=3.0)
        whole = apply_rules(_account(YEN_STORY, loud), loud, rules=RULES, alarmed=False)
        assert whole.named == "yen_carry"
        alone = YEN_STORY | {"yen": None}
        priors = dict.fromkeys(MECHANISMS, 0.02) | {ORDINARY: 0.04, "yen_carry": 0.9}
        found = apply_rules(_account(alone, loud, priors=priors), loud, rules=RULES, alarmed=False)
        assert (found.verdict, found.named, found.leader) == (ABSTAIN, None, "yen_carry")
        assert "no data for its required block yen" in found.reason

    def test_a_decisive_block_that_does_not_speak_is_not_enough(self) -> None:
        priors = dict.fromkeys(MECHANISMS, 0.02) | {ORDINARY: 0.04, "yen_carry": 0.9}
        held = _account(YEN_STORY | {"yen": 0.0}, priors=priors)
        found = apply_rules(held, _indicators(), rules=RULES, alarmed=False)
        assert (found.verdict, found.named) == (ABSTAIN, None)
        assert block_contributions(held, _indicators()).loc["yen", "yen_carry"] < 0

    def test_too_few_blocks_abstain(self) -> None:
        few = {name: YEN_STORY[name] for name in ("shock", "yen", "hours")}
        found = apply_rules(_account(few), _indicators(), rules=RULES, alarmed=False)
        assert found.verdict == ABSTAIN
        assert "3 blocks have data; 4 are required" in found.reason

    def test_two_stories_at_once_are_mixed(self) -> None:
        both = {
            "shock": -3.0, "crowding": -3.0, "yen": -3.0, "hours": None, "flows": None,
            "offshore": 0.0,
        }  # fmt: skip
        equal = {
            name: Indicator(
                block=name, weight=1.3, classes=False,
                expected={
                    story: EXPECTED[name].get(story, ("0",))
                    for story in ("multi_strategy", "yen_carry")
                },
            )
            for name in BLOCKS
        }  # fmt: skip
        found = apply_rules(_account(both, equal), equal, rules=RULES, alarmed=False)
        assert found.verdict == MIXED
        assert "multi_strategy" in found.reason
        assert "yen_carry" in found.reason

    def test_an_alarm_is_never_called_ordinary(self) -> None:
        held = _account(dict.fromkeys(BLOCKS, 0.0))
        found = apply_rules(held, _indicators(), rules=RULES, alarmed=True)
        assert (found.verdict, found.named, found.leader) == (AMBIGUOUS, None, ORDINARY)

    def test_nothing_clear_is_ambiguous(self) -> None:
        priors = dict.fromkeys(MECHANISMS, 0.15) | {ORDINARY: 0.4}
        held = _account(dict.fromkeys(BLOCKS, None) | dict.fromkeys(BLOCKS, -1.4), priors=priors)
        assert (
            apply_rules(held, _indicators(weight=0.2), rules=RULES, alarmed=False).verdict
            == AMBIGUOUS
        )

    def test_permuted_evidence_does_not_tell_the_story(self) -> None:
        """Every reading of the story, handed to another indicator."""
        names = list(YEN_STORY)
        for shift in range(1, len(names)):
            turned = {
                name: YEN_STORY[names[(place + shift) % len(names)]]
                for place, name in enumerate(names)
            }
            found = apply_rules(_account(turned), _indicators(), rules=RULES, alarmed=False)
            assert found.named != "yen_carry", (shift, found)
