namespace AgentBudget.Audit;

/// <summary>
/// One thing that an audit holds a journal to. The id is stable: it is what operators, tickets and tests name.
/// </summary>
/// <param name="Id">Short name, "grant.cap".</param>
/// <param name="Fact">What holds in every sound journal, one sentence.</param>
public sealed record AuditRule(string Id, string Fact)
{
    /// <summary>The journal's own form.</summary>
    public static readonly AuditRule Chain = new(
        "chain", "Groups are numbered without gaps, epochs never go back, and every hash follows the one before it.");

    /// <summary>What was signed stays.</summary>
    public static readonly AuditRule Checkpoint = new(
        "checkpoint", "At the place of every signed checkpoint the journal has the hash that was signed.");

    /// <summary>Readable by this release.</summary>
    public static readonly AuditRule Format = new(
        "format", "Every event is whole and states a fact, in fields, that this release knows.");

    /// <summary>Numbers of events.</summary>
    public static readonly AuditRule Sequence = new("sequence", "Events are numbered from 1 without gaps.");

    /// <summary>Log time.</summary>
    public static readonly AuditRule Time = new("time", "Log time never goes back.");

    /// <summary>Exactly once.</summary>
    public static readonly AuditRule RequestOnce = new(
        "request.once", "A request id has one effect within its session, principal and operation.");

    /// <summary>Every entry was asked for.</summary>
    public static readonly AuditRule RequestAsked = new(
        "request.asked", "What the ledger does not do by itself carries the id of the request that asked for it.");

    /// <summary>The catalog belongs to the tenant.</summary>
    public static readonly AuditRule CatalogIdentity = new(
        "catalog.identity", "A catalog names its tenant, and a tenant has one currency for ever.");

    /// <summary>Versions of the price book.</summary>
    public static readonly AuditRule CatalogPrices = new(
        "catalog.price-version", "The price book's version rises by one when prices change, and only then.");

    /// <summary>A patch is of the catalog in force.</summary>
    public static readonly AuditRule CatalogPatch = new(
        "catalog.patch", "A patch is of the catalog in force, removes what is there, and tells what it changes.");

    /// <summary>What is in use stays.</summary>
    public static readonly AuditRule CatalogInUse = new(
        "catalog.in-use", "A catalog removes no account that an open session or an open hold refers to.");

    /// <summary>Changes of limits.</summary>
    public static readonly AuditRule Extension = new(
        "extension", "An extension changes a budget of the catalog, states it before and after, and ends in time.");

    /// <summary>Requests for more.</summary>
    public static readonly AuditRule Approval = new(
        "approval",
        "A request for more is answered once, in time or by time, and an approval extends the budget that was asked "
        + "for by what it grants.");

    /// <summary>Where periods end.</summary>
    public static readonly AuditRule PeriodEnd = new(
        "period.end", "Every period ends by an event at its own time, and the next one has the length of its kind.");

    /// <summary>What a period settled.</summary>
    public static readonly AuditRule PeriodSettled = new(
        "period.settled", "A period's closing sum is what was settled in it, so that all periods sum to the lifetime.");

    /// <summary>Windows that are new.</summary>
    public static readonly AuditRule PeriodStart = new(
        "period.start", "A window that is new counts what its account settled since its present period began.");

    /// <summary>What a period leaves.</summary>
    public static readonly AuditRule Rollover = new(
        "period.rollover", "A period carries over what of its limit was not settled, up to the cap, and only so.");

    /// <summary>Credits and debits.</summary>
    public static readonly AuditRule Adjustment = new(
        "adjustment",
        "A credit or debit moves a whole path, credits nothing beyond what was settled, and a re-rating names its time "
        + "and a price version that was.");

    /// <summary>Sessions are known.</summary>
    public static readonly AuditRule SessionKnown = new(
        "session.known", "A spend names a session that was opened and is not yet forgotten, and its whole path.");

    /// <summary>Who may open a session.</summary>
    public static readonly AuditRule SessionPath = new(
        "session.path",
        "A session is of an agent, for a use case it may work for, paid by that use case's business unit.");

    /// <summary>Delegation shrinks.</summary>
    public static readonly AuditRule SessionScope = new(
        "session.scope", "A session's tools, models and ceilings are within its agent's.");

    /// <summary>Time of a session.</summary>
    public static readonly AuditRule SessionTime = new(
        "session.time",
        "A session's expiry is within its agent's times and its own lifetime, and happens at its time.");

    /// <summary>Delegation shrinks.</summary>
    public static readonly AuditRule Delegation = new(
        "session.delegation",
        "A subagent is one that its parent may delegate to, within the parent's scope, ceilings, times, user and run.");

    /// <summary>Ends cascade.</summary>
    public static readonly AuditRule Cascade = new(
        "session.cascade", "What ends takes everything open below it along before anything else happens.");

    /// <summary>Suspension.</summary>
    public static readonly AuditRule Suspended = new(
        "session.suspended", "What is suspended, and what is below it, holds nothing more until it is resumed.");

    /// <summary>Breakers.</summary>
    public static readonly AuditRule Breaker = new(
        "session.breaker",
        "A breaker is told where its count passes its limit, with its numbers, and suspends what the catalog says.");

    /// <summary>Nothing after the end.</summary>
    public static readonly AuditRule SessionOver = new(
        "session.over", "A session that has ended holds nothing more, and ends, is renewed and is closed in order.");

    /// <summary>Closing records.</summary>
    public static readonly AuditRule SessionTotals = new(
        "session.totals", "The records of a session's end state its settled and held sums, steps and refusals.");

    /// <summary>Holds at the end of the grace.</summary>
    public static readonly AuditRule SessionReleased = new(
        "session.released", "The end of the grace releases exactly the holds that are open.");

    /// <summary>Tags.</summary>
    public static readonly AuditRule Tags = new(
        "tags", "Tags are declared with their value, and a hold carries every required one.");

    /// <summary>Scope of a call.</summary>
    public static readonly AuditRule HoldScope = new(
        "hold.scope", "A hold's tool and model are in the scope of its session and of its agent.");

    /// <summary>Price of a hold.</summary>
    public static readonly AuditRule HoldCost = new(
        "hold.cost", "A hold is its estimate at the prices in force, each bucket rounded up.");

    /// <summary>How long a hold stands.</summary>
    public static readonly AuditRule HoldTime = new(
        "hold.time", "A hold stands for more than nothing and at most 24 h.");

    /// <summary>The soft cap.</summary>
    public static readonly AuditRule Downgrade = new(
        "hold.downgrade", "Above a soft cap, and only there, a call runs on its use case's cheaper model.");

    /// <summary>Counted ceilings.</summary>
    public static readonly AuditRule GrantCeiling = new(
        "grant.ceiling", "A grant is within its session's tokens per request, steps, tool calls and open holds.");

    /// <summary>One agent's share.</summary>
    public static readonly AuditRule Share = new(
        "agent.share",
        "An agent's sessions and holds that are open, and the sessions that it opens a minute, are within its bounds.");

    /// <summary>The hard cap.</summary>
    public static readonly AuditRule GrantCap = new(
        "grant.cap", "With a grant, held + settled is within the hard cap of every account on its path.");

    /// <summary>What was left.</summary>
    public static readonly AuditRule Left = new(
        "left", "What a decision says is left is what is left on the tightest account of its path.");

    /// <summary>Refusals.</summary>
    public static readonly AuditRule Refusal = new(
        "refusal", "A refusal's reason holds, and its numbers are those of the account that refused.");

    /// <summary>Reservations are known.</summary>
    public static readonly AuditRule ReservationKnown = new(
        "reservation.known", "What ends a reservation names one that was held by the same session.");

    /// <summary>Whose a reservation is.</summary>
    public static readonly AuditRule ReservationHolder = new(
        "reservation.holder",
        "A reservation is settled, released and changed by the principal that took it, or one that may act for it.");

    /// <summary>Terminal once.</summary>
    public static readonly AuditRule ReservationTerminal = new(
        "reservation.terminal", "A reservation is settled, released or expired once, and that for ever.");

    /// <summary>Conservation.</summary>
    public static readonly AuditRule ReservationSum = new(
        "reservation.sum", "Of a reservation, granted = settled within it + released + expired + held.");

    /// <summary>Expiry by log time.</summary>
    public static readonly AuditRule Expiry = new(
        "reservation.expiry", "A hold expires at its time and not before, as its request said it should.");

    /// <summary>Price of a settlement.</summary>
    public static readonly AuditRule SettleCost = new(
        "settle.cost", "A charge is its usage at the hold's frozen prices, each bucket rounded half to even.");

    /// <summary>Charges by bucket.</summary>
    public static readonly AuditRule SettleLines = new(
        "settle.lines",
        "A charge that is told by bucket has one line for each bucket of its usage, priced by the rate that it names, "
        + "and with its counted items the lines are the charge, but for what was billed otherwise or held.");

    /// <summary>What was billed.</summary>
    public static readonly AuditRule SettleBilled = new(
        "settle.billed", "A charge of what was billed, and only such a one, states its own price beside it.");

    /// <summary>What has no price.</summary>
    public static readonly AuditRule SettleUnpriced = new(
        "settle.unpriced", "An item that has no price is charged nothing and named, and only such a one is named.");

    /// <summary>Price of a cost that is not tokens.</summary>
    public static readonly AuditRule RecordedCost = new(
        "cost.price", "A recorded cost is its quantity at the price in force, rounded half to even.");

    /// <summary>Which prices a settlement uses.</summary>
    public static readonly AuditRule SettlePrice = new(
        "settle.price", "A charge uses the hold's price book, and the held model's price for a model unknown there.");

    /// <summary>Overrun.</summary>
    public static readonly AuditRule SettleOverrun = new(
        "settle.overrun", "A charge's overrun is what it charges above what was held.");

    /// <summary>Usage beyond what a call can have.</summary>
    public static readonly AuditRule Dispute = new(
        "settle.disputed",
        "What a call cannot have used, and only that, is in dispute, suspends its session and is decided about once.");

    /// <summary>Late.</summary>
    public static readonly AuditRule SettleLate = new(
        "settle.late", "A charge is late when its hold was no longer held or its session was over, and only then.");

    /// <summary>What is taken back.</summary>
    public static readonly AuditRule SettleExpiryCharge = new(
        "settle.expiry-charge",
        "The first commit after a charge of the estimate takes that charge back, whole; one that counts the whole call "
        + "takes back all that was settled of it; no other commit takes anything.");

    /// <summary>Tiers.</summary>
    public static readonly AuditRule Tiers = new(
        "tiers", "Settled spend that reaches a tier notifies it once a period, and again only after it was below.");

    /// <summary>Credentials.</summary>
    public static readonly AuditRule Credential = new(
        "credential", "A credential is of an agent of the catalog or a named principal, has one key, and ends once.");

    /// <summary>What is told of the use of credentials.</summary>
    public static readonly AuditRule CredentialUse = new(
        "credential use", "What was used is live, was used before it is told, and from at most eight places.");

    /// <summary>Agents that may not act.</summary>
    public static readonly AuditRule AgentStanding = new(
        "agent.standing",
        "An agent that is suspended or decommissioned is granted nothing, and with its end all that is its own ends.");

    /// <summary>Every rule, in the order of this file.</summary>
    public static IReadOnlyList<AuditRule> All { get; } =
    [
        Chain, Checkpoint, Format, Sequence, Time, RequestOnce, RequestAsked, CatalogIdentity, CatalogPrices,
        CatalogPatch, CatalogInUse, Extension, Approval, PeriodEnd, PeriodSettled, PeriodStart, Rollover,
        Adjustment, SessionKnown, SessionPath, SessionScope, SessionTime, Delegation, Cascade, Suspended, Breaker,
        SessionOver,
        SessionTotals, SessionReleased, Tags, HoldScope, HoldCost, HoldTime, Downgrade, GrantCeiling, Share, GrantCap,
        Left, Refusal, ReservationKnown, ReservationHolder, ReservationTerminal, ReservationSum, Expiry, SettleCost,
        SettlePrice, SettleOverrun, Dispute, SettleLate, SettleExpiryCharge, SettleLines, SettleBilled,
        SettleUnpriced, RecordedCost, Tiers, Credential, CredentialUse, AgentStanding,
    ];
}
