using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Long texts that calls repeat, such as tokens, each as one string. A text has a few places that it may be in, so that
/// texts which fall on one another do not make each other anew with every call; what is not found is made anew.
/// </summary>
internal sealed class SharedTexts
{
    /// <summary>Texts that are kept; of some hundred characters each, so some MiB at most.</summary>
    private const int TextsMax = 4096; // A power of two.

    /// <summary>Places of a text: with a quarter of all places taken, one text in some thousands finds none.</summary>
    private const int PlacesOfText = 8; // A power of two.

    /// <summary>A text is kept from here on; shorter ones cost less than looking for them.</summary>
    private const int BytesMin = 64;

    /// <summary>Longer ones are not kept, so that nobody fills memory with them.</summary>
    private const int BytesMax = 4096;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Text?[] _texts = new Text?[TextsMax];
    private int _replaced;

    private sealed record Text(ulong End, byte[] Utf8, string Value);

    /// <summary>The text as one string; null for a text that is not shared, which the parser reads then.</summary>
    internal string? Share(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is < BytesMin or > BytesMax)
            return null;
        // A token ends in its signature, which is as random as a hash.
        ulong end = MemoryMarshal.Read<ulong>(utf8[^sizeof(ulong)..]);
        int first = (int)(BitOperations.RotateLeft(end * 0x9E3779B97F4A7C15, 16) & (TextsMax - PlacesOfText));
        Span<Text?> places = _texts.AsSpan(first, PlacesOfText);
        int free = -1;
        for (int i = 0; i < places.Length; i++)
        {
            Text? kept = Volatile.Read(ref places[i]);
            if (kept is null)
            {
                free = i;
                break;
            }

            if (kept.End == end && utf8.SequenceEqual(kept.Utf8))
                return kept.Value;
        }

        try
        {
            Text text = new(end, utf8.ToArray(), StrictUtf8.GetString(utf8));
            // Any of its places does; the one that was taken longest ago costs a list to find.
            int place = free >= 0 ? free : ++_replaced & (PlacesOfText - 1);
            Volatile.Write(ref places[place], text);
            return text.Value;
        }
        catch (DecoderFallbackException)
        {
            return null; // The parser says so in its own words.
        }
    }
}
