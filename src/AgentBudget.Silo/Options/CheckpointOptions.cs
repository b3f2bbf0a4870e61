using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>How ledgers are signed: the keys under <c>checkpoint</c>.</summary>
internal sealed class CheckpointOptions
{
    public const string Section = "checkpoint";

    /// <summary>The key that signs checkpoints; nothing for one in the data folder.</summary>
    [FilePath("checkpoint:key")]
    public string? Key { get; init; }

    /// <summary>Where the newest checkpoint of each ledger is kept; nothing for a file in the data folder.</summary>
    [FilePath("checkpoint:file")]
    public string? File { get; init; }
}

/// <summary>Checks what its annotations say.</summary>
[OptionsValidator]
internal sealed partial class CheckpointOptionsValidator : IValidateOptions<CheckpointOptions>;
