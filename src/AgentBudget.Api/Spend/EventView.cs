using AgentBudget.Api.Access;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Spend;

/// <summary>
/// What a caller reads of a ledger event, whatever it reads it by. A fact says what some method answers: whoever may
/// not call that method reads that there was one, when, and who asked, and nothing of what it says. No view has the
/// hash of a secret.
/// </summary>
internal sealed class EventView
{
    private const string CredentialMark = " credentials/";

    private static readonly OneofDescriptor Facts = LedgerEvent.Descriptor.Oneofs[0];

    private readonly Roles _role;

    internal EventView(Caller caller) => _role = caller.Role;

    /// <summary>The event as it may be read: itself, or a copy with less.</summary>
    internal LedgerEvent Of(LedgerEvent ledgerEvent)
    {
        bool readsFact = MayCall(MethodOf(ledgerEvent.FactCase));
        bool readsUsers = MayCall("SessionService/GetSession");
        bool readsUser = readsUsers || ledgerEvent.Spender is null or { OnBehalfOf.Length: 0 };
        bool hasUserGrain = !readsUsers && UserGrains.AreIn(ledgerEvent);
        bool hasHash = ledgerEvent.CredentialCreated is { SecretSha256.IsEmpty: false };
        if (readsFact && readsUser && !hasHash && !hasUserGrain)
            return ledgerEvent;
        LedgerEvent view = ledgerEvent.Clone();
        if (hasHash)
            view.CredentialCreated.SecretSha256 = ByteString.Empty;
        if (!readsUser)
            view.Spender.OnBehalfOf = "";
        if (hasUserGrain)
            UserGrains.Hide(view);
        if (!readsFact)
            Empty(view);
        return view;
    }

    private bool MayCall(string method) => (AccessPolicy.Of($"/agentbudget.v1.{method}").Roles & _role) != Roles.None;

    private static void Empty(LedgerEvent view)
    {
        FieldDescriptor fact = Facts.Accessor.GetCaseFieldDescriptor(view);
        fact.Accessor.SetValue(view, fact.MessageType.Parser.ParseFrom(ByteString.Empty));
        int mark = view.Actor.IndexOf(CredentialMark, StringComparison.Ordinal);
        if (mark >= 0)
            view.Actor = view.Actor[..mark];
    }

    // Where the same is answered.
    private static string MethodOf(LedgerEvent.FactOneofCase fact) => fact switch
    {
        LedgerEvent.FactOneofCase.CatalogApplied or LedgerEvent.FactOneofCase.CatalogPatched =>
            "CatalogService/GetCatalog",
        LedgerEvent.FactOneofCase.SessionOpened or LedgerEvent.FactOneofCase.SessionRenewed
            or LedgerEvent.FactOneofCase.SessionEnded or LedgerEvent.FactOneofCase.SessionSuspended
            or LedgerEvent.FactOneofCase.SessionResumed or LedgerEvent.FactOneofCase.SessionsRevoked
            or LedgerEvent.FactOneofCase.BreakerReset =>
            "SessionService/GetSession",
        LedgerEvent.FactOneofCase.CredentialCreated or LedgerEvent.FactOneofCase.CredentialRevoked
            or LedgerEvent.FactOneofCase.CredentialsUsed or LedgerEvent.FactOneofCase.AccessTokenRevoked
            or LedgerEvent.FactOneofCase.SigningKeyRotated => "IdentityService/ListCredentials",
        LedgerEvent.FactOneofCase.AgentSuspended or LedgerEvent.FactOneofCase.AgentResumed
            or LedgerEvent.FactOneofCase.AgentDecommissioned => "ReportService/GetAccessReview",
        LedgerEvent.FactOneofCase.NotificationsChanged => "NotificationService/ListEndpoints",
        LedgerEvent.FactOneofCase.None or LedgerEvent.FactOneofCase.BudgetExtended
            or LedgerEvent.FactOneofCase.ExtensionExpired or LedgerEvent.FactOneofCase.PeriodEnded
            or LedgerEvent.FactOneofCase.WindowMoved or LedgerEvent.FactOneofCase.SessionClosed
            or LedgerEvent.FactOneofCase.ReservationHeld or LedgerEvent.FactOneofCase.ReservationRefused
            or LedgerEvent.FactOneofCase.ReservationSettled or LedgerEvent.FactOneofCase.ReservationReleased
            or LedgerEvent.FactOneofCase.ReservationExpired or LedgerEvent.FactOneofCase.ReservationAmended
            or LedgerEvent.FactOneofCase.CostRecorded or LedgerEvent.FactOneofCase.BreakerTripped
            or LedgerEvent.FactOneofCase.RefusalsCoalesced or LedgerEvent.FactOneofCase.ToolAuthorized
            or LedgerEvent.FactOneofCase.DisputeDecided or LedgerEvent.FactOneofCase.BudgetReset
            or LedgerEvent.FactOneofCase.SpendAdjusted or LedgerEvent.FactOneofCase.ExtensionRequested
            or LedgerEvent.FactOneofCase.ExtensionDecided =>
            "SpendService/ListEntries",
    };
}
