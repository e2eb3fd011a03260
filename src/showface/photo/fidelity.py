"""The dial between the two answers for a hole, as a setting; what lies between them is made in `photo.mixing`."""

from __future__ import annotations

from numbers import Real

from showface.errors import SettingError

FIDELITY = 0.0  # unless asked otherwise: 0 = natural, what looks real; 1 = faithful, what errs the least


def checked_fidelity(fidelity: object) -> float:
    """`fidelity` if it is a number from 0 to 1; `SettingError` if not."""
    number = float(fidelity) if isinstance(fidelity, Real) and not isinstance(fidelity, bool) else -1.0
    if not 0 <= number <= 1:
        raise SettingError(f"expected a fidelity from 0 (natural) to 1 (faithful), found {fidelity!r}")
    return number
