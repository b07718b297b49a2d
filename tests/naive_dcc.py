"""Slow, obvious twins of the conditional correlation models: one matrix a session, no shortcuts."""

import numpy as np


def targets(z: np.ndarray, *, kind: str, start: str, a: float, b: float) -> tuple:
    """S and N̄ by their definitions."""
    negative = np.minimum(z, 0)
    if start == "rmgarch":
        return np.cov(z.T), np.cov(negative.T)
    if kind == "cdcc":
        z = z * np.sqrt(corrected_variances(z, a=a, b=b))
        S = z.T @ z / len(z)
        return S / np.sqrt(np.outer(np.diag(S), np.diag(S))), np.zeros_like(S)
    return z.T @ z / len(z), negative.T @ negative / len(z)


def corrected_variances(z: np.ndarray, *, a: float, b: float) -> np.ndarray:
    q = np.ones_like(z)
    for t in range(1, len(z)):
        q[t] = (1 - a - b) + (a * z[t - 1] ** 2 + b) * q[t - 1]
    return q


def q_path(
    z: np.ndarray, *, kind: str, start: str, a: float, b: float, g: float = 0.0, presample: float
) -> np.ndarray:
    """Q_1 … Q_{T+1}, of shape (T + 1, N, N)."""
    S, N = targets(z, kind=kind, start=start, a=a, b=b)
    if kind != "adcc":
        N = np.zeros_like(S)
    Q = S.copy()
    if start == "rmgarch":
        Q = (1 - a) * S - g * N + (a + g) * presample**2 * np.ones_like(S)
    path = [Q]
    for row in z:
        news = row * np.sqrt(np.diag(Q)) if kind == "cdcc" else row
        fall = np.minimum(row, 0)
        Q = (1 - a - b) * S - g * N + a * np.outer(news, news) + g * np.outer(fall, fall) + b * Q
        path.append(Q)
    return np.array(path)


def correlation(Q: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diagonal(Q, axis1=-2, axis2=-1))
    return Q / scale[..., :, None] / scale[..., None, :]


def log_likelihood(z: np.ndarray, **how: object) -> float:
    """−½ Σ (ln|R| + z'R⁻¹z − z'z), the correlation part of Engle (2002)."""
    total = 0.0
    for row, R in zip(z, correlation(q_path(z, **how)), strict=False):
        total -= 0.5 * (np.log(np.linalg.det(R)) + row @ np.linalg.inv(R) @ row - row @ row)
    return float(total)


def row_likelihoods(z: np.ndarray, **how: object) -> np.ndarray:
    """The terms of `log_likelihood`."""
    return np.array([
        -0.5 * (np.log(np.linalg.det(R)) + row @ np.linalg.inv(R) @ row - row @ row)
        for row, R in zip(z, correlation(q_path(z, **how)), strict=False)
    ])  # fmt: skip


def composite_log_likelihood(z: np.ndarray, **how: object) -> float:
    """Sum over contiguous pairs of the bivariate correlation parts."""
    return sum(log_likelihood(z[:, i : i + 2], **how) for i in range(z.shape[1] - 1))


def covariances(z: np.ndarray, best: np.ndarray, *, kind: str) -> dict[str, np.ndarray]:
    """Covariance matrices of the plain start, by small differences row by row."""

    def rows(point: np.ndarray) -> np.ndarray:
        a, b, g = (*point, 0.0)[:3]
        R = correlation(
            q_path(z, kind=kind, start="unconditional", a=a, b=b, g=g, presample=0.0)[:-1]
        )
        return -0.5 * (np.log(np.linalg.det(R)) + np.einsum("ti,tij,tj->t", z, np.linalg.inv(R), z))

    width, count = 2e-5, len(best)
    step = width * np.eye(count)
    scores = np.array([(rows(best + h) - rows(best - h)) / (2 * width) for h in step]).T
    hessian = np.empty((count, count))
    for i in range(count):
        for j in range(count):
            corners = [
                rows(best + s * step[i] + r * step[j]).sum() for s in (1, -1) for r in (1, -1)
            ]
            hessian[i, j] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * width**2)
    inverse = np.linalg.inv(-hessian)
    products = scores.T @ scores
    sandwich = inverse @ products @ inverse
    return {"hessian": inverse, "opg": np.linalg.inv(products), "sandwich": sandwich}
