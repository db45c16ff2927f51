"""Money: integer minor units, inseparable from their ISO 4217 currency.

`1234` in `USD` is 12.34 dollars, in `JPY` 1,234 yen. Decimals written in program files are text and become exact
ratios; no float is ever made.
"""

import re
from fractions import Fraction

from msgspec import Struct

from domain.rejections import Malformed

_ZERO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_TWO_DECIMALS = """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"""

#: Decimals of each currency (ISO 4217 exponent).
EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_ZERO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")


class Money(Struct, frozen=True, gc=False):
    """An amount that cannot lose its currency."""

    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return f"{written(self.amount_minor, self.currency)} {self.currency}"


def decimal(text: str, *, key: str = "") -> Fraction:
    """The exact value of a decimal written as text, such as `"150.00"`; raises `Malformed` naming `key`."""
    if not _DECIMAL.fullmatch(text):
        raise Malformed(f"expected a decimal such as 150.00, got {text!r:.80}", key=key)
    return Fraction(text)


def percent(text: str, *, key: str = "") -> Fraction:
    """The exact ratio of a rate written as text, such as `"2.75 %"` → 11/400; raises `Malformed` naming `key`."""
    number, sign, rest = text.partition("%")
    if not sign or rest:
        raise Malformed(f'expected a rate such as "2.75 %", got {text!r:.80}', key=key)
    return decimal(number.strip(), key=key) / 100


def minor(amount: Fraction, currency: str) -> Fraction:
    """A decimal amount in exact minor units: 150.00 USD → 15000."""
    return amount * int(10 ** EXPONENTS[currency])


def written(amount_minor: int | Fraction, currency: str) -> str:
    """Minor units as people write them: 123456 in USD → `1,234.56`; exact ratios keep the decimals they need."""
    exponent = EXPONENTS[currency]
    return plain(Fraction(amount_minor) / 10**exponent, exponent)


def plain(number: Fraction, decimals: int = 0) -> str:
    """A number as people write it, with at least so many decimals and with those that an exact ratio needs."""
    sign = "-" if number < 0 else ""
    units, rest = divmod(abs(number), 1)
    after_point = _decimals(rest, decimals)
    return f"{sign}{units:,}.{after_point}" if after_point else f"{sign}{units:,}"


def _decimals(rest: Fraction, least: int, most: int = 10) -> str:
    """The digits after the point, at least `least`; an endless expansion is cut after `most` and marked."""
    digits = ""
    while (rest or len(digits) < least) and len(digits) < most:
        digit, rest = divmod(rest * 10, 1)
        digits += str(digit)
    return digits + ("…" if rest else "")
