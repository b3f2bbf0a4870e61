using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Gateway.Calls;

/// <summary>What the budget answers, as refusals.</summary>
internal static class Denials
{
    /// <summary>A refusal of money or scope.</summary>
    public static CallRefusedException Of(Denial denial)
    {
        DateTimeOffset? reset = denial.ResetTime?.ToDateTimeOffset();
        string until = reset is { } time ? $" It starts again at {time:yyyy-MM-dd HH:mm:ss}Z." : "";
        string cheaper = denial.SuggestedModel.Length > 0 ? $" {denial.SuggestedModel} would fit." : "";
        return new CallRefusedException(KindOf(denial.Reason), $"{denial.Message}{until}{cheaper}")
        {
            Reason = NameOf(denial.Reason),
            ResetTime = reset,
            Left = LeftOf(denial),
        };
    }

    /// <summary>An error of the service.</summary>
    public static CallRefusedException Of(AgentBudgetException fault) => fault.Reason switch
    {
        "SESSION_TOKEN_INVALID" or "SESSION_NOT_FOUND" or "SESSION_NOT_OPEN" or "AGENT_NOT_ACTIVE"
            or "CREDENTIAL_INVALID" => new(RefusalKind.Unauthenticated, fault.Message) { Reason = fault.Reason },
        "SCOPE_EXCEEDED" or "ROLE_FORBIDDEN" =>
            new(RefusalKind.Forbidden, fault.Message) { Reason = fault.Reason },
        "SESSION_SUSPENDED" or "RUN_CEILING" => new(RefusalKind.Money, fault.Message) { Reason = fault.Reason },
        "BOUND_REACHED" => new(RefusalKind.Busy, fault.Message) { Reason = fault.Reason },
        _ => fault.StatusCode switch
        {
            StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.OutOfRange
                or StatusCode.FailedPrecondition => new(RefusalKind.Invalid, fault.Message) { Reason = fault.Reason },
            StatusCode.Unauthenticated or StatusCode.PermissionDenied =>
                new(RefusalKind.Unauthenticated, fault.Message) { Reason = fault.Reason },
            _ => new(RefusalKind.Unavailable, "The budget cannot be asked now, so nothing was forwarded. Try again."),
        },
    };

    /// <summary>What is left on the tightest account, in words.</summary>
    public static string LeftOf(Balance? balance)
    {
        if (balance is null) return "";
        string money = balance.Available is { } available ? TextOf(available) : "";
        string tokens = balance.HasAvailableTokens ? $"{balance.AvailableTokens} tokens" : "";
        return $"{money}{(money.Length > 0 && tokens.Length > 0 ? ", " : "")}{tokens} on {balance.Grain}";
    }

    private static string LeftOf(Denial denial)
    {
        if (denial.Limit is not { } limit || denial.Settled is not { } settled || denial.Held is not { } held)
            return "";
        decimal left = ValueOf(limit) - ValueOf(settled) - ValueOf(held);
        return $"{Math.Max(left, 0)} {limit.CurrencyCode} on {denial.Grain}";
    }

    private static string TextOf(Money money) => $"{ValueOf(money)} {money.CurrencyCode}";

    private static decimal ValueOf(Money money) => money.Units + (money.Nanos / 1_000_000_000m);

    private static RefusalKind KindOf(Reason reason) => reason switch
    {
        Reason.SessionClosed or Reason.SessionExpired or Reason.SessionRevoked or Reason.AgentDecommissioned =>
            RefusalKind.Unauthenticated,
        Reason.ToolOutOfScope or Reason.ModelOutOfScope => RefusalKind.Forbidden,
        // Clients hide the message of a model that is not found, and this one says what the catalog lacks.
        Reason.UnknownPrice or Reason.MissingTag => RefusalKind.Invalid,
        _ => RefusalKind.Money,
    };

    // SessionClosed: SESSION_CLOSED.
    private static string NameOf(Reason reason) => string.Concat(reason.ToString()
        .Select((letter, index) => index > 0 && char.IsAsciiLetterUpper(letter) ? $"_{letter}" : $"{letter}"))
        .ToUpperInvariant();
}
