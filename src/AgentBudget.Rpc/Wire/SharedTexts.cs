using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// Long texts that calls repeat, such as tokens, each as one string. Callers with many such texts find theirs often
/// enough; what is not found is made anew.
/// </summary>
internal sealed class SharedTexts
{
    /// <summary>Texts that are kept; of some hundred characters each, so some MiB at most.</summary>
    private const int TextsMax = 4096; // A power of two.

    /// <summary>A text is kept from here on; shorter ones cost less than looking for them.</summary>
    private const int BytesMin = 64;

    /// <summary>Longer ones are not kept, so that nobody fills memory with them.</summary>
    private const int BytesMax = 4096;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Text?[] _texts = new Text?[TextsMax];

    private sealed record Text(byte[] Utf8, string Value);

    /// <summary>The text as one string; null for a text that is not shared, which the parser reads then.</summary>
    internal string? Share(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is < BytesMin or > BytesMax)
            return null;
        // A token ends in its signature, which is as random as a hash.
        ulong end = MemoryMarshal.Read<ulong>(utf8[^sizeof(ulong)..]);
        ref Text? place = ref _texts[BitOperations.RotateLeft(end * 0x9E3779B97F4A7C15, 16) & (TextsMax - 1)];
        Text? kept = Volatile.Read(ref place);
        if (kept is not null && utf8.SequenceEqual(kept.Utf8))
            return kept.Value;
        try
        {
            Text text = new(utf8.ToArray(), StrictUtf8.GetString(utf8));
            Volatile.Write(ref place, text);
            return text.Value;
        }
        catch (DecoderFallbackException)
        {
            return null; // The parser says so in its own words.
        }
    }
}
