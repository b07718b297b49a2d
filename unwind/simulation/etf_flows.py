"""Net flows of the bitcoin trusts, the table `etf_flows`."""

import numpy as np
import pandas as pd

from unwind.simulation.path import Path
from unwind.simulation.processes import Floats, log_changes, student

TRADE_DATED = "farside"
ONE_SESSION_LATER = "issuer_t_plus_1"
# Net flows of the other funds against those of IBIT, 2024–2026.
FLOW_SHARES = {"ARKB": 0.14, "BITB": 0.08, "FBTC": 0.40, "GBTC": 0.12, "HODL": 0.03}


def flow_rows(path: Path) -> pd.DataFrame:
    """Return net flows as two vendors print them, who put one flow on different sessions.

    The first dates all funds by trade, to the tenth of a million. The issuer of IBIT prints its
    own flow to the cent of a million, on the session after: its first session has no row.
    """
    shocks = student(path.stream("flows"), (len(path.weekdays), 1 + len(FLOW_SHARES)))
    shocks = 110.0 * shocks[path.trades]
    ibit = _ibit_flow(path, shocks[:, 0])
    flows = {"IBIT": ibit.round(1)}
    for column, (fund, share) in enumerate(FLOW_SHARES.items(), start=1):
        flows[fund] = np.round(0.7 * share * (ibit + shocks[:, column]), 1)
    flows["TOTAL"] = np.sum(list(flows.values()), axis=0).round(1)
    printed = [(path.sessions, fund, flow, TRADE_DATED) for fund, flow in flows.items()]
    printed.append((path.sessions[1:], "IBIT", ibit[:-1].round(2), ONE_SESSION_LATER))
    parts = [
        pd.DataFrame({"session": on, "fund": fund, "net_flow_usd_m": flow, "vendor": vendor})
        for on, fund, flow, vendor in printed
    ]
    return pd.concat(parts, ignore_index=True)


def _ibit_flow(path: Path, shocks: Floats) -> Floats:
    """Flows persist, and they chase the returns of today and yesterday."""
    moves = log_changes(path.closes("IBIT"))
    chased = 2500.0 * (moves + np.concatenate(([0.0], moves[:-1])))
    scripts = path.scripts(path.sessions)
    flow = np.zeros(len(moves))
    for row in range(len(moves)):
        scripted = scripts[row].flow_usd_m if row in scripts else None
        if scripted is not None:
            flow[row] = scripted + 0.1 * shocks[row]
        else:
            before = flow[row - 1] if row else 0.0
            flow[row] = 40.0 + 0.35 * before + chased[row] + shocks[row]
    return flow
