using System.Buffers;
using System.Globalization;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>Text that a reviewer sees as it is read.</summary>
public static class SeenText
{
    /// <summary>
    /// Whether a character is seen as it is read: no control character, none that turns, hides or joins what is around
    /// it, none that ends a line for one reader and not for another, none that is no character yet, and no blank but
    /// the space.
    /// </summary>
    /// <remarks>
    /// Fillers and selectors are letters and marks by their category, and show nothing. The two that choose how a
    /// symbol is drawn, as text or as a picture, are written by keyboards and are taken.
    /// </remarks>
    public static bool IsSeen(Rune rune) =>
        rune.Value == ' '
        || (Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.SpaceSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned)
            && rune.Value is not (0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x2800 or 0x3164 or 0xFFA0)
            && rune.Value is not ((>= 0xFE00 and <= 0xFE0D) or (>= 0xE0100 and <= 0xE01EF)
                or (>= 0x180B and <= 0x180F)));

    /// <summary>Whether all of a text is.</summary>
    public static bool IsSeen(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out Rune rune, out int consumed) != OperationStatus.Done || !IsSeen(rune))
                return false;
            text = text[consumed..];
        }

        return true;
    }

    /// <summary>The text with the number of a character in place of one that is not seen: <c>\u{202E}</c>.</summary>
    public static string Show(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (IsSeen(text)) return text;
        StringBuilder shown = new();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (IsSeen(rune)) shown.Append(rune.ToString());
            else shown.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:X4}}}");
        }

        return shown.ToString();
    }
}
