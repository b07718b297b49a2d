"""What every table of the settings file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the settings file: frozen, and it refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
