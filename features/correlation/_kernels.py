"""Compiled loops over all pairs.

Sixteen pairs (four assets by four) advance together, the second asset of each in the lanes of a
vector; their sums follow the segments of `_windows`. A tile of results is turned and written once,
past the caches. Where cancellation would show, a pair is computed again in two passes.
"""

import numpy as np
from numba import prange

from features._numba import njit
from features.correlation._pairwise import pair_correlation
from features.correlation._simd import (
    any_less,
    load,
    load_spread,
    minus,
    minus_times,
    number_at,
    over,
    plus,
    root,
    spread,
    store,
    stream_lines,
    times,
    times_plus,
    where_less,
)
from features.correlation._windows import (
    BEHIND,
    CANCELLATION,
    COUNT,
    INVERSE,
    PLANES,
    SEEN,
    SQUARES,
    TOTAL,
    on_a_line,
    prepare_block,
)

AGAIN = 2.0  # no correlation: computed again in two passes
CHUNK_ROWS = 512  # a tile of sixteen pairs stays in the second-level cache
GROUP = 8  # blocks of assets that stay there while the others pass


@njit()
def _bounded(rho):
    one, minus_one = spread(1.0), spread(-1.0)
    rho = where_less(one, rho, one, rho)
    return where_less(rho, minus_one, minus_one, rho)


@njit()
def _complete(planes, plane, x, y, window, n, share, tail, tile, at, step):
    """Fill `n` rows of four tiles for a segment whose windows have no hole.

    `x` and `y` are where the figures of the segment's first row lie.
    """
    a = b = c = d = spread(0.0)
    low = (1 - window) * 4
    for r in range(window - 2, -1, -1):
        store(tail, 16 * r + 16, a)
        store(tail, 16 * r + 20, b)
        store(tail, 16 * r + 24, c)
        store(tail, 16 * r + 28, d)
        i = x + low + 4 * r + BEHIND * plane
        value = load(planes, y + low + 4 * r + BEHIND * plane)
        a = times_plus(load_spread(planes, i), value, a)
        b = times_plus(load_spread(planes, i + 1), value, b)
        c = times_plus(load_spread(planes, i + 2), value, c)
        d = times_plus(load_spread(planes, i + 3), value, d)
    store(tail, 0, a)
    store(tail, 4, b)
    store(tail, 8, c)
    store(tail, 12, d)
    a = b = c = d = spread(0.0)
    for r in range(n):
        j = y + 4 * r
        value = load(planes, j)
        mean = times(load(planes, j + TOTAL * plane), share)
        scale = load(planes, j + INVERSE * plane)
        i = x + 4 * r
        a = times_plus(load_spread(planes, i), value, a)
        b = times_plus(load_spread(planes, i + 1), value, b)
        c = times_plus(load_spread(planes, i + 2), value, c)
        d = times_plus(load_spread(planes, i + 3), value, d)
        i = x + 4 * r + TOTAL * plane
        aa = plus(a, load(tail, 16 * r))
        bb = plus(b, load(tail, 16 * r + 4))
        cc = plus(c, load(tail, 16 * r + 8))
        dd = plus(d, load(tail, 16 * r + 12))
        aa = minus_times(load_spread(planes, i), mean, aa)
        bb = minus_times(load_spread(planes, i + 1), mean, bb)
        cc = minus_times(load_spread(planes, i + 2), mean, cc)
        dd = minus_times(load_spread(planes, i + 3), mean, dd)
        i = x + 4 * r + INVERSE * plane
        aa = times(aa, times(load_spread(planes, i), scale))
        bb = times(bb, times(load_spread(planes, i + 1), scale))
        cc = times(cc, times(load_spread(planes, i + 2), scale))
        dd = times(dd, times(load_spread(planes, i + 3), scale))
        store(tile, at + 4 * r, _bounded(aa))
        store(tile, at + 4 * r + step, _bounded(bb))
        store(tile, at + 4 * r + 2 * step, _bounded(cc))
        store(tile, at + 4 * r + 3 * step, _bounded(dd))


@njit()
def _holed(planes, plane, x, y, q, window, n, share, minimum, tail, gone, tile, at):
    """Fill `n` rows of the tile of the first block's asset `q`, pairwise complete.

    Where the first asset is missing the whole row is missing, so what the second adds there is
    taken off its own sums; where the second is missing, its lane is masked. `x` and `y` number the
    segment's first row in either block. Returns whether a value must be computed again.
    """
    zero, again, nothing = spread(0.0), spread(AGAIN), spread(np.nan)
    infinite, trusted = spread(np.inf), spread(CANCELLATION)
    sx = sxx = sxy = zero
    gn = gs = gq = zero
    depth = 0
    store(gone, 0, zero)
    store(gone, 4, zero)
    store(gone, 8, zero)
    low = 1 - window
    for r in range(window - 2, -1, -1):
        store(tail, 12 * r + 12, sx)
        store(tail, 12 * r + 16, sxx)
        store(tail, 12 * r + 20, sxy)
        there = load(planes, (y + low + r) * 4 + SEEN * plane)
        value = load(planes, (y + low + r) * 4 + BEHIND * plane)
        if number_at(planes, (x + low + r) * 4 + SEEN * plane + q) == 0.0:
            depth += 1
            gn = plus(gn, there)
            gs = plus(gs, value)
            gq = times_plus(value, value, gq)
            store(gone, 12 * depth, gn)
            store(gone, 12 * depth + 4, gs)
            store(gone, 12 * depth + 8, gq)
        else:
            first = load_spread(planes, (x + low + r) * 4 + BEHIND * plane + q)
            sx = times_plus(first, there, sx)
            sxx = times_plus(times(first, first), there, sxx)
            sxy = times_plus(first, value, sxy)
    store(tail, 0, sx)
    store(tail, 4, sxx)
    store(tail, 8, sxy)
    sx = sxx = sxy = zero
    hn = hs = hq = zero
    most = zero
    for r in range(n):
        i, j = (x + r) * 4 + q, (y + r) * 4
        there = load(planes, j + SEEN * plane)
        value = load(planes, j)
        if r > 0 and number_at(planes, i + 4 * (low - 1) + SEEN * plane) == 0.0:
            depth -= 1
            gn = plus(hn, load(gone, 12 * depth))
            gs = plus(hs, load(gone, 12 * depth + 4))
            gq = plus(hq, load(gone, 12 * depth + 8))
        if number_at(planes, i + SEEN * plane) == 0.0:
            hn = plus(hn, there)
            hs = plus(hs, value)
            hq = times_plus(value, value, hq)
            gn = plus(hn, load(gone, 12 * depth))
            gs = plus(hs, load(gone, 12 * depth + 4))
            gq = plus(hq, load(gone, 12 * depth + 8))
        else:
            first = load_spread(planes, i)
            sx = times_plus(first, there, sx)
            sxx = times_plus(times(first, first), there, sxx)
            sxy = times_plus(first, value, sxy)
        mx = plus(sx, load(tail, 12 * r))
        mxx = plus(sxx, load(tail, 12 * r + 4))
        mxy = plus(sxy, load(tail, 12 * r + 8))
        own, total = load(planes, j + SQUARES * plane), load(planes, j + TOTAL * plane)
        pairs = minus(load(planes, j + COUNT * plane), gn)
        my = minus(total, gs)
        raw_x = times(pairs, mxx)
        xx = minus_times(mx, mx, raw_x)
        yy = minus_times(my, my, times(pairs, minus(own, gq)))
        xy = minus_times(mx, my, times(pairs, mxy))
        rho = _bounded(over(xy, root(times(xx, yy))))
        rho = where_less(raw_x, times(xx, trusted), rho, again)
        rho = where_less(times(pairs, own), times(yy, trusted), rho, again)
        if number_at(planes, i + INVERSE * plane) != 0.0:
            # Where both windows are complete: the other formula, to the last digit.
            scale = times(
                load_spread(planes, i + INVERSE * plane), load(planes, j + INVERSE * plane)
            )
            whole = minus_times(load_spread(planes, i + TOTAL * plane), times(total, share), mxy)
            whole = _bounded(times(whole, scale))
            rho = where_less(zero, scale, where_less(scale, infinite, whole, again), rho)
            rho = where_less(scale, zero, again, rho)
        rho = where_less(pairs, minimum, nothing, rho)
        most = where_less(most, rho, rho, most)
        store(tile, at + 4 * r, rho)
    return any_less(spread(1.5), most)


@njit()
def _pair(i: int, assets: int) -> int:
    """Number of the pair (i, 0) in the order of triu_indices, were it there."""
    return i * (2 * assets - i - 1) // 2 - i - 1


@njit()
def _deliver(tile, offset, n, out, at, stride, lead, low, high):
    """Write `n` rows of lanes `low` … `high` − 1 of a (row, lane) tile, each contiguous in time.

    Lane 0 goes to `at` and on, lane *l* `stride` further each. After `lead` rows a line begins.
    """
    row = 0
    if high - low == 4 and n > lead + 8:
        row = lead
        while row + 8 <= n:
            t = offset + 4 * row
            stream_lines(
                out, at + row, stride,
                load(tile, t), load(tile, t + 4), load(tile, t + 8),
                load(tile, t + 12), load(tile, t + 16), load(tile, t + 20),
                load(tile, t + 24), load(tile, t + 28),
            )  # fmt: skip
            row += 8
    else:
        lead = 0
    for lane in range(low, high):
        for r in range(lead):
            out[at + lane * stride + r] = tile[offset + 4 * r + lane]
        for r in range(row, n):
            out[at + lane * stride + r] = tile[offset + 4 * r + lane]


@njit()
def _repeat(columns, i, assets_i, j, assets_j, planes, x, y, boundary, n, window, tile, at, step):
    """Compute again, in two passes, what the sums cannot answer.

    `i` and `j` are the first assets of the two blocks, `x` and `y` their first rows as in `_holed`.
    """
    plane = len(planes) // PLANES
    for q in range(assets_i):
        for lane in range(assets_j):
            if i + q == j + lane:
                continue
            for r in range(n):
                of_x = planes[(x + r) * 4 + INVERSE * plane + q]
                of_y = planes[(y + r) * 4 + INVERSE * plane + lane]
                cell = at + q * step + 4 * r + lane
                whole = of_x != 0.0 and of_y != 0.0
                cancels = whole and (of_x == -np.inf or of_y == -np.inf)
                if cancels or tile[cell] == AGAIN:
                    last = boundary + r + 1
                    tile[cell] = pair_correlation(
                        columns[i + q], columns[j + lane], last - window, last
                    )


@njit()
def _advance(
    columns, i, assets_i, j, assets_j, planes, traits, left, right, from_segment, to_segment,
    window, minimum, tail, gone, tile, step,
):  # fmt: skip
    """Fill the tiles of `assets_i` by four pairs over a run of segments."""
    rows = columns.shape[1]
    plane = len(planes) // PLANES
    origin = from_segment * window - 1
    share, least = spread(1.0 / window), spread(float(minimum))
    for segment in range(from_segment, to_segment):
        boundary = segment * window - 1
        x, y = left * rows + boundary, right * rows + boundary
        n = min(window, rows - boundary)
        at = 4 * (boundary - origin)
        trait = traits[left, segment] | traits[right, segment]
        again = trait & 2 != 0
        if trait & 1 == 0:
            _complete(planes, plane, 4 * x, 4 * y, window, n, share, tail, tile, at, step)
        else:
            for q in range(assets_i):
                again |= _holed(
                    planes, plane, x, y, q, window, n, share, least, tail, gone,
                    tile, at + q * step,
                )  # fmt: skip
        if again:
            _repeat(
                columns, i, assets_i, j, assets_j, planes, x, y, boundary, n, window,
                tile, at, step,
            )  # fmt: skip


@njit(parallel=True)
def correlate(columns, prepared, window, minimum, start, stop, out, stride, aligned):
    """Fill pairs `start` … `stop` − 1, each a row of `stride` numbers of the flat `out`.

    `prepared` comes from `_windows.prepare`; `aligned` is the first column of `out` on
    64 bytes.
    """
    planes, traits = prepared
    assets, rows = columns.shape
    blocks, segments = traits.shape
    top = 0
    while top + 1 < assets and _pair(top + 1, assets) + top + 2 < stop:
        top += 1
    bottom = 0
    while bottom + 1 < assets and _pair(bottom + 1, assets) + bottom + 2 <= start:
        bottom += 1
    per = max(1, CHUNK_ROWS // window)
    chunks = (segments - 1 + per - 1) // per
    groups = (blocks + GROUP - 1) // GROUP
    folds = (groups + 1) // 2  # a late group has more pairs: it goes with an early one
    for task in prange(chunks * folds):
        from_segment = 1 + task // folds * per
        to_segment = min(segments, from_segment + per)
        origin = from_segment * window - 1
        n = min(rows, to_segment * window - 1) - origin
        lead = (aligned - origin) % 8
        tail, gone = on_a_line(16 * window), on_a_line(12 * window + 12)
        step = 4 * per * window + 16  # not a power of two: four tiles must not share cache sets
        tile = on_a_line(4 * step)
        for side in range(2):
            group = task % folds if side == 0 else groups - 1 - task % folds
            if side == 1 and group == task % folds:
                continue
            end = min(blocks, (group + 1) * GROUP)
            for left in range(bottom // 4, min(end, top // 4 + 1)):
                for right in range(max(group * GROUP, left), end):
                    i, j = 4 * left, 4 * right
                    last = min(i + 3, assets - 2)
                    if _pair(i, assets) + j >= stop or _pair(last, assets) + j + 3 < start:
                        continue
                    _advance(
                        columns, i, min(4, assets - i), j, min(4, assets - j), planes, traits,
                        left, right, from_segment, to_segment, window, minimum,
                        tail, gone, tile, step,
                    )  # fmt: skip
                    for q in range(min(4, assets - i)):
                        pair = _pair(i + q, assets) + j
                        low = max(0, i + q + 1 - j, start - pair)
                        high = min(4, assets - j, stop - pair)
                        at = (pair - start) * stride + origin
                        _deliver(tile, q * step, n, out, at, stride, lead, low, high)
    for pair in prange(stop - start):
        for row in range(min(window - 1, rows)):
            out[pair * stride + row] = np.nan


@njit(parallel=True)
def correlate_with_one(columns, base, window, minimum, out, stride, aligned, threads):
    """Fill the pairs of asset `base` with each other one, a row of `out` each.

    As `correlate`, with planes for four counterparts at a time: those of all would be larger than
    the result.
    """
    assets, rows = columns.shape
    segments = (rows + window) // window
    per = max(1, CHUNK_ROWS // window)
    before = (base + 3) // 4  # blocks of counterparts: they begin anew after the base
    blocks = before + (assets - base + 2) // 4
    for task in prange(min(blocks, threads)):
        planes, x = on_a_line(PLANES * 2 * rows * 4), on_a_line(4 * rows)
        traits = np.zeros((2, segments), dtype=np.uint8)
        tail, gone = on_a_line(16 * window), on_a_line(12 * window + 12)
        step = 4 * per * window + 16
        tile = on_a_line(4 * step)
        prepare_block(columns[base : base + 1], window, planes, 0, traits[0], x)
        for block in range(task, blocks, min(blocks, threads)):
            first = 4 * block if block < before else base + 1 + 4 * (block - before)
            end = min(first + 4, base if block < before else assets)
            row_of_first = first if block < before else first - 1
            traits[1] = 0
            prepare_block(columns[first:end], window, planes, rows * 4, traits[1], x)
            for from_segment in range(1, segments, per):
                to_segment = min(segments, from_segment + per)
                origin = from_segment * window - 1
                n = min(rows, to_segment * window - 1) - origin
                _advance(
                    columns, base, 1, first, end - first, planes, traits, 0, 1,
                    from_segment, to_segment, window, minimum, tail, gone, tile, step,
                )  # fmt: skip
                at = row_of_first * stride + origin
                _deliver(tile, 0, n, out, at, stride, (aligned - origin) % 8, 0, end - first)
            for lane in range(end - first):
                for row in range(min(window - 1, rows)):
                    out[(row_of_first + lane) * stride + row] = np.nan
