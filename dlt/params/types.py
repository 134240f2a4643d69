"""The kinds of number that parameters are."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=8, le=256, multiple_of=8)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Auto = Literal["auto"]
# YAML 1.1 reads a bare no as false
Precision = Annotated[
    Literal["no", "bf16", "fp16", "auto"], BeforeValidator(lambda x: "no" if x is False else x)
]
