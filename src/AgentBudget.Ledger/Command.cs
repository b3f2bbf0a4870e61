using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Google.Protobuf;

namespace AgentBudget.Ledger;

/// <summary>
/// One thing asked of a tenant. The request messages inside are validated (see the protos for bounds), not changed
/// after the command is handed over, and may become part of ledger events.
/// </summary>
public abstract record Command;

/// <summary>A command that spends, or settles what was spent.</summary>
/// <param name="Session">The number of the session that spends.</param>
/// <param name="Principal">
/// Who asks, as <see cref="Requests.Principals"/> name it: whose the request id is, and the hold.
/// </param>
public abstract record SpendCommand(long Session, string Principal) : Command;

/// <summary>Asks to hold an amount. Answers a ReservationHeld or ReservationRefused event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Principal">Who asks.</param>
public sealed record ReserveCommand(long Session, ReserveTokensRequest Request, string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Settles a hold. Answers a ReservationSettled event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Reservation">The reservation's number.</param>
/// <param name="Request">The request, with the usage that a provider's report came to.</param>
/// <param name="Reading">How that report was read; null without one.</param>
/// <param name="Principal">Who asks.</param>
public sealed record CommitCommand(
    long Session,
    long Reservation,
    CommitTokensRequest Request,
    UsageReading? Reading = null,
    string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Gives a hold back. Answers a ReservationReleased event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Reservation">The reservation's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Principal">Who asks.</param>
public sealed record ReleaseCommand(
    long Session, long Reservation, ReleaseTokensRequest Request, string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Changes a hold. Answers a ReservationAmended or ReservationRefused event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Reservation">The reservation's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Principal">Who asks.</param>
public sealed record AmendCommand(
    long Session, long Reservation, AmendReservationRequest Request, string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Charges a cost that is not tokens. Answers a CostRecorded or ReservationRefused event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request; its quantity is readable by <see cref="Prices.QuantityMath"/>.</param>
/// <param name="Principal">Who asks.</param>
public sealed record RecordCostCommand(long Session, RecordCostRequest Request, string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Opens a session. Answers a SessionOpened event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
/// <param name="Parent">The number of the session that opens it as a subagent; 0 for a root session.</param>
/// <param name="Confirmation">What its token is bound to, beside its parent's; null for nothing more.</param>
/// <param name="Origin">What it is opened with; null for the operator's key, or the parent's token.</param>
public sealed record OpenSessionCommand(
    OpenSessionRequest Request,
    string Actor,
    long Parent = 0,
    Confirmation? Confirmation = null,
    SessionOrigin? Origin = null) : Command;

/// <summary>What a session is opened with. No part of the request: asked again, it may be another token.</summary>
/// <param name="Credentials">The credential, by number, then those whose tokens its own was exchanged from.</param>
/// <param name="AccessTokens">The access token, by id, then those that it was exchanged from; empty for none.</param>
/// <param name="IsUserProven">The user that the session works for gave the token.</param>
/// <param name="DelegationEndNanos">Until when the user gave it; 0 for no end.</param>
/// <param name="DelegationStartNanos">When the user gave it; 0 where nothing says when.</param>
public sealed record SessionOrigin(
    IReadOnlyList<long> Credentials,
    IReadOnlyList<string> AccessTokens,
    bool IsUserProven = false,
    long DelegationEndNanos = 0,
    long DelegationStartNanos = 0);

/// <summary>Moves a session's expiry. Answers a SessionRenewed event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RenewSessionCommand(long Session, RenewSessionRequest Request, string Actor) : Command;

/// <summary>Ends a session. Answers a SessionEnded event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record EndSessionCommand(long Session, EndSessionRequest Request, string Actor) : Command;

/// <summary>Revokes a session. Answers a SessionEnded event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RevokeSessionCommand(long Session, RevokeSessionRequest Request, string Actor) : Command;

/// <summary>
/// Revokes every open session that matches, and what a user gave before. Answers a SessionsRevoked event, or none where
/// no session matches and no user alone is named.
/// </summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RevokeSessionsCommand(RevokeSessionsRequest Request, string Actor) : Command;

/// <summary>Suspends a session. Answers a SessionSuspended event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record SuspendSessionCommand(long Session, SuspendSessionRequest Request, string Actor) : Command;

/// <summary>Resumes a session. Answers a SessionResumed event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ResumeSessionCommand(long Session, ResumeSessionRequest Request, string Actor) : Command;

/// <summary>Resets a session's breakers. Answers a BreakerReset event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ResetBreakerCommand(ResetBreakerRequest Request, string Actor) : Command;

/// <summary>
/// Applies a catalog. Answers a CatalogApplied event; with no changes, one that is not recorded (its sequence is 0).
/// </summary>
/// <param name="Request">The request.</param>
/// <param name="Catalog">What the request's document says.</param>
/// <param name="Notices">What the document says and is recorded only.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ApplyCatalogCommand(
    ApplyCatalogRequest Request, Catalog Catalog, IReadOnlyList<string> Notices, string Actor) : Command;

/// <summary>
/// Patches the catalog in force. Answers a CatalogPatched event; with no changes, one that is not recorded (its
/// sequence is 0).
/// </summary>
/// <param name="Request">The request.</param>
/// <param name="Put">Entries to put, as the request's document says; money without a currency is the tenant's.</param>
/// <param name="Remove">Items to remove.</param>
/// <param name="Notices">What the document says and is recorded only.</param>
/// <param name="Actor">Who asks.</param>
public sealed record PatchCatalogCommand(
    PatchCatalogRequest Request,
    Catalog Put,
    IReadOnlyList<string> Remove,
    IReadOnlyList<string> Notices,
    string Actor) : Command;

/// <summary>Changes an account's limit. Answers a BudgetExtended event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ExtendBudgetCommand(ExtendBudgetRequest Request, string Actor) : Command;

/// <summary>Starts a window's period over. Answers a BudgetReset event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ResetBudgetCommand(ResetBudgetRequest Request, string Actor) : Command;

/// <summary>A reservation to adjust, as the ledger's events before tell it.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Spender">Whose it is.</param>
/// <param name="SettledNanos">What it settled, without adjustments.</param>
/// <param name="SettledTokens">Tokens likewise.</param>
/// <param name="Model">The model that ran, by its last settlement.</param>
/// <param name="SettleTime">When that was.</param>
public sealed record AdjustedReservation(
    long Number,
    Spender Spender,
    long SettledNanos,
    long SettledTokens,
    string Model = "",
    Timestamp? SettleTime = null);

/// <summary>Credits or debits spend. Answers a SpendAdjusted event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Reservation">The reservation that it names; null for a grain.</param>
/// <param name="Actor">Who asks.</param>
public sealed record AdjustSpendCommand(AdjustSpendRequest Request, AdjustedReservation? Reservation, string Actor)
    : Command;

/// <summary>Books what a period differs by at a version of the price book. Answers a SpendAdjusted event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Rating">What was found.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RerateSpendCommand(RerateSpendRequest Request, Prices.RatedPeriod Rating, string Actor) : Command;

/// <summary>Says whether usage in dispute was real. Answers a DisputeDecided event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record DecideDisputeCommand(DecideDisputeRequest Request, string Actor) : Command;

/// <summary>Asks for more than a budget has. Answers an ExtensionRequested event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Session">The number of the session that needs it; 0 for none.</param>
/// <param name="Asker">Who asks: with a session a principal, otherwise an actor.</param>
public sealed record RequestExtensionCommand(RequestExtensionRequest Request, long Session, string Asker) : Command;

/// <summary>Answers a request for more. Answers an ExtensionDecided event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record DecideExtensionCommand(DecideExtensionRequest Request, string Actor) : Command;

/// <summary>Asks for a tool call. Answers a ToolAuthorized or ReservationRefused event.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Principal">Who asks.</param>
public sealed record AuthorizeToolCommand(long Session, AuthorizeToolRequest Request, string Principal = "")
    : SpendCommand(Session, Principal);

/// <summary>Gives a principal a credential. Answers a CredentialCreated event.</summary>
/// <param name="Request">The request.</param>
/// <param name="SecretSha256">SHA-256 of the secret's random part; empty for a public key.</param>
/// <param name="Actor">Who asks.</param>
public sealed record CreateCredentialCommand(CreateCredentialRequest Request, ByteString SecretSha256, string Actor)
    : Command;

/// <summary>
/// Ends a credential. Answers a CredentialRevoked event, or none for one that has ended already.
/// </summary>
/// <param name="Credential">The credential's number.</param>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RevokeCredentialCommand(long Credential, RevokeCredentialRequest Request, string Actor) : Command;

/// <summary>Stops an agent. Answers an AgentSuspended event, or none for one that is suspended already.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record SuspendAgentCommand(SuspendAgentRequest Request, string Actor) : Command;

/// <summary>Lets an agent go on. Answers an AgentResumed event, or none for one that is active.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record ResumeAgentCommand(ResumeAgentRequest Request, string Actor) : Command;

/// <summary>Ends an agent with its sessions and credentials. Answers an AgentDecommissioned event.</summary>
/// <param name="Request">The request.</param>
/// <param name="Actor">Who asks.</param>
public sealed record DecommissionAgentCommand(DecommissionAgentRequest Request, string Actor) : Command;

/// <summary>Ends an access token before its time. Answers an AccessTokenRevoked event.</summary>
/// <param name="RequestId">The request; a repeated one has no further effect.</param>
/// <param name="Revoked">What is recorded.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RevokeAccessTokenCommand(string RequestId, AccessTokenRevoked Revoked, string Actor) : Command;

/// <summary>Records that another key signs tokens. Answers a SigningKeyRotated event.</summary>
/// <param name="RequestId">The request; a repeated one has no further effect.</param>
/// <param name="Rotated">What is recorded.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RecordKeyRotationCommand(string RequestId, SigningKeyRotated Rotated, string Actor) : Command;

/// <summary>Records what was done about notices. Answers a NotificationsChanged event.</summary>
/// <param name="RequestId">The request; a repeated one has no further effect.</param>
/// <param name="Changed">What is recorded.</param>
/// <param name="Actor">Who asks.</param>
public sealed record RecordNotificationsCommand(string RequestId, NotificationsChanged Changed, string Actor)
    : Command;

/// <summary>
/// Records which credentials are in use. Answers a CredentialsUsed event, or none where they have all ended.
/// </summary>
/// <param name="RequestId">The request; a repeated one has no further effect.</param>
/// <param name="Used">What is recorded, by number, of those that are live.</param>
public sealed record RecordCredentialUsesCommand(string RequestId, CredentialsUsed Used) : Command;

/// <summary>Asks for one credential. Answers a <see cref="Credential"/> view.</summary>
/// <param name="Credential">The credential's number.</param>
public sealed record CredentialQuery(long Credential) : Command;

/// <summary>Asks for credentials. Answers a <see cref="ListCredentialsResponse"/> view.</summary>
/// <param name="Request">The request; its page token is a credential's number, listed ones have greater ones.</param>
public sealed record CredentialsQuery(ListCredentialsRequest Request) : Command;

/// <summary>
/// Asks for everything that authenticating needs. Answers a <see cref="Protocol.Snapshot.V1.CredentialBookState"/>
/// view.
/// </summary>
public sealed record CredentialBookQuery : Command;

/// <summary>Asks for balances. Answers a <see cref="GetBalanceResponse"/> view, session first, tenant last.</summary>
/// <param name="Session">All accounts on this session's path, when above 0.</param>
/// <param name="Account">Otherwise this account.</param>
public sealed record BalanceQuery(long Session, string Account) : Command;

/// <summary>Asks for one session. Answers a <see cref="GetSessionResponse"/> view.</summary>
/// <param name="Session">The session's number.</param>
public sealed record SessionQuery(long Session) : Command;

/// <summary>Asks for sessions. Answers a <see cref="ListSessionsResponse"/> view.</summary>
/// <param name="Request">The request; its page token is a session's number, listed sessions have smaller ones.</param>
/// <param name="Owned">
/// Names of agents, use cases and business units: only sessions with one of them on their path are listed; null for
/// all.
/// </param>
/// <param name="User">Only sessions on behalf of this user; empty for all.</param>
public sealed record SessionsQuery(
    ListSessionsRequest Request, IReadOnlyList<string>? Owned = null, string User = "") : Command;

/// <summary>Asks for usage in dispute. Answers a <see cref="ListDisputesResponse"/> view.</summary>
/// <param name="Request">The request; its page token is a dispute's number, listed ones have greater ones.</param>
public sealed record DisputesQuery(ListDisputesRequest Request) : Command;

/// <summary>What a caller that speaks for part of its tenant sees of requests for more.</summary>
/// <param name="Owned">
/// Names of agents, use cases and business units: only requests of sessions with one of them on their path.
/// </param>
/// <param name="User">Only those on behalf of this user; empty for all.</param>
/// <param name="Principal">The caller, who sees what it asked itself.</param>
/// <param name="Session">Only those of this session; empty for all.</param>
public sealed record ExtensionSight(
    IReadOnlyList<string>? Owned = null, string User = "", string Principal = "", string Session = "");

/// <summary>Asks for one request for more. Answers an <see cref="ExtensionRequest"/> view.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Sight">What the caller sees; null for the whole tenant.</param>
public sealed record ExtensionRequestQuery(string Name, ExtensionSight? Sight = null) : Command;

/// <summary>Asks for requests for more. Answers a <see cref="ListExtensionRequestsResponse"/> view.</summary>
/// <param name="Request">The request; its page token is a number, listed requests have smaller ones.</param>
/// <param name="Sight">What the caller sees; null for the whole tenant.</param>
public sealed record ExtensionRequestsQuery(ListExtensionRequestsRequest Request, ExtensionSight? Sight = null)
    : Command;

/// <summary>Asks for the catalog. Answers a <see cref="GetCatalogResponse"/> view.</summary>
public sealed record CatalogQuery : Command;

/// <summary>
/// Asks for the balances that a watcher's filter names. Answers a <see cref="SpendSnapshot"/> view with the sequence
/// that they are true at.
/// </summary>
/// <param name="Filter">The filter.</param>
public sealed record SpendSnapshotQuery(SpendFilter Filter) : Command;
