"""The base class of all sections of the configuration file, and the types that several sections share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

TopicName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """One section of the file. It is frozen, and unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_path_is_named(cls, value: object, info: ValidationInfo) -> object:
        """An empty path would be the folder of the configuration."""
        names_path = "Path" in str(cls.model_fields[info.field_name or ""].annotation)
        if names_path and isinstance(value, str) and (not value.strip() or "\0" in value):
            raise ValueError("is empty. Write a path, or leave this key out")
        return value
