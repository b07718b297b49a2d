"""Names of faults in the table `quality`: each is named after the fault, with what it means."""

# A row's rule is one of these names, with the column or the provider before it where there is one
# ("close: negative", "yahoo: request_timeout").
FAULTS = {
    # files and rows
    "missing_column": "the file lacks a column of its table",
    "unknown_column": "the file has a column that its table does not declare; it is ignored",
    "unknown_file": "the drop folder has a file that is not an input table; it is ignored",
    "not_a_date": "the cell is not a date in ISO 8601",
    "missing_time_zone": "the time has no time zone",
    "impossible_date": "the date lies before 1970 or after the file arrived",
    "not_a_number": "the cell is not a plain decimal number",
    "not_finite": "the number is infinite",
    "not_positive": "the number is zero or negative where only a positive one is possible",
    "negative": "the number is negative where none can be",
    "outside_bounds": "the number lies outside what its unit allows",
    "missing_value_code": "the vendor's code for a missing value; it is read as missing",
    "text_too_long": "the cell has more characters than a name, a date or a number can have",
    "invalid_name": "the name is not plain text of 1 to 64 characters",
    "known_before_event": "known_at lies before the event that the row describes",
    "known_at_in_future": "known_at lies after the file arrived",
    "exchange_closed": "a price on a day without a session",
    "high_below_low": "the bar's high is below its low",
    "open_or_close_outside_range": "open or close outside the bar's low–high range",
    "empty_row": "the row has no value; it is read as missing",
    "duplicate_row": "the same row twice; the first is used",
    "duplicate_key": "two rows with one key and different values; neither is used",
    # series
    "frozen_series": "the values do not change from row to row",
    "unit_change": "the level changes by a factor that only another unit explains",
    "unadjusted_split": "the close jumps by a split ratio while the adjusted close does not",
    "split_or_unit_change": "the price jumps by an exact ratio; the jump is taken out",
    "adj_close_contradicts_close": "close and adj_close move apart by more than a dividend",
    "unconfirmed_move": "a move that no other data support; set aside until it is confirmed",
    "confirmed_move": "a move that was set aside and then confirmed",
    "partial_restatement": "the vendor restated only a part of the history; brought to one basis",
    "close_repeats_open": "the close is the open of its own bar, so the move is a session late",
    "moves_one_session_late": "the moves follow those of the asset class by one session",
    "price_contradicts_close": "the chain's underlying price and the close differ by a split",
    "barrier_on_old_basis": "the barrier was written before a split of its underlying",
    "overlapping_clocks": "one end of the return is later than the funds' early close",
    "venue_gap": "the chosen venue has no bar at the session's close",
    "missing_price": "no price was known at the cut-off",
    "utc_day_return": "the return runs from midnight to midnight UTC: no bar ends at the close",
    "daily_bar_near_close": "the daily bar's last quote is after 16:00 New York",
    "unadjusted_return": "no adjusted close: a dividend would show as a loss",
    "missing_symbol": "the settings name a symbol for which there are no rows",
    "unused_symbol": "no setting names these symbols",
    # providers
    "provider_failed": "a provider could not give a table; the others are used",
    "provider_exception": "reading a provider's table raised an exception; the log has it",
    "providers_disagree": "two providers report different values; the first is used",
    "fallback_provider_used": "the rows come from a provider of lower precedence",
    "request_timeout": "the provider did not answer in time",
    "connection_failed": "the provider could not be reached",
    "rate_limited": "the provider refused further requests for now",
    "server_error": "the provider answered with a server error",
    "invalid_json": "the answer is not JSON",
    "unexpected_answer": "the answer does not have the documented form",
    "access_denied": "the provider refused the request",
    "time_limit_reached": "the time for all requests of this provider was used up",
    "unreadable_contract": "rows without a readable contract name; they are excluded",
    "incomplete_row": "rows without a time; they are excluded",
    "incomplete_history": "the history has gaps of a day or more",
    "newest_row_missing": "the newest row is not there yet",
    "newest_close_missing": "the newest daily close is not there yet",
    "stale_quotes": "the quotes are older than allowed",
    "incomplete_report": "the report lacks rows, columns or contracts; the week is excluded",
    # verdict
    "calibrated_on_later_data": "the calibration uses sessions after this one",
    "two_sided_volatility": "joint rises were as rare as the losses: volatility, not selling",
    "rates_within_statement": "entries since the calibration agree with the stated rates",
    "rates_under_review": "entries since the calibration contradict the stated rates",
    "driver_drift": "a driver's distribution has shifted since the calibration",
}  # fmt: skip


def fault_name(rule: str) -> str:
    """Return the fault's name without the column or the provider before it.

    Examples
    --------
    >>> fault_name("close: open_or_close_outside_range")
    'open_or_close_outside_range'
    """
    return rule.rpartition(": ")[2]


def require_fault(rule: str) -> None:
    """Refuse a name that is not in `FAULTS`.

    Raises
    ------
    ValueError
        The name is not declared.
    """
    if fault_name(rule) not in FAULTS:
        raise ValueError(f"{rule} is not a declared fault; add it to unwind.contract.faults")
