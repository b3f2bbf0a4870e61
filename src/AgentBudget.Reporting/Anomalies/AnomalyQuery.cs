namespace AgentBudget.Reporting.Anomalies;

/// <summary>What is asked of <see cref="Aggregator.GetAnomalies"/>.</summary>
/// <param name="Start">The first instant; widened to the day's begin.</param>
/// <param name="End">The first instant after, at most <see cref="Aggregator.DaysMax"/> days later.</param>
/// <param name="Now">Days that are not over by then are judged by what they settled so far.</param>
/// <param name="Grain">An agent or use case; empty for all.</param>
/// <param name="FloorNanos">An excess below it is not worth a word.</param>
public sealed record AnomalyQuery(
    DateTimeOffset Start, DateTimeOffset End, DateTimeOffset Now, string Grain, long FloorNanos);
