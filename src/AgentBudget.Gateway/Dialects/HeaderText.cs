namespace AgentBudget.Gateway.Dialects;

/// <summary>Text as a header may carry it.</summary>
internal static class HeaderText
{
    private const int LengthMax = 1_024;

    /// <summary>Visible ASCII and spaces; anything else becomes a question mark.</summary>
    public static string Of(string text) => string.Create(
        Math.Min(text.Length, LengthMax),
        text,
        static (to, from) =>
        {
            for (int i = 0; i < to.Length; i++) to[i] = from[i] is >= ' ' and < '\x7f' ? from[i] : '?';
        });
}
