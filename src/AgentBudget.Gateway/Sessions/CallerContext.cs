using AgentBudget.Gateway.Calls;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Sessions;

/// <summary>What a caller says beside its key: what for, within which conversation, with which tags.</summary>
internal sealed record CallerContext
{
    public const string UseCaseHeader = "x-agentbudget-use-case";
    public const string ConversationHeader = "x-agentbudget-conversation";
    public const string TagsHeader = "x-agentbudget-tags";
    public const string UserHeader = "x-agentbudget-user";
    public const string SessionHeader = "x-agentbudget-session";
    public const string UseCaseRoute = "useCase";

    private const int TextMax = 256;
    private const int TagsMax = 32;
    private const string UseCasePrefix = "useCases/";

    // Clients that tell their conversation by themselves: Claude Code, Codex.
    private static readonly string[] ConversationHeaders =
        [ConversationHeader, "x-claude-code-session-id", "session-id", "session_id"];

    /// <summary>The agent, where another than the key's holder; empty for the key's own.</summary>
    public string Agent { get; init; } = "";

    /// <summary>"useCases/trade-promo", or empty.</summary>
    public required string UseCase { get; init; }

    public required string Conversation { get; init; }

    public required string User { get; init; }

    public required IReadOnlyDictionary<string, string> Tags { get; init; }

    /// <summary>The session that the caller means, or empty.</summary>
    public required string Session { get; init; }

    public static CallerContext Of(HttpRequest request)
    {
        string useCase = request.RouteValues[UseCaseRoute] as string ?? "";
        string named = Text(request, UseCaseHeader);
        if (useCase.Length > 0 && named.Length > 0 && Full(useCase) != Full(named))
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The path and {UseCaseHeader} name two use cases. Name one.");
        if (useCase.Length == 0) useCase = named;
        return new CallerContext
        {
            UseCase = useCase.Length == 0 ? "" : Full(useCase),
            Conversation = ConversationHeaders.Select(header => Text(request, header))
                .FirstOrDefault(text => text.Length > 0) ?? "",
            User = Text(request, UserHeader),
            Tags = TagsOf(Text(request, TagsHeader)),
            Session = Text(request, SessionHeader),
        };
    }

    /// <summary>A use case's name, with what stands before it or without.</summary>
    public static string Full(string useCase) =>
        useCase.StartsWith(UseCasePrefix, StringComparison.Ordinal) ? useCase : UseCasePrefix + useCase;

    private static string Text(HttpRequest request, string header)
    {
        string[] given = [.. request.Headers[header].OfType<string>().Distinct(StringComparer.Ordinal)];
        if (given.Length > 1)
            throw new CallRefusedException(RefusalKind.Invalid, $"{header} came twice and differs. Send one.");
        if (given.Length == 0) return "";
        return given[0].Length <= TextMax
            ? given[0]
            : throw new CallRefusedException(
                RefusalKind.Invalid, $"{header} must be at most {TextMax} characters.");
    }

    /// <summary>Reads pairs NAME=VALUE with commas between.</summary>
    public static SortedDictionary<string, string> TagsOf(string text)
    {
        SortedDictionary<string, string> tags = new(StringComparer.Ordinal);
        foreach (string pair in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0
                || tags.Count >= TagsMax
                || !tags.TryAdd(pair[..equals].Trim(), pair[(equals + 1)..].Trim()))
                throw new CallRefusedException(
                    RefusalKind.Invalid,
                    $"{TagsHeader} must be at most {TagsMax} pairs NAME=VALUE with commas between, each name once.");
        }

        return tags;
    }
}
