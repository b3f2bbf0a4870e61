using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>
/// Gives a principal a credential. An agent's belongs to an agent of the catalog that is not at its end.
/// </summary>
internal static class CreateCredential
{
    public static Answer Handle(TenantLedger ledger, CreateCredentialCommand command)
    {
        CreateCredentialRequest request = command.Request;
        AskedRequest asked = AskedBy(command);
        if (ledger.TryAnswer(asked, out Answer again)) return again;

        if (request.Role == Role.Agent)
        {
            if (ledger.FindInCatalog<AgentAccount>(request.Principal) is not { } agent)
                return new Answer(Outcome.AgentNotFound);
            if (agent.Standing == Standing.Decommissioned) return new Answer(Outcome.AgentNotActive);
        }

        if (request.Grains.Any(account => !IsOwned(ledger, account))) return new Answer(Outcome.GrainNotFound);
        bool isTimely = request.ExpireTime is null
            || (LogTime.TryFromTimestamp(request.ExpireTime, out long expireNanos) && expireNanos > ledger.Now);
        if (!isTimely) return new Answer(Outcome.TimeInvalid);
        if (ledger.Credentials.Count >= CredentialBook.CredentialsMax)
        {
            string description = $"the tenant has {CredentialBook.CredentialsMax} credentials, ended ones of 24 hours";
            return new Answer(Outcome.BoundReached, Faults: [new Fault("credentials", description)]);
        }

        var created = new CredentialCreated
        {
            Principal = request.Principal,
            Role = request.Role,
            SecretSha256 = command.SecretSha256,
            PublicJwk = request.PublicJwk,
            ExpireTime = request.ExpireTime,
            CertificateSha256 = request.CertificateSha256,
        };
        created.Grains.Add(request.Grains);
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.CredentialCreated = created;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent)
    {
        CredentialCreated created = ledgerEvent.CredentialCreated;
        var state = new CredentialState
        {
            Number = ledgerEvent.Sequence,
            Principal = created.Principal,
            Role = created.Role,
            SecretSha256 = created.SecretSha256,
            PublicJwk = created.PublicJwk,
            CreateNanos = ledger.LogTimeNanos,
            ExpireNanos = LogTime.FromOptionalTimestamp(created.ExpireTime),
            Creator = ledgerEvent.Actor,
            CertificateSha256 = created.CertificateSha256,
        };
        state.Grains.Add(created.Grains);
        ledger.Add(new CredentialRecord(state));
    }

    private static bool IsOwned(TenantLedger ledger, string account) =>
        ledger.FindInCatalog<UseCaseAccount>(account) is not null
        || ledger.FindInCatalog<BusinessUnitAccount>(account) is not null;

    // Without the secret: every request draws its own, and a repeated one is answered with the first.
    private static AskedRequest AskedBy(CreateCredentialCommand command) =>
        new ContentHash(Operation.CreateCredential)
            .Add(command.Request.Principal)
            .Add((long)command.Request.Role)
            .Add(command.Request.Grains)
            .Add(command.Request.PublicJwk)
            .Add(command.Request.ExpireTime)
            .AddIfAny(command.Request.CertificateSha256)
            .Of(Principals.OfActor(command.Actor), command.Request.RequestId);
}
