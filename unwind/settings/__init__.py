"""Settings: the model, the default that ships, and a desk's overlay of it."""

from unwind.settings.loading import (
    DEFAULT_PATH,
    Origin,
    SettingsError,
    load_settings,
    origins,
    overlay,
    parse_settings,
    read_calibrated,
)
from unwind.settings.model import Settings, digest_of

__all__ = [
    "DEFAULT_PATH",
    "Origin",
    "Settings",
    "SettingsError",
    "digest_of",
    "load_settings",
    "origins",
    "overlay",
    "parse_settings",
    "read_calibrated",
]
