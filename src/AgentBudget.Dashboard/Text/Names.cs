using System.Text;

namespace AgentBudget.Dashboard.Text;

/// <summary>Resource names and words of the contract as a page shows them, and where it links them to.</summary>
internal static class Names
{
    /// <summary>"promo-writer" of "agents/promo-writer".</summary>
    internal static string Short(string? name) =>
        string.IsNullOrEmpty(name) ? "" : name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..];

    /// <summary>"use case" of "useCases/trade-promo".</summary>
    internal static string KindOf(string grain) => grain.Split('/')[0] switch
    {
        _ when grain.Contains("/users/", StringComparison.Ordinal) => "user",
        _ when grain.Contains("/models/", StringComparison.Ordinal) => "model",
        "tenants" => "tenant",
        "businessUnits" => "unit",
        "useCases" => "use case",
        "agents" => "agent",
        "sessions" => "session",
        _ => "",
    };

    /// <summary>The page of a thing, below the base of the pages; null where it has none.</summary>
    internal static string? PageOf(string? name)
    {
        if (string.IsNullOrEmpty(name)) return null;
        if (name.StartsWith("sessions/", StringComparison.Ordinal)) return "sessions/" + Escaped(Short(name));
        if (name.StartsWith("agents/", StringComparison.Ordinal) && name.Count(letter => letter == '/') == 1)
            return "agents/" + Escaped(Short(name));
        if (name.StartsWith("extension-requests/", StringComparison.Ordinal)) return "approvals";
        return KindOf(name).Length > 0 && name.Contains('/', StringComparison.Ordinal)
            ? "budgets?account=" + Escaped(name)
            : null;
    }

    internal static string Escaped(string text) => Uri.EscapeDataString(text);

    /// <summary>"session ceiling" of an enum's SessionCeiling.</summary>
    internal static string Words<T>(T value)
        where T : struct, Enum
    {
        StringBuilder words = new();
        foreach (char letter in value.ToString())
        {
            if (char.IsUpper(letter) && words.Length > 0) words.Append(' ');
            words.Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }

    /// <summary>The number of "sessions/s17".</summary>
    internal static long NumberOf(string session) =>
        long.TryParse(Short(session).TrimStart('s'), out long number) ? number : 0;

    /// <summary>"day", "month", "last 7 days" of a window.</summary>
    internal static string Window(string window) => window switch
    {
        "" or "none" => "for ever",
        _ when window.StartsWith("rolling:", StringComparison.Ordinal)
            && long.TryParse(window["rolling:".Length..].TrimEnd('s'), out long seconds) =>
            "last " + Amounts.Span(TimeSpan.FromSeconds(seconds)),
        _ => window,
    };
}
