using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Abstractions;

/// <summary>Commands that cross to their tenant's grain together. Nobody changes it or what is in it.</summary>
/// <param name="Commands">At least one; decided in this order.</param>
[GenerateSerializer, Immutable, Alias("agentbudget.TurnBatch")]
public sealed record TurnBatch([property: Id(0)] Command[] Commands);

/// <summary>What came of a batch.</summary>
/// <param name="Replies">One for each command, in the commands' order.</param>
[GenerateSerializer, Immutable, Alias("agentbudget.TurnReplies")]
public sealed record TurnReplies([property: Id(0)] Reply[] Replies);

/// <summary>Durable events of one tenant, in order and without gaps.</summary>
/// <param name="Events">The events; empty when those asked for are not there.</param>
[GenerateSerializer, Immutable, Alias("agentbudget.EventPage")]
public sealed record EventPage([property: Id(0)] LedgerEvent[] Events)
{
    /// <summary>No events.</summary>
    public static EventPage Empty { get; } = new([]);
}

/// <summary>
/// Tells that a tenant's ledger has grown. It says where to look and nothing more: whoever hears it reads the ledger by
/// position, so a lost or doubled one costs time only.
/// </summary>
/// <param name="DurableSequence">The last durable event.</param>
[GenerateSerializer, Immutable, Alias("agentbudget.LedgerHint")]
public sealed record LedgerHint([property: Id(0)] long DurableSequence)
{
    /// <summary>The namespace of the streams of hints, one stream a tenant.</summary>
    public const string StreamNamespace = "ledger";

    /// <summary>The provider of these streams.</summary>
    public const string StreamProvider = "ledger";
}
