namespace AgentBudget.Cli.Output;

/// <summary>How answers are written.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Table,

    /// <summary>The messages of the protocol, as proto3 JSON.</summary>
    Json,

    /// <summary>Comma-separated, with a line of names.</summary>
    Csv,
}
