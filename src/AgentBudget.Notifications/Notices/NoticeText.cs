using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;

namespace AgentBudget.Notifications.Notices;

/// <summary>
/// One sentence for people. What others named stands in it as they wrote it: each channel escapes it.
/// </summary>
internal static class NoticeText
{
    private const int NanoDigits = 9;

    private static readonly EnumDescriptor Kinds =
        NotificationsReflection.Descriptor.FindTypeByName<EnumDescriptor>(nameof(NoticeKind));

    private static readonly EnumDescriptor Breakers =
        SessionEventsReflection.Descriptor.FindTypeByName<EnumDescriptor>(nameof(Breaker));

    public static string Of(Notice notice) => notice.Kind switch
    {
        NoticeKind.Unspecified => "",
        NoticeKind.BudgetTierReached => $"{Budget(notice)} reached {notice.AtPercent} % of its limit.",
        NoticeKind.BudgetTierHeld =>
            $"{Budget(notice)} reaches {notice.AtPercent} % of its limit with what is held now.",
        NoticeKind.BudgetExhausted when notice.Count > 1 =>
            $"{Budget(notice)} is exhausted: {notice.Count} calls were refused since the last notice.",
        NoticeKind.BudgetExhausted => $"{Budget(notice)} is exhausted: a call{By(notice)} was refused.",
        NoticeKind.BudgetExtended =>
            $"{Budget(notice)} has a limit of {Amount(notice.Limit, notice.Tokens)}{Because(notice)}.",
        NoticeKind.BreakerTripped => $"The breaker {Word(notice.Breaker)} tripped for {notice.Subject}"
            + (notice.Suspended.Length > 0 ? $" and suspended {notice.Suspended}." : "; it observes only."),
        NoticeKind.SessionSuspended => $"{notice.Subject}{Of(notice.Agent)} was suspended{Because(notice)}.",
        NoticeKind.SessionResumed => $"{notice.Subject}{Of(notice.Agent)} may spend again{Because(notice)}.",
        NoticeKind.SessionRevoked => $"{notice.Subject}{Of(notice.Agent)} was revoked{Because(notice)}.",
        NoticeKind.SessionsRevoked => $"{notice.Count} sessions of {notice.Subject} were revoked{Because(notice)}.",
        NoticeKind.AgentSuspended => $"{notice.Subject} was suspended{Because(notice)}.",
        NoticeKind.AgentResumed => $"{notice.Subject} was resumed{Because(notice)}.",
        NoticeKind.AgentDecommissioned => $"{notice.Subject} was decommissioned{Because(notice)}.",
        NoticeKind.ExtensionRequested => $"{notice.Principal} asks for {Amount(notice.Amount, notice.Tokens)} more for "
            + $"the {BudgetOf(notice)}{Because(notice)}.",
        NoticeKind.ExtensionDecided => Decided(notice),
        NoticeKind.CredentialExpiring => $"{notice.Credential} of {notice.Principal} expires at "
            + $"{notice.ExpireTime.ToDateTime():yyyy-MM-dd HH:mm} UTC.",
        NoticeKind.UsageDisputed => $"{notice.Subject}{Of(notice.Agent)} reported more than one call can have used: "
            + $"{Amount(notice.Amount, notice.Tokens)} wait for finance to decide.",
        NoticeKind.Test => "This is a test of this endpoint.",
    };

    /// <summary>The kind as the type of a CloudEvent names it: <c>budget.tier_reached</c>.</summary>
    public static string TypeOf(NoticeKind kind)
    {
        string name = NameIn(Kinds, (int)kind, "NOTICE_KIND_");
        int first = name.IndexOf('_', StringComparison.Ordinal);
        return first < 0 ? name : $"{name[..first]}.{name[(first + 1)..]}";
    }

    private static string Decided(Notice notice) => notice.Decision switch
    {
        ExtensionState.Approved =>
            $"{notice.ExtensionRequest} was approved: {Amount(notice.Amount, notice.Tokens)} more for the "
            + $"{BudgetOf(notice)}{Because(notice)}.",
        ExtensionState.Refused => $"{notice.ExtensionRequest} was refused{Because(notice)}.",
        ExtensionState.Expired => $"{notice.ExtensionRequest} expired: nobody answered in time.",
        ExtensionState.Unspecified or ExtensionState.Pending => $"{notice.ExtensionRequest} waits for an answer.",
    };

    private static string Budget(Notice notice) => "The " + BudgetOf(notice);

    private static string BudgetOf(Notice notice) => notice.Window.Length > 0
        ? $"budget of {notice.Grain} ({notice.Window})"
        : $"budget of {notice.Grain}";

    private static string By(Notice notice) => notice.Agent.Length > 0 ? $" of {notice.Agent}" : "";

    private static string Of(string agent) => agent.Length > 0 ? $" of {agent}" : "";

    private static string Because(Notice notice) => notice.Reason.Length > 0 ? $": {notice.Reason.TrimEnd('.')}" : "";

    private static string Word(Breaker breaker) => NameIn(Breakers, (int)breaker, "BREAKER_");

    // As the contract spells it, in small letters.
    private static string NameIn(EnumDescriptor names, int value, string prefix) =>
        names.FindValueByNumber(value) is { } known
            ? known.Name[prefix.Length..].ToLowerInvariant()
            : value.ToString(CultureInfo.InvariantCulture);

    private static string Amount(Money? money, long tokens)
    {
        if (money is null) return string.Create(CultureInfo.InvariantCulture, $"{tokens:N0} tokens");
        string fraction = Math.Abs(money.Nanos).ToString(CultureInfo.InvariantCulture).PadLeft(NanoDigits, '0')
            .TrimEnd('0').PadRight(2, '0');
        string sign = money.Units < 0 || money.Nanos < 0 ? "-" : "";
        return string.Create(
            CultureInfo.InvariantCulture, $"{sign}{Math.Abs(money.Units)}.{fraction} {money.CurrencyCode}");
    }
}
