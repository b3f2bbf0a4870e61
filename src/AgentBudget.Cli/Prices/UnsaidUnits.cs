namespace AgentBudget.Cli.Prices;

/// <summary>
/// Prices that are per something else than a token, which a price of a model does not have: a line each, so that one
/// that it gets is a line less here.
/// </summary>
internal static class UnsaidUnits
{
    private static readonly (string Part, string Unit)[] Table =
    [
        ("_per_second", "second"),
        ("_per_video_per_second", "second of video"),
        ("_per_audio_per_second", "second of audio"),
        ("_per_image", "image"),
        ("_per_pixel", "pixel"),
        ("_per_character", "character"),
        ("_per_query", "search"),
        ("_per_request", "request"),
        ("_per_page", "page"),
        ("_per_credit", "credit"),
        ("_per_session", "session"),
        ("_per_gb", "gigabyte"),
        ("_per_unit", "unit of a guardrail"),
        ("_per_video_token", "token of video"),
        ("citation_cost_per_token", "token of citations"),
    ];

    /// <summary>The unit that a field's price is per; null for none of these.</summary>
    public static string? Of(string field)
    {
        string? found = null;
        int length = 0;
        foreach ((string part, string unit) in Table)
        {
            if (part.Length > length && field.Contains(part, StringComparison.Ordinal)
                && !field.Contains(part + "_token", StringComparison.Ordinal))
            {
                (found, length) = (unit, part.Length);
            }
        }

        return found;
    }
}
