using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace AgentBudget.Cli.Prices;

/// <summary>Numbers of one entry of a price map, and what of it cannot be said.</summary>
internal sealed class PriceReading(PriceImport import, string entry)
{
    private const long RateNanosMax = 1_000_000_000_000_000; // As a catalog takes: a million units per million tokens.
    private const long UnitNanosMax = 1_000 * RateNanosMax; // As a catalog takes: a thousand units of money for one.
    private const long TokensMax = 1_000_000_000_000; // As a catalog takes.
    private const long PpmMax = 10_000_000;
    private const int PpmPlaces = 6;
    private const int ValueCharsMax = 60;

    public string Entry => entry;

    /// <summary>Something of the entry is wrong, so that none of it is taken.</summary>
    public bool IsFaulty { get; private set; }

    public void CannotSay(string field, JsonElement value, string why) =>
        import.Unsaid.Add(new Unsaid(entry, field, TextOf(value), why));

    /// <summary>
    /// A rate in nanos per million tokens of a number that stands so many places to the right of it; null with a reason
    /// where it is none.
    /// </summary>
    public long? Rate(string field, JsonElement value, int places) =>
        Rate(field, value, places, RateNanosMax, "is above 1,000,000 per million tokens");

    /// <summary>The rate of a unit in nanos per million of it, likewise.</summary>
    public long? UnitRate(string field, JsonElement value, int places) =>
        Rate(field, value, places, UnitNanosMax, "is above 1,000 for one");

    private long? Rate(string field, JsonElement value, int places, long nanosMax, string tooMuch)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (NumberOf(value) is not { } number) return Refuse(field, value, "is no number");
        if (number.IsNegative) return Refuse(field, value, "is negative");
        (BigInteger nanos, bool isExact) = number.Shifted(places);
        if (nanos > nanosMax) return Refuse(field, value, tooMuch);
        if (!isExact) import.Rounded++;
        return (long)nanos;
    }

    /// <summary>A multiplier in millionths; null with a reason where it is none.</summary>
    public long? Ppm(string field, JsonElement value)
    {
        if (NumberOf(value) is not { } number) return Refuse(field, value, "is no number");
        (BigInteger ppm, bool isExact) = number.Shifted(PpmPlaces);
        if (ppm <= 0 || ppm > PpmMax) return Refuse(field, value, "is not above 0 and at most 10");
        if (!isExact) import.Rounded++;
        return (long)ppm;
    }

    /// <summary>A count of tokens above zero; null where it is none, with a reason where it should be one.</summary>
    public long? Tokens(string field, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (NumberOf(value) is { } number && number.Shifted(0) is { IsExact: true } tokens
            && tokens.Whole >= 0 && tokens.Whole <= TokensMax)
        {
            return tokens.Whole.IsZero ? null : (long)tokens.Whole; // Maps write 0 for what they do not know.
        }

        CannotSay(field, value, "is no count of tokens");
        return null;
    }

    /// <summary>Whether a catalog can name a model so.</summary>
    public bool IsModel(string name)
    {
        const int nameCharsMax = 128;
        bool isModel = name.Length is > 0 and <= nameCharsMax && name.All(letter => letter is > ' ' and <= '~')
            && !name.Contains('*', StringComparison.Ordinal);
        if (isModel) return true;
        import.Unsaid.Add(new Unsaid(
            entry, "", "", "is no name of a model: at most 128 printable ASCII characters without spaces and stars"));
        return false;
    }

    private long? Refuse(string field, JsonElement value, string why)
    {
        IsFaulty = true;
        CannotSay(field, value, why + ": nothing of the entry is taken");
        return null;
    }

    // Some maps write numbers as text.
    private static ExactNumber? NumberOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => ExactNumber.Parse(value.GetRawText()),
        JsonValueKind.String => ExactNumber.Parse(value.GetString()!),
        _ => null,
    };

    private static string TextOf(JsonElement value)
    {
        string text = value.ValueKind == JsonValueKind.Undefined ? "" : value.GetRawText();
        text = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return text.Length <= ValueCharsMax
            ? text
            : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, ValueCharsMax)}…");
    }
}
