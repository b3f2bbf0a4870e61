using System.Globalization;
using System.Numerics;

namespace AgentBudget.Cli.Prices;

/// <summary>
/// A decimal number as JSON writes it, with an exponent or without, exact: never through a float.
/// <c>Digits × 10^Exponent</c>.
/// </summary>
internal readonly record struct ExactNumber(BigInteger Digits, int Exponent)
{
    private const int CharsMax = 64; // Of a price; more says nothing that a rate could keep.
    private const int ExponentMax = 64;

    public bool IsNegative => Digits.Sign < 0;

    /// <summary>Reads the text of a JSON number; null for one that no price can be.</summary>
    public static ExactNumber? Parse(string text)
    {
        if (text.Length is 0 or > CharsMax) return null;
        int mark = text.AsSpan().IndexOfAny('e', 'E');
        string number = mark < 0 ? text : text[..mark];
        int exponent = 0;
        bool isExponent = mark < 0
            || int.TryParse(
                text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent);
        int point = number.IndexOf('.', StringComparison.Ordinal);
        int decimals = point < 0 ? 0 : number.Length - point - 1;
        bool isNumber = BigInteger.TryParse(
            point < 0 ? number : number.Remove(point, 1),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out BigInteger digits);
        if (!isExponent || !isNumber || Math.Abs(exponent) > ExponentMax) return null;
        return new ExactNumber(digits, exponent - decimals);
    }

    /// <summary>
    /// The number with its point moved to the right, as a whole number: rounded half to even where it is finer.
    /// </summary>
    public (BigInteger Whole, bool IsExact) Shifted(int places)
    {
        int exponent = Exponent + places;
        if (exponent >= 0) return (Digits * BigInteger.Pow(10, exponent), true);
        BigInteger unit = BigInteger.Pow(10, -exponent);
        BigInteger whole = BigInteger.DivRem(BigInteger.Abs(Digits), unit, out BigInteger rest);
        int half = (rest * 2).CompareTo(unit);
        if (half > 0 || (half == 0 && !whole.IsEven)) whole++;
        return (Digits.Sign < 0 ? -whole : whole, rest.IsZero);
    }
}
