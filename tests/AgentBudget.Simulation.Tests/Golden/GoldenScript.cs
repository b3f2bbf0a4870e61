using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Tests.Properties;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Tests.Golden;

/// <summary>A short life of one tenant in which every kind of event happens. A new kind is a line here.</summary>
internal static class GoldenScript
{
    private const string Caller = "admin";
    private const long Day = 86_400 * AuditedRun.NanosPerSecond;

    public static AuditedRun Play()
    {
        var run = new AuditedRun(useCaseNanos: 1000, tenantNanos: 5000, Widen);
        long session = run.Newest(0);
        Spend(run, session);
        Correct(run);
        AskForMore(run, session);
        Administer(run, session);
        Delegate(run, session);
        Break(run);
        run.Advance(2 * Day); // Periods, extensions, sessions and their graces end.
        return run;
    }

    private static void Widen(Catalog catalog)
    {
        catalog.BusinessUnits[0].Budget = new Budget { Tokens = 100_000, Period = Period.Day };
        catalog.Agents[0].Budget = new Budget
        {
            Limit = AuditedRun.Nanos(4000),
            Period = Period.Rolling,
            Rolling = new Duration { Seconds = 3600 },
        };
        Agent other = catalog.Agents[0].Clone();
        other.Id = "leaving";
        catalog.Agents.Add(other);
        Agent careful = catalog.Agents[0].Clone();
        careful.Id = "careful";
        careful.Breakers = new Breakers { Refusals = new CountBreaker { Times = 1 } };
        catalog.UseCases[0].ModelBudgets.Add(new ModelBudget
        {
            Models = "*",
            Budget = new Budget { Limit = AuditedRun.Nanos(900_000), Period = Period.Day },
        });
        catalog.UserBudgets = new UserBudgets
        {
            Budget = new Budget { Limit = AuditedRun.Nanos(900_000), Period = Period.Day },
        };
        catalog.Agents.Add(careful);
        catalog.Skus.Add(new Sku { Id = "sandbox.minute", Unit = "minute", Cost = AuditedRun.Nanos(7) });
    }

    private static void Spend(AuditedRun run, long session)
    {
        long committed = run.Reserve(session, 100, ttlSeconds: 60, OnExpiry.Refund);
        run.Commit(session, committed, 30, isFinal: false);
        run.Send(new AmendCommand(session, committed, new AmendReservationRequest
        {
            RequestId = run.NextId(),
            Estimate = new TokenEstimate { InputTokens = 200, MaxOutputTokens = 0 },
            Ttl = new Duration { Seconds = 120 },
        }));
        run.Commit(session, committed, 250, isFinal: true);
        run.Release(session, run.Reserve(session, 50, ttlSeconds: 60, OnExpiry.Refund));
        run.Reserve(session, 40, ttlSeconds: 1, OnExpiry.Refund);
        run.Reserve(session, 41, ttlSeconds: 1, OnExpiry.Charge);
        run.Reserve(session, 1001, ttlSeconds: 60, OnExpiry.Refund);
        run.Advance(2 * AuditedRun.NanosPerSecond);
        run.Send(new RecordCostCommand(
            session, new RecordCostRequest { RequestId = run.NextId(), Sku = "sandbox.minute", Quantity = 2.5 }));
        run.Send(new AuthorizeToolCommand(
            session, new AuthorizeToolRequest { RequestId = run.NextId(), Tool = "crm.read" }));
    }

    private static void Administer(AuditedRun run, long session)
    {
        var extend = new ExtendBudgetRequest
        {
            RequestId = run.NextId(),
            Grain = "useCases/u",
            Amount = AuditedRun.Nanos(500),
            ExpireTime = run.In(60),
            Reason = "quarter end",
        };
        run.Send(new ExtendBudgetCommand(extend, Caller));
        var debit = new AdjustSpendRequest
        {
            RequestId = run.NextId(),
            Grain = "useCases/u",
            Amount = AuditedRun.Nanos(7),
            Reason = "forgotten",
        };
        run.Send(new AdjustSpendCommand(debit, Reservation: null, Caller));
        var put = new Catalog();
        put.Agents.Add(new Agent { Id = "added", BusinessUnit = "b", UseCases = { "u" } });
        put.Skus.Add(new Sku { Id = "disk.day", Unit = "day", Cost = AuditedRun.Nanos(3) });
        var patch = new PatchCatalogRequest { RequestId = run.NextId(), Document = "patch" };
        run.Send(new PatchCatalogCommand(patch, put, ["skus/sandbox.minute"], [], Caller));
        var reset = new ResetBudgetRequest { RequestId = run.NextId(), Grain = "useCases/u", Reason = "again" };
        run.Send(new ResetBudgetCommand(reset, Caller));
        var create = new CreateCredentialRequest
        {
            RequestId = run.NextId(),
            Principal = "agents/a",
            Role = Role.Agent,
        };
        Answer created = run.Send(new CreateCredentialCommand(create, ByteString.CopyFrom(new byte[32]), Caller));
        var used = new CredentialUse { Credential = created.Event!.Sequence, LastUseTime = run.In(0) };
        run.Send(new RecordCredentialUsesCommand(run.NextId(), new CredentialsUsed { Uses = { used } }));
        var revoke = new RevokeCredentialRequest { RequestId = run.NextId(), Reason = "rotated" };
        run.Send(new RevokeCredentialCommand(created.Event.Sequence, revoke, Caller));
        var ended = new AccessTokenRevoked
        {
            TokenId = "t1",
            Credential = created.Event.Sequence,
            ExpireTime = run.In(60),
        };
        run.Send(new RevokeAccessTokenCommand(run.NextId(), ended, Caller));
        run.Send(new RecordKeyRotationCommand(
            run.NextId(), new SigningKeyRotated { KeyId = "new", RetiredKeyId = "old", Reason = "yearly" }, Caller));
        run.Send(new SuspendAgentCommand(
            new SuspendAgentRequest { RequestId = run.NextId(), Agent = "agents/a", Reason = "odd" }, Caller));
        run.Reserve(session, 1, ttlSeconds: 60, OnExpiry.Refund);
        run.Send(new ResumeAgentCommand(
            new ResumeAgentRequest { RequestId = run.NextId(), Agent = "agents/a", Reason = "seen" }, Caller));
        run.Send(new DecommissionAgentCommand(
            new DecommissionAgentRequest { RequestId = run.NextId(), Agent = "agents/leaving", Reason = "old" },
            Caller));
    }

    // Usage in dispute, both ways; sessions that end together; spend that is rated again.
    private static void Correct(AuditedRun run)
    {
        foreach (DisputeDecision decision in (DisputeDecision[])[DisputeDecision.Confirmed, DisputeDecision.Dismissed])
        {
            var open = new OpenSessionRequest
            {
                RequestId = run.NextId(),
                Agent = "agents/leaving",
                UseCase = "useCases/u",
                OnBehalfOf = "user:kim",
            };
            long session = run.Send(new OpenSessionCommand(open, Caller)).Event!.Sequence;
            long held = run.Reserve(session, 10, ttlSeconds: 60, OnExpiry.Refund);
            run.Commit(session, held, 2000, isFinal: true);
            LedgerEvent lie = run.Journal.Last(recorded => recorded.ReservationSettled is { Disputed: true });
            run.Send(new DecideDisputeCommand(
                new DecideDisputeRequest
                {
                    RequestId = run.NextId(),
                    Dispute = Names.Dispute(lie.Sequence),
                    Decision = decision,
                    Reason = "asked",
                },
                Caller));
            if (decision == DisputeDecision.Dismissed) continue;
            var rerate = new RerateSpendRequest
            {
                RequestId = run.NextId(),
                StartTime = new Timestamp { Seconds = 1 },
                EndTime = run.In(0),
                PriceVersion = 1,
                Apply = true,
                Reason = "wrong price",
            };
            var rated = new RatedSpend(lie.Spender, lie.ReservationSettled.Model, 2000, 1999);
            run.Send(new RerateSpendCommand(rerate, new RatedPeriod([rated], 1, 0, LastRerating: 0), Caller));
        }

        run.Open(parent: 0);
        for (int i = 0; i < 30; i++) run.Reserve(run.Newest(0), 9999, ttlSeconds: 60, OnExpiry.Refund);
        run.Send(new RevokeSessionsCommand(
            new RevokeSessionsRequest { RequestId = run.NextId(), OnBehalfOf = "user:kim", Reason = "left" }, Caller));
    }

    // Approved, and left to expire.
    private static void AskForMore(AuditedRun run, long session)
    {
        foreach (string grain in (string[])["useCases/u", "businessUnits/b"])
        {
            var request = new RequestExtensionRequest { RequestId = run.NextId(), Grain = grain, Reason = "due" };
            if (grain == "useCases/u") request.Amount = AuditedRun.Nanos(5);
            else request.AmountTokens = 5;
            if (grain != "useCases/u") request.ExpireTime = run.In(60);
            LedgerEvent asked =
                run.Send(new RequestExtensionCommand(request, session, "agents/a")).Event!;
            if (grain != "useCases/u") continue;
            run.Send(new DecideExtensionCommand(
                new DecideExtensionRequest
                {
                    RequestId = run.NextId(),
                    ExtensionRequest = Names.ExtensionRequest(asked.Sequence),
                    Decision = ExtensionState.Approved,
                    Reason = "seen",
                },
                Caller));
        }
    }

    private static void Delegate(AuditedRun run, long session)
    {
        run.Open(parent: session);
        long child = run.Newest(0);
        run.Reserve(child, 20, ttlSeconds: 3600, OnExpiry.Refund);
        run.Send(new RenewSessionCommand(session, new RenewSessionRequest { RequestId = run.NextId() }, Caller));
        var outcome = new Protocol.V1.Outcome { Status = Protocol.V1.Outcome.Types.Status.Success };
        outcome.Metrics.Add("quotes", 3);
        run.Send(new EndSessionCommand(
            session, new EndSessionRequest { RequestId = run.NextId(), Outcome = outcome }, Caller));
        run.Open(parent: 0);
        run.Send(new RevokeSessionCommand(
            run.Newest(0), new RevokeSessionRequest { RequestId = run.NextId(), Reason = "leaked" }, Caller));
        run.Open(parent: 0);
    }

    private static void Break(AuditedRun run)
    {
        run.Open(parent: 0, agent: "agents/careful");
        long session = run.Newest(0);
        for (int i = 0; i < 3; i++) run.Reserve(session, 9999, ttlSeconds: 60, OnExpiry.Refund);
        var reset = new ResetBreakerRequest
        {
            RequestId = run.NextId(),
            Grain = $"sessions/s{session}",
            Reason = "understood",
        };
        run.Send(new ResetBreakerCommand(reset, Caller));
        run.Send(new SuspendSessionCommand(
            session, new SuspendSessionRequest { RequestId = run.NextId(), Reason = "odd" }, Caller));
        run.Send(new ResumeSessionCommand(
            session, new ResumeSessionRequest { RequestId = run.NextId(), Reason = "seen" }, Caller));
    }
}
