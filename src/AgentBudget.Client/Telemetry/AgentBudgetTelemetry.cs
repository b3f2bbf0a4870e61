namespace AgentBudget.Client;

/// <summary>
/// Names to give to OpenTelemetry: <c>AddSource</c> of a tracer provider and <c>AddMeter</c> of a meter provider.
/// </summary>
public static class AgentBudgetTelemetry
{
    /// <summary>The source of the client's activities: one for each call, with its retries.</summary>
    public const string ActivitySourceName = "AgentBudget.Client";

    /// <summary>The meter of the client's metrics.</summary>
    public const string MeterName = "AgentBudget.Client";
}
