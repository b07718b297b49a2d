"""Names that vendors give to price columns and to securities, brought to those of the desk."""

import re
from collections.abc import Iterable, Mapping

NUMBERS = ("open", "high", "low", "close", "adj_close", "volume")
_SYNONYMS = {
    "session": (
        "session", "date", "dates", "day", "datetime", "timestamp", "tradedate", "tradingdate",
        "pricedate", "asofdate",
    ),
    "symbol": ("symbol", "ticker", "tickers", "tic", "security", "instrument", "ric", "variable"),
    "open": ("open", "openprice", "pxopen"),
    "high": ("high", "highprice", "pxhigh"),
    "low": ("low", "lowprice", "pxlow"),
    "close": (
        "close", "closeprice", "closingprice", "closelast", "last", "lastprice", "pxlast", "price",
        "value",
    ),
    "adj_close": ("adjclose", "adjustedclose", "adjcloseprice", "closeadj", "closeadjusted"),
    "volume": ("volume", "vol", "pxvolume", "sharevolume"),
    "currency": ("currency", "ccy", "crncy"),
}  # fmt: skip
_COLUMN = {name: column for column, names in _SYNONYMS.items() for name in names}
# Columns beside the prices that no price table needs.
_OTHERS = frozenset(
    (
        "dividends", "dividend", "stocksplits", "splits", "splitfactor", "capitalgains", "openint",
        "openinterest", "per", "period", "time", "repaired", "change", "chg", "pctchange", "vwap",
        "trades", "transactions", "exchange", "name", "adjopen", "adjhigh", "adjlow", "adjvolume",
    )
)  # fmt: skip
_SYMBOL = re.compile(r"^[A-Z0-9^][A-Z0-9.=/^-]{0,15}$")
_US_LISTING = re.compile(
    r"^(?P<symbol>[^ ]{1,16}?)(?: U[SNQPRWAF](?: EQUITY)?| (?:INDEX|CURNCY|COMDTY)|[.:-]US)$"
)
_EXCHANGE = re.compile(r"^(?:NASDAQ|NYSE|NYSEARCA|AMEX|BATS|CBOE|XNAS|XNYS|ARCX):(?P<symbol>.+)$")
_REUTERS = re.compile(r"^(?P<symbol>[A-Z]{1,8})\.(?:O|OQ|N|P|K|Z)$")


def bare(name: object) -> str:
    """Return the letters and digits of a name in lower case: `<Adj. Close*>` is `adjclose`."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower()[:64])


def column_of(name: object) -> str | None:
    """Return the desk's column for a vendor's name, None for any other name.

    Examples
    --------
    >>> column_of("Adj Close"), column_of("<TICKER>"), column_of("GLD")
    ('adj_close', 'symbol', None)
    """
    return _COLUMN.get(bare(name))


def is_other(name: object) -> bool:
    """Tell whether a name is a known column that holds neither a price nor its key."""
    return bare(name) in _OTHERS


def desk_names(symbols: Iterable[str], vendor: Mapping[str, str]) -> dict[str, str]:
    """Return spelling → desk symbol: `BTCUSD`, `BTC/USD` and Yahoo's `^VIX` among them."""
    names: dict[str, str] = {}
    for symbol in symbols:
        spellings = (symbol, symbol.replace("-", ""), symbol.replace("-", "/"), f"{symbol}=X")
        for spelling in (*spellings, vendor.get(symbol, symbol)):
            names.setdefault(spelling.upper(), symbol)
    return names


def symbol_of(text: object, desk: Mapping[str, str]) -> str | None:
    """Return the symbol of a security, None where the text cannot be one.

    A listing outside the United States keeps its suffix: it is another security.

    Examples
    --------
    >>> [symbol_of(name, {}) for name in ("IBIT US Equity", "ibit.us", "IBIT LN Equity")]
    ['IBIT', 'IBIT', None]
    """
    name = " ".join(str(text)[:64].upper().split())
    if name not in desk and (match := _EXCHANGE.match(name) or _US_LISTING.match(name)):
        name = match["symbol"]
    if name not in desk and (match := _REUTERS.match(name)) and match["symbol"] in desk:
        name = match["symbol"]
    if name in desk:
        return desk[name]
    return name if _SYMBOL.match(name) and re.search("[A-Z]", name) else None


def symbol_of_file(stem: str, desk: Mapping[str, str]) -> str | None:
    """Return the symbol that names a file or a sheet (`ibit_us_d`, `IBIT (1)`), None for none."""
    first = re.split(r"[ _(]", stem[:64], maxsplit=1)[0]
    for name in (stem, first):
        symbol = symbol_of(name, desk)
        if symbol is not None and (symbol in desk.values() or name.isupper()):
            return symbol
        if symbol is not None and "." in name and symbol != name.upper():
            return symbol  # a suffix of an exchange: only securities have one
    return None
