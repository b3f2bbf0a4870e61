using System.Buffers;
using AgentBudget.Identity;

namespace AgentBudget.Api;

/// <summary>Shapes and bounds of the fields of requests and catalogs, each in one place.</summary>
internal static class FieldRules
{
    /// <summary>An id is part of a resource name and of every event; longer ones are no help to a reader.</summary>
    internal const int IdCharsMax = 64;

    /// <summary>Models, tools and SKUs are named by their makers.</summary>
    internal const int WordCharsMax = 128;

    /// <summary>A request id is kept for a day per request: 128 characters hold a UUID and a purpose.</summary>
    internal const int RequestIdCharsMax = 128;

    /// <summary>Free text in the ledger: a sentence, not a document.</summary>
    internal const int TextCharsMax = 256;

    /// <summary>Tags, metrics and the like: as many as a person declares by hand.</summary>
    internal const int MapEntriesMax = 32;

    /// <summary>A tag's value.</summary>
    internal const int TagValueCharsMax = 256;

    /// <summary>Tools and models of one session: a message holds at most 1,000 items.</summary>
    internal const int ScopeItemsMax = 500;

    /// <summary>Counted items of one call: kinds of things beside tokens that providers and tools bill.</summary>
    internal const int ItemsMax = 16;

    /// <summary>Tokens of one bucket, steps and other counts of one request.</summary>
    internal const long CountMax = 1_000_000_000_000;

    internal const string StatisticDescription = "must be a number from -1,000,000,000,000 to 1,000,000,000,000";

    /// <summary>Rows of a page.</summary>
    internal const int PageSizeMax = 1_000;

    /// <summary>Rows of a page when the request names none.</summary>
    internal const int PageSizeDefault = 100;

    /// <summary>A hold stands at least this long, in seconds.</summary>
    internal const long HoldSecondsMin = 1;

    /// <summary>And at most a day.</summary>
    internal const long HoldSecondsMax = 24 * 3600;

    private static readonly SearchValues<char> IdChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    internal static bool IsId(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= IdCharsMax && text[0] != '-' && !text.ContainsAnyExcept(IdChars);

    internal static bool IsWord(ReadOnlySpan<char> text, int charsMax = WordCharsMax) =>
        text.Length > 0 && text.Length <= charsMax && !text.ContainsAnyExceptInRange('!', '~');

    /// <summary>A number for statistics, such as an outcome's metric; within it six decimals sum exactly.</summary>
    internal static bool IsStatistic(double number) => Math.Abs(number) <= CountMax;

    internal static bool IsRequestId(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= RequestIdCharsMax && !text.ContainsAnyExceptInRange(' ', '~');

    /// <summary>Text for people: characters that they see as they are read.</summary>
    internal static bool IsText(ReadOnlySpan<char> text, int charsMax) =>
        text.Length <= charsMax && SeenText.IsSeen(text);

    /// <summary>A tool is "ns.tool"; a scope may also say "ns.*" for a namespace.</summary>
    internal static bool IsToolScope(ReadOnlySpan<char> text)
    {
        if (!IsWord(text))
            return false;
        int star = text.IndexOf('*');
        return star < 0 || (star == text.Length - 1 && star >= 2 && text[star - 1] == '.');
    }

    /// <summary>A resource name: a known prefix and an id.</summary>
    internal static bool IsName(string text, string prefix) =>
        text.StartsWith(prefix, StringComparison.Ordinal) && IsId(text.AsSpan(prefix.Length));
}
