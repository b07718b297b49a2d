"""Many assets on one session: shocks, joint losses, common factors, crowded books."""

from features.cross_section.carry import carry_unwind, risk_average
from features.cross_section.connectedness import (
    Connectedness,
    RollingConnectedness,
    full_sample_connectedness,
    generalised_variance_decomposition,
    rolling_connectedness,
)
from features.cross_section.crowding import multi_strategy
from features.cross_section.joint_tail import (
    class_moves,
    concentrated_tail_loss,
    joint_tail_loss,
    scaled_moves,
    spread_returns,
    tail_excess,
    volume_on_falls,
)
from features.cross_section.reversal import cross_sectional_rebound, regained
from features.cross_section.shocks import (
    Records,
    baseline_count,
    last_percentile,
    records,
    robust_z,
    worst_since,
)
from features.cross_section.turbulence import (
    absorption_ratio,
    absorption_shift,
    ledoit_wolf,
    marchenko_pastur,
    turbulence_index,
)

__all__ = [
    "Connectedness", "Records", "RollingConnectedness", "absorption_ratio", "absorption_shift",
    "baseline_count", "carry_unwind", "class_moves", "concentrated_tail_loss",
    "cross_sectional_rebound", "full_sample_connectedness",
    "generalised_variance_decomposition", "joint_tail_loss", "last_percentile", "ledoit_wolf",
    "marchenko_pastur", "multi_strategy", "records",
    "regained", "risk_average", "robust_z", "rolling_connectedness", "scaled_moves",
    "spread_returns", "tail_excess", "turbulence_index", "volume_on_falls", "worst_since",
]  # fmt: skip
