using System.CommandLine;
using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Cli.Commands;

/// <summary>Options that several commands have, and texts as values.</summary>
internal static class Arguments
{
    private const int LimitMax = 1_000_000;
    private const decimal NanosPerUnit = 1_000_000_000m;
    private const decimal MoneyMax = 9_000_000_000m; // What the service can hold.

    public static Option<string> Reason(string what) => new("--reason")
    {
        Description = $"Why, for the ledger: {what}. 1 to 256 characters.",
        HelpName = "TEXT",
        Required = true,
    };

    public static Option<string?> Filter(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };

    public static Option<int> Limit() => new("--limit")
    {
        Description = "At most so many.",
        HelpName = "COUNT",
        DefaultValueFactory = _ => 1_000,
        Validators =
        {
            result =>
            {
                if (result.GetValueOrDefault<int>() is < 1 or > LimitMax)
                    result.AddError($"--limit must be 1 to {LimitMax}.");
            },
        },
    };

    /// <summary>A resource name from what a person writes: "writer" or "agents/writer".</summary>
    public static string Named(string kind, string name) =>
        name.StartsWith(kind + "/", StringComparison.Ordinal) || name.Length == 0 ? name : $"{kind}/{name}";

    public static Money MoneyOf(string option, string text)
    {
        if (!decimal.TryParse(
                text,
                NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture,
                out decimal amount)
            || Math.Abs(amount) > MoneyMax
            || decimal.Round(amount, 9) != amount)
        {
            throw CliException.Usage($"{option} must be an amount such as 12.50, with at most nine decimals.");
        }

        decimal units = decimal.Truncate(amount);
        return new Money { Units = (long)units, Nanos = (int)((amount - units) * NanosPerUnit) };
    }

    /// <summary>"90s", "15m", "2h" or "7d".</summary>
    public static Duration DurationOf(string option, string text)
    {
        double seconds = text.LastOrDefault() switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return seconds > 0
            && double.TryParse(
                text.AsSpan(..^1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number > 0
            && number * seconds <= TimeSpan.FromDays(3650).TotalSeconds
                ? Duration.FromTimeSpan(TimeSpan.FromSeconds(number * seconds))
                : throw CliException.Usage($"{option} must be a time such as 90s, 15m, 2h or 7d.");
    }

    /// <summary>The text of a file that holds a credential or a token, without what is around it.</summary>
    public static async Task<string> TextOfAsync(string file, CancellationToken cancellation)
    {
        try
        {
            return (await File.ReadAllTextAsync(file, cancellation)).Trim();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.NoInput, $"The credential file {file} cannot be read: {fault.Message}");
        }
    }

    /// <summary>A day, or an instant with its zone.</summary>
    public static Timestamp TimeOf(string option, string text) =>
        DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            && text.Length >= "2026-01-01".Length
            ? Timestamp.FromDateTimeOffset(time)
            : throw CliException.Usage($"{option} must be a time such as 2026-11-29 or 2026-11-29T08:00:00Z.");

    /// <summary>"name=value" pairs.</summary>
    public static IEnumerable<KeyValuePair<string, string>> PairsOf(string option, IEnumerable<string> texts)
    {
        foreach (string text in texts)
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) throw CliException.Usage($"{option} must be NAME=VALUE; '{text}' is not.");
            yield return new(text[..equals], text[(equals + 1)..]);
        }
    }
}
