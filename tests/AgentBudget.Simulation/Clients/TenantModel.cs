using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Clients;

/// <summary>
/// What the callers of one tenant know from the answers that reached them, and what they ask for next.
/// </summary>
internal sealed class TenantModel(SimWorld world, string name, SimRandom random)
{
    private const int RecentMax = 64;

    private readonly List<Command> _recent = [];
    private int _ids;

    public string Name => name;

    public SimRandom Random => random;

    public SimWorld World => world;

    /// <summary>A catalog was applied.</summary>
    public bool HasCatalog { get; private set; }

    /// <summary>The last catalog without a fault that was asked for; null before the first.</summary>
    public Catalog? LastCatalog { get; set; }

    /// <summary>The last version of the catalog that was heard of.</summary>
    public long CatalogVersion { get; private set; }

    public List<long> Sessions { get; } = [];

    public List<long> Credentials { get; } = [];

    /// <summary>Access tokens that sessions were opened with.</summary>
    public List<string> Tokens { get; } = [];

    /// <summary>Settlements that were answered as disputed.</summary>
    public List<long> Disputes { get; } = [];

    /// <summary>Requests for more.</summary>
    public List<long> Extensions { get; } = [];

    public List<KnownHold> Holds { get; } = [];

    /// <summary>Money that was left on the tightest account when a session last heard of it.</summary>
    public Dictionary<long, long> LeftNanos { get; } = [];

    /// <summary>Ids are the same in every tenant: they are apart by tenant, session and operation.</summary>
    public string NextId() => $"q{++_ids}";

    /// <summary>What a caller asks for next.</summary>
    public Command Next()
    {
        if (_recent.Count > 0 && random.Chance(world.Plan.KeyRepeatPermille) && random.Below(3) == 0)
        {
            Command again = random.Any(_recent);
            if (random.Below(4) == 0 && Workload.BySomebodyElse(again, random) is { } others) return others;
            bool isSame = random.Coin();
            if (isSame || Workload.Otherwise(again) is not { } otherwise)
            {
                world.Coverage.Count(SimFault.KeyRepeated);
                return again;
            }

            world.Coverage.Count(SimFault.KeyReusedOtherwise);
            return otherwise;
        }

        Command command = Workload.Next(this);
        if (_recent.Count == RecentMax) _recent[random.Below(RecentMax)] = command;
        else _recent.Add(command);
        return command;
    }

    /// <summary>An answer reached the caller.</summary>
    public void Heard(Command command, in Answer answer)
    {
        if (answer.Outcome != Outcome.Done || answer.Event is not { Sequence: > 0 } told) return;
        if (told.SessionOpened is { } opened && !Sessions.Contains(told.Sequence))
        {
            Sessions.Add(told.Sequence);
            Tokens.AddRange(opened.AccessTokens);
        }

        HasCatalog |= told.CatalogApplied is not null;
        if (told.CatalogApplied is not null || told.CatalogPatched is not null)
            CatalogVersion = Math.Max(CatalogVersion, told.Sequence);
        Left? left = told.ReservationHeld?.Left ?? told.ReservationRefused?.Left ?? told.ReservationSettled?.Left;
        if (told.ReservationSettled is { Disputed: true }) Disputes.Add(told.Sequence);
        if (told.ExtensionRequested is not null) Extensions.Add(told.Sequence);
        if (told.CredentialCreated is not null) Credentials.Add(told.Sequence);
        if (command is ReserveCommand reserve)
        {
            if (told.ReservationHeld is { } held)
            {
                Holds.Add(new KnownHold(
                    reserve.Session, told.Sequence, reserve.Principal, held.CostNanos, held.Tokens));
            }

            if (left is { HasNanos: true }) LeftNanos[reserve.Session] = left.Nanos;
        }
    }
}

/// <summary>A hold that a caller knows of.</summary>
/// <param name="Session">Its session.</param>
/// <param name="Number">Its number.</param>
/// <param name="Principal">Who took it.</param>
/// <param name="CostNanos">Its money.</param>
/// <param name="Tokens">Its tokens.</param>
internal sealed record KnownHold(long Session, long Number, string Principal, long CostNanos, long Tokens);
