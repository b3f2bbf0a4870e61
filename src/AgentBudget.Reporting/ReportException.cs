namespace AgentBudget.Reporting;

/// <summary>Why a report cannot be given.</summary>
public enum ReportFault
{
    /// <summary>A name in group_by is none of <see cref="Aggregator.Groupings"/>.</summary>
    UnknownGrouping,

    /// <summary>
    /// The report would have more than <see cref="Aggregator.RowsMax"/> rows: narrow the period or the filter.
    /// </summary>
    TooManyRows,

    /// <summary>A sum is beyond 64 bits, about 9.2 billion currency units: narrow the period or the filter.</summary>
    AmountOverflow,
}

/// <summary>A report cannot be given as asked; nothing was changed.</summary>
public sealed class ReportException(ReportFault fault, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>Why.</summary>
    public ReportFault Fault { get; } = fault;
}
