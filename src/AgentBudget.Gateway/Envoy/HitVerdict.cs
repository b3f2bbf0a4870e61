using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Envoy;

/// <summary>What is to be said of hits.</summary>
/// <param name="Refusal">Why they are too many; null where they are not.</param>
/// <param name="Limit">The limit that is closest, in hits; null where nothing limits them.</param>
internal sealed record HitVerdict(CallRefusedException? Refusal, HitLimit? Limit);

/// <summary>A limit of an account on the path, in hits.</summary>
/// <param name="Grain">The account.</param>
/// <param name="Window">Its window, by its period: day, month.</param>
/// <param name="Most">The limit.</param>
/// <param name="Left">What is left of it.</param>
/// <param name="ResetTime">When it starts again; null where it does not by itself.</param>
internal sealed record HitLimit(string Grain, string Window, long Most, long Left, DateTimeOffset? ResetTime);
