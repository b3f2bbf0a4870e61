using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// Names of users as they stand in the ledger: visible characters that everybody sees alike. One name has one spelling
/// (Unicode NFC), and none can be made to look like another by characters that are not seen.
/// </summary>
public static class UserNames
{
    /// <summary>A session is on behalf of at most as many characters.</summary>
    public const int CharsMax = 256;

    /// <summary>The name in its one spelling; false for one that cannot be a user's.</summary>
    /// <param name="name">As it was given.</param>
    /// <param name="normalized">As it is kept.</param>
    public static bool TryNormalize(string name, out string normalized) => TryNormalize("", name, out normalized);

    /// <summary>The same for a name that a prefix is put before.</summary>
    /// <inheritdoc cref="TryNormalize(string, out string)"/>
    internal static bool TryNormalize(string prefix, string name, out string normalized)
    {
        ArgumentNullException.ThrowIfNull(name);
        normalized = "";
        if (name.Length is 0 or > CharsMax || !IsVisible(name))
            return false;
        normalized = Nfc.Compose(prefix + name);
        return normalized.Length <= CharsMax;
    }

    private static bool IsVisible(string name)
    {
        if (char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1]))
            return false;
        for (int index = 0; index < name.Length;)
        {
            if (!Rune.TryGetRuneAt(name, index, out Rune rune) || !IsVisible(rune))
                return false;
            index += rune.Utf16SequenceLength;
        }

        return true;
    }

    private static bool IsVisible(Rune rune) =>
        SeenText.IsSeen(rune)
        // How a symbol is drawn names nobody else.
        && rune.Value is not (0xFE0E or 0xFE0F)
        // Ideographs that stand for others, and are written alike.
        && rune.Value is not ((>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F));
}
